"""Alert rules on data in a real InfluxDB: where they must fire, and where they must not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventsink.deliver.workers.influxdb import InfluxDB as Worker
from eventsink.deliver.workers.influxdb import Options
from eventsink.event import Event
from tests.look.grafana.asking import read_yaml
from tests.look.grafana.conftest import Export
from tests.servers.influxdb import InfluxDB

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LENGTHS = {"m": 60, "h": 3600}


@dataclass(frozen=True)
class Course:
    """What happens in the hour before now: an event a minute with what is well, and from some minute on not.

    Args:
        fires: for which values of the tags.
        bad: minutes before now from which on it is bad; 0: it is well all the time.
        until: minutes before now from which on it is well again.
        stops: minutes before now from which on nothing comes.
    """

    rule: str
    kind: str
    well: dict[str, Any]
    wrong: dict[str, Any]
    fires: list[str]
    bad: int = 0
    until: int = 0
    stops: int = 0


PING = {"check": "clowder", "target": "clowder.example.org", "region": "urbana"}
PAGE = {"check": "home", "url": "https://clowder.example.org/", "region": "urbana", "up": True}
WORKER = {
    "worker": "mongodb",
    "accepted": 10,
    "delivered": 10,
    "waiting": 0,
    "dead": 0,
    "dropped": 0,
    "missing": 0,
    "lag_s": 0.0,
}


def _ping(**data: Any) -> dict[str, Any]:
    return PING | {"up": True, "avg_ms": 12.0} | data


def _worker(**data: Any) -> dict[str, Any]:
    return WORKER | data


COURSES = {
    "down": Course("check-down", "health.ping_update", _ping(), _ping(up=False), ["clowder"], bad=5),
    "down for a minute": Course("check-down", "health.ping_update", _ping(), _ping(up=False), [], bad=1),
    "up again": Course("check-down", "health.ping_update", _ping(), _ping(up=False), [], bad=20, until=10),
    "always up": Course("check-down", "health.ping_update", _ping(), _ping(), []),
    "slow": Course("check-slow", "health.ping_update", _ping(), _ping(avg_ms=9000.0), ["clowder"], bad=40),
    "slow once": Course("check-slow", "health.ping_update", _ping(), _ping(avg_ms=9000.0), [], bad=30, until=29),
    "a slow page": Course("download-slow", "health.download_update", PAGE | {"first_byte_ms": 80.0},
                          PAGE | {"first_byte_ms": 60_000.0}, ["home"], bad=40),
    "a quick page": Course("download-slow", "health.download_update", PAGE | {"first_byte_ms": 80.0}, PAGE, []),
    "a certificate ends": Course("certificate", "health.download_update", PAGE | {"certificate_days": 80.0},
                                 PAGE | {"certificate_days": 13.0}, ["home"], bad=62),
    "a certificate is long": Course("certificate", "health.download_update", PAGE | {"certificate_days": 80.0},
                                    PAGE, []),
    "a queue grows": Course("queue-long", "health.queue_update", {"queue": "extractors", "ready": 3},
                            {"queue": "extractors", "ready": 20_000}, ["extractors"], bad=20),
    "a queue is long for a while": Course("queue-long", "health.queue_update", {"queue": "extractors", "ready": 3},
                                          {"queue": "extractors", "ready": 20_000}, [], bad=10),
    "dead letters": Course("dead-letters", "health.sink_update", _worker(), _worker(dead=1), ["mongodb"], bad=8),
    "no dead letters": Course("dead-letters", "health.sink_update", _worker(), _worker(), []),
    "dropped dead letters": Course("dead-letters", "health.sink_update", _worker(),
                                   _worker(dead=2, dropped=2), [], bad=8),
    "behind": Course("lag", "health.sink_update", _worker(), _worker(lag_s=901.0), ["mongodb"], bad=8),
    "a little behind": Course("lag", "health.sink_update", _worker(), _worker(lag_s=880.0), [], bad=30),
    "missing": Course("events-missing", "health.sink_update", _worker(), _worker(missing=3), ["mongodb"], bad=8),
    "missing long ago": Course("events-missing", "health.sink_update", _worker(), _worker(missing=3), [], bad=100),
    "nothing missing": Course("events-missing", "health.sink_update", _worker(), _worker(), []),
    "nothing comes": Course("no-events", "storage.file_uploaded", {"file_id": "f1", "bytes": 1}, {}, [""], stops=25),
    "a break": Course("no-events", "storage.file_uploaded", {"file_id": "f1", "bytes": 1}, {}, [], stops=14),
}  # fmt: skip


@pytest.fixture(scope="module")
def rules(export: Export) -> dict[str, dict[str, Any]]:
    """The rules that were exported, by name."""
    folder: Path = export("[workers.influxdb]\n")
    (group,) = read_yaml(folder / "provisioning/alerting/eventsink.yaml")["groups"]
    assert group["interval"] == "1m"
    return {rule["uid"].removeprefix("eventsink-"): rule for rule in group["rules"]}


def test_each_rule_has_a_course_where_it_fires_and_one_where_it_does_not(rules: dict[str, Any]) -> None:
    assert {course.rule for course in COURSES.values() if course.fires} == set(rules)
    assert {course.rule for course in COURSES.values() if not course.fires} == set(rules)


@pytest.mark.parametrize("name", COURSES)
async def test_a_rule_fires_where_it_must(influxdb: InfluxDB, vhost: str, rules: dict[str, Any], name: str) -> None:
    course = COURSES[name]
    worker = Worker(Options(url=influxdb.url, database=vhost))
    await worker.open()
    await worker.deliver([*_events(course)])
    await worker.close()
    fired = _fires(rules[course.rule], lambda query: influxdb.query(vhost, query))
    assert [next(iter(tags), "") for tags in fired] == course.fires


def _events(course: Course) -> Iterator[Event]:
    for minutes in range(130, course.stops, -1):
        data = course.wrong if course.until < minutes <= course.bad else course.well
        time = NOW - minutes * MINUTE + timedelta(seconds=5)
        yield Event(id=f"e{minutes}", source="test", type=course.kind, time=time, received=time, data=data)


def _fires(rule: dict[str, Any], ask: Callable[[str], list[dict[str, Any]]]) -> list[tuple[str, ...]]:
    """Which of a rule's alerts fire now: asked each minute, as Grafana does."""
    lasting = int(rule["for"][:-1]) * LENGTHS[rule["for"][-1]] // 60
    since: dict[tuple[str, ...], int] = {}
    for minute in range(-lasting - 1, 1):
        bad = {tags for tags, value in _values(rule, NOW + minute * MINUTE, ask).items() if _is_bad(rule, value)}
        since = {tags: since.get(tags, minute) for tags in bad}
    return sorted(tags for tags, begun in since.items() if -begun >= lasting)


def _values(
    rule: dict[str, Any], now: datetime, ask: Callable[[str], list[dict[str, Any]]]
) -> dict[tuple[str, ...], float | None]:
    asked, reduced, judged = rule["data"]
    assert (reduced["model"]["expression"], reduced["model"]["reducer"]) == ("A", "last")
    assert judged["model"]["expression"] == "B"
    assert rule["condition"] == judged["refId"]
    begin = now - timedelta(seconds=asked["relativeTimeRange"]["from"])
    span = f"time >= {begin.timestamp() * 1000:.0f}ms and time <= {now.timestamp() * 1000:.0f}ms"
    query = asked["model"]["query"].replace("$timeFilter", span)
    assert "$" not in query.replace("$/", "")
    rows = ask(query)
    if not rows:
        return {(): None} if rule["noDataState"] == "Alerting" else {}
    return {tuple(v for n, v in row.items() if n not in ("time", "value")): row["value"] for row in rows}


def _is_bad(rule: dict[str, Any], value: float | None) -> bool:
    (condition,) = rule["data"][2]["model"]["conditions"]
    limit = condition["evaluator"]["params"][0]
    return value is None or (value > limit if condition["evaluator"]["type"] == "gt" else value < limit)
