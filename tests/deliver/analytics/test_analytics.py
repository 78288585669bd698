"""What the services may see: hashes for people, scrubbed addresses, an allow-list, and nobody who said no."""

import dataclasses
import importlib
import os
import re
import threading
import tomllib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import inspect

from eventsink.catalogue import CATALOGUE
from eventsink.deliver import loading
from eventsink.deliver.analytics import delivered as memory
from eventsink.deliver.analytics import opt_out
from eventsink.deliver.analytics.actors import actor_of
from eventsink.deliver.analytics.addresses import host, origin, path, route, scrubbed
from eventsink.deliver.analytics.browser import browser_of
from eventsink.deliver.analytics.choosing import NAME, NO_CONSENT, OPTED_OUT, ROBOT, Choice
from eventsink.deliver.analytics.countries import name_of
from eventsink.deliver.analytics.delivered import Delivered
from eventsink.deliver.analytics.harmless import is_harmless
from eventsink.deliver.analytics.mapping import BY_DEFAULT, MAPPING
from eventsink.deliver.analytics.opt_out import OptOut
from eventsink.deliver.analytics.properties import Properties
from eventsink.deliver.analytics.pseudonyms import Pseudonyms, derived_key, is_somebody
from eventsink.deliver.analytics.times import is_ahead, session_start, told_time
from eventsink.deliver.analytics.values import CHOICES, KINDS, read
from eventsink.errors import TryLater
from eventsink.event import Event
from tests.deliver.analytics.people import BROWSER, DISGUISED, PLANTED, event
from tests.deliver.analytics.tables import BETWEEN, DOCS, PAGES, table

KEYS = Pseudonyms("key of a test")
NOW = datetime(2026, 11, 23, 10, 14, 59, tzinfo=UTC)

# --- hashes ----------------------------------------------------------------------------------------------------------


def test_a_hash_has_the_form_that_its_service_wants_and_is_the_same_each_time():
    assert re.fullmatch(r"[0-9a-f]{32}", KEYS.user("64a"))
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", KEYS.device("64a"))
    assert all(re.fullmatch(r"[1-9]\d*\.[1-9]\d{9}", KEYS.client(str(number))) for number in range(500))
    assert re.fullmatch(r"[0-9a-f]{32}", KEYS.event("a", "1"))
    assert KEYS.user("64a") == Pseudonyms("key of a test").user("64a")


def test_another_key_another_kind_and_another_source_make_another_hash():
    assert KEYS.user("64a") != Pseudonyms("another").user("64a")
    assert KEYS.event("a", "1") != KEYS.event("b", "1") != KEYS.event("a", "2")
    assert KEYS.user("64a") not in KEYS.device("64a").replace("-", "")
    assert derived_key("amplitude", "s") != derived_key("google_analytics", "s") != derived_key("amplitude", "t")


@pytest.mark.parametrize("user", [None, "", " ", "anonymous", "Anonymous", "0" * 24, "NULL", "0", "-1", "{}", "0-0"])
def test_words_for_nobody_are_nobody(user):
    assert not is_somebody(user)
    assert actor_of(event(user=user)).user is None


def test_an_event_is_of_a_browser_else_of_a_user_else_of_its_source():
    both = actor_of(event(visitor="v1"))
    assert (both.user, both.device, both.somebody) == ("64a0000000000000000000a1", "visitor v1", True)
    assert actor_of(event(user="u1")).device == "user u1"
    nobody = actor_of(event(user=None))
    assert (nobody.device, nobody.somebody) == ("source clowder.example.org", False)


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("https://c.example.org/datasets/64c000000000000000000002", None),
        ("https://u:p@c.example.org/files#x", "https://c.example.org/files"),
        (
            "https://c.example.org/files?key=1&utm_source=mail&page=2&q=x",
            "https://c.example.org/files?utm_source=mail&page=2",
        ),
        ("https://C.Example.org:8443/spaces", "https://c.example.org:8443/spaces"),
        ("https://c.example.org/users/ada@example.org/files", "https://c.example.org/users/_/files"),
        ("https://c.example.org/files/Ada%20Lovelace", "https://c.example.org/files/_"),
        ("https://c.example.org/api/v2/files/12", None),
        ("https://c.example.org/index.html", None),
        ("https://c.example.org?utm_term=203.0.113.7", "https://c.example.org"),
        ("https://203.0.113.7/files", ""),
        ("https://ip-10-0-0-1.ec2.internal/x", ""),
        ("https://c-73-12-34-56.hsd1.il.comcast.net/", ""),
        ("https://10-0-0-1.nip.io/", ""),
        ("https://0x7f000001/x", ""),
        ("https://0xC0.0xA8.0.1/", ""),
        ("https://0300.0250.0.1/", ""),
        ("https://127.1/x", ""),
        ("https://c.example.org/10/0/0/1/files", "https://c.example.org/_/_/_/_/files"),
        ("https://c.example.org/0x7f000001/ip-10-0-0-1", "https://c.example.org/_/_"),
        ("https://c.example.org/users/ada/files", "https://c.example.org/users/_/files"),
        ("https://c.example.org/Profile/64c000000000000000000002", "https://c.example.org/Profile/_"),
        ("https://c.example.org/u/12/", "https://c.example.org/u/_/"),
        ("https://c.example.org/deadbeefdeadbeefdeadbeef", None),
        ("https://c.example.org/deadbeefdeadbeefdeadbeefde", "https://c.example.org/_"),
        ("https://c.example.org/AKIAIOSFODNNABCDEFGH", "https://c.example.org/_"),
        ("https://c.example.org?utm_term=Dr.John.Smith&page=AKIAIOSFODNN7EXAMPLE", "https://c.example.org"),
        ("https://c.example.org?utm_term=555-123-4567&utm_source=5551234567", "https://c.example.org"),
        ("https://c.example.org?utm_campaign=spring-2026&utm_source=news.example", None),
        ("http://[2001:db8::1]/files", ""),
        ("http://3405803783/files", ""),
        ("ftp://c.example.org/x", ""),
        ("javascript:alert(1)", ""),
        ("https://c.example.org:port/", ""),
        ("https://[", ""),
        ("no address", ""),
    ],
)
def test_of_an_address_no_more_is_seen_than_is_known_to_be_harmless(address, seen):
    assert scrubbed(address) == (address if seen is None else seen)


def test_parts_of_addresses():
    address = "https://u:p@c.example.org:8443/files/64c000000000000000000002?key=1"
    assert (origin(address), host(address)) == ("https://c.example.org:8443", "c.example.org")
    assert path(address) == "/files/64c000000000000000000002"
    assert route("/users/{ada@example.org}/files/{Ada}") == "/users/{id}/files/{id}"
    assert route("/api/datasets/{id}/files/Ada Lovelace?key=1") == "/api/datasets/{id}/files/_"


@pytest.mark.parametrize("text", PLANTED[:1] + PLANTED[2:])
def test_what_looks_like_an_address_or_a_key_is_not_harmless(text):
    assert not is_harmless(text)
    assert not is_harmless(f"so {text} it is")


# --- values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "seen"),
    [
        ("id", "64c000000000000000000002", "64c000000000000000000002"),
        ("id", "0b9f3c52-7d1e-4c0a-9a55-1f0e6f3d2a11", "0b9f3c52-7d1e-4c0a-9a55-1f0e6f3d2a11"),
        ("id", 12, "12"),
        ("id", "Ada Lovelace", KEYS.thing("Ada Lovelace")),
        ("id", "", None),
        ("id", True, None),
        ("number", 5, 5),
        ("number", 5.5, 5.5),
        ("number", True, None),
        ("number", float("nan"), None),
        ("number", "5", None),
        ("flag", True, True),
        ("flag", 1, None),
        ("choice", "dataset", "dataset"),
        ("choice", "Ada", None),
        ("choice", ["dataset"], None),
        ("word", "ncsa.image.preview", "ncsa.image.preview"),
        ("word", "terra-plantcv-segmentation-of-leaves", "terra-plantcv-segmentation-of-leaves"),
        ("word", "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3", None),
        ("word", "Ada Lovelace", None),
        ("word", "AKIAIOSFODNN7EXAMPLE", None),
        ("word", "ip-10-0-0-1", None),
        ("word", "f47ac10b58cc4372a5670e02b2c", None),
        ("media type", "text/john.smith", None),
        ("media type", "application/x-hdf5", "application/x-hdf5"),
        ("text", "alice\uff20example.org", None),
        ("text", "alice&#64;example.org", None),
        ("text", "alice at example.org", None),
        ("text", "\u0661\u0660.\u0660.\u0660.\u0661", None),
        ("text", "10\uff0e0\uff0e0\uff0e1", None),
        ("text", "0xC0A80001", None),
        ("text", "AKIAIOSFODNN7EXAMPLE", None),
        ("text", "\u202eevil", None),
        ("text", "measured at 5.2 K", "measured at 5.2 K"),
        ("media type", "Image/PNG; charset=x", "image/png"),
        ("media type", "ada@example.org", None),
        ("extension", "plot-07 été.PNG", "png"),
        ("extension", "Survey of Dr.Smith", None),
        ("extension", "png", None),
        ("text", " a word ", "a word"),
        ("text", "ada@example.org", None),
        ("text", {"a": 1}, None),
        ("text", 3, 3),
        ("host", "https://doi.org/10.5/x", "doi.org"),
        ("origin", 5, None),
    ],
)
def test_a_value_is_read_as_its_kind_says(kind, value, seen):
    assert read(kind, value, KEYS) == seen


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"text"}))
def test_no_kind_lets_a_person_or_a_key_through(kind):
    for text in DISGUISED:
        found = str(read(kind, text, KEYS))
        assert not any(secret in found for secret in PLANTED)


# --- the declaration -------------------------------------------------------------------------------------------------


def test_every_type_of_the_catalogue_is_declared_and_every_field_is_one_of_it():
    assert MAPPING.keys() == CATALOGUE.keys()
    for kind, shown in MAPPING.items():
        assert {each.field for each in shown.properties} <= CATALOGUE[kind].fields, kind
        for names in ([each.amplitude for each in shown.properties], [each.google for each in shown.properties]):
            assert max(Counter(name for name in names if name).values(), default=1) == 1, (kind, names)
        assert {each.kind for each in shown.properties} <= {*KINDS, "id", "referrer"}


def test_nothing_that_names_people_is_declared():
    never = {"user_name", "author_name", "author_id", "title", "message", "resource_name", "dataset_name", "session"}
    shown = {each.field for shown in MAPPING.values() for each in shown.properties}
    assert not shown & never
    names = {each.field for shown in MAPPING.values() for each in shown.properties if each.kind == "extension"}
    assert names == {"file_name"}


def test_choices_are_those_of_the_catalogue():
    for kind, shown in MAPPING.items():
        fields = {field.name: field for field in inspect.type_info(CATALOGUE[kind].data).fields}  # type: ignore[attr-defined]
        for each in shown.properties:
            options = fields[each.field].type
            found = [options, *getattr(options, "types", ())]
            values = {value for option in found if isinstance(option, inspect.LiteralType) for value in option.values}
            if each.kind == "choice" and values:
                assert values <= CHOICES, (kind, each.field)


def test_health_and_requests_of_programs_are_not_sent_by_default():
    assert set(MAPPING) - set(BY_DEFAULT) == {kind for kind in MAPPING if kind.startswith("health.")} | {
        "traffic.api_request"
    }


def test_settings_may_allow_more_which_is_looked_at_all_the_same():
    more = Properties("amplitude", KEYS, {"lab.sample": ["instrument", "note"], "users.login": ["tenant"]})
    assert more.of(event("lab.sample", instrument="XRD", note="ada@example.org", other=1)) == {"instrument": "XRD"}
    assert more.of(event("users.login", tenant="ncsa")) == {"method": "userpass", "tenant": "ncsa"}
    assert Properties("google", KEYS, {}).of(event("lab.sample", instrument="XRD")) == {}


def test_the_page_before_is_seen_whole_on_the_same_site_only():
    seen = Properties("google", KEYS, {})
    url = "https://c.example.org/datasets"
    assert (
        seen.of(event(url=url, referrer="https://c.example.org/files?key=1"))["page_referrer"]
        == "https://c.example.org/files"
    )
    assert seen.of(event(url=url, referrer="https://other.org/a/b?q=c"))["page_referrer"] == "https://other.org"


# --- browsers and countries ------------------------------------------------------------------------------------------


def test_of_a_browser_only_what_is_known_is_seen():
    found = browser_of(
        {**BROWSER, "browser": "Chrome Mobile iOS", "os": "Mac OS X", "os_version": "10.15.7", "screen": "1920x1080"}
    )
    assert (found.browser, found.os, found.os_version, found.screen) == ("Chrome", "MacOS", "10.15", "1920x1080")
    strange = browser_of(dict.fromkeys([*BROWSER, "screen"], "Ada Lovelace"))
    assert strange == browser_of({})
    assert browser_of({"browser": "Firefox", "browser_version": "203.0.113.77"}).version == "203.0"


def test_countries_have_their_english_names():
    assert [name_of(code) for code in ("US", "GB", "DE", "KR", "XX")] == [
        "United States",
        "United Kingdom",
        "Germany",
        "South Korea",
        "XX",
    ]


# --- times -----------------------------------------------------------------------------------------------------------


def test_a_visit_begins_every_half_hour_and_is_the_same_at_every_attempt():
    assert session_start(NOW) == int(datetime(2026, 11, 23, 10, tzinfo=UTC).timestamp())
    assert session_start(NOW + timedelta(minutes=15, seconds=1)) == session_start(NOW) + 1800


def test_a_clock_that_is_ahead_is_not_believed():
    ahead = event(at=NOW + timedelta(days=1), received=NOW)
    assert is_ahead(ahead)
    assert told_time(ahead, NOW + timedelta(seconds=9)) == NOW
    behind = event(at=NOW - timedelta(days=1), received=NOW)
    assert told_time(behind, NOW) == NOW - timedelta(days=1)
    assert told_time(event(at=NOW, received=NOW), NOW - timedelta(hours=1)) == NOW - timedelta(hours=1)


# --- who is passed over ----------------------------------------------------------------------------------------------


def chosen(choice: Choice, *events: Any, people: frozenset[str] = frozenset()) -> tuple[int, dict[str, int]]:
    """How many are sent, and why the others are not."""
    skipped: list[tuple[Event, str]] = []
    return len(choice.sent(events, people, skipped)), dict(Counter(reason for _, reason in skipped))


_NOT_A_YES: list[Any] = [0, "DENIED ", "rejected", "off", "disallow", "never", ["denied"], [], {}, "?", 7]


@pytest.mark.parametrize(
    "said",
    [
        {"consent": "denied"},
        {"consent": False},
        {"consent": "No"},
        {"consent": {"analytics_storage": "denied", "ads": "granted"}},
        {"gpc": True},
        {"dnt": "1"},
        {"extensions": {"consent": "denied"}},
        {"extensions": {"gpc": "1"}},
        *[{"consent": no} for no in _NOT_A_YES],
        *[{"consent": {name: no}} for name in ("all", "statistics", "purposes") for no in (False, "denied", {"x": 0})],
        {"consent": {"analytics": {"granted": False}}},
        {"consent": {"analytics": "granted", "ads": "denied"}},
        {"consent": '{"analytics": "denied"}'},
        {"consent": "CPXxRfAPXxRfAAfKABENB"},
        {"Consent": "denied"},
        {"analytics_storage": "denied"},
        {"extensions": {"analyticsstorage": "denied"}},
        *[{name: "1"} for name in ("GPC", "Sec-GPC", "secgpc", "globalPrivacyControl", "DNT", "doNotTrack")],
        {"dnt": "1;"},
        {"gpc": "on"},
    ],
)
def test_whoever_said_no_is_passed_over(said):
    assert chosen(Choice(robots=True), event(**said)) == (0, {NO_CONSENT: 1})


@pytest.mark.parametrize(
    "said",
    [
        {},
        *[{"consent": yes} for yes in ("granted", " Yes", "true", True, 1, "allowed", "given", ["granted"])],
        {"consent": {"analytics": True}},
        {"consent": {"analytics": {"state": "granted", "version": 2}}},
        {"analytics_storage": "granted"},
        {"dnt": 0},
        {"gpc": "0"},
        {"doNotTrack": "unspecified"},
        {"dnt": None},
    ],
)
def test_whoever_did_not_is_sent(said):
    assert chosen(Choice(robots=True), event(**said)) == (1, {})


def test_robots_are_passed_over_unless_they_are_wanted():
    robots = [event(robot=True), event(device="robot"), event(robot=False, device="tool")]
    assert chosen(Choice(robots=False), *robots) == (1, {ROBOT: 2})
    assert chosen(Choice(robots=True), *robots) == (3, {})


def test_a_type_that_is_no_name_is_passed_over():
    events = [event("lab.sample"), event("lab.ada@example.org"), event("Ada Lovelace")]
    assert chosen(Choice(robots=False), *events) == (1, {NAME: 2})


async def test_the_file_of_people_who_opted_out_is_read_again_when_it_changes(tmp_path: Path):
    file = tmp_path / "opt-out"
    file.write_text("# people\n\n u1 \n", "utf-8-sig")
    known, choice = OptOut(str(file), "workers.amplitude.opt_out"), Choice(robots=False)
    events = [event(user="u1"), event(user="u2")]
    assert chosen(choice, *events, people=await known.look()) == (1, {OPTED_OUT: 1})
    file.write_text("u1\nu2\n")
    assert chosen(choice, *events, people=await known.look()) == (0, {OPTED_OUT: 2})


async def test_a_line_may_have_a_comment_and_ids_are_the_same_in_any_case(tmp_path: Path):
    file = tmp_path / "opt-out"
    file.write_text("mallory  # asked on 3 May\n#nobody\n  # nor he\nu#1\nAda@Example.org\t#\n")
    assert await OptOut(str(file), "x").look() == {"mallory", "u#1", "ada@example.org"}
    events = [event(user=user) for user in (" Mallory", "ADA@example.org ", "u#1", "u")]
    assert chosen(Choice(robots=False), *events, people=OptOut(str(file), "x").people()) == (1, {OPTED_OUT: 3})


async def test_a_thread_that_could_not_be_started_is_started_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("u1")
    known = OptOut(str(tmp_path / "file"), "x")
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _no_more_threads)
        with pytest.raises(RuntimeError, match="new thread"):
            await known.look()
    assert await known.look() == {"u1"}


def _no_more_threads(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def test_a_file_that_never_answers_stops_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TryLater, match="it is no file"):
        await OptOut(str(tmp_path / "pipe"), "x").look()
    over = threading.Event()
    monkeypatch.setattr(opt_out, "SECONDS", 0.05)
    monkeypatch.setattr(OptOut, "people", lambda _: over.wait(30) and frozenset({"u1"}))
    known = OptOut(str(tmp_path / "file"), "x")
    for _ in range(2):
        with pytest.raises(TryLater, match="no answer within"):
            await known.look()
    assert sum(thread.name == "opt-out" for thread in threading.enumerate()) == 1
    over.set()
    monkeypatch.setattr(opt_out, "SECONDS", 5)
    assert await known.look() == {"u1"}


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
async def test_without_the_file_nobody_is_sent(tmp_path: Path, content):
    file = tmp_path / "opt-out"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(
        TryLater, match=r"workers.amplitude.opt_out\) cannot be read: .* Nothing is sent until it can be"
    ):
        await OptOut(str(file), "workers.amplitude.opt_out").look()


# --- what is there already -------------------------------------------------------------------------------------------


def test_what_the_service_has_of_a_batch_is_not_sent_again_until_the_batch_is_done(monkeypatch):
    monkeypatch.setattr(memory, "MOST", 3)
    events = [event() for _ in range(5)]
    known = Delivered()
    known.note(events[:2])
    assert known.missing(events) == events[2:]
    known.forget(events)
    assert known.missing(events) == events
    known.note(events)
    assert known.missing(events) == events[:2], "it remembers so many"


# --- the documentation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", ["amplitude", "google"])
def test_the_documentation_has_the_table_of_the_declaration(destination):
    page = (DOCS / PAGES[destination]).read_text("utf-8")
    found = BETWEEN.search(page)
    assert found
    assert found[0].splitlines()[1:-1] == table(destination).splitlines(), "python -m tests.deliver.analytics.tables"


@pytest.mark.parametrize("name", ["amplitude", "google_analytics"])
def test_the_documentation_tells_every_option(name):
    page = (DOCS / f"{name.replace('_', '-')}.md").read_text("utf-8")
    told = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    module = importlib.import_module(f"eventsink.deliver.workers.{name}")
    settings = {word for cell in told for word in re.findall(r"`(\w+)`", cell)}
    assert {field.name for field in dataclasses.fields(module.Options)} <= settings
    loading.load(
        name,
        tomllib.loads(re.findall(r"```toml\n(.+?)```", page, re.DOTALL)[0].replace('"\u2026"', '"0123456789abcdef"'))[
            "workers"
        ][name],
    )
