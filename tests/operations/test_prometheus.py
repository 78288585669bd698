"""What we give away for Prometheus, by promtool and a real Prometheus, and what the documentation says of it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from eventsink.cli import COMMANDS
from eventsink.collect.metrics import DeliveryMetrics, Metrics, MonitorMetrics, OwnMetrics
from eventsink.collect.refusals import REASONS
from tests.servers.process import eventually, free_ports
from tests.servers.prometheus import DEPLOYED, Prometheus, promtool
from tests.sink_process import SinkProcess

DOCS = Path(__file__).parents[2] / "docs"
MONITORING = (DOCS / "operations" / "monitoring.md").read_text("utf-8")
RUNBOOKS = (DOCS / "operations" / "runbooks.md").read_text("utf-8")
_, *ALERTS = (DEPLOYED / "eventsink.rules.yml").read_text().split("      - alert: ")
BASE = "https://github.com/clowder-framework/event-sink/blob/main/docs/operations/runbooks.md#"
# Grafana's rules link to the same sections.
SECTIONS = {
    "absent", "canary", "certificate", "check-down", "check-slow", "dead-letters", "events-missing", "lag", "no-events",
    "not-ready", "queue-long", "spool",
}  # fmt: skip
ROW = re.compile(r"^\| (`(?:eventsink|process)_[^|]+) \|\s*(\w*)\s*\|([^|]*)\|([^|]*)\|", re.MULTILINE)
KINDS = re.compile(r"^# TYPE (\S+) (\w+)$", re.MULTILINE)


def documented() -> dict[str, tuple[str, set[str], set[str]]]:
    """Each metric of the page, with its kind, its labels, and the processes that have it."""
    return {
        name: (kind, set(filter(None, labels.strip().split(", "))), set(where.strip().split(", ")))
        for names, kind, labels, where in ROW.findall(MONITORING)
        for name in re.findall(r"`(\w+)`", names)
    }


def scraped(text: str) -> dict[str, str]:
    """Each metric of a scrape, with its kind."""
    return {name: kind for name, kind in KINDS.findall(text) if not name.endswith("_created")}


def test_the_rules_and_the_settings_are_sound_and_their_own_tests_pass() -> None:
    assert "SUCCESS" in promtool("check", "config", str(DEPLOYED / "prometheus.yml"))
    assert f"{len(ALERTS) + 3} rules found" in promtool("check", "rules", str(DEPLOYED / "eventsink.rules.yml"))
    assert "SUCCESS" in promtool("test", "rules", str(DEPLOYED / "eventsink.test.yml"))


def test_every_alert_says_what_a_person_needs_and_has_its_runbook_and_a_test_that_it_fires() -> None:
    tests = (DEPLOYED / "eventsink.test.yml").read_text()
    for text in ALERTS:
        name = text.split()[0]
        found = dict(re.findall(r"^ +(for|severity|summary|description|runbook_url): (.+)$", text, re.MULTILINE))
        assert found.keys() == {"for", "severity", "summary", "description", "runbook_url"}, name
        assert found["severity"] in {"warning", "critical"}
        base, _, section = found["runbook_url"].partition("#")
        assert f"{base}#" == BASE and section in SECTIONS
        assert name in tests
        assert re.search(rf"`{name}`.*\(runbooks\.md#{section}\)", MONITORING), name


def test_every_section_of_the_runbooks_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    _, *sections = re.split(r"^## ", RUNBOOKS, flags=re.MULTILINE)
    assert {section.splitlines()[0] for section in sections} == SECTIONS
    for section in sections:
        for begin in ("**It means** that", "**Look at**", "**Do** "):
            assert f"\n{begin}" in section, f"{begin} in {section.splitlines()[0]}"


def test_the_commands_of_these_pages_are_there() -> None:
    named = set(re.findall(r"`?eventsink ([a-z-]+)", re.sub(r"`eventsink`", "", MONITORING + RUNBOOKS)))
    assert {"status", "doctor", "replay"} <= named
    prose = {"watches", "says", "sends"}
    assert named - prose <= COMMANDS.keys()


@pytest.mark.parametrize(
    ("process", "made"),
    [("door", Metrics), ("worker", DeliveryMetrics), ("monitor", MonitorMetrics), ("all", OwnMetrics)],
)
def test_the_table_of_metrics_is_what_processes_answer(process: str, made: Callable[[], OwnMetrics]) -> None:
    text = made().render(ready=True)
    promtool("check", "metrics", given=text)
    table = {name: kind for name, (kind, _, where) in documented().items() if where & {process, "all"}}
    found = scraped(text.decode())
    assert found.keys() == table.keys()
    assert {name: kind for name, kind in table.items() if kind} == {name: found[name] for name in table if table[name]}


def test_every_reason_of_a_refusal_is_explained() -> None:
    table = MONITORING.partition("| reason | what was refused |")[2].partition("\n\n")[0]
    explained = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(explained) == sorted(REASONS)


def test_a_real_prometheus_reads_a_real_sink_with_what_we_give_away(
    make_sink: Callable[..., SinkProcess], tmp_path: Path
) -> None:
    away, nowhere = free_ports(2)
    sink = make_sink(
        environment={
            "EVENTSINK_TELEMETRY__EVERY": "0.5",
            "EVENTSINK_WORKERS__INFLUXDB__URL": f"http://127.0.0.1:{nowhere}",
        }
    ).start()
    address = sink.url.removeprefix("http://")
    targets = {
        "sink.example.org:8750": address,
        "worker-1.example.org:8751": f"127.0.0.1:{away}",
        "monitor-1.example.org:8752": f"127.0.0.1:{away}",
    }
    for body in ([{"type": "users.login"}] * 5, b"{no json"):
        sink.post(body)
    _, text = sink.request("GET", "/metrics")
    promtool("check", "metrics", given=text.encode())
    labels = {name: labels for name, (_, labels, _) in documented().items()}
    for name, said in re.findall(r"^(\w+)\{([^}]*)\} ", text, re.MULTILINE):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        if not name.endswith("_created"):
            assert set(re.findall(r"(\w+)=", said)) - {"le"} == labels[base], name

    with Prometheus(tmp_path / "prometheus", targets).running() as prometheus:
        eventually(lambda: prometheus.value("up").get(address) == 1, "the sink is scraped", log=prometheus.log)

        def states() -> dict[str, str]:
            return {one["labels"]["part"]: one["health"] for one in prometheus.ask("targets")["activeTargets"]}

        assert states().keys() == {"door", "worker", "monitor"}
        # A scrape has half a second here: where the machine is busy, one may fail, and the next goes well.
        eventually(lambda: states()["door"] == "up", "the door is up", log=prometheus.log)

        def canary() -> bool:
            return 0 <= prometheus.value("eventsink_canary_delay_seconds").get("store", -1) < 60

        eventually(canary, "a canary is seen", log=prometheus.log)
        refused = 'eventsink_events_refused_total{reason="unreadable"}'
        eventually(lambda: prometheus.value(refused) == {address: 1}, "one was refused", log=prometheus.log)
        accepted = 'eventsink_account_accepted{worker="store"}'
        eventually(lambda: prometheus.value(accepted).get("store", 0) >= 6, "six are in the books", log=prometheus.log)
        loaded = {rule["name"]: rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]}
        assert loaded.keys() >= {text.split()[0] for text in ALERTS}
        eventually(lambda: bool(prometheus.value('ALERTS{alertname="EventSinkDown"}')), "the others are missed")
        eventually(lambda: bool(prometheus.value('ALERTS{alertname="EventSinkWorkerPaused"}')), "and the destination")

        def healths() -> set[str]:
            return {rule["health"] for group in prometheus.ask("rules")["groups"] for rule in group["rules"]}

        eventually(lambda: healths() == {"ok"}, "every rule is well, once it was looked at", log=prometheus.log)
