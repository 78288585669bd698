"""Visitors are the same for a day, and nobody can tell afterwards who they were."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from eventsink.browsers.countries import Countries
from eventsink.browsers.peers import Proxies, household
from eventsink.browsers.visitors import Visitors, forget
from eventsink.browsers.visits import PAUSE, Visits
from eventsink.errors import SettingsError

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_a_visitor_is_the_same_for_a_day_on_one_site(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path)
    mine = visitors.id("https://a", "192.0.2.1", "Firefox", NOW)
    assert mine == visitors.id("https://a", "192.0.2.1", "Firefox", NOW + timedelta(hours=11))
    assert mine == Visitors(tmp_path).id("https://a", "192.0.2.1", "Firefox", NOW), "after a restart, too"
    others = [
        visitors.id("https://b", "192.0.2.1", "Firefox", NOW),
        visitors.id("https://a", "192.0.2.2", "Firefox", NOW),
        visitors.id("https://a", "192.0.2.1", "Chrome", NOW),
        visitors.id("https://a", "192.0.2.1", "Firefox", NOW + timedelta(days=1)),
    ]
    assert len({mine, *others}) == 5


def test_the_salt_of_a_day_is_thrown_away_when_it_is_over(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path)
    mine = visitors.id("https://a", "192.0.2.1", "Firefox", NOW)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and b"192.0.2.1" not in file.read_bytes()
    visitors.id("https://a", "192.0.2.1", "Firefox", NOW + timedelta(days=1))
    (after,) = tmp_path.iterdir()
    assert after.name == "visitors-2026-11-30.salt" and after.read_bytes() != file.name.encode()
    assert Visitors(tmp_path).id("https://a", "192.0.2.1", "Firefox", NOW) != mine, "the clock went back: all are new"


def test_the_salt_is_thrown_away_also_where_nobody_comes_the_next_day(tmp_path: Path) -> None:
    Visitors(tmp_path).id("https://a", "192.0.2.1", "Firefox", NOW)
    forget(tmp_path, NOW + timedelta(hours=11))
    assert len([*tmp_path.iterdir()]) == 1
    forget(tmp_path, NOW + timedelta(hours=12))
    assert [*tmp_path.iterdir()] == []


def test_without_a_folder_a_salt_is_nowhere_but_in_memory() -> None:
    visitors = Visitors(None)
    mine = visitors.id("https://a", "192.0.2.1", "Firefox", NOW)
    assert mine == visitors.id("https://a", "192.0.2.1", "Firefox", NOW)
    assert mine != Visitors(None).id("https://a", "192.0.2.1", "Firefox", NOW)


def test_a_request_that_began_before_midnight_changes_nothing(tmp_path: Path) -> None:
    visitors, midnight = Visitors(tmp_path), NOW + timedelta(hours=12)
    visitors.id("https://a", "192.0.2.1", "x", NOW)
    after = visitors.id("https://a", "192.0.2.1", "x", midnight)
    visitors.id("https://a", "192.0.2.2", "x", midnight - timedelta(seconds=20))
    assert visitors.id("https://a", "192.0.2.1", "x", midnight) == after
    assert Visitors(tmp_path).id("https://a", "192.0.2.1", "x", midnight) == after


def test_a_process_that_was_killed_while_it_made_a_salt_leaves_none_for_long(tmp_path: Path) -> None:
    (tmp_path / "visitors-2026-11-28.salt-0123456789abcdef").write_bytes(b"x" * 32)
    Visitors(tmp_path).id("https://a", "192.0.2.1", "x", NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["visitors-2026-11-29.salt"]


def test_a_folder_that_takes_nothing_costs_no_event(tmp_path: Path) -> None:
    missing = Visitors(tmp_path / "gone")
    assert missing.id("https://a", "192.0.2.1", "x", NOW) == missing.id("https://a", "192.0.2.1", "x", NOW)
    (tmp_path / "visitors-2026-11-29.salt").write_bytes(b"cut off")
    assert Visitors(tmp_path).id("https://a", "192.0.2.1", "x", NOW) == Visitors(tmp_path).id(
        "https://a", "192.0.2.1", "x", NOW
    )


def test_a_visit_ends_after_half_an_hour_of_nothing() -> None:
    visits = Visits()
    first = visits.id("v", 1000.0)
    assert visits.id("v", 1000.0 + PAUSE) == first == visits.id("v", 1000.0 + 2 * PAUSE)
    assert visits.id("v", 1000.0 + 3 * PAUSE + 1) != first
    assert visits.id("w", 1000.0) != first


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),  # whom nobody trusts
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the first one anybody may write
        ("127.0.0.1", "203.0.113.9, 10.0.0.7", "203.0.113.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("127.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("", "203.0.113.9", ""),
    ],
)
def test_who_asks_is_the_last_one_whom_no_proxy_of_ours_is(peer: str, forwarded: str, client: str) -> None:
    assert Proxies(["127.0.0.0/8", "10.0.0.0/8"]).client(peer, forwarded) == client


def test_networks_that_are_none_are_said() -> None:
    with pytest.raises(SettingsError, match=r"browser\.proxies"):
        Proxies(["10.0.0.0/99"])


def test_an_ipv6_share_is_one_household() -> None:
    assert household("2001:db8:1:2:aaaa::1") == household("2001:db8:1:2:bbbb::1") != household("2001:db8:1:3::1")
    assert household("192.0.2.1") == "192.0.2.1"


def test_countries_are_known_of_public_addresses(tmp_path: Path) -> None:
    countries = Countries()
    assert countries.of("141.142.1.1") == "US"  # of the University of Illinois
    assert [countries.of(text) for text in ("10.0.0.1", "::1", "nonsense", "", "fe80::1%eth0")] == [""] * 5
    with pytest.raises(SettingsError, match=r"browser\.geoip"):
        Countries(tmp_path / "none.mmdb")
    (tmp_path / "bad.mmdb").write_bytes(b"no such file" * 100)
    with pytest.raises(SettingsError, match=r"browser\.geoip"):
        Countries(tmp_path / "bad.mmdb")


def _country_file(record: bytes) -> bytes:
    """A file in the form of MaxMind in which every address of IPv4 has one record."""

    def text(word: bytes) -> bytes:
        return bytes([0x40 | len(word)]) + word

    about = {
        b"node_count": b"\xc1\x01",
        b"record_size": b"\xa1\x18",
        b"ip_version": b"\xa1\x04",
        b"database_type": text(b"x"),
        b"languages": b"\x00\x04",
        b"binary_format_major_version": b"\xa1\x02",
        b"binary_format_minor_version": b"\xa0",
        b"build_epoch": b"\xc1\x01",
        b"description": b"\xe0",
    }
    known = b"".join(text(name) + value for name, value in about.items())
    tree = 2 * (1 + 16).to_bytes(3, "big")
    return tree + bytes(16) + record + b"\xab\xcd\xefMaxMind.com" + bytes([0xE0 | len(about)]) + known


@pytest.mark.parametrize(
    "damaged",
    [b"\xe1Gcountry\x00\xff", b"\xe1Gco\xff\xfetryBUS", b"\xe1\x01\x04GcountryBUS", b"\xff\xff\xff"],
    ids=["no such type", "no text", "a list as a name", "too large"],
)
def test_a_country_file_that_is_damaged_within_knows_no_country_and_says_so_once(
    tmp_path: Path, damaged: bytes
) -> None:
    file = tmp_path / "countries.mmdb"
    file.write_bytes(_country_file(b"\xe1GcountryBUS"))
    with structlog.testing.capture_logs() as said:
        assert [Countries(file).of(address) for address in ("141.142.1.1", "2001:db8::1")] == ["US", ""]
        assert said == [], "an address of another kind is no damage"
        file.write_bytes(_country_file(damaged))
        countries = Countries(file)
        assert [countries.of("141.142.1.1") for _ in range(3)] == [""] * 3
    assert [(line["event"], line["file"]) for line in said] == [("browser.countries_damaged", str(file))]
