from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from eventsink.catalogue import CATALOGUE, validate
from eventsink.demo import live, month
from eventsink.event import Event

END = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return [event for batch in month(1, END) for event in batch]


def test_a_month_is_as_large_as_a_month(events: list[Event]):
    assert 60_000 <= len(events) <= 100_000
    assert timedelta(days=29.9) < events[-1].time - events[0].time <= timedelta(days=30)
    assert END - events[-1].time < timedelta(hours=1)
    assert {event.received for event in events} == {END}


def test_every_event_is_what_the_catalogue_wants(events: list[Event]):
    assert [event for event in events if validate(CATALOGUE[event.type], event.data)] == []
    assert len({event.type for event in events}) >= 15


def test_events_have_ids_of_their_own_and_come_in_the_order_of_time(events: list[Event]):
    assert len({event.id for event in events}) == len(events)
    assert all(before.time <= after.time for before, after in pairwise(events))


def test_batches_are_small(events: list[Event]):
    assert max(len(batch) for batch in islice(month(1, END), 20)) <= 500


def test_the_same_seed_gives_the_same_and_another_gives_another(events: list[Event]):
    first = list(islice(month(1, END), 4))
    assert first == list(islice(month(1, END), 4))
    assert [event for batch in first for event in batch] == events[: sum(map(len, first))]
    assert next(month(2, END)) != first[0]


def test_two_months_that_overlap_share_their_events(events: list[Event]):
    later = END + timedelta(days=3, hours=5)
    again = [event for batch in islice(month(1, later), 30) for event in batch]
    first, last = again[0].time, again[-1].time
    assert first > events[0].time
    assert [e.id for e in again if e.time < last] == [e.id for e in events if first <= e.time < last]


def test_people_work_by_day_and_on_weekdays(events: list[Event]):
    people = [event for event in events if event.user]
    hours = Counter(event.time.hour for event in people)
    assert hours[16] > 5 * hours[5]
    days = Counter(event.time.weekday() for event in people)
    assert min(days[day] for day in range(5)) > 1.5 * max(days[5], days[6])
    assert 20 <= len({event.user for event in people}) <= 40


def test_jobs_of_extractors_run_from_queued_to_an_end(events: list[Event]):
    jobs: dict[str, list[str]] = {}
    for event in events:
        if event.type == "extractions.extraction_event" and event.time < END - timedelta(hours=6):
            jobs.setdefault(event.data["job_id"], []).append(event.data["status"])
    whole = Counter(tuple(states) for states in jobs.values() if states[0] == "queued")
    assert whole["queued", "working", "done"] > 1000
    assert whole["queued", "working", "failed"] > 5
    assert sum(count for states, count in whole.items() if len(states) >= 3) > 0.97 * len(jobs)


def test_there_are_outages_in_which_nobody_works(events: list[Event]):
    changes = [event for event in events if event.type == "health.status_changed"]
    downs = sorted({event.time for event in changes if not event.data["up"]})
    assert 2 <= len(downs) <= 4
    for start in downs:
        regions = {event.data["region"] for event in changes if event.time == start}
        if len(regions) == 2:
            within = [event for event in events if start <= event.time <= start + timedelta(minutes=12)]
            assert {event.component for event in within} == {"health"}
            assert not any(event.data["up"] for event in within if event.type == "health.ping_update")


def test_robots_and_strangers_are_among_the_downloads(events: list[Event]):
    downloads = [event.data for event in events if event.type == "traffic.resource_downloaded" and not event.user]
    methods = Counter(data["access_method"] for data in downloads)
    assert methods["machine"] > 400
    assert methods["regular"] > 50


def test_the_trickle_happens_now_and_every_time_anew():
    first, second = list(islice(live(1), 200)), list(islice(live(1), 200))
    assert len({event.id for event in first + second}) == 400
    assert all(abs(datetime.now(UTC) - event.time) < timedelta(minutes=1) for event in first)
    assert all(validate(CATALOGUE[event.type], event.data) == [] for event in first)
    assert len({event.type for event in first}) > 4
