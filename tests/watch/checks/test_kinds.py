"""Each kind of network check loads, explains itself, and is described in the documentation as it is."""

import dataclasses
import importlib
import inspect
import re
import typing
from pathlib import Path
from typing import Any

import pytest

from eventsink.catalogue import CATALOGUE
from eventsink.errors import SettingsError
from eventsink.watch.check import Down
from eventsink.watch.loading import known, load

DOCS = Path(__file__).parents[3] / "docs" / "checks.md"
KINDS: dict[str, dict[str, Any]] = {
    "ping": {"host": "clowder.example.org"},
    "http": {"url": "https://clowder.example.org/"},
    "download": {"url": "https://clowder.example.org/"},
    "tcp": {"host": "clowder.example.org", "port": 22},
    "dns": {"name": "clowder.example.org"},
    "tls": {"host": "clowder.example.org"},
}
REASONS = re.findall(r"`(\w+)`", inspect.getdoc(Down).partition("Ours are")[2].partition("message:")[0])


def options(kind: str) -> dict[str, tuple[str, dataclasses.Field]]:
    """The help text of each option, and its field."""
    module = importlib.import_module(f"eventsink.watch.checks.{kind}")
    hints = typing.get_type_hints(module.Options, include_extras=True)
    return {field.name: (hints[field.name].__metadata__[0], field) for field in dataclasses.fields(module.Options)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_loads_with_what_it_must_have_and_says_what_it_is(kind: str):
    check = load("tried", {"kind": kind, **KINDS[kind]}).check
    assert kind in known() and check.event in CATALOGUE
    assert check.target.startswith(("clowder.example.org", "https://clowder.example.org/"))
    assert importlib.import_module(f"eventsink.watch.checks.{kind}").__doc__.endswith(".")
    assert all(text.endswith(".") for text, _ in options(kind).values())


@pytest.mark.parametrize("kind", KINDS)
def test_what_must_be_given_is_asked_for(kind: str):
    for name in KINDS[kind]:
        given = {key: value for key, value in KINDS[kind].items() if key != name}
        with pytest.raises(SettingsError, match=name):
            load("tried", {"kind": kind, **given})


@pytest.mark.parametrize("kind", KINDS)
def test_the_documentation_has_every_option_with_its_default(kind: str):
    section = re.search(rf"^## `{kind}`$(.*?)(?=^## |\Z)", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert section, f"docs/checks.md has no section {kind}"
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section[1], re.MULTILINE))
    expected = {}
    for name, (_, field) in options(kind).items():
        shown = (
            "\u2013" if field.default in (dataclasses.MISSING, "", ()) else str(field.default).lower().replace("_", "")
        )
        expected[name] = "required" if field.default is field.default_factory is dataclasses.MISSING else shown
    told = {name: value.strip().strip("`").lower() for name, value in rows.items() if name in expected}
    assert told == {name: value.lower() for name, value in expected.items()}


def test_the_documentation_has_every_reason_of_these_kinds():
    text = DOCS.read_text("utf-8")
    ours = set(REASONS) - {"silent"}
    assert len(ours) > 10
    assert {reason for reason in ours if f"| `{reason}` |" not in text} == set()
