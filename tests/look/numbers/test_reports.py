"""Reports: columns are Clowder's, whatever names say they can be read, and the same events give the same bytes."""

import csv
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventsink.demo.life import Life
from eventsink.errors import InvalidQuestion, SettingsError
from eventsink.event import Event
from eventsink.look.numbers.as_csv import defused, to_csv
from eventsink.look.numbers.configured import check_reports
from eventsink.look.numbers.reports import REPORTS
from eventsink.settings import load
from eventsink.store.uptime import Row, Uptime
from eventsink.store.zones import offsets
from tests.look.numbers.asking import Asked, event, job, opened, upload

GOLDEN = Path(__file__).parents[2] / "fixtures" / "reports"
MADE = [name for name in REPORTS if name != "uptime"]

Opening = Callable[..., Awaitable[Asked]]


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Opening]:
    """Opens stores of some events, and closes them."""
    made: list[Asked] = []

    async def open_one(events: list[Event], **more: Any) -> Asked:
        made.append(await opened(tmp_path / f"store{len(made)}", events, **more))
        return made[-1]

    yield open_one
    for one in made:
        await one.store.close()


# --- Clowder's columns -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file", "given"),
    [
        ("resources", "AllMetrics", {}),
        ("files", "FileMetrics", {}),
        ("datasets", "DatasetMetrics", {}),
        ("collections", "CollectionMetrics", {}),
        ("spaces", "SpaceMetrics", {}),
        ("users", "UserMetrics", {}),
        ("storage", "SpaceStorage", {"by": "file"}),
        ("extractors", "ExtractorMetrics", {}),
    ],
)
async def test_columns_are_clowders_byte_by_byte(ask: Opening, name: str, file: str, given: dict[str, str]) -> None:
    asked = await ask([])
    golden = (GOLDEN / f"{file}.csv").read_bytes().splitlines()[0]
    assert (await asked.body(name, format="csv", **given)).splitlines()[0] == golden


PEOPLE = "id,name,email,institution\n5f8a1c2e4f0c9a2b7d3e1a01,Alice Okafor,alice@example.org,NCSA\n"
ALICE, SPACE = "5f8a1c2e4f0c9a2b7d3e1a01", "60a7d3b1e4b0c1f2a3b4c5e1"
FILE, DATASET, COLLECTION = "60a7d3b1e4b0c1f2a3b4c5f1", "60a7d3b1e4b0c1f2a3b4c5d1", "60a7d3b1e4b0c1f2a3b4c5c1"


def _golden_life() -> list[Event]:
    """What must have happened for the rows of Clowder's sample of files."""
    where = {"dataset_id": DATASET, "space_id": SPACE, "file_id": FILE, "file_name": "plot-07.png"}
    seen = {"resource_type": "file", "resource_id": FILE}
    views = [event("traffic.resource_viewed", f"2021-08-04T08:5{n}:00", **seen) for n in range(6)]
    return [
        upload("2021-08-03T14:13:20.104", ALICE, bytes=1834211, mime_type="image/png", **where),
        *views,
        event("traffic.resource_viewed", "2021-08-04T09:00:00", **seen),
        event("traffic.resource_viewed", "2021-08-05T09:00:00", robot=True, **seen),
        event("traffic.resource_downloaded", "2021-08-04T09:10:00", bytes=1834211, **seen),
        event("storage.resource_created", "2021-07-01T00:00:00", ALICE, resource_type="space", resource_id=SPACE),
    ]


async def test_a_file_has_the_row_that_clowder_gives_it(ask: Opening, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE, "utf-8")
    asked = await ask(_golden_life(), people=str(tmp_path / "people.csv"))
    (row,) = (await asked.body("files", format="csv")).decode().splitlines()[1:]
    assert row == (
        f'"file","{FILE}","plot-07.png","Alice Okafor","{ALICE}",1834,2021-08-03T14:13:20.104Z,7,1,'
        f'2021-08-04T09:00:00.000Z,2021-08-04T09:10:00.000Z,,"{DATASET}","","{SPACE}",'
    )
    (row,) = (await asked.body("storage", by="file", format="csv")).decode().splitlines()[1:]
    assert row == (
        f'"image/png","{FILE}","plot-07.png","Alice Okafor","alice@example.org","{ALICE}",1834,'
        f'2021-08-03T14:13:20.104Z,,"{DATASET}","","{SPACE}","{ALICE}",'
    )


async def test_what_is_deleted_is_left_out_and_counted(ask: Opening) -> None:
    asked = await ask(
        [
            upload("2026-10-01T10:00:00", file_id="a"),
            upload("2026-10-01T10:00:01", file_id="b"),
            event("storage.file_deleted", "2026-10-02T10:00:00", file_id="a", bytes=1000),
            event("storage.resource_archived", "2026-10-03T10:00:00", resource_type="file", resource_id="b"),
        ]
    )
    found = await asked.json("files")
    assert [row[1] for row in found["rows"]] == ["b"]
    assert found["rows"][0][-1] == "ARCHIVED"
    assert any(note == "What was deleted is left out: 1." for note in found["footnotes"])


async def test_a_file_of_three_terabytes_has_its_size(ask: Opening) -> None:
    asked = await ask([upload("2026-10-01T10:00:00", bytes=3_000_000_000_999)])
    assert (await asked.rows("files"))[0]["size_kb"] == 3_000_000_000


async def test_the_size_of_a_file_is_not_what_a_job_or_a_download_that_broke_off_has_sent(ask: Opening) -> None:
    f1 = {"resource_type": "file", "resource_id": "f1"}
    old = {"resource_type": "file", "resource_id": "old"}
    asked = await ask(
        [
            upload("2026-10-01T10:00:00", bytes=5_000_000),
            job("done", "2026-10-01T10:01:00", bytes=0),  # from a disk that both have
            event("traffic.resource_downloaded", "2026-10-02T10:00:00", **f1, bytes=64_000, http_status=206),
            event("traffic.resource_downloaded", "2026-10-02T11:00:00", **old, bytes=7_000_000, http_status=200),
            event("traffic.resource_downloaded", "2026-10-02T12:00:00", **old, bytes=9_000, http_status=200),
            event("traffic.resource_downloaded", "2026-10-02T13:00:00", **old, bytes=8_000_000, http_status=500),
        ]
    )
    sizes = {row["id"]: row["size_kb"] for row in await asked.rows("files")}
    assert sizes == {"f1": 5000, "old": 7000}
    assert {row["id"]: row["size_kb"] for row in await asked.rows("storage", by="file")} == sizes


async def test_a_space_has_the_datasets_that_the_list_of_datasets_has(ask: Opening) -> None:
    def dataset(what: str, time: str, name: str, **more: Any) -> Event:
        return event(what, time, resource_type="dataset", resource_id=name, **more)

    asked = await ask(
        [
            dataset("storage.resource_created", "2026-10-01T10:00:00", "kept", space_id="s"),
            dataset("storage.resource_created", "2026-10-01T10:00:01", "gone", space_id="s"),
            dataset("storage.resource_deleted", "2026-10-02T10:00:00", "gone"),  # a deletion need not say of where
            dataset("storage.resource_created", "2026-10-01T10:00:02", "asked for", space_id="s"),
            dataset("storage.resource_deleted", "2026-10-02T10:00:01", "asked for", space_id="s"),
            dataset("traffic.resource_viewed", "2026-10-03T10:00:00", "asked for", space_id="s", http_status=404),
            upload("2026-10-04T10:00:00", dataset_id="only by its files", space_id="s"),
        ]
    )
    listed = sorted(row["id"] for row in await asked.rows("datasets"))
    assert listed == ["kept", "only by its files"]
    (space,) = await asked.rows("spaces")
    assert (space["id"], space["datasets"], space["collections"]) == ("s", len(listed), 0)


async def test_a_period_of_files_is_that_of_their_upload_and_views_are_of_all_time(ask: Opening) -> None:
    seen = {"resource_type": "file", "resource_id": "new"}
    asked = await ask(
        [
            upload("2026-09-30T23:59:59", file_id="old"),
            upload("2026-10-31T23:59:59.999", file_id="new"),
            event("traffic.resource_viewed", "2026-11-20T00:00:00", **seen),
        ]
    )
    (row,) = await asked.rows("files", since="2026-10", until="2026-10")
    assert (row["id"], row["views"]) == ("new", 1)


async def test_users_are_counted_from_the_end_of_the_period(ask: Opening) -> None:
    logins = [event("users.login", f"2026-10-0{day}T10:00:00", "alice", method="cilogon") for day in (1, 3)]
    asked = await ask([*logins, event("users.login", "2026-11-01T00:00:00", "alice", method="userpass")])
    anonymous, alice = (
        await asked.table("users", since="2026-10", until="2026-10")
        and (await asked.table("users", since="2026-10", until="2026-10"))[1:]
    )
    assert anonymous == ["user", "0" * 24, "Anonymous User", *[""] * 8]
    assert alice[4:7] == ["cilogon", "2026-10-03T10:00:00.000Z", "28"]


# --- what names may say ----------------------------------------------------------------------------------------------

NASTY = [
    "=cmd|'/C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "  =1",
    "\uff1d1",
    'a "quoted", name',
    "two\nlines\r\nof it",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\u202egnp.exe\u202c",
    'עברית, "שם"',
    "'; DROP TABLE facts.events; --",
    "{braces} $values",
    "a\u2028b",
    "",
]


async def test_names_come_through_csv_as_they_are_and_run_nowhere(ask: Opening) -> None:
    events = []
    for number, name in enumerate(NASTY):
        named = {"user": name or "nobody", "user_name": name}
        where = {"file_id": f"f{number:02}", "file_name": name, "dataset_id": f"d{number:02}", "dataset_name": name}
        request = {"method": "GET", "route": name or "/", "status": 200}
        events += [
            upload(f"2026-10-01T10:00:{number:02}", **named, **where),
            job("queued", f"2026-10-01T10:01:{number:02}", **named, extractor=name, job_id=f"j{number}"),
            event("traffic.api_request", f"2026-10-01T10:02:{number:02}", named["user"], **request),
        ]
    asked = await ask(events)
    of = {"since": "2026-10", "until": "2026-10"}
    by = {"usage": "user,dataset", "storage": "user,dataset"}
    for report in MADE:
        table = await asked.table(report, **of, **({"by": by[report]} if report in by else {}))
        assert len({len(row) for row in table}) == 1, report
        for cell in (cell for row in table[1:] for cell in row):
            numeric = re.fullmatch(r"-?\d+(\.\d+)?", cell)
            assert numeric or not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n")), report
    assert [row[2] for row in (await asked.table("files", **of))[1:]] == [defused(name) for name in NASTY]
    users = {(row[0], row[1]) for row in (await asked.table("usage", by="user", **of))[1:]}
    assert users == {(defused(name.strip(" ") or "nobody"), defused(name)) for name in NASTY}


async def test_a_page_runs_nothing_and_needs_nothing(ask: Opening) -> None:
    events = [
        upload(f"2026-10-{number + 1:02}T10:00:00", name or "nobody", file_id=f"f{number}", file_name=name,
               user_name=name, space_id=name or "s")
        for number, name in enumerate(NASTY)
    ]  # fmt: skip
    asked = await ask(events)
    for report, by in (("usage", "space,user"), ("usage", "user"), ("storage", "space"), ("files", ""), ("users", "")):
        given: dict[str, Any] = {"by": by} if by else {}
        page = (await asked.body(report, format="html", space=[name or "s" for name in NASTY], **given)).decode()
        reader = _Page()
        reader.feed(page)
        assert not reader.odd, report
        assert "&lt;script&gt;" in page
        assert "\u202e" not in page and "\u2028" not in page


class _Page(HTMLParser):
    """Finds what a report must not have."""

    def __init__(self) -> None:
        super().__init__()
        self.odd: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "link", "object", "a", "form"):
            self.odd.append(tag)
        self.odd += [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]


def test_csv_quotes_text_alone() -> None:
    moment = datetime(2021, 8, 3, 14, 13, 20, 104999)  # noqa: DTZ001 - as the store has it
    row = ["a", 'b"c', None, "", 1, -2.5, True, moment, "=x"]
    assert to_csv(["n"] * 9, [row]).splitlines()[1].decode() == (
        '"a","b""c",,"",1,-2.5,true,2021-08-03T14:13:20.104Z,"\'=x"'
    )
    quoted = to_csv(["n", "m"], [[None, 8000]], quoted=True)
    assert quoted == b'"n","m"\r\n"","8000"\r\n'


# --- the same events, the same bytes ---------------------------------------------------------------------------------


def _life(seed: int, first: date = date(2026, 10, 10), days: int = 4) -> list[Event]:
    end = datetime(first.year, first.month, first.day + days, tzinfo=UTC)
    return [found for found in Life(seed).events(first, end) if not found.type.startswith("health.")]


async def test_reports_do_not_depend_on_the_order_of_arrival(ask: Opening, tmp_path: Path) -> None:
    events = _life(5)
    one, other = await ask(events, shuffled=1), await ask(events, shuffled=2)
    given: dict[str, dict[str, Any]] = {name: {} for name in MADE}
    given["usage"] = {"by": "month,user,space"}
    given["storage"] = {"by": "dataset"}
    given["extractors"] = {"since": "2026-10", "until": "2026-10"}
    given["api"] = given["extractors"]
    asked = [(name, form) for name in MADE for form in ("json", "csv", "html")]
    bodies = {(name, form): await one.body(name, format=form, **given[name]) for name, form in asked}
    assert all(len(body) > 50 for body in bodies.values())
    for name, form in asked:
        assert await other.body(name, format=form, **given[name]) == bodies[name, form], (name, form)
    await one.store.close()
    again = await opened(Path(one.store.path), [])
    for name, form in asked:
        assert await again.body(name, format=form, **given[name]) == bodies[name, form], (name, form)
    await again.store.close()


async def test_names_of_the_same_moment_do_not_depend_on_the_order_either(ask: Opening) -> None:
    events = [
        upload("2026-10-01T10:00:00", "alice", file_id="f", file_name=name, user_name=name, dataset_id="d")
        for name in ("Anna", "Berta", "Carla")
    ]
    bodies = set()
    for seed in range(4):
        asked = await ask(events, shuffled=seed)
        bodies.add(await asked.body("files", format="csv"))
        bodies.add(await asked.body("usage", by="user", format="csv", since="2026-10"))
    assert len(bodies) == 2
    assert all(b"Carla" in body and b"Anna" not in body for body in bodies)


# --- periods ---------------------------------------------------------------------------------------------------------


async def test_no_events_at_all_is_said(ask: Opening) -> None:
    asked = await ask([])
    for name in MADE:
        found = await asked.json(name)
        assert "There are no events yet." in found["footnotes"]
        page = await asked.body(name, format="html")
        assert b"There are no events yet." in page
    assert (await asked.json("files"))["since"] is None
    assert (await asked.json("usage", period="all"))["rows"] == []


async def test_one_event_is_a_report(ask: Opening) -> None:
    asked = await ask([upload("2026-10-01T10:00:00", dataset_id="d", space_id="s")])
    for name in MADE:
        for form in ("json", "csv", "html"):
            assert await asked.body(
                name, format=form, **({} if REPORTS[name].period == "all" else {"since": "2026-10"})
            )
    (row,) = await asked.rows("usage", since="2026-10", until="2026-10")
    assert await asked.rows("usage", period="all") == [row]
    assert row == {
        "month": "2026-10", "users": 1, "uploads": 1, "bytes_added": 1000, "bytes_removed": 0, "downloads": 0,
        "bytes_downloaded": 0, "views": 0, "runs": 0,
    }  # fmt: skip


async def test_a_year_with_gaps_has_all_months_since_the_first_event_and_says_which_are_empty(ask: Opening) -> None:
    asked = await ask([upload("2026-02-03T10:00:00"), upload("2026-06-03T10:00:00"), upload("2026-11-03T10:00:00")])
    found = await asked.json("usage", since="2026-01", until="2026-12")
    assert [row[0] for row in found["rows"]] == [f"2026-{month:02}" for month in range(2, 13)]
    assert [row[0] for row in found["rows"] if row[2]] == ["2026-02", "2026-06", "2026-11"]
    notes = " ".join(found["footnotes"])
    assert "Of 2026-03, 2026-04, 2026-05, 2026-07, 2026-08, 2026-09 and 1 more there are no events of any kind" in notes
    assert "The first event is of 2026-02-03 10:00 UTC" in notes
    assert "The newest event is of 2026-11-03 10:00 UTC" in notes


async def test_a_period_in_the_future_is_empty_and_explained(ask: Opening) -> None:
    asked = await ask([upload("2026-10-01T10:00:00")])
    found = await asked.json("usage", since="2099-01", until="2099-02")
    assert [row[0] for row in found["rows"]] == ["2099-01", "2099-02"]
    assert any("begins after the newest event" in note for note in found["footnotes"])
    with pytest.raises(InvalidQuestion, match="begins after today, and nothing says when it ends"):
        await asked.json("usage", since="2099-01")


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("usag", {}, "did you mean 'usage'"),
        ("x" * 500, {}, "There is no report"),
        ("usage", {"spce": "s"}, "did you mean 'space'"),
        ("users", {"extractor": "s"}, "There are user, space, dataset, source, type"),
        ("usage", {"by": "moth"}, "did you mean 'month'"),
        ("files", {"by": "month"}, "leave by out"),
        ("storage", {"by": "file,month"}, "By file is by nothing else"),
        ("extractors", {"by": "job,month"}, "By job is by nothing else"),
        ("usage", {"format": "cvs"}, "did you mean 'csv'"),
        ("usage", {"period": "mnth"}, "did you mean 'month'"),
        ("usage", {"since": "2026-12", "until": "2026-10"}, "ends .* before it begins"),
        ("usage", {"since": "yesterday"}, "is no time"),
        ("usage", {"limit": "0"}, "limit may be 1"),
        ("usage", {"limit": "9" * 30}, "limit may be 1"),
        ("usage", {"limit": "٣"}, "limit may be 1"),
        ("usage", {"zone": "Mars/Olympus"}, "zone"),
        ("usage", {"zone": ["UTC", "UTC"]}, "given 2 times"),
        ("usage", {"space": [str(number) for number in range(51)]}, "51 values"),
    ],
)
async def test_what_there_is_not_is_said_with_what_there_is(
    ask: Opening, name: str, given: dict[str, Any], said: str
) -> None:
    asked = await ask([])
    with pytest.raises(InvalidQuestion, match=said):
        await asked.json(name, **given)


@pytest.mark.parametrize(
    ("zone", "moments", "months"),
    [
        # Clocks go back on 1 November 2026, forward on 8 March 2026.
        ("America/Chicago", ["11-01T04:59:59", "11-01T05:00:00", "12-01T05:59:59", "12-01T06:00:00"],
         ["10", "11", "11", "12"]),
        ("America/Chicago", ["03-01T05:59:59", "03-01T06:00:00", "04-01T04:59:59", "04-01T05:00:00"],
         ["02", "03", "03", "04"]),
        # On 29 March and 25 October.
        ("Europe/Berlin", ["02-28T22:59:59", "02-28T23:00:00", "03-31T21:59:59", "03-31T22:00:00"],
         ["02", "03", "03", "04"]),
        ("Europe/Berlin", ["09-30T21:59:59", "09-30T22:00:00", "10-31T22:59:59", "10-31T23:00:00"],
         ["09", "10", "10", "11"]),
        ("Asia/Kolkata", ["09-30T18:29:59", "09-30T18:30:00", "10-31T18:29:59", "10-31T18:30:00"],
         ["09", "10", "10", "11"]),
    ],
)  # fmt: skip
async def test_months_are_those_of_the_zone(ask: Opening, zone: str, moments: list[str], months: list[str]) -> None:
    moments, months = [f"2026-{moment}" for moment in moments], [f"2026-{month}" for month in months]
    events = [upload(moment, bytes=10**number, file_id=str(number)) for number, moment in enumerate(moments)]
    events += [
        job(status, moment, "alice", job_id=str(number))
        for number, moment in enumerate(moments)
        for status in ("queued", "done")
    ]
    asked = await ask(events)
    rows = await asked.rows("usage", zone=zone, since=months[0], until=months[-1])
    wanted = dict.fromkeys(months, 0)
    for number, month in enumerate(months):
        wanted[month] += 10**number
    assert {row["month"]: row["bytes_added"] for row in rows} == wanted
    assert {row["month"]: row["runs"] for row in rows} == {month: months.count(month) for month in months}
    middle = await asked.rows("usage", zone=zone, since=months[1], until=months[1])
    assert [(row["month"], row["bytes_added"]) for row in middle] == [(months[1], wanted[months[1]])]


# --- many, and unknown -----------------------------------------------------------------------------------------------


async def test_very_many_users_fit(ask: Opening) -> None:
    events = [
        upload("2026-10-01T10:00:00", f"user{number:05}", file_id=str(number), user_name=f"Name {number}")
        for number in range(20_000)
    ]
    asked = await ask(events)
    rows = await asked.rows("usage", by="user", since="2026-10", until="2026-10")
    assert len(rows) == 20_000
    assert (rows[-1]["user"], rows[-1]["user_name"]) == ("user19999", "Name 19999")
    assert len(await asked.table("users")) == 20_002
    page = await asked.json("usage", by="user", since="2026-10", until="2026-10", limit=10)
    assert page["totals"][2] == 20_000
    assert "These are the first 10 rows; there are more. The total has all." in page["footnotes"]
    html = await asked.body("users", format="html")
    assert html.count(b"<tr>") == 2002


async def test_institutions_come_from_the_file_of_people(ask: Opening, tmp_path: Path) -> None:
    events = [upload(f"2026-10-0{n + 1}T10:00:00", user, file_id=str(n)) for n, user in enumerate("aabcd")]
    events += [event("traffic.resource_viewed", "2026-10-09T10:00:00", resource_type="file", resource_id="0")]
    (tmp_path / "p.csv").write_text('institution,id\nNCSA,a\nNCSA,b\n"Uni, ""X""",c\n', "utf-8-sig")
    asked = await ask(events, people=str(tmp_path / "p.csv"))
    rows = await asked.rows("usage", by="institution", since="2026-10", until="2026-10")
    assert [(row["institution"], row["users"], row["uploads"], row["views"]) for row in rows] == [
        ("NCSA", 2, 3, 0), ('Uni, "X"', 1, 1, 0), ("not known", 1, 1, 0), ("(no login)", 0, 0, 1),
    ]  # fmt: skip
    found = await asked.json("usage", by="institution", since="2026-10", until="2026-10")
    assert any(note.startswith("Users whose institution is not known: 1, as") for note in found["footnotes"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"name,email\nx,y\n", "no column id"),
        (b"id,name\n\xff\xfe,x\n", "no UTF-8"),
        (b'id,name\na,"' + b"x" * 200_000 + b'"\n', "no CSV"),
    ],
)
async def test_people_that_cannot_be_read_are_a_footnote(
    ask: Opening, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "p.csv").write_bytes(content)
    asked = await ask([upload("2026-10-01T10:00:00")], people=str(tmp_path / "p.csv"))
    found = await asked.json("usage", by="institution")
    assert any(said in note for note in found["footnotes"])


async def test_a_list_of_reports_says_what_they_know(ask: Opening) -> None:
    asked = await ask([])
    listed = {one["name"]: one for one in asked.desk.reports()}
    assert list(listed) == list(REPORTS)
    for name in MADE:
        assert listed[name]["columns"] == next(
            csv.reader([(await asked.body(name, format="csv")).decode().splitlines()[0]])
        )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"zone": "Mars/Olympus"}, r"reports\.zone is no time zone"),
        ({"clowder_url": "clowder.example.org"}, r"reports\.clowder_url is no address"),
        ({"people": "/nowhere/people.csv"}, r"reports\.people"),
    ],
)
def test_wrong_settings_are_said(given: dict[str, str], said: str) -> None:
    check_reports(load(environment={}, reports={"zone": "Asia/Kolkata"}))
    with pytest.raises(SettingsError, match=said):
        check_reports(load(environment={}, reports=given))


async def test_bars_add_up_what_may_be_added_and_tell_namesakes_apart(ask: Opening) -> None:
    events = [
        upload("2026-10-01T10:00:00", user, file_id=f"{user}{space}", user_name="Adam Nowak", space_id=space)
        for user in ("u1", "u2")
        for space in ("s1", "s2")
    ]
    asked = await ask(events)
    of = {"since": "2026-10", "until": "2026-10", "format": "html"}
    page = (await asked.body("usage", by="user", **of)).decode()
    assert page.count("<title>Adam Nowak</title>") == 4, "two bars of users, two of bytes"
    page = (await asked.body("usage", by="space,user", **of)).decode()
    assert "Active users" not in page and "Bytes added</figcaption>" in page
    assert page.count(">2 kB</text>") == 2


# --- wild clocks -----------------------------------------------------------------------------------------------------

WILD = ("0001-01-01T00:00:00", "1850-06-01T00:00:00", "2100-06-01T00:00:00", "9999-12-31T23:59:58")
LAST = datetime.max.replace(tzinfo=UTC)
LEFT_OUT = (
    "Events left out, as their clocks seem to be wrong: 2 from before 1970, the first of 0001-01-01"
    " 00:00 UTC; 2 from more than a day after now, the last of 9999-12-31 23:59 UTC. To see them, give since and until"
    " to a report, or to `eventsink events`."
)


def _wild() -> list[Event]:
    return [upload(time, "wild", file_id=f"w{place}") for place, time in enumerate(WILD)]


async def test_all_time_leaves_wild_clocks_out_and_says_so(ask: Opening) -> None:
    usual = [upload("2026-09-01T10:00:00"), upload("2026-11-01T10:00:00", file_id="f2")]
    asked, tame = await ask([*usual, *_wild()]), await ask(usual)
    for name, given in (
        ("storage", {"by": "month"}), ("usage", {"by": "user"}), ("extractors", {"by": "month"}), ("users", {}),
        ("api", {}),
    ):  # fmt: skip
        found = await asked.json(name, period="all", zone="America/Chicago", **given)
        without = await tame.json(name, period="all", zone="America/Chicago", **given)
        assert LEFT_OUT in found["footnotes"], name
        found["footnotes"].remove(LEFT_OUT)
        assert found == without, name
    months = [row["month"] for row in await asked.rows("storage", period="all")]
    assert months == ["2026-09", "2026-10", "2026-11"]


async def test_what_exists_exists_whatever_the_clock_said(ask: Opening) -> None:
    asked = await ask([upload("2026-11-01T10:00:00"), *_wild()])
    for name, given in (("files", {}), ("resources", {}), ("storage", {"by": "file"})):
        found = await asked.json(name, **given)
        assert len(found["rows"]) == 5, name
        assert LEFT_OUT not in found["footnotes"], name


async def test_nothing_but_wild_clocks_is_nothing_yet(ask: Opening) -> None:
    asked = await ask(_wild())
    for zone in ("UTC", "America/Chicago"):
        found = await asked.json("usage", period="all", zone=zone)
        assert (found["since"], found["until"], found["rows"]) == (None, None, [])
        assert found["footnotes"] == [LEFT_OUT]


async def test_a_clock_that_is_a_day_ahead_is_in_all_time_and_ends_it(ask: Opening) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=23)).replace(tzinfo=None, microsecond=0)
    asked = await ask([upload("1970-01-01T00:00:00"), upload(ahead.isoformat())])
    found = await asked.json("usage", period="all", by="user")
    assert found["since"] == "1970-01-01T00:00:00Z"
    assert found["until"] == f"{(ahead + timedelta(seconds=1)).isoformat()}Z"
    assert found["footnotes"] == []


async def test_who_names_the_time_of_a_wild_clock_gets_it(ask: Opening) -> None:
    asked = await ask([upload("2026-11-01T10:00:00"), *_wild()])
    found = await asked.json("storage", since="2100-06", until="2100-06", zone="America/Chicago")
    assert [row[:2] for row in found["rows"]] == [["2100-06", 0]]
    found = await asked.json("storage", since="2100-05", until="2100-06")
    assert [row[:2] for row in found["rows"]] == [["2100-05", 0], ["2100-06", 1]]
    with pytest.raises(InvalidQuestion, match="more than sixty years"):
        await asked.json("storage", since="2026-01", until="2100-12")
    with pytest.raises(InvalidQuestion, match="'9999-12' is no time of the years 1900 to 9000"):
        await asked.json("storage", since="9999-12", until="9999-12")


@pytest.mark.parametrize("zone", ["UTC", "America/Chicago", "Asia/Tokyo"])
async def test_a_wild_clock_takes_no_month_from_a_period(ask: Opening, zone: str) -> None:
    """By the clocks of some zones there is no year 1, nor all of 9999; of years of three digits none comes first."""
    for early in ("0001-01-01T00:00:00", "0850-06-01T00:00:00"):
        late = msgspec.structs.replace(upload("2100-01-01T00:00:00"), time=LAST)
        asked = await ask([upload(early), upload("2026-10-05T10:00:00"), late])
        found = await asked.rows("usage", since="2026-09", until="2026-11", zone=zone)
        assert [(row["month"], row["uploads"]) for row in found] == [("2026-09", 0), ("2026-10", 1), ("2026-11", 0)]


async def test_the_offsets_of_a_zone_are_not_looked_for_on_the_event_loop(
    ask: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()

    def watched(*given: Any) -> Any:
        threads.add(threading.current_thread())
        return offsets(*given)

    monkeypatch.setattr("eventsink.store.facts.compile.offsets", watched)
    asked = await ask([upload("2026-10-05T10:00:00")])
    given = {"since": ["1968-01"], "until": ["2026-12"], "zone": ["America/Chicago"]}
    await asked.rows("usage", by="month", **given)
    await asked.rows("extractors", by="month", **given)
    (page, *_) = asked.desk.pages()
    for panel in page["panels"]:
        await asked.desk.panel(page["name"], panel["name"], given)
    assert threads and threading.current_thread() not in threads


async def test_months_with_nothing_in_them_have_no_bars(ask: Opening) -> None:
    """A plot has the last sixty months, in which there may be nothing where there was something before."""
    asked = await ask([upload("2016-01-05T10:00:00"), upload("2016-02-05T10:00:00")])
    given = {"since": "2016-01", "format": "html"}
    assert b"<svg" not in await asked.body("storage", until="2026-11", **given)
    assert b"<svg" in await asked.body("storage", until="2016-12", **given)


# --- the same bytes, later -------------------------------------------------------------------------------------------


async def test_a_month_that_is_over_stays_as_it_is(ask: Opening) -> None:
    asked = await ask([upload("2026-10-01T10:00:00"), upload("2026-11-01T00:00:00", file_id="f2")])
    of = {"since": "2026-10", "until": "2026-10"}
    reports = ("usage", "storage", "extractors", "api")
    before = [await asked.body(name, format=form, **of) for name in reports for form in ("json", "csv", "html")]
    await asked.store.append([upload("2026-11-20T10:00:00", "bob", file_id="f3")])
    after = [await asked.body(name, format=form, **of) for name in reports for form in ("json", "csv", "html")]
    assert after == before


async def test_what_is_cut_off_uptime_is_said(ask: Opening) -> None:
    asked = await ask([])
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    known = {"up_s": 3600.0, "down_s": 0.0, "unknown_s": 0.0, "maintenance_s": 0.0, "uptime_percent": 100.0}
    rows = [Row(check="clowder", begin=begin + timedelta(hours=hour), **known) for hour in range(3)]
    found = Uptime(since=begin, until=begin + timedelta(hours=3), rows=rows, incidents=[])
    cut = await asked.desk.uptime(found, {"by": ["hour"], "format": ["csv"], "limit": ["2"]})
    assert len(cut.body.splitlines()) == 3
    assert cut.notes == ("These are the first 2 rows of 3.",)
    whole = await asked.desk.uptime(found, {"by": ["hour"], "format": ["csv"], "limit": ["3"]})
    assert (len(whole.body.splitlines()), whole.notes) == (4, ())


async def test_a_month_of_uptime_is_said_in_its_zone(ask: Opening) -> None:
    asked = await ask([])
    given = {"since": ["2026-10"], "until": ["2026-10"], "zone": ["Asia/Kolkata"]}
    since, until = asked.desk.uptime_span(given)
    found = Uptime(since=since, until=until, rows=[], incidents=[])
    told = msgspec.json.decode((await asked.desk.uptime(found, given)).body)
    assert (told["since"], told["until"]) == ("2026-09-30T18:30:00Z", "2026-10-31T18:30:00Z")
    assert told["zone"] == "Asia/Kolkata", "by which a schedule names its file"
    assert (await asked.desk.uptime(found, {**given, "format": ["csv"]})).filename == "uptime-2026-10.csv"
    page = (await asked.desk.uptime(found, {**given, "format": ["html"]})).body.decode()
    assert "1 October 2026 to 31 October 2026 (Asia/Kolkata)" in page
