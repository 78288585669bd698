"""Each rule that can be chosen, and what real events look like: counted by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from eventsink.errors import SettingsError
from eventsink.event import Event
from eventsink.store import EventQuery, Store
from eventsink.store.counter import MonthUsage, Period, Rules
from tests.store.events import an_event

START = datetime(2026, 1, 15, 10, tzinfo=UTC)
SITE = "https://clowder.example.org"
VIEW, DOWNLOAD, PAGE = "traffic.resource_viewed", "traffic.resource_downloaded", "traffic.page_view"
DATASET: dict[str, Any] = {"resource_type": "dataset", "resource_id": "d"}
FILE: dict[str, Any] = {"resource_type": "file", "resource_id": "f", "dataset_id": "d"}


def at(seconds: float, kind: str = VIEW, data: dict[str, Any] | None = None, **attributes: Any) -> Event:
    return an_event(type=kind, time=START + timedelta(seconds=seconds), data=data or DATASET, **attributes)


def job(seconds: float, status: str, **attributes: Any) -> Event:
    data = {"status": status, "job_id": "j", "resource_type": "file", "resource_id": "f"}
    return at(seconds, "extractions.extraction_event", data, **({"user": "u"} | attributes))


async def month(store: Store, rules: Rules | None = None, **files: str) -> MonthUsage:
    usage = await store.counter(Period("2026-01", "2026-01"), rules or Rules(), files)
    return usage.months[0]


def totals(counted: MonthUsage) -> list[list[int]]:
    """Total and unique investigations and requests of each dataset and access method."""
    names = ("investigations", "unique_investigations", "requests", "unique_requests")
    return [[getattr(usage.counts, name) for name in names] for usage in counted.datasets]


def excluded(counted: MonthUsage) -> dict[str, int]:
    return {name: number for name, number in msgspec.structs.asdict(counted.excluded).items() if number}


async def test_an_empty_store(store: Store) -> None:
    usage = await store.counter(Period("2025-11", "2026-02"), Rules())
    assert [counted.month for counted in usage.months] == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert all(counted.datasets == [] and counted.noted.accesses == 0 for counted in usage.months)


async def test_events_of_a_log_are_the_servers_also_if_their_source_is_an_address(store: Store) -> None:
    known = {"visitor": "a" * 32, "http_status": 200}
    await store.append(
        [
            at(0, VIEW, DATASET | known, source=SITE),
            at(1, DOWNLOAD, FILE | known, source=SITE),
            at(2, VIEW, DATASET | known | {"http_status": 404}, source=SITE),
        ]
    )
    counted = await month(store)
    assert totals(counted) == [[2, 1, 1, 1]]
    assert excluded(counted) == {"unsuccessful": 1}


async def test_an_unknown_zone_is_refused(store: Store) -> None:
    with pytest.raises(SettingsError, match="'Mars/Olympus' is no time zone"):
        await store.counter(Period("2026-01", "2026-01"), Rules(zone="Mars/Olympus"))
    with pytest.raises(SettingsError, match="no time zone"):
        await store.counter(Period("2026-01", "2026-01"), Rules(zone="../etc"))


async def test_the_same_question_has_the_same_answer_and_leaves_the_store_as_it_is(store: Store) -> None:
    await store.append([at(0, user="u"), at(40, user="u"), at(80, user="v")])
    assert await month(store) == await month(store)
    assert await store.count(EventQuery()) == 3
    assert (await store.summary(None, None, "day")).events == 3


async def test_one_kind_of_reporter_is_believed(store: Store) -> None:
    known = {"visitor": "a" * 32, "session": "b" * 16, "device": "desktop"}
    page = {"url": f"{SITE}/datasets/d"} | DATASET | known
    await store.append(
        [
            at(0, user="u"),
            at(1, DOWNLOAD, FILE, user="u"),
            at(0, PAGE, page, source=SITE),
            at(0, VIEW, DATASET | known, source=SITE),
            at(1, DOWNLOAD, FILE | known, source=SITE),
            at(2, PAGE, {"url": f"{SITE}/about"} | known, source=SITE),
        ]
    )
    counted = await month(store)
    assert totals(counted) == [[2, 1, 1, 1]]
    assert excluded(counted) == {"other_teller": 3, "other_resource": 1}
    counted = await month(store, Rules(views="tracker", downloads="tracker"))
    assert totals(counted) == [[2, 1, 1, 1]]
    assert excluded(counted) == {"other_teller": 3, "other_resource": 1}, "the view is the page view beside it"
    counted = await month(store, Rules(views="tracker"))
    assert totals(counted) == [[2, 2, 1, 1]]


async def test_sources_can_be_named(store: Store) -> None:
    await store.append([at(0, user="u"), at(100, user="u", source="access-log")])
    assert totals(await month(store)) == [[2, 1, 0, 0]]
    assert totals(await month(store, Rules(sources=("access-log",)))) == [[1, 1, 0, 0]]
    assert totals(await month(store, Rules(sources=("other",)))) == []


async def test_addresses_of_pages_are_links_without_their_query(store: Store) -> None:
    def page(seconds: float, path: str) -> Event:
        return at(seconds, PAGE, {"url": SITE + path} | DATASET, source=SITE, user="u")

    rules = Rules(views="tracker")
    await store.append([page(0, "/datasets/d"), page(10, "/datasets/d?page=2"), page(20, "/datasets/d?utm_source=x")])
    assert totals(await month(store, rules)) == [[1, 1, 0, 0]]
    await store.append([page(30, "/datasets/d/metadata")])
    assert totals(await month(store, rules)) == [[2, 1, 0, 0]]


async def test_a_visitor_of_a_tracker_is_no_cookie(store: Store) -> None:
    """It is made of address and browser: over a full hour it is another session, and another user."""
    border = 3590
    known = {"visitor": "a" * 32, "session": "b" * 16}
    page = {"url": f"{SITE}/datasets/d"} | DATASET | known
    await store.append([at(border, PAGE, page, source=SITE), at(border + 20, PAGE, page, source=SITE)])
    assert totals(await month(store, Rules(views="tracker"))) == [[2, 2, 0, 0]]
    await store.append([at(border, VIEW, DATASET | known), at(border + 20, VIEW, DATASET | known)])
    assert totals(await month(store)) == [[1, 1, 0, 0]], "others' sessions are what they say"


async def test_a_session_id_may_be_a_session_for_a_day(store: Store) -> None:
    data = DATASET | {"session": "s"}
    await store.append(
        [at(0, VIEW, data), at(7200, VIEW, data), at(86_400, VIEW, data), at(0, user="u"), at(7200, user="u")]
    )
    assert totals(await month(store)) == [[5, 5, 0, 0]]
    assert totals(await month(store, Rules(session_slice="day"))) == [[5, 4, 0, 0]], "a login is still one an hour"


async def test_two_hours_of_one_name_are_two_sessions(store: Store) -> None:
    first = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)  # 01:30 in Chicago, and an hour later once more
    await store.append(
        [an_event(type=VIEW, user="u", data=DATASET, time=first + timedelta(hours=hours)) for hours in (0, 1)]
    )
    usage = await store.counter(Period("2026-11", "2026-11"), Rules(zone="America/Chicago"))
    assert totals(usage.months[0]) == [[2, 2, 0, 0]]


async def test_nobody_can_be_left_out(store: Store) -> None:
    users = [None, "0" * 24, "anonymous", "Anonymous", ""]
    await store.append([at(100 * number, user=user) for number, user in enumerate(users)])
    counted = await month(store)
    assert totals(counted) == [[5, 1, 0, 0]]
    assert counted.noted.nobody == 5
    counted = await month(store, Rules(anonymous="exclude"))
    assert (totals(counted), excluded(counted)) == ([], {"anonymous": 5})


async def test_nobody_of_two_sources_is_two(store: Store) -> None:
    await store.append([at(0, source="a"), at(1, source="b")])
    assert totals(await month(store)) == [[2, 2, 0, 0]]


async def test_the_first_part_of_a_file_may_count(store: Store) -> None:
    await store.append(
        [at(0, DOWNLOAD, FILE | {"http_status": 206}, user="u"), at(0, VIEW, FILE | {"http_status": 206})]
    )
    assert excluded(await month(store)) == {"unsuccessful": 2}
    assert totals(await month(store, Rules(partial="first"))) == [[1, 1, 1, 1]]


async def test_use_of_some_users_is_none(store: Store) -> None:
    users = tuple(f"test-{number}" for number in range(300))
    await store.append([at(0, user="test-299"), at(0, user='it\'s "me", --')])
    counted = await month(store, Rules(internal_users=users))
    assert (totals(counted), excluded(counted)) == ([[1, 1, 0, 0]], {"internal": 1})
    assert excluded(await month(store, Rules(internal_users=('it\'s "me", --',)))) == {"internal": 1}


async def test_robots_and_tools(store: Store) -> None:
    found: list[dict[str, Any]] = [
        {"robot": True},
        {"device": "robot"},
        {"device": "tool"},
        {"device": "tool", "access_method": "regular"},
        {"access_method": "machine"},
        {"robot": False},
    ]
    await store.append([at(100 * n, VIEW, DATASET | data, user="u") for n, data in enumerate(found)])
    counted = await month(store)
    assert {usage.method: usage.counts.investigations for usage in counted.datasets} == {"regular": 2, "machine": 2}
    assert excluded(counted) == {"robot": 2}
    assert counted.noted.unclassified == 1


@pytest.mark.parametrize(("seconds", "is_use"), [(-1, True), (0, False), (50, False), (65, False), (65.1, True)])
async def test_downloads_of_extractors_are_no_use(store: Store, seconds: float, is_use: bool) -> None:
    download = at(seconds, DOWNLOAD, FILE, user="u")
    await store.append([job(0, "queued"), job(10, "working"), job(60, "done", user=None), download])
    counted = await month(store)
    assert (totals(counted), excluded(counted)) == (([[1, 1, 1, 1]], {}) if is_use else ([], {"extractor": 1}))
    (usage,) = (await month(store, Rules(extractor_downloads="machine"))).datasets
    assert usage.method == ("regular" if is_use else "machine")
    assert totals(await month(store, Rules(extractor_downloads="count"))) == [[1, 1, 1, 1]]


async def test_only_the_file_and_the_user_of_a_job_are_an_extractors(store: Store) -> None:
    await store.append([job(0, "queued"), job(60, "done")])
    await store.append([at(10, DOWNLOAD, FILE, user="v"), at(10, DOWNLOAD, FILE | {"resource_id": "g"}, user="u")])
    await store.append([at(10, VIEW, FILE, user="u"), at(10, DOWNLOAD, DATASET, user="u")])
    assert excluded(await month(store)) == {}


async def test_a_job_whose_end_nobody_reported_runs_for_an_hour(store: Store) -> None:
    await store.append([job(0, "queued"), at(3600, DOWNLOAD, FILE, user="u"), at(3601, DOWNLOAD, FILE, user="u")])
    counted = await month(store)
    assert (totals(counted), excluded(counted)) == ([[1, 1, 1, 1]], {"extractor": 1})
    assert totals(await month(store, Rules(extraction_s=60))) == [[1, 1, 1, 1]], "then the two are a double-click"


async def test_a_job_of_the_day_before_reaches_into_the_month(store: Store) -> None:
    border = (datetime(2026, 1, 1, tzinfo=UTC) - START).total_seconds()
    await store.append(
        [job(border - 7200, "queued"), job(border + 60, "done"), at(border + 5, DOWNLOAD, FILE, user="u")]
    )
    assert excluded(await month(store)) == {"extractor": 1}


@pytest.mark.parametrize(("begin", "end"), [(-7200, 60), (-6 * 86_400, 86_400), (-40, 6 * 86_400)])
@pytest.mark.parametrize("seconds", [-30, 30])
async def test_a_job_over_the_border_of_months_is_known_on_both_sides(
    store: Store, begin: int, end: int, seconds: int
) -> None:
    border = (datetime(2026, 2, 1, tzinfo=UTC) - START).total_seconds()
    download = at(border + seconds, DOWNLOAD, FILE, user="u")
    await store.append([job(border + begin, "queued"), job(border + end, "done", user=None), download])
    usage = await store.counter(Period("2026-01", "2026-02"), Rules(extraction_s=1))
    assert [excluded(counted) for counted in usage.months] == [{"extractor": 1}, {}][:: -1 if seconds > 0 else 1]


async def test_an_extractor_of_the_next_month_does_not_displace_a_download(store: Store) -> None:
    border = (datetime(2026, 2, 1, tzinfo=UTC) - START).total_seconds()
    await store.append([at(border - 10, DOWNLOAD, FILE, user="u"), at(border + 10, DOWNLOAD, FILE, user="u")])
    await store.append([job(border + 5, "queued"), job(border + 60, "done", user=None)])
    usage = await store.counter(Period("2026-01", "2026-02"), Rules())
    assert [totals(counted) for counted in usage.months] == [[[1, 1, 1, 1]], []]


async def test_a_job_without_an_end_runs_as_long_as_the_settings_say_also_into_the_month(store: Store) -> None:
    border = (datetime(2026, 1, 1, tzinfo=UTC) - START).total_seconds()
    await store.append([job(border - 20 * 86_400, "queued"), at(border + 5, DOWNLOAD, FILE, user="u")])
    assert excluded(await month(store, Rules(extraction_s=30 * 86_400))) == {"extractor": 1}
    assert excluded(await month(store)) == {}


async def test_the_dataset_of_a_file_is_looked_up(store: Store) -> None:
    plain = {"resource_type": "file", "resource_id": "f"}
    upload = {"file_id": "f", "dataset_id": "second"}
    await store.append([at(0, DOWNLOAD, plain, user="u")])
    counted = await month(store)
    assert (totals(counted), excluded(counted)) == ([], {"no_dataset": 1})

    await store.append([at(100, VIEW, plain | {"dataset_id": "third"}, user="v")])
    assert {usage.dataset for usage in (await month(store)).datasets} == {"third"}
    await store.append([at(-40 * 86_400, "storage.file_uploaded", upload)])
    assert {usage.dataset for usage in (await month(store)).datasets} == {"second", "third"}, (
        "the first of its datasets"
    )
    await store.append([at(-400 * 86_400, "storage.file_uploaded", upload | {"dataset_id": "first"})])
    assert {usage.dataset for usage in (await month(store)).datasets} == {"first", "third"}
    found = await month(store, f="known", other="x")
    assert {usage.dataset for usage in found.datasets} == {"known", "third"}, "what the caller knows comes first"
    assert excluded(found) == {}


async def test_collections_and_spaces_are_no_datasets(store: Store) -> None:
    await store.append([at(0, VIEW, {"resource_type": kind, "resource_id": "c"}) for kind in ("collection", "space")])
    counted = await month(store)
    assert (totals(counted), excluded(counted)) == ([], {"other_resource": 2})


async def test_items_of_a_dataset_are_never_bytes(store: Store) -> None:
    await store.append(
        [at(0, DOWNLOAD, DATASET | {"items": 14}, user="u"), at(60, DOWNLOAD, FILE | {"bytes": 7}, user="u")]
    )
    counted = await month(store)
    (usage,) = counted.datasets
    assert (usage.counts.volume, usage.counts.unique_volume, usage.sizes_unknown) == (7, 7, 1)
    assert counted.noted.sizes_unknown == 1


async def test_a_status_of_304_has_no_bytes_and_is_a_request(store: Store) -> None:
    await store.append([at(0, DOWNLOAD, FILE | {"http_status": 304, "bytes": 0}, user="u")])
    (usage,) = (await month(store)).datasets
    assert (usage.counts.requests, usage.counts.volume, usage.sizes_unknown) == (1, 0, 0)


async def test_events_with_long_texts_count_as_others_do(store: Store) -> None:
    data = DATASET | {"resource_name": "é" * 9_000, "country": "US"}
    await store.append([at(0, VIEW, data, user="u"), at(60, VIEW, DATASET | {"resource_name": "short"}, user="u")])
    counted = await month(store)
    assert totals(counted) == [[2, 1, 0, 0]]
    assert dict(counted.datasets[0].countries)["US"].investigations == 1
    assert counted.names == {"d": "short"}
    await store.append([at(120, VIEW, data, user="u")])
    assert (await month(store)).names == {"d": data["resource_name"]}


async def test_odd_names_and_values_break_nothing(store: Store) -> None:
    names = ["'; DROP TABLE x; --", '=cmd()|"', "<b>\u202e", "{month}", "a\nb,c", "$end"]
    await store.append(
        [
            at(100 * n, VIEW, DATASET | {"resource_id": name, "resource_name": name}, user=name)
            for n, name in enumerate(names)
        ]
    )
    strange = {"resource_type": ["dataset"], "resource_id": {"a": 1}, "http_status": "many", "robot": "maybe"}
    await store.append([at(0, VIEW, strange), at(5, VIEW, {"resource_type": "dataset", "country": "Mordor"})])
    counted = await month(store)
    assert counted.names == {name: name for name in names}
    assert excluded(counted) == {"other_resource": 1, "no_dataset": 1}


async def test_equal_times_keep_the_order_of_arrival(store: Store) -> None:
    one, other = DATASET | {"country": "US"}, DATASET | {"country": "DE"}
    await store.append([at(0, VIEW, one, user="u"), at(0, VIEW, other, user="u")])
    (usage,) = (await month(store)).datasets
    assert list(usage.countries) == ["DE"], "the second is retained"


async def test_what_is_told_twice_keeps_its_place(store: Store) -> None:
    one, other = DATASET | {"country": "US"}, DATASET | {"country": "DE"}
    first = at(0, VIEW, one, user="u", id="first")
    await store.append([first, at(0, VIEW, other, user="u"), first])
    (usage,) = (await month(store)).datasets
    assert list(usage.countries) == ["DE"], "the second is retained"


async def test_months_add_up(store: Store) -> None:
    times = [datetime(2026, number, 31 if number == 1 else 1, 12, tzinfo=UTC) for number in (1, 2, 3)]
    await store.append([an_event(type=VIEW, user="u", data=DATASET, time=time) for time in times])
    usage = await store.counter(Period("2025-12", "2026-03"), Rules(zone="Asia/Kolkata"))
    assert [len(counted.datasets) for counted in usage.months] == [0, 1, 1, 1]
    assert usage.months[1].begin == datetime(2025, 12, 31, 18, 30, tzinfo=UTC)


async def test_a_request_counts_in_the_country_of_the_last_request_of_its_session(store: Store) -> None:
    places = [(DOWNLOAD, "US"), (DOWNLOAD, "DE"), (VIEW, "JP")]
    await store.append(
        [at(100 * n, kind, FILE | {"country": place}, user="u") for n, (kind, place) in enumerate(places)]
    )
    counted = await month(store)
    assert totals(counted) == [[3, 1, 2, 1]]
    countries = counted.datasets[0].countries
    assert {place: counts.unique_requests for place, counts in countries.items()} == {"US": 0, "DE": 1, "JP": 0}
    assert {place: counts.unique_investigations for place, counts in countries.items()} == {"US": 0, "DE": 0, "JP": 1}
