"""Who asked, by a line of a log: somebody for a day, a country, and never an address."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from eventsink.browsers.countries import Countries
from eventsink.browsers.peers import Proxies
from eventsink.browsers.visitors import Visitors
from eventsink.errors import SettingsError
from eventsink.settings import Browser, Settings
from eventsink.watch.nginx.people import People, people

TIME = datetime(2027, 1, 15, 8, tzinfo=UTC)
READ = datetime(2027, 1, 20, 12, tzinfo=UTC)
LINE = {"remote_addr": "192.0.2.1", "http_user_agent": "Firefox"}


def teller(folder: Path | None, now: datetime = READ) -> People:
    return People(Visitors(folder), Countries(), Proxies(["10.0.0.0/8"]), now)


def visitor(one: People, time: datetime = TIME, **line: str) -> Any:
    return one.of(LINE | line, time).get("visitor")


def test_the_same_address_and_browser_are_somebody_for_a_day_of_the_log(tmp_path: Path) -> None:
    one = teller(tmp_path)
    mine = visitor(one)
    assert len(mine) == 32 and int(mine, 16) >= 0
    assert mine == visitor(one, TIME + timedelta(hours=15))
    others = [
        visitor(one, remote_addr="192.0.2.2"),
        visitor(one, http_user_agent="Chrome"),
        visitor(one, TIME + timedelta(hours=16)),
        visitor(one, TIME - timedelta(days=1)),
        Visitors(tmp_path).id("https://clowder.example.org", "192.0.2.1", "Firefox", READ),
    ]
    assert len({mine, *others}) == 6, "nor is it what the tracker's visitor is"


def test_a_log_that_is_read_again_on_the_same_day_has_the_same_visitors(tmp_path: Path) -> None:
    assert visitor(teller(tmp_path)) == visitor(teller(tmp_path, READ + timedelta(hours=11)))
    (salt,) = tmp_path.iterdir()
    assert stat.S_IMODE(salt.stat().st_mode) == 0o600
    assert visitor(teller(tmp_path, READ + timedelta(days=1))) != visitor(teller(None))
    assert salt not in [*tmp_path.iterdir()], "the day after nobody can try out addresses"


def test_reading_over_midnight_changes_no_visitor(tmp_path: Path) -> None:
    one = teller(tmp_path, READ.replace(hour=23, minute=59))
    before = visitor(one)
    Visitors(tmp_path).place("192.0.2.9", READ + timedelta(days=1))  # as the sink does, which throws the salt away
    assert visitor(one) == before


@pytest.mark.parametrize(
    ("line", "same_as"),
    [
        ({"remote_addr": "2001:db8::1"}, {"remote_addr": "2001:db8::abcd"}),
        ({"remote_addr": "10.0.0.1", "http_x_forwarded_for": "192.0.2.1"}, {}),
        ({"remote_addr": "10.0.0.1", "http_x_forwarded_for": "-"}, {"remote_addr": "10.0.0.1"}),
        ({"remote_addr": "192.0.2.1", "http_x_forwarded_for": "203.0.113.5"}, {}),
        ({"remote_addr": "-"}, {"remote_addr": ""}),
        ({"remote_addr": "None"}, {"remote_addr": ""}),
        ({"http_user_agent": "-"}, {"http_user_agent": ""}),
    ],
)
def test_lines_of_the_same_one(tmp_path: Path, line: dict[str, str], same_as: dict[str, str]) -> None:
    one = teller(tmp_path)
    assert visitor(one, **line) == visitor(one, **same_as)


def test_what_a_log_does_not_hold_is_not_told(tmp_path: Path) -> None:
    one = teller(tmp_path)
    assert one.of({}, TIME) == one.of({"remote_addr": "-", "http_user_agent": "-"}, TIME) == {}
    assert one.of({"remote_addr": "unix:"}, TIME).keys() == {"visitor"}
    assert one.of({"remote_addr": "10.1.2.3"}, TIME).keys() == {"visitor"}
    assert one.of({"remote_addr": "8.8.8.8"}, TIME)["country"] == "US"


def test_the_salt_is_kept_in_a_data_directory_that_is_there_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("eventsink.watch.nginx.people.datetime", Mock(now=Mock(return_value=READ)))
    assert visitor(people(Settings())) != visitor(people(Settings()))
    assert [*tmp_path.iterdir()] == []
    (tmp_path / "var").mkdir(mode=0o700)
    assert visitor(people(Settings())) == visitor(people(Settings(data=str(tmp_path / "var"))))
    assert len([*(tmp_path / "var").iterdir()]) == 1


def test_no_salt_is_put_where_the_sink_of_another_user_could_not_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventsink.watch.nginx.people.os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert people(Settings(data=str(tmp_path))).of(LINE, TIME)
    assert [*tmp_path.iterdir()] == []


def test_the_settings_of_browsers_hold_for_logs(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"browser\.geoip"):
        people(Settings(browser=Browser(geoip=str(tmp_path / "none.mmdb"))))
    with pytest.raises(SettingsError, match=r"browser\.proxies"):
        people(Settings(browser=Browser(proxies=["x"])))
