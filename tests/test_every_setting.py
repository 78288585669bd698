"""Every setting wrong in turn, of all sections, workers and checks: one sentence names it, and what it must be.

Which settings there are, and what is wrong for each, follows from the structs themselves: a new one is tried by itself.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec import inspect
from typer.testing import CliRunner

from eventsink import plugins
from eventsink.assemble.checking import wrong
from eventsink.cli import app
from eventsink.deliver import loading as workers
from eventsink.deliver.worker import Worker
from eventsink.errors import EventSinkError, SettingsError
from eventsink.settings import Settings, load
from eventsink.watch import loading as checks
from eventsink.watch.alerts.rule import Rule, read_rules
from eventsink.watch.check import Check

TEXT, NUMBER = "h7uSh9", 98_761_234  # wrong values that nothing else has in its sentence
LONGEST = 400  # characters of a sentence


@dataclass(frozen=True)
class Wrong:
    """A value that a setting must not have.

    Args:
        place: of the setting, with the names of sections.
        names: what the sentence must have in it.
    """

    place: tuple[str, ...]
    value: Any
    names: str

    def __str__(self) -> str:
        return f"{'.'.join(self.place)}={self.value!r:.30}".replace("\0", "NUL")


# --- what is wrong, by type ------------------------------------------------------------------------------------------


def every_wrong(kind: inspect.Type, place: tuple[str, ...]) -> Iterator[Wrong]:
    """What a setting of a type must not be, and what is within it."""
    match kind:
        case inspect.Metadata():
            yield from every_wrong(kind.type, place)
        case inspect.UnionType():
            for one in kind.types:
                yield from every_wrong(one, place)
        case inspect.StructType() | inspect.DataclassType():
            yield from of_section(kind, place)
        case inspect.DictType():
            yield from (Wrong(place, value, ".".join(place)) for value in (TEXT, [NUMBER]))
            yield from every_wrong(kind.value_type, (*place, "some"))
        case inspect.CollectionType() | inspect.VarTupleType():
            yield Wrong(place, NUMBER, ".".join(place))
            for inner in every_wrong(kind.item_type, place):
                yield Wrong(place, [inner.value], f"{'.'.join(place)}[0]")
        case _:
            yield from (Wrong(place, value, ".".join(place)) for value in of_value(kind))


def of_section(kind: "inspect.StructType | inspect.DataclassType", place: tuple[str, ...]) -> Iterator[Wrong]:
    where = ".".join(place)
    yield from (Wrong(place, value, where) for value in (TEXT, NUMBER) if place)
    yield Wrong((*place, "strnage"), 1, f"'strnage' in {where or 'the settings'}")
    for field in kind.fields:
        yield from every_wrong(field.type, (*place, field.encode_name))


def of_value(kind: inspect.Type) -> Iterator[Any]:
    match kind:
        case inspect.IntType() | inspect.FloatType():
            yield from of_number(kind)
        case inspect.StrType():
            yield from (NUMBER, [TEXT], f"{TEXT}\0", *of_text(kind))
        case inspect.BoolType() | inspect.LiteralType() | inspect.EnumType():
            yield from (TEXT, NUMBER, [])


def of_number(kind: "inspect.IntType | inspect.FloatType") -> Iterator[Any]:
    yield from (TEXT, [NUMBER])
    yield from [math.nan, math.inf, "inf"] if isinstance(kind, inspect.FloatType) else [0.5]
    yield from [kind.ge - 1] if kind.ge is not None else []
    yield from [kind.gt] if kind.gt is not None else []
    yield from [kind.le + 1] if kind.le is not None else []


def of_text(kind: inspect.StrType) -> Iterator[Any]:
    if kind.min_length:
        yield ""
    if kind.max_length:
        yield TEXT * kind.max_length
    if kind.pattern is not None and not re.search(kind.pattern, TEXT + "!/"):
        yield TEXT + "!/"


# --- how it is said --------------------------------------------------------------------------------------------------


def judge(said: str, case: Wrong) -> None:
    """Whether a sentence is one for the person who has to act."""
    assert case.names in said, said
    assert said.endswith((".", "?")) and "\n" not in said and len(said) < LONGEST, said
    assert re.search(r"must be|is missing|There is no setting", said), said
    assert "that matches" not in said, f"say it with a title in its Meta: {said}"
    assert TEXT not in said and str(NUMBER) not in said.replace(",", ""), said
    assert not re.search(r"`|\$|Struct|`str`|Expected|object|Error|None", said.replace("$t", "")), said


def tree(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Sections around a value."""
    for name in reversed(place):
        value = {name: value}
    return dict(value)


CORE = [*every_wrong(inspect.type_info(Settings), ())]
CORE = [case for case in CORE if case.place[:2] not in {("workers", "some"), ("checks", "some")}]


def test_the_settings_are_walked() -> None:
    places = {".".join(case.place) for case in CORE}
    assert {"data", "collect.port", "alerts.routes.some.days", "grafana.url", "extractors.every", "strnage"} <= places
    assert len(CORE) > 400


def test_every_number_of_the_settings_has_bounds() -> None:
    """Without them the start would fail where it is used, as in a time of a hundred thousand years."""
    numbers = [case.place for case in CORE if case.value is math.inf or case.value == 0.5]
    beyond = [case.place for case in CORE if isinstance(case.value, int | float) and not isinstance(case.value, bool)]
    assert {place for place in numbers if beyond.count(place) < 3} == set()


def test_every_setting_that_is_wrong_is_named() -> None:
    """In one test: there are some hundreds of them, and each takes no time."""
    for case in CORE:
        with pytest.raises(SettingsError) as error:
            load(None, {}, **merged(beside(case.place), tree(case.place, case.value)))
        judge(str(error.value), case)


def test_every_text_of_the_environment_that_is_no_number_is_named() -> None:
    for case in CORE:
        if case.value == TEXT and "some" not in case.place and len(case.place) > 1:
            name = "EVENTSINK_" + "__".join(case.place).upper()
            with pytest.raises(SettingsError) as error:
                load(None, {name: TEXT})
            assert case.place[0] in str(error.value) and TEXT not in str(error.value)


# --- workers and checks ----------------------------------------------------------------------------------------------

NEEDED: dict[str, dict[str, Any]] = {
    "mongodb": {"url": "mongodb://127.0.0.1"},
    "amplitude": {"api_key": "a" * 32},
    "google_analytics": {"measurement_id": "G-AB12CD34EF", "api_secret": "b" * 20},
    "store": {"path": "store"},
    "clowder": {"url": "http://127.0.0.1"},
    "disk": {"path": "."},
    "dns": {"name": "localhost"},
    "download": {"url": "http://127.0.0.1"},
    "heartbeat": {"name": "nightly"},
    "http": {"url": "http://127.0.0.1"},
    "nginx_log": {"file": "access.log"},
    "nginx_status": {"url": "http://127.0.0.1"},
    "ping": {"host": "127.0.0.1"},
    "query": {"number": "dead", "most": 1},
    "rabbitmq": {"url": "amqp://127.0.0.1", "queue": "q"},
    "tcp": {"host": "127.0.0.1", "port": 1},
    "tls": {"host": "127.0.0.1"},
}


def options_of(kind: str, name: str) -> inspect.Type:
    found = (
        plugins.find(name, package=workers.PACKAGE, group="", base=Worker)
        if kind == "workers"
        else plugins.find(name, package=checks.PACKAGE, group="", base=Check, what="check")
    )
    return inspect.type_info(plugins.options_type(found))


@pytest.mark.parametrize("name", workers.known())
def test_every_option_of_a_worker_that_is_wrong_is_named(name: str, tmp_path: Path) -> None:
    base = NEEDED.get(name, {})
    workers.load(name, base)
    for case in every_wrong(options_of("workers", name), ("workers", name)):
        if len(case.place) == 2:
            continue
        with pytest.raises(EventSinkError) as error:
            workers.load(name, {**base, **tree(case.place[2:], case.value)})
        judge(str(error.value), case)


@pytest.mark.parametrize("name", checks.known())
def test_every_option_of_a_check_that_is_wrong_is_named(name: str) -> None:
    base = {"kind": name, **NEEDED.get(name, {})}
    checks.load("x", base)
    for case in every_wrong(options_of("checks", name), ("checks", "x")):
        if len(case.place) == 2:
            continue
        with pytest.raises(EventSinkError) as error:
            checks.load("x", {**base, **tree(case.place[2:], case.value)})
        judge(str(error.value), case)
    for missing in set(NEEDED.get(name, {})) - {"most"}:
        with pytest.raises(SettingsError, match=rf"^checks\.x\.{missing} is missing: it must be "):
            checks.load("x", {key: value for key, value in base.items() if key != missing})


def test_every_rule_of_a_check_that_is_wrong_is_named() -> None:
    for case in every_wrong(inspect.type_info(Rule), ("checks", "x")):
        if len(case.place) > 2 and case.place[2] != "strnage":
            with pytest.raises(SettingsError) as error:
                read_rules({"x": tree(case.place[2:], case.value)}, Settings().alerts)
            judge(str(error.value), case)


# --- what no type knows ----------------------------------------------------------------------------------------------

# Any text may stand there: names, titles, what others understand, and folders, which a start makes.
FREE = {
    "data", "exchange.name", "collect.source", "store.path", "extractors.reply_queue", "extractors.forward_to",
    "monitor.region", "monitor.name", "collect.keys", "alerts.title", "alerts.body", "alerts.ignore",
    "alerts.routes.some.checks", "alerts.maintenance.some.checks", "alerts.maintenance.some.reason",
    "status_page.title", "counter.publisher", "counter.publisher_id", "counter.sources", "counter.internal_users",
    "grafana.datasource",
}  # fmt: skip
ROUND_ABOUT: dict[str, dict[str, Any]] = {  # what must stand beside a setting
    "extractors": {"extractors": {"url": "amqp://127.0.0.1"}},
    "routes": {"alerts": {"routes": {"some": {"notify": ["console://"]}}}},
    "maintenance": {
        "alerts": {"maintenance": {"some": {"checks": ["*"], "begin": "2026-12-01T02:00", "end": "2026-12-01T03:00"}}}
    },
    "cron": {"alerts": {"maintenance": {"some": {"checks": ["*"], "minutes": 5}}}},
}


def beside(place: tuple[str, ...]) -> dict[str, Any]:
    """What must stand beside a setting for its section to be whole."""
    if len(place) < 4:
        return ROUND_ABOUT["extractors"] if place[0] == "extractors" and len(place) > 1 else {}
    return ROUND_ABOUT["cron" if place[-1] == "cron" else place[1]]


def texts(kind: inspect.Type, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Where the settings have a text, and whether that is in a list."""
    match kind:
        case inspect.Metadata():
            yield from texts(kind.type, place)
        case inspect.UnionType():
            for one in kind.types:
                yield from texts(one, place)
        case inspect.StructType():
            for field in kind.fields:
                yield from texts(field.type, (*place, field.encode_name))
        case inspect.DictType() if place[0] == "alerts":
            yield from texts(kind.value_type, (*place, "some"))
        case inspect.CollectionType():
            for _ in texts(kind.item_type, place):
                yield place, True
        case inspect.StrType():
            yield place, False


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {**one, **other}
    for name in one.keys() & other.keys():
        if isinstance(one[name], dict) and isinstance(other[name], dict):
            both[name] = merged(one[name], other[name])
    return both


PLACES = [(place, many) for place, many in texts(inspect.type_info(Settings)) if ".".join(place) not in FREE]


@pytest.mark.parametrize(("place", "many"), PLACES, ids=[".".join(place) for place, _ in PLACES])
@pytest.mark.parametrize("text", [f"{TEXT} //[x]:y?", f"http://[{TEXT}"])
def test_what_is_no_address_file_or_time_is_named(
    place: tuple[str, ...], many: bool, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the type takes any text, `config check` looks, in one sentence without the value."""
    monkeypatch.chdir(tmp_path)
    if place[0] in {"counter", "reports"} and place[1] in {"created_by", "platform", "clowder_key"}:
        text = f"{TEXT} \N{SNOWMAN}!"
    if place in {("monitor", "key"), ("grafana", "token")}:
        text = f"{TEXT} with blanks"
    given = merged(beside(place), tree(place, [text] if many else text))
    try:
        said = [*wrong(load(None, {}, **given))]
    except SettingsError as error:
        said = [str(error)]
    assert len(said) == 1, said
    assert ".".join(place) in said[0] and said[0].endswith(".") and "\n" not in said[0], said
    assert TEXT not in said[0] and len(said[0]) < LONGEST


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("eventsink.toml").write_text(
        f'[exchange]\nurl = "amqp://{TEXT}:{TEXT}@host:port/"\n[monitor]\nurl = "{TEXT}"\n'
        f'[workers.influxdb]\nurl = "{TEXT}"\n[workers.mongodb]\n[checks.x]\nkind = "pong"\n'
    )
    answer = CliRunner().invoke(app, ["config", "check"])
    assert answer.exit_code == 1 and TEXT not in answer.stderr
    assert [line.split(" ")[0] for line in answer.stderr.splitlines()] == [
        "The", "monitor.url", "workers.influxdb:", "workers.mongodb.url", "checks.x.kind:",
    ]  # fmt: skip


def test_a_settings_file_that_is_not_utf_8_is_said_without_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_bytes(b"data = '" + TEXT.encode() + b"\xff'")
    with pytest.raises(SettingsError, match=r"some\.toml is not TOML") as error:
        load(file, {})
    assert TEXT not in str(error.value)


def test_a_name_in_a_section_that_is_wrong_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as error:
        checks.load("x", {"kind": "http", "url": "http://127.0.0.1", "headers": {f"{TEXT}: a": "b"}})
    assert str(error.value) == "checks.x.headers: a name in it must be the name of a header."
