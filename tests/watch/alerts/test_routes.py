"""Who is told of what."""

from datetime import UTC, datetime

import pytest

from eventsink.errors import SettingsError
from eventsink.settings import Alerts, Route
from eventsink.watch.alerts.addresses import labels
from eventsink.watch.alerts.routes import Routes
from tests.watch.alerts.telling import NOON, notice

REST, NIGHT, TEAM = "json://rest.example.org", "json://night.example.org", "json://team.example.org"
KNOWN = labels([REST, NIGHT, TEAM])


def _told(route: Route, given=None, now=NOON, **settings) -> list[str]:
    routes = Routes(Alerts(notify=[REST], routes={"one": route}, **settings))
    names = {label: address for address, label in KNOWN.items()}
    return [names[label] for label in routes.channels_for(given or notice(1), now)]


@pytest.mark.parametrize(
    ("alert", "pattern", "takes"),
    [
        ("check/site-1", "site-1", True),
        ("check/site-1", "check/site-*", True),
        ("check/site-1", "site-[23]", False),
        ("check/site-1", "sink/*", False),
        ("sink/dead/influxdb", "sink/*", True),
        ("sink/dead/influxdb", "influxdb", False),
        ("sink/dead/influxdb", "*", True),
        ("check/Site", "site", False),
    ],
)
def test_by_name(alert, pattern, takes):
    route = Route(notify=[TEAM], checks=["nothing", pattern])
    assert _told(route, notice(1, alert=alert)) == ([TEAM] if takes else [REST])


def test_by_severity():
    route = Route(notify=[TEAM], severity="warning")
    told = {severity: _told(route, notice(1, severity=severity)) for severity in ("info", "warning", "critical")}
    assert told == {"info": [REST], "warning": [TEAM], "critical": [TEAM]}


@pytest.mark.parametrize(
    ("hours", "clock", "on"),
    [
        ("08:00-18:00", "08:00", True),
        ("08:00-18:00", "17:59", True),
        ("08:00-18:00", "18:00", False),
        ("08:00-18:00", "07:59", False),
        ("22:00-06:00", "22:00", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
        ("22:00-06:00", "12:00", False),
        ("00:00-24:00", "00:00", True),
        ("18:00-24:00", "23:59", True),
        ("", "03:00", True),
    ],
)
def test_by_hours(hours, clock, on):
    now = datetime.fromisoformat(f"2026-11-29T{clock}:00+00:00")
    assert _told(Route(notify=[NIGHT], hours=hours), now=now) == ([NIGHT] if on else [REST])


def test_a_night_belongs_to_the_day_on_which_it_begins():
    friday_night = Route(notify=[NIGHT], hours="22:00-06:00", days=["fri"])
    times = {  # 2026-11-27 is a Friday
        "2026-11-27T05:00": [REST],
        "2026-11-27T22:00": [NIGHT],
        "2026-11-28T05:00": [NIGHT],
        "2026-11-28T22:00": [REST],
    }
    for time, told in times.items():
        assert _told(friday_night, now=datetime.fromisoformat(f"{time}+00:00")) == told, time


def test_days_alone():
    route = Route(notify=[TEAM], days=["sat", "sun"])
    assert _told(route, now=NOON) == [TEAM]
    assert _told(route, now=datetime(2026, 11, 30, 12, tzinfo=UTC)) == [REST]


@pytest.mark.parametrize(
    ("utc", "on"),
    [
        ("2026-11-01T05:59", False),  # 00:59 in summer time
        ("2026-11-01T06:00", True),  # 01:00
        ("2026-11-01T06:59", True),
        ("2026-11-01T07:30", True),  # 01:30 for the second time
        ("2026-11-01T08:00", False),  # 02:00 in winter time
        ("2026-03-08T07:30", True),  # 01:30, before an hour is left out
        ("2026-03-08T08:00", False),  # 03:00
        ("2026-07-01T06:30", True),
        ("2026-12-01T07:30", True),
        ("2026-12-01T06:30", False),
    ],
)
def test_by_the_clock_on_the_wall_when_it_changes(utc, on):
    route = Route(notify=[NIGHT], hours="01:00-02:00", timezone="America/Chicago")
    assert _told(route, now=datetime.fromisoformat(f"{utc}:00+00:00")) == ([NIGHT] if on else [REST])


def test_all_routes_that_match_take_it_each_address_once():
    routes = {
        "one": Route(notify=[TEAM, TEAM]),
        "two": Route(notify=[NIGHT, TEAM]),
        "three": Route(notify=[REST], checks=["other"]),
    }
    found = Routes(Alerts(notify=[REST, REST], routes=routes)).channels_for(notice(1), NOON)
    assert found == [KNOWN[TEAM], KNOWN[NIGHT]]
    assert Routes(Alerts(notify=[REST, REST])).channels_for(notice(1), NOON) == [KNOWN[REST]]
    assert Routes(Alerts()).channels_for(notice(1), NOON) == []


def test_only_what_is_asked_for_is_told_and_tests_always():
    routes = Routes(Alerts(notify=[REST], on=["firing"]))
    told = {
        kind: len(routes.channels_for(notice(1, kind), NOON)) for kind in ("firing", "resolved", "reminder", "test")
    }
    assert told == {"firing": 1, "resolved": 0, "reminder": 0, "test": 1}


def test_who_heard_that_it_is_down_hears_that_it_is_over():
    routes = Routes(Alerts(notify=[REST], routes={"day": Route(notify=[TEAM], hours="08:00-18:00")}))
    night = datetime(2026, 11, 29, 23, tzinfo=UTC)
    over = notice(1, "resolved")
    assert routes.channels_for(over, night, [KNOWN[TEAM]]) == [KNOWN[TEAM]]
    assert routes.channels_for(over, night, ["gone-1234"]) == [KNOWN[REST]]
    assert routes.channels_for(over, night) == [KNOWN[REST]]


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"timezone": "America/Chicgo"}, "alerts.routes.one.timezone is no time zone"),
        ({"timezone": ""}, "alerts.routes.one.timezone"),
        ({"timezone": "../etc/passwd"}, "alerts.routes.one.timezone"),
        ({"hours": "8-18"}, "alerts.routes.one.hours must be begin and end"),
        ({"hours": "08:00-25:00"}, "alerts.routes.one.hours"),
        ({"hours": "08:60-18:00"}, "alerts.routes.one.hours"),
        ({"hours": "24:00-06:00"}, "alerts.routes.one.hours"),
        ({"hours": "08:00-08:00"}, "alerts.routes.one.hours"),
    ],
)
def test_wrong_settings_are_found_at_the_start(wrong, setting):
    with pytest.raises(SettingsError) as caught:
        Routes(Alerts(routes={"one": Route(notify=[TEAM], **wrong)}))
    assert setting in str(caught.value)
