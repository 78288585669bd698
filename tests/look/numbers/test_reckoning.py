"""Usage, storage and extractors reckoned once more, in plain Python, from the same events."""

import statistics
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from eventsink.demo.life import Life
from eventsink.event import Event
from tests.look.numbers.asking import Asked, job, opened

ENDED = {"done", "failed", "skipped", "cancelled"}
ZONE = ZoneInfo("America/Chicago")
SPAN = {"zone": "America/Chicago", "since": "2026-10", "until": "2026-11"}
BEGIN, END = datetime(2026, 10, 1, tzinfo=ZONE), datetime(2026, 12, 1, tzinfo=ZONE)


def _events() -> list[Event]:
    found = Life(11).events(date(2026, 10, 26), datetime(2026, 11, 6, tzinfo=UTC))
    return [event for event in found if not event.type.startswith("health.")]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    """Eleven days of a made-up Clowder, over the end of a month and of summer time."""
    return _events()


@pytest.fixture
async def asked(tmp_path: Path, events: list[Event]) -> AsyncIterator[Asked]:
    """Reports of them."""
    one = await opened(tmp_path / "store", events, shuffled=7)
    yield one
    await one.store.close()


def _person(event: Event) -> bool:
    return not (event.data.get("robot") or event.data.get("device") == "robot")


def _went_well(event: Event) -> bool:
    return event.data.get("http_status", 200) < 400  # type: ignore[no-any-return]


def _dataset(event: Event) -> str | None:
    if event.data.get("resource_type") == "dataset":
        return event.data.get("dataset_id") or event.data["resource_id"]  # type: ignore[no-any-return]
    return event.data.get("dataset_id")


GROUPS: dict[str, Callable[[Event], Any]] = {
    "month": lambda event: f"{event.time.astimezone(ZONE):%Y-%m}",
    "space": lambda event: (
        event.data["resource_id"] if event.data.get("resource_type") == "space" else event.data.get("space_id")
    ),
    "dataset": _dataset,
    "user": lambda event: event.user,
}


def _ends(events: Iterable[Event]) -> list[Event]:
    """The last end of each job, as an event of its submitter."""
    jobs: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.type == "extractions.extraction_event":
            jobs[event.data["job_id"]].append(event)
    ends = ([one for one in job if one.data["status"] in ENDED] for job in jobs.values())
    return [max(ended, key=lambda one: one.time) for ended in ends if ended]


def _usage(events: list[Event], by: list[str]) -> dict[tuple[Any, ...], list[int]]:
    users: dict[tuple[Any, ...], set[str]] = defaultdict(set)
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 7)
    for event in events:
        group, size = tuple(GROUPS[name](event) for name in by), event.data.get("bytes") or 0
        mine = sums[group]
        if event.user and _person(event):
            users[group].add(event.user)
        if event.type == "storage.file_uploaded":
            mine[0] += 1
            mine[1] += size
        elif event.type == "storage.file_deleted":
            mine[2] += size
        elif event.type == "traffic.resource_downloaded" and _person(event) and _went_well(event):
            mine[3] += 1
            mine[4] += size
        elif event.type == "traffic.resource_viewed" and _person(event) and _went_well(event):
            mine[5] += 1
    for event in filter(None, _ends(events)):
        sums[tuple(GROUPS[name](event) for name in by)][6] += 1
    return {group: [len(users[group]), *numbers] for group, numbers in sums.items() if users[group] or any(numbers)}


@pytest.mark.parametrize("by", ["month", "space", "dataset", "user", "month,space", "user,month", "space,user"])
async def test_usage_is_what_a_person_would_count(asked: Asked, events: list[Event], by: str) -> None:
    names = by.split(",")
    inside = [event for event in events if BEGIN <= event.time < END]
    wanted = _usage(inside, names)
    rows = await asked.rows("usage", by=by, **SPAN)
    figures = ("users", "uploads", "bytes_added", "bytes_removed", "downloads", "bytes_downloaded", "views", "runs")
    assert {tuple(row[name] for name in names): [row[figure] for figure in figures] for row in rows} == wanted
    order = [tuple((row[name] is None, row[name] or "") for name in names) for row in rows]
    assert order == sorted(order)
    totals = (await asked.json("usage", by=by, **SPAN))["totals"]
    assert totals[-8:] == _usage(inside, [])[()]


@pytest.mark.parametrize("by", ["month", "space", "dataset,user"])
async def test_storage_is_what_came_less_what_went(asked: Asked, events: list[Event], by: str) -> None:
    names = by.split(",")
    wanted: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0] * 5)
    for event in events:
        group = tuple(GROUPS[name](event) for name in names)
        if event.type == "storage.file_uploaded":
            for place, number in ((0, 1), (1, event.data["bytes"]), (4, event.data["bytes"])):
                wanted[group][place] += number
        elif event.type == "storage.file_deleted":
            for place, number in ((2, 1), (3, event.data["bytes"]), (4, -event.data["bytes"])):
                wanted[group][place] += number
    rows = await asked.rows("storage", by=by, **SPAN)
    figures = ("files_added", "bytes_added", "files_removed", "bytes_removed", "bytes_net")
    assert {tuple(row[name] for name in names): [row[figure] for figure in figures] for row in rows} == dict(wanted)


async def test_extractors_are_a_queue_and_a_work_for_each_job(asked: Asked, events: list[Event]) -> None:
    rows = await asked.rows("extractors", **SPAN)
    jobs: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.type == "extractions.extraction_event":
            jobs[event.data["job_id"]].append(event)
    wanted = {}
    for one, states in jobs.items():
        states.sort(key=lambda event: event.time)
        ends = [event for event in states if event.data["status"] in ENDED]
        queued = next((event for event in states if event.data["status"] == "queued"), None)
        waited = [event.data["queue_ms"] for event in states if "queue_ms" in event.data]
        if queued:
            wanted[one, "queue"] = (queued.user, 1, "SUBMITTED", round(max(waited)) if waited else None)
        ran = round(max(event.data["run_ms"] for event in ends)) if ends else None
        last = states[-1].data["status"].upper()
        wanted[one, "work"] = (states[0].user, len(states) - bool(queued), last, ran)
    found = {
        (row["job_id"], row["job_type"]): (row["userid"], row["status_count"], row["last_status"], row["duration_ms"])
        for row in rows
    }
    assert found == wanted
    sums = await asked.rows("extractors", by="extractor", **SPAN)
    runs = [run for (_, kind), run in wanted.items() if kind == "work"]
    assert sum(row["runs"] for row in sums) == len(jobs)
    assert sum(row["done"] for row in sums) == sum(run[2] == "DONE" for run in runs)
    (whole,) = [(await asked.json("extractors", by="extractor", **SPAN))["totals"]]
    exact = [max(e.data["run_ms"] for e in job if e.data["status"] in ENDED) for job in jobs.values()
             if any(e.data["status"] in ENDED for e in job)]  # fmt: skip
    assert whole[-3] == round(statistics.median(exact))
    assert whole[-1] == round(sum(exact))


# --- what Clowder gets wrong -----------------------------------------------------------------------------------------

COLUMNS = ("userid", "job_id", "job_type", "status_count", "last_status", "start", "end", "duration_ms")


async def _jobs(path: Path, events: list[Event], **given: Any) -> list[tuple[Any, ...]]:
    asked = await opened(path / "store", events, shuffled=3)
    rows = await asked.rows("extractors", since="2026-10", until="2026-10", **given)
    await asked.store.close()
    return [tuple(row[name] for name in COLUMNS) for row in rows]


async def test_anonymous_statuses_belong_to_whoever_submitted(tmp_path: Path) -> None:
    assert await _jobs(
        tmp_path,
        [
            job("queued", "2026-10-01T10:00:00", "alice", job_id="j"),
            job("working", "2026-10-01T10:00:05", job_id="j"),
            job("working", "2026-10-01T10:00:06", job_id="j", message="half"),
            job("done", "2026-10-01T10:00:13", job_id="j"),
        ],
    ) == [
        ("alice", "j", "queue", 1, "SUBMITTED", "2026-10-01T10:00:00.000Z", "2026-10-01T10:00:05.000Z", 5000),
        ("alice", "j", "work", 3, "DONE", "2026-10-01T10:00:05.000Z", "2026-10-01T10:00:13.000Z", 8000),
    ]


async def test_two_jobs_on_one_file_are_two(tmp_path: Path) -> None:
    states = [("queued", 0), ("working", 10), ("done", 20)]
    events = [
        job(
            status, f"2026-10-01T10:0{number}:{second:02}", "alice" if status == "queued" else None, job_id=f"j{number}"
        )
        for number in range(3)
        for status, second in states
    ]
    rows = await _jobs(tmp_path, events)
    assert [row[1:3] for row in rows] == [(f"j{n}", kind) for n in range(3) for kind in ("queue", "work")]
    assert {row[-1] for row in rows} == {10_000}


async def test_jobs_without_an_id_are_told_apart_by_their_order(tmp_path: Path) -> None:
    times = ["10:00:00", "10:00:01", "10:00:03", "11:00:00", "11:00:02", "11:00:05", "12:00:00"]
    states = ["queued", "working", "done", "queued", "working", "failed", "working"]
    events = [
        job(status, f"2026-10-01T{time}", "alice" if status == "queued" else None)
        for status, time in zip(states, times, strict=True)
    ]
    rows = await _jobs(tmp_path, events)
    assert [(row[0], *row[2:5], row[-1]) for row in rows] == [
        ("alice", "queue", 1, "SUBMITTED", 1000),
        ("alice", "work", 2, "DONE", 2000),
        ("alice", "queue", 1, "SUBMITTED", 2000),
        ("alice", "work", 2, "FAILED", 3000),
        ("0" * 24, "work", 1, "WORKING", None),
    ]


async def test_a_job_that_is_tried_again_is_one(tmp_path: Path) -> None:
    states = [("queued", 0), ("working", 5), ("retried", 9), ("working", 20), ("done", 30)]
    events = [job(status, f"2026-10-01T10:00:{second:02}", "alice", job_id="j") for status, second in states]
    queue, work = await _jobs(tmp_path, events)
    assert queue[-1] == 5000
    assert work[3:] == (4, "DONE", "2026-10-01T10:00:05.000Z", "2026-10-01T10:00:30.000Z", 25_000)


async def test_a_job_that_waits_is_there_and_has_no_end(tmp_path: Path) -> None:
    rows = await _jobs(tmp_path, [job("queued", "2026-10-01T10:00:00", "alice", job_id="j")])
    assert rows == [("alice", "j", "queue", 1, "SUBMITTED", "2026-10-01T10:00:00.000Z", None, None)]


async def test_lengths_that_events_give_count_more_than_their_times(tmp_path: Path) -> None:
    events = [job("done", "2026-10-01T10:00:30", "alice", job_id="j", queue_ms=1250.4, run_ms=8300.6)]
    assert await _jobs(tmp_path, events) == [
        ("alice", "j", "queue", 0, "SUBMITTED", "2026-10-01T10:00:20.449Z", "2026-10-01T10:00:21.699Z", 1250),
        ("alice", "j", "work", 1, "DONE", "2026-10-01T10:00:21.699Z", "2026-10-01T10:00:30.000Z", 8301),
    ]


async def test_a_job_belongs_to_the_period_in_which_it_was_submitted(tmp_path: Path) -> None:
    events = [
        job("queued", "2026-09-30T23:59:59", "alice", job_id="before"),
        job("done", "2026-10-01T00:00:09", job_id="before"),
        job("queued", "2026-10-31T23:59:59", "alice", job_id="last"),
        job("done", "2026-11-01T00:00:09", job_id="last"),
    ]
    rows = await _jobs(tmp_path, events)
    assert [row[1:3] for row in rows] == [("last", "queue"), ("last", "work")]


async def test_far_times_of_wild_clocks_cost_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are made month by month: of months in which there are some."""
    times = ["1970-01-01T00:00:00", "2026-10-31T10:00:00", "2026-11-01T10:00:00", "9999-12-31T00:00:00"]
    events = [job("done", time, "alice", job_id=f"j{place}") for place, time in enumerate(times)]
    asked = await opened(tmp_path / "store", events)
    made: list[str] = []
    ask = asked.store.rows

    async def rows(name: str, *given: Any, **parts: str) -> list[tuple[Any, ...]]:
        made.append(name)
        return await ask(name, *given, **parts)

    monkeypatch.setattr(asked.store, "rows", rows)
    found = await asked.rows("extractors", period="all")
    assert [row["job_id"] for row in found] == ["j0", "j1", "j2"]
    assert made.count("report_keep_runs") == 3
    assert [row["runs"] for row in await asked.rows("usage", period="all", by="user")] == [3]
    await asked.store.close()


async def test_runs_are_narrowed_by_their_submitter(tmp_path: Path) -> None:
    events = [
        job(status, f"2026-10-01T10:00:{second:02}", user if status == "queued" else None, job_id=user)
        for user in ("alice", "bob")
        for status, second in (("queued", 0), ("working", 1), ("done", 2))
    ]
    rows = await _jobs(tmp_path, events, user="bob")
    assert {row[0] for row in rows} == {"bob"} and len(rows) == 2


async def test_a_start_in_the_second_of_its_submission_waited_for_nothing(tmp_path: Path) -> None:
    states = [("queued", "00.104"), ("working", "00"), ("done", "08")]
    asked = await opened(
        tmp_path / "store",
        [job(status, f"2026-10-01T10:00:{second}", "alice", job_id="j") for status, second in states],
    )
    rows = await asked.rows("extractors", since="2026-10", until="2026-10")
    assert [(row["job_type"], row["duration_ms"]) for row in rows] == [("queue", 0), ("work", 8000)]
    (row,) = await asked.rows("extractors", by="extractor", since="2026-10", until="2026-10")
    assert (row["queue_median_ms"], row["run_median_ms"], row["done"]) == (0, 8000, 1)
    await asked.store.close()
