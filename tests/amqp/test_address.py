"""Where a broker is, read from a URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import URLParameters

from eventsink.amqp import Address
from eventsink.errors import SettingsError

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("amqp://u:p@host:5673/v", Address(nodes=(("host", 5673),), user="u", password="p", vhost="v")),
        ("amqp://host", Address(nodes=(("host", 5672),), user="guest", password="guest", vhost="/")),
        ("amqp://host/", Address(nodes=(("host", 5672),), user="guest", password="guest", vhost="/")),
        ("amqp://u@host/%2f", Address(nodes=(("host", 5672),), user="u", password="", vhost="/")),
        ("amqps://u:p@host", Address(nodes=(("host", 5671),), user="u", password="p", vhost="/", tls=True)),
        ("amqp://[::1]:5673/v", Address(nodes=(("::1", 5673),), user="guest", password="guest", vhost="v")),
        ("amqp://[::1]", Address(nodes=(("::1", 5672),), user="guest", password="guest", vhost="/")),
        (
            "amqp://u:p@one,two:1, [::2]:3/v",
            Address(nodes=(("one", 5672), ("two", 1), ("::2", 3)), user="u", password="p", vhost="v"),
        ),
        ("amqp://a%40b:p%2Fq%3A%25@h/x%2Fy", Address(nodes=(("h", 5672),), user="a@b", password="p/q:%", vhost="x/y")),
        ("amqp://u:p@ss@host/v", Address(nodes=(("host", 5672),), user="u", password="p@ss", vhost="v")),
        ("amqp://host/v?heartbeat=5", Address(nodes=(("host", 5672),), user="guest", password="guest", vhost="v")),
        ("amqp://host?heartbeat=5", Address(nodes=(("host", 5672),), user="guest", password="guest", vhost="/")),
        ("AMQP://host", Address(nodes=(("host", 5672),), user="guest", password="guest", vhost="/")),
    ],
)  # fmt: skip
def test_an_address_is_read_from_a_url(url: str, expected: Address) -> None:
    assert Address.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "amqp://",
        "amqp:///v",
        "http://u:secret@host",
        "u:secret@host",
        "amqp://u:secret@",
        "amqp://u:secret@host:port",
        "amqp://u:secret@host:99999",
        "amqp://u:secret@[::1",
        "amqp://u:secret@one,,two",
        "amqp://u:secret/more@host",
        "amqp://u:secret@a b",
    ],
)
def test_what_is_no_address_is_said_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match="amqp://user:password@host") as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)


def test_an_address_is_shown_without_credentials() -> None:
    assert str(Address.parse("amqp://me:secret@one,[::1]:7/v")) == "one:5672, [::1]:7"


@given(user=_TEXT, password=_TEXT, vhost=_TEXT)
def test_pika_reads_from_our_urls_what_we_mean(user: str, password: str, vhost: str) -> None:
    address = Address(nodes=(("one", 1), ("::1", 2)), user=user, password=password, vhost=vhost)
    for (host, port), url in zip(address.nodes, address.urls(), strict=True):
        read = URLParameters(url)
        assert (read.host, read.port, read.virtual_host) == (host, port, vhost)
        assert (read.credentials.username, read.credentials.password) == (user, password)
        assert Address.parse(url) == Address(nodes=((host, port),), user=user, password=password, vhost=vhost)
