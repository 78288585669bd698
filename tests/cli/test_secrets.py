"""No secret is seen in what commands print."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as given_settings
from hypothesis import strategies as st
from msgspec import inspect
from typer.testing import CliRunner, Result

from eventsink import plugins
from eventsink.amqp import Address, Management
from eventsink.cli import app
from eventsink.deliver import loading
from eventsink.deliver.worker import ENTRY_POINTS, Worker
from eventsink.errors import SettingsError
from eventsink.settings import Settings
from tests.secrets import ADDRESSES, CORE, NAMES, passwords


@pytest.mark.parametrize(
    "words",
    [
        ("status", "--url", "http://user:hush@127.0.0.1:1"),
        ("status", "--url", "ftp://user:hush@127.0.0.1:1"),
        ("tail", "--url", "http://user:hu/s@hush@127.0.0.1"),
    ],
)
def test_a_command_quotes_no_password(words: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 1
    assert "hush" not in answer.output + answer.stderr


def test_an_address_of_the_management_api_that_is_none_is_a_sentence_without_it() -> None:
    with pytest.raises(SettingsError, match=r"exchange\.management is no address") as wrong:
        Management(Address.parse("amqp://host"), "http://guest:hush/1@host:15672")
    assert "hush" not in str(wrong.value)


# --- in every setting ------------------------------------------------------------------------------------------------


def _texts(kind: inspect.Type, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where the settings have texts, in all sections that there are. Of workers, `config show` takes any text."""
    match kind:
        case inspect.Metadata():
            yield from _texts(kind.type, place)
        case inspect.StructType() | inspect.DataclassType():
            for field in kind.fields:
                yield from _texts(field.type, (*place, field.encode_name))
        case inspect.UnionType():
            for one in kind.types:
                yield from _texts(one, place)
        case inspect.StrType() if kind.pattern is None or place[0] == "workers":
            yield place


def _options() -> Iterator[tuple[str, ...]]:
    """The options of all workers that take a text."""
    for name in loading.known():
        worker = plugins.find(name, package=loading.PACKAGE, group=ENTRY_POINTS, base=Worker)
        yield from _texts(inspect.type_info(plugins.options_type(worker)), ("workers", name))


PLACES = [
    *_texts(inspect.type_info(Settings)),
    *_options(),
    ("workers", "stranger", "endpoint"),
    ("workers", "stranger", "headers", "X-Forwarded"),
]
SECRET_PLACES = [
    *(place for place in _options() if place[-1] in {"password", "token"}),
    *(("workers", "stranger", "headers", name) for name in NAMES),
    *(("workers", "stranger", name) for name in NAMES),
]


def _put(tree: dict[str, Any], place: tuple[str, ...], value: str) -> None:
    for name in place[:-1]:
        tree = tree.setdefault(name, {})
    tree[place[-1]] = value


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "some.toml"


def _run(config: Path, tree: dict[str, Any], *words: str) -> Result:
    config.write_text("\n".join(_lines(tree)), "utf-8")
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def _lines(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in tree.items():
        key = f"{prefix}{json.dumps(name)}"
        if isinstance(value, dict):
            yield from _lines(value, f"{key}.")
        else:
            yield f"{key} = {json.dumps(value).replace(chr(0x7F), '')}"


def test_the_settings_are_walked() -> None:
    wanted = {("data",), ("exchange", "url"), ("exchange", "management"), ("extractors", "management")}
    assert wanted < set(PLACES)
    assert {("workers", "influxdb", "token"), ("workers", "mongodb", "url")} < set(PLACES)


@given_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(secret=passwords(), address=st.sampled_from(ADDRESSES))
@example(secret=f"a?b{CORE}", address="amqp://u:{}@h:5672/v")
def test_no_secret_of_any_setting_is_shown(config: Path, secret: str, address: str) -> None:
    tree: dict[str, Any] = {}
    for place in PLACES:
        _put(tree, place, address.replace("{}", "x" + secret))
    for place in SECRET_PLACES:
        _put(tree, place, secret)
    table, lines = _run(config, tree, "config", "show"), _run(config, tree, "config", "show", "--format", "json")
    assert (table.exit_code, lines.exit_code) == (0, 0), table.stderr + lines.stderr
    assert CORE not in table.output + table.stderr + lines.output + lines.stderr
    assert set(_names(tomllib.loads(table.output))) == set(_names(json.loads(lines.output))) > set(PLACES)


def _names(tree: dict[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in tree.items():
        yield from _names(value, (*place, name)) if isinstance(value, dict) else [(*place, name)]


@pytest.mark.parametrize("place", PLACES, ids=".".join)
@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_said_of_a_wrong_setting_has_no_secret(config: Path, place: tuple[str, ...], address: str) -> None:
    tree: dict[str, Any] = {}
    _put(tree, place, address.replace("{}", f"x/?{CORE}"))
    if place[0] == "extractors":
        tree["exchange"] = {"url": f"amqp://u:{CORE}@h:port"}
    said = _run(config, tree, "config", "check")
    assert said.exit_code in (0, 1), said.exception
    assert CORE not in said.output + said.stderr


@pytest.mark.parametrize("text", [f'format = "u:{CORE}@h"', f'"{CORE}@u:p@h" = 1', f"port = 'amqp://u:{CORE}@h'"])
def test_what_is_said_of_a_setting_of_another_type_has_no_secret(config: Path, text: str) -> None:
    config.write_text(f"[exchange]\n{text}", "utf-8")
    said = CliRunner().invoke(app, ["config", "show", "--config", str(config)])
    assert said.exit_code == 1
    assert CORE not in said.output + said.stderr
