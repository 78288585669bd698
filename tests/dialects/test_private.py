"""Secrets and network addresses that senders put into their events are not stored."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from eventsink import dialects
from eventsink.catalogue import CATALOGUE
from eventsink.dialects.admit import Admission, Notice, Stamps
from eventsink.dialects.private import HIDDEN, hide_private
from eventsink.event import Event, Plain, encode

SECRET = "correct horse"


def _admit(kind: str, data: dict[str, Any], *, hide: bool = True) -> tuple[Event, list[Notice]]:
    return Admission(hide=hide).admit(Plain(type=kind, data=data), Stamps(datetime.now(UTC), "clowder"))


@pytest.mark.parametrize(
    "name",
    ["clientIP", "user_password", "api_token", "passcode", "x_client_ip", "remote_ip_address", "ipv4", "tokens",
     "password", "Password", "PASSWORD", "api_key", "apiKey", "API-KEY", "X-Api-Key", "accessToken", "client_ip",
     "remote_addr", "X-Forwarded-For", "ip", "set-cookie", "Authorization"],
)  # fmt: skip
def test_what_is_private_by_its_name_is_hidden_and_its_sender_is_told(name: str) -> None:
    event, notices = _admit("lab.login", {"host": "a", name: SECRET})
    assert event.data == {"host": "a", name: HIDDEN}
    assert [notice.pointer for notice in notices] == ["/data"]
    assert repr(name) in notices[0].message
    assert "collect.hide" in notices[0].message


def test_it_is_found_wherever_it_is() -> None:
    data = {"request": {"headers": [{"cookie": [SECRET]}, {"x": {"token": {"a": SECRET}}}]}, "password": SECRET}
    event, notices = _admit("lab.login", data)
    assert SECRET not in encode(event).decode()
    assert len(notices) == 1
    for name in ("cookie", "token", "password"):
        assert repr(name) in notices[0].message


def test_also_among_what_a_known_type_does_not_have() -> None:
    event, notices = _admit("users.login", {"method": "local", "password": SECRET})
    assert event.data == {"method": "local", "password": HIDDEN}
    assert any("not kept" in notice.message for notice in notices)


def test_what_is_none_stays() -> None:
    data = {
        "token": 5,
        "tokens": 7,
        "password": None,
        "ip": True,
        "secretary": "Ada",
        "description": "ip",
        "pwd": "",
    }
    assert _admit("lab.run", dict(data))[0].data == data
    for entry in CATALOGUE.values():
        event, _ = _admit(entry.name, dict(entry.example))
        assert event.data == entry.example, "fields of the catalogue are what they say"


def test_who_wants_it_has_it() -> None:
    event, notices = _admit("lab.login", {"password": SECRET}, hide=False)
    assert event.data == {"password": SECRET}
    assert notices == []


def test_very_deep_data_is_gone_through() -> None:
    data: dict[str, Any] = json.loads('{"a":' * 900 + '{"token":"x"}' + "}" * 900)
    assert hide_private(data) == ["token"]


def test_also_among_the_extensions_of_an_event() -> None:
    draft = dialects.read({"type": "lab.run", "password": SECRET, "clientip": "10.1.2.3", "sequence": "1"})
    event, notices = Admission().admit(draft, Stamps(datetime.now(UTC), "clowder"))
    assert event.extensions == {"password": HIDDEN, "clientip": HIDDEN, "sequence": "1"}
    assert any("not kept" in notice.message for notice in notices)
