"""Alert rules of Grafana: what is asked of InfluxDB each minute, from which value on it fires, and after how long."""

from dataclasses import dataclass
from typing import Any, Literal

from eventsink.look.grafana.datasource import REFERENCE, UID
from eventsink.look.grafana.health import CHECKED
from eventsink.look.grafana.series import ANYTHING, Series, said
from eventsink.look.grafana.sink import REPORTS

__all__ = ["Rule", "Thresholds", "alerting", "rules"]

FOLDER = "Event sink"
EVALUATED = "1m"

Severity = Literal["critical", "warning"]
NoData = Literal["OK", "Alerting"]


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """From which value on rules fire.

    Args:
        round_trip_ms: mean of round trips.
        first_byte_ms: mean until the first byte of a page came.
        certificate_days: that a certificate is valid still.
        queue: messages that are ready in a queue.
        lag_s: seconds that a worker is behind.
        silent_minutes: without any event at all.
    """

    round_trip_ms: float = 1000.0
    first_byte_ms: float = 5000.0
    certificate_days: float = 14.0
    queue: int = 10_000
    lag_s: float = 900.0
    silent_minutes: int = 15


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Args:
        name: in its uid.
        title: of it.
        series: what is asked; one alert for each combination of its tags.
        within: seconds before now that are looked at.
        fires: "above" or "below" `than`.
        lasting: how long it must be so, as 5m.
        summary: of one alert, a sentence; $tag stands for the value of a tag, $value for the number.
        no_data: what it is when nothing comes at all.
        runbook: the section of the runbooks, where it is not that of its name.
    """

    name: str
    title: str
    series: Series
    within: int
    fires: Literal["above", "below"]
    than: float
    lasting: str
    summary: str
    severity: Severity = "warning"
    no_data: NoData = "OK"
    runbook: str = ""


def rules(limits: Thresholds) -> list[Rule]:
    """All of them, the most urgent first."""
    return [
        Rule(
            name="check-down",
            title="A check is down",
            series=_health('last("up_percent")', "check", "target", "region"),
            within=900,
            fires="below",
            than=50,
            lasting="3m",
            summary="$check ($target) is down, seen from $region.",
            severity="critical",
        ),
        Rule(
            name="check-slow",
            title="Round trips are slow",
            series=_health('mean("avg_ms")', "check", "target", "region"),
            within=900,
            fires="above",
            than=limits.round_trip_ms,
            lasting="10m",
            summary="Round trips to $target take $value ms, seen from $region.",
        ),
        Rule(
            name="download-slow",
            title="Pages are slow",
            series=_health('mean("first_byte_ms")', "check", "region"),
            within=900,
            fires="above",
            than=limits.first_byte_ms,
            lasting="10m",
            summary="The first byte of $check comes after $value ms, seen from $region.",
            runbook="check-slow",
        ),
        Rule(
            name="certificate",
            title="A certificate ends soon",
            series=_health('last("certificate_days")', "check"),
            within=2 * 86_400,
            fires="below",
            than=limits.certificate_days,
            lasting="1h",
            summary="The certificate of $check is valid for $value days.",
        ),
        Rule(
            name="queue-long",
            title="A queue is long",
            series=_health('last("ready")', "queue"),
            within=900,
            fires="above",
            than=limits.queue,
            lasting="15m",
            summary="$value messages wait in $queue.",
        ),
        Rule(
            name="dead-letters",
            title="There are dead letters",
            series=_report('last("dead") - last("dropped")'),
            within=900,
            fires="above",
            than=0,
            lasting="5m",
            summary="$value events could not be delivered to $worker.",
        ),
        Rule(
            name="lag",
            title="A worker is behind",
            series=_report('last("lag_s")'),
            within=900,
            fires="above",
            than=limits.lag_s,
            lasting="5m",
            summary="$worker is $value seconds behind.",
        ),
        Rule(
            name="events-missing",
            title="Events are missing",
            # The number stays, also when all of them were delivered again: what is told is that it grew.
            series=_report('last("missing") - first("missing")'),
            within=3600,
            fires="above",
            than=0,
            lasting="5m",
            summary="$value events for $worker were accepted and are nowhere.",
            severity="critical",
        ),
        Rule(
            name="no-events",
            title="No event comes",
            # Of the many measurements one that has some is enough.
            series=Series(title="value", select='count("event_id")', measurement=ANYTHING),
            within=60 * limits.silent_minutes,
            fires="below",
            than=1,
            lasting="5m",
            summary=f"InfluxDB got no event in {limits.silent_minutes} minutes.",
            severity="critical",
            no_data="Alerting",
        ),
    ]


def alerting(limits: Thresholds, *, runbooks: str) -> dict[str, Any]:
    """The file of `provisioning/alerting`: rules alone. Who is told of them is Grafana's, and stays as it is.

    Args:
        runbooks: the address of the document whose sections have the names of rules.
    """
    found = [_written(rule, runbooks) for rule in rules(limits)]
    group = {"orgId": 1, "name": "eventsink", "folder": FOLDER, "interval": EVALUATED, "rules": found}
    return {"apiVersion": 1, "groups": [group]}


def _health(select: str, *by: str) -> Series:
    return Series(title="value", select=select, measurement='"health"', where=(CHECKED,), by=by)


def _report(select: str) -> Series:
    return Series(title="value", select=select, measurement='"health"', where=(REPORTS,), by=("worker",))


def _written(rule: Rule, runbooks: str) -> dict[str, Any]:
    return {
        "uid": f"eventsink-{rule.name}",
        "title": rule.title,
        "condition": "C",
        "for": rule.lasting,
        "noDataState": rule.no_data,
        "execErrState": "KeepLast",
        "labels": {"severity": rule.severity, "service": "eventsink"},
        "annotations": {"summary": _templated(rule), "runbook_url": f"{runbooks}#{rule.runbook or rule.name}"},
        "data": [
            _asked(rule),
            _computed("B", "A", {"type": "reduce", "reducer": "last", "settings": {"mode": "dropNN"}}),
            _computed("C", "B", {"type": "threshold", "conditions": [_condition(rule)]}),
        ],
    }


def _asked(rule: Rule) -> dict[str, Any]:
    return {
        "refId": "A",
        "datasourceUid": UID,
        "relativeTimeRange": {"from": rule.within, "to": 0},
        "model": {
            "refId": "A",
            "datasource": REFERENCE,
            "rawQuery": True,
            # Grafana puts variables of its environment into this file, and reads two as one of its own.
            "query": said(rule.series).replace("$", "$$"),
            "resultFormat": "time_series",
            "intervalMs": 10_000,
            "maxDataPoints": 1000,
        },
    }


def _computed(letter: str, of: str, model: dict[str, Any]) -> dict[str, Any]:
    common = {"refId": letter, "expression": of, "datasource": {"type": "__expr__", "uid": "__expr__"}}
    return {"refId": letter, "datasourceUid": "__expr__", "model": common | model}


def _condition(rule: Rule) -> dict[str, Any]:
    return {"evaluator": {"type": "gt" if rule.fires == "above" else "lt", "params": [rule.than]}}


def _templated(rule: Rule) -> str:
    """The summary in Grafana's template language."""
    text = rule.summary.replace("$value", '{{ printf "%.6g" $$values.B.Value }}')
    for tag in rule.series.by:
        text = text.replace(f"${tag}", f"{{{{ $$labels.{tag} }}}}")
    return text
