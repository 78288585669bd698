"""The forms of the status page: what stands in them, and what nobody can put there."""

import html.parser
import re
import xml.etree.ElementTree as ET
from datetime import timedelta

import msgspec
import pytest

from eventsink.look.status.badge import badge, file_name
from eventsink.look.status.bars import bars, kind, told
from eventsink.look.status.contract import MARK, Note, Planned, Said, StatusPage
from eventsink.look.status.feed import feed
from eventsink.look.status.html import html as render
from eventsink.look.status.page import compose
from eventsink.look.status.plot import plot
from eventsink.look.status.words import percent, span
from eventsink.store.uptime import CheckView, Outage
from tests.look.status_pages import HOSTILE, NOW, hostile, overview, page, view

ATOM = "{http://www.w3.org/2005/Atom}"


class _Tags(html.parser.HTMLParser):
    """The tags of a document, with their attributes, and its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} closes what is not open"

    def handle_data(self, data):
        self.text += data


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),  # noqa: RUF001
        (0.0, "0.00 %"),
        (50.0, "50.00 %"),
        (99.994999, "99.99 %"),
        (99.99, "99.99 %"),
        (99.9999999999, "99.99 %"),
        (100 - 1e-13, "99.99 %"),
        (99.9999, "99.99 %"),
        (99.989, "99.98 %"),
        (100.0, "100 %"),
    ],
)
def test_a_percentage_is_never_rounded_up(value: float | None, said: str) -> None:
    assert percent(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (42, "42 s"), (60, "1 min"), (725, "12 min 5 s"), (11_400, "3 h 10 min"), (187_200, "2 d 4 h")],
)
def test_lengths(seconds: float, said: str) -> None:
    assert span(seconds) == said


# --- what is public --------------------------------------------------------------------------------------------------


def test_only_what_is_public_gets_in() -> None:
    secret = Outage(check="secret", start=NOW - timedelta(hours=1), end=None, down_s=3600)
    notes = [
        Note(id="1", title="Both are slow", checks=["secret", "homepage"], opened=NOW),
        Note(id="2", title="Only the hidden one", checks=["secret"], opened=NOW),
        Note(id="3", title="All", checks=[], opened=NOW),
        Note(id="4", title="By pattern", checks=["secret", "home*"], opened=NOW),
    ]
    planned = [
        Planned(begin=NOW, end=NOW + timedelta(hours=1), checks=["secret"], reason="Hidden work"),
        Planned(begin=NOW, end=NOW + timedelta(hours=1), checks=["sec*", "*page"], reason="Shown work"),
        Planned(begin=NOW - timedelta(hours=2), end=NOW - timedelta(hours=1), checks=[], reason="Past work"),
    ]
    said = Said(title="x", public=["homepage", "clowder"], notes=notes, maintenance=planned)
    checks = (view("homepage"), view("clowder"), view("secret", "down"))
    found = compose(said, overview(*checks, incidents=(secret,)), NOW)
    assert [note.id for note in found.notes] == ["1", "3", "4"]
    assert [note.checks for note in found.notes] == [["homepage"], [], ["homepage"]]
    assert [one.reason for one in found.maintenance] == ["Shown work"]
    forms = [render(found), feed(found, home="x"), msgspec.json.encode(found).decode()]
    for form in forms:
        assert not re.search("secret|sec[*]|Hidden|hidden one", form)
        assert "homepage" in form
    assert found.state == "up"


@pytest.mark.parametrize(
    ("states", "state", "headline"),
    [
        ("", "nothing", "Nothing is shown"),
        ("up up", "up", "All is well."),
        ("up down", "down", "1 of 2 is down."),
        ("down down maintenance", "down", "2 of 3 are down."),
        ("up maintenance", "maintenance", "1 of 2 in maintenance. All else is up."),
        ("maintenance", "maintenance", "1 of 1 in maintenance."),
        ("maintenance unknown", "maintenance", "1 of 2 in maintenance. Of 1 nothing is known at the moment."),
        ("unknown unknown", "unknown", "Nothing is known"),
        ("up unknown", "unknown", "What is known is up. Of 1 nothing is known at the moment."),
    ],
)
def test_headlines(states: str, state: str, headline: str) -> None:
    checks = [view(f"c{number}", each) for number, each in enumerate(states.split())]
    found = compose(Said(title="x", public=[check.name for check in checks]), overview(*checks), NOW)
    assert found.state == state and found.headline.startswith(headline)
    assert found.headline in render(found)
    assert ("public = true" in render(found)) is (state == "nothing")


# --- HTML ------------------------------------------------------------------------------------------------------------


def test_all_of_it_stands_in_the_page() -> None:
    document = render(page(), base="status/", reload_s=60)
    read = _Tags(document)
    assert not read.open
    for text in (
        "Clowder at NCSA",
        "1 of 3 is down.",
        "29 November 2026, 13:05 UTC",
        "in maintenance since",
        "99.99 %",
        "99.97 %",
        "A disk is full.",
        "Under way",
        "New disks",
        "A new version",
        "Maintenance of everything",
        "Slow pages",
        "it does not answer in time",
        "nothing answers",
        "Days with down time:",
        "chicago",
    ):
        assert text in read.text, text
    assert "99.99999" not in document
    titles = re.findall("<title>(.*?)</title></rect>", document)
    assert len(titles) == 270 and "9 November 2026: 99.30 %, 10 min down" in titles
    assert ("meta", {"http-equiv": "refresh", "content": "60"}) in read.tags
    links = {attributes["href"] for tag, attributes in read.tags if tag == "a"}
    assert {"status/feed.atom", "status.json", "status/badge/clowder.svg", "#c1"} <= links


def test_it_loads_nothing_and_runs_nothing() -> None:
    for one in (page(), hostile()):
        read = _Tags(render(one))
        assert not {tag for tag, _ in read.tags} & {"script", "img", "iframe", "object", "embed", "base", "form"}
        for tag, attributes in read.tags:
            assert not any(name.startswith("on") or name in {"src", "srcset", "style"} for name in attributes)
            for name in ("href", "xlink:href"):
                if attributes.get(name):
                    assert re.match(r"(#c\d+|badge/|feed\.atom|status\.json|data:image/svg\+xml,)", attributes[name]), (
                        tag
                    )


def test_hostile_texts_are_texts() -> None:
    document = render(hostile())
    read = _Tags(document)
    assert not read.open, "every element is closed, in order"
    assert "alert(1)</script>" not in document
    assert not any(letter in document for letter in "\x00\x1b\x7f\u0085\u202e\u2066\ud800")
    assert "x" * 600 not in re.sub('<p class="text".*?</p>', "", document), "names are cut"
    assert "نظام المراقبة" in read.text
    document.encode()


@pytest.mark.parametrize("late", [False, True])
def test_old_data_is_said(late: bool) -> None:
    found = msgspec.structs.replace(page(), read_at=NOW - timedelta(minutes=4 if late else 1))
    assert ("are read late" in render(found)) is late
    assert "still being read" in render(msgspec.structs.replace(page(), read_at=None))


def test_a_copy_says_that_it_is_one_and_whether_the_sink_is_away() -> None:
    found = msgspec.structs.replace(page(), unreachable_since=NOW + timedelta(minutes=9))
    read = _Tags(render(found, copy=True))
    assert "Since 29 November 2026, 13:14 UTC the event sink" in read.text
    assert "how they were at 29 November 2026, 13:05 UTC" in read.text
    assert "The present state is not known." in read.text and "1 of 3 is down." not in read.text
    assert "This is a copy" in read.text and "was in maintenance" in read.text
    assert "This is a copy" not in render(page())


def test_no_checks_at_all() -> None:
    nothing = compose(Said(title="x", public=[]), overview(), NOW)
    read = _Tags(render(nothing))
    assert not read.open and "public = true" in read.text and "Incidents" not in read.text.replace("Incidents\n", "")


def test_one_without_a_history() -> None:
    never = compose(Said(title="x", public=["n"]), overview(CheckView(name="n")), NOW)
    read = _Tags(render(never))
    assert not read.open and "unknown" in read.text


# --- bars and plots --------------------------------------------------------------------------------------------------


def test_a_day_is_told_in_words() -> None:
    days = view("x").days
    assert told(days[-21]) == "9 November 2026: 99.30 %, 10 min down"
    assert told(days[-8]) == "22 November 2026: 100 %, 2 h in maintenance"
    assert told(days[-75]).endswith("nothing is known")
    assert [kind(days[-1]), kind(days[-21]), kind(days[-51]), kind(days[-75])] == ["up", "partly", "down", "unknown"]
    drawn = ET.fromstring(bars(days))
    assert drawn.get("aria-label") == "90 days: 68 all up, 1 with some down time, 1 with much down time, 20 unknown"


def test_a_line_is_broken_where_nothing_was_measured() -> None:
    hour = timedelta(hours=1)
    points = [(NOW - hour * ago, 10.0 * ago) for ago in (40, 39, 38, 20, 3, 2, 1)]
    drawn = ET.fromstring(plot(points, begin=NOW - 48 * hour, end=NOW, step=hour, title='A "title" <x>'))
    assert drawn.get("aria-label") == 'A "title" <x>: from 10 ms to 400 ms'
    assert len(drawn.findall("polyline")) == 2 and len(drawn.findall("circle")) == 1
    texts = [text.text for text in drawn.findall("text")]
    assert texts[:3] == ["400 ms", "200 ms", "0"]


@pytest.mark.parametrize("values", [[0.0], [0.001, 0.002], [1e15, 1.0], [float("nan")], [], [float("inf")]])
def test_odd_times_break_no_plot(values: list[float]) -> None:
    points = [(NOW - timedelta(hours=ago), value) for ago, value in enumerate(values)][::-1]
    drawn = plot(points, begin=NOW - timedelta(hours=48), end=NOW, step=timedelta(hours=1), title="x")
    assert drawn == "" or ET.fromstring(drawn) is not None
    assert "nan" not in drawn and "inf" not in drawn


# --- feed ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [page(), hostile()], ids=["page", "hostile"])
def test_the_feed_is_valid_atom(found: StatusPage) -> None:
    document = ET.fromstring(feed(found, home="../status").encode())
    assert document.tag == f"{ATOM}feed"
    for name in ("id", "title", "updated", "author"):
        assert document.find(ATOM + name) is not None, name
    assert document.findtext(f"{ATOM}generator") == MARK
    entries = document.findall(f"{ATOM}entry")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids) > 3
    for entry in entries:
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", entry.findtext(f"{ATOM}id"))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.findtext(f"{ATOM}updated"))
        assert entry.findtext(f"{ATOM}title") and entry.findtext(f"{ATOM}content")
    updated = [str(entry.findtext(f"{ATOM}updated")) for entry in entries]
    assert updated == sorted(updated, reverse=True) and document.findtext(f"{ATOM}updated") == updated[0]


def test_an_entry_keeps_its_id_and_is_updated_when_something_happens() -> None:
    def entries(found: StatusPage) -> dict[str | None, tuple[str | None, str | None]]:
        document = ET.fromstring(feed(found, home="x"))
        return {
            entry.findtext(f"{ATOM}id"): (entry.findtext(f"{ATOM}updated"), entry.findtext(f"{ATOM}title"))
            for entry in document.findall(f"{ATOM}entry")
        }

    before = page()
    later = msgspec.structs.replace(before, made=NOW + timedelta(hours=1))
    assert entries(before) == entries(later), "nothing has happened"
    over = msgspec.structs.replace(before.incidents[0], end=NOW + timedelta(minutes=3))
    later = msgspec.structs.replace(later, incidents=[over, *before.incidents[1:]])
    changed = entries(later).items() - entries(before).items()
    assert entries(later).keys() == entries(before).keys()
    assert [value for _, value in changed] == [("2026-11-29T13:08:07Z", "clowder was down for 20 min")]


def test_a_feed_of_nothing() -> None:
    document = ET.fromstring(feed(compose(Said(title="x", public=["a"]), overview(view("a")), NOW), home="x"))
    assert document.findtext(f"{ATOM}updated") == "2026-11-29T00:00:00Z" and document.find(f"{ATOM}entry") is None


# --- badges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*HOSTILE, "clowder", ""])
def test_badges(name: str) -> None:
    drawn = ET.fromstring(badge(view(name, "down")).encode())
    assert drawn.get("aria-label", "").endswith("down · 99.97 % in 30 d")
    assert 60 < int(drawn.get("width", 0)) < 600
    assert "script" not in {element.tag.rpartition("}")[2] for element in drawn.iter()}
    assert badge(view(name, "up"), known=False).count("unknown") >= 2


def test_names_of_files_are_safe_and_no_two_are_the_same() -> None:
    names = [*HOSTILE, "a/b", "a_b", "a b", "..", ".", "", "-x", "../../etc/passwd", "ä", "ö", "x" * 81, "x" * 80]
    found = [file_name(name) for name in names]
    assert len(set(found)) == len(names)
    for name in found:
        assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,95}", name), name
    assert file_name("db-1.example") == "db-1.example"


# --- JSON ------------------------------------------------------------------------------------------------------------


def test_json_is_read_as_it_was_written() -> None:
    written = msgspec.json.encode(page())
    assert written.startswith(b'{"kind":"clowder-eventsink-status"')
    assert msgspec.json.decode(written, type=StatusPage) == page()
    later = {**msgspec.json.decode(written), "added": 1}
    assert msgspec.convert(later, StatusPage) == page(), "a newer sink may say more"
