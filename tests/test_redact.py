"""No secret stays in a text, whatever stands around it; what is none stays; and no text takes long."""

import ast
import html
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventsink.redact import FORMS, hidden, hide_in_address, hide_secrets, visible
from tests.secrets import ADDRESSES, BLANKS, CORE, IN_TEXTS, NAMES, QUOTES, passwords

ENDS = BLANKS + QUOTES + "&;"
SOURCES = sorted((Path(__file__).parents[1] / "src" / "eventsink").rglob("*.py"))

# --- what is hidden --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.what)
def test_each_form_of_the_table_hides_its_example(form: Any) -> None:
    assert "hush" in form.example
    assert [form.example[begin:end] for begin, end in form.find(form.example)]
    for text in (form.example, f"POST failed: {form.example} (403)", f"{form.example}\n{form.example}"):
        assert "hush" not in hide_secrets(text)
        assert "…" in hide_secrets(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pwd=hush", "pwd=…"),
        ("https://x/?a=1&sig=hush&b=2", "https://x/?a=1&sig=…&b=2"),
        ("Server=x;Pwd=hush;Database=y", "Server=x;Pwd=…;Database=y"),
        (f"unknown key clw_0123abcd_{'hush' * 11}", "unknown key clw_0123abcd_…"),
        (f"https://x/#key=clw_0123abcd_{'hush' * 11}", "https://x/#key=…"),
        ('"password": "hush \\"hush\\" hush", "n": 1', '"password": "…", "n": 1'),
        ("password=&quot;hush hush&quot; x", "password=&quot;…&quot; x"),
        ("ALTER USER x PASSWORD=''hush hush'' y", "ALTER USER x PASSWORD=''…'' y"),
        ('password="hush"hush y', 'password="…"… y'),
        ("PASSWORD='it''s hush' y", "PASSWORD='…' y"),
        ("token: “hush hush” y", "token: “…” y"),
        ('"tokens": ["hush", "hush"], "n": 1', '"tokens": …], "n": 1'),
        ('[{"key": "token", "value": "hush"}, {"n": 1}]', '[{"key": "…", "value": "…"}, {"n": 1}]'),
        ("glrt-hushhushhushhush sk-proj-hushhushhushhush", "glrt-… sk-…"),
        ("bad key: token: 'hush hush' y", "bad key: … '…' y"),
        ("amqp://u:hu/sh@hush@host/v", "amqp://…@host/v"),
        ("amqp://u:hush@a,b,c/v", "amqp://…@a,b,c/v"),
        ("u:hush@a,amqp://u:hush@b/v", "…@b/v"),
        ("cannot reach guest:hush@host:5672", "cannot reach …@host:5672"),
        ("password:a@hush", "…"),
        ("http://x/a@b?u=amqp://u:hush@host", "http://x/a@b?u=amqp://…@host"),
        ("/login?next=https%3A%2F%2Fu%3Ahush%40host", "/login?next=https%3A%2F%2F…%40host"),
        ("%7B%22password%22%3A%22hush%22%7D", "%7B%22password%22%3A%22…%22…"),
        ("user[password]=hush&x=1", "user[password]=…&x=1"),
        ("Basic authentication: basic aHVzaDpodXNoMQ==", "Basic authentication: basic …"),
        ("secret:\n  hush", "secret:\n  …"),
        ("secret: |\n  hush", "secret: |\n  …"),
    ],
)
def test_a_secret_is_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert hide_secrets(text) == shown


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(NAMES), secret=passwords(), nested=st.integers(0, 2))
def test_no_secret_stays_in_what_programs_write(name: str, secret: str, nested: int) -> None:
    body = {"a": 1, name: secret, "b": "c"}
    text = json.dumps(body)
    for _ in range(nested):
        text = json.dumps({"body": text})
    for written in (text, json.dumps(body, ensure_ascii=False), html.escape(json.dumps(body)), repr(body)):
        assert CORE not in hide_secrets(f"it answers {written} (403)")
    for written in (urlencode(body), quote(json.dumps(body)), f"<{name}>{html.escape(secret)}</{name}>"):
        assert CORE not in hide_secrets(f"it answers {written} (403)")


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(NAMES), mark=st.sampled_from(["=", ": ", ":", " = ", "=>"]), secret=passwords(but=ENDS))
@example(name="token", mark="=", secret=f"it's_{CORE}")
@example(name="token", mark="=", secret=f"&;{CORE}")
def test_no_secret_stays_that_stands_after_its_name(name: str, mark: str, secret: str) -> None:
    """Without quotes, a blank and what looks like the next parameter end a value."""
    assert CORE not in hide_secrets(f"POST failed: {name}{mark}x{secret} (403)")


@settings(max_examples=300, deadline=None)
@given(secret=passwords(but=BLANKS + QUOTES), address=st.sampled_from(IN_TEXTS))
@example(secret=f"a@b/c?d#e:{CORE}@", address="amqp://u:{}@h")
def test_no_password_of_an_address_stays_in_a_text(secret: str, address: str) -> None:
    text = f"cannot reach {address.replace('{}', 'x' + secret)} (403)"
    assert CORE not in hide_secrets(text)


@settings(max_examples=300, deadline=None)
@given(secret=passwords(), address=st.sampled_from(ADDRESSES))
@example(secret=f"a@{CORE}", address="http://h/?token={}")
@example(secret=f"a@{CORE}", address="http://u:{}@h/?token={}")
@example(secret=f"?a@{CORE}", address="http://u:{}@h/?token={}")
def test_no_password_stays_in_a_setting_that_is_an_address(secret: str, address: str) -> None:
    assert CORE not in hide_in_address(address.replace("{}", "x" + secret))


def test_values_of_all_types_are_looked_into() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "Odd(password='hush hush')"

    values = {
        "list": ["amqp://u:hush@h", ("token=hush", {"x": "key: hush"})],
        "headers": {"Authorization": "hush", "Cookie": ["hush"], "X-Sig": {"a": "hush"}},
        "http://u:hush@h": Odd(),
        "bytes": b"password=hush",
        "error": ValueError("http://u:hush@h"),
        "none": None,
        "number": 5,
    }
    shown = hidden(values)
    assert "hush" not in repr(shown)
    assert (shown["none"], shown["number"], shown["list"][0]) == (None, 5, "amqp://…@h")


# --- what stays ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HTTP 503 from http://influx:8086/write",
        "the key is missing",
        "monkey business, a compass, no design: pastel",
        '{"key": "", "n": 1}',
        'password=""',
        "user@example.org, see https://example.org/@user",
        '{"user":"alice@example.org","at":"10:30","x":["bob@example.org"]}',
        "http://clowder:9000/a@b",
        "http://h/a@b c@d",
        "sqlite:////srv/a@b:c/exchange.db",
        "rabbit@host: down since 10:30",
        "key clw_0123abcd has no scope 'read'",
        "bearer authentication is needed",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert hide_secrets(text) == text


def test_what_we_say_ourselves_stays_as_it_is() -> None:
    """Errors and notes pass through the same function as what strangers write."""
    changed = [text for path in SOURCES for text in _sentences(path) if hide_secrets(text) != text]
    assert changed == []


def _sentences(path: Path) -> Iterator[str]:
    """Texts of a module with blanks in them, that are no documentation; X stands for what is filled in."""
    tree = ast.parse(path.read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Raise | ast.Call)]
    for node in (inner for call in calls for inner in ast.walk(call)):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        if " " in text and text.rstrip().endswith((".", "?", "!")) and "Args:" not in text:
            yield text


# --- how long it takes -----------------------------------------------------------------------------------------------

PIECES = (
    "key", "sig", "token ", "=", ": ", "'", '"', '\\"', "''", "\\", "[", "(", "<", ">", "</", "--", "&", ";", "@", "://",
    "http://", "%40", "%3A%2F%2F", "%22", "&quot;", " ", "a", "a1", "/", "?", "Bearer ", "cookie:", "eyJaaaaaaaa", ".",
    "-----BEGIN PRIVATE KEY-----", "clw_0123abcd_", "ghp_", "hooks.slack.com/services", "user:password", "…", "\n",
)  # fmt: skip
SIZE = 8_000


@settings(max_examples=100, deadline=None)
@given(unit=st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join))
@example(unit="key=''x")
@example(unit="key=[")
@example(unit="://a:b")
@example(unit="<key ")
@example(unit="key='key=\"")
def test_the_time_grows_with_the_length(unit: str) -> None:
    text = unit * (SIZE // len(unit) + 1)
    for function in (hide_secrets, hide_in_address):
        once, four_times = (min(_seconds(function, text * times) for _ in range(2)) for times in (1, 4))
        assert four_times < 10 * once + 0.01, f"{once} and {four_times} s for {len(text)} letters: it is linear"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.what)
def test_the_time_grows_with_the_length_of_each_form(form: Any) -> None:
    begin = form.example[: form.example.index("hush")]
    for unit in (form.example, begin, begin + "hush"):
        text = unit * (2 * SIZE // len(unit) + 1)
        once, four_times = (min(_seconds(hide_secrets, text * times) for _ in range(2)) for times in (1, 4))
        assert four_times < 10 * once + 0.01


def _seconds(function: Any, text: str) -> float:
    begun = time.process_time()
    function(text)
    return time.process_time() - begun


# --- what a person can see -------------------------------------------------------------------------------------------


UNSEEN = (0x00, 0x1F), (0x7F, 0x9F), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x2069)


@pytest.mark.parametrize(
    "unseen",
    [
        *(chr(code) for first, last in UNSEEN for code in range(first, last + 1)),
        *"\u00ad\u061c\ufeff\U000e0041\u115f\u1160\u2800\u3164\uffa0",
    ],
    ids=lambda letter: f"U+{ord(letter):04X}",
)
def test_what_commands_a_terminal_is_seen(unseen: str) -> None:
    assert visible(f"a{unseen}b") == ("a b" if unseen == "\t" else "a�b")


@pytest.mark.parametrize("text", ["", "plain", "été 图像 🦔 שלום", "12 000"])
def test_what_people_write_stays(text: str) -> None:
    assert visible(text) == text


def test_blanks_of_other_widths_are_plain_ones() -> None:
    assert visible("12\u00a0000\u202f000\u3000") == "12 000 000 "
