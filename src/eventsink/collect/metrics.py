"""Counters of the sink itself, in Prometheus' format. What each says stands in docs/operations/monitoring.md."""

import platform
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from eventsink import __version__
from eventsink.collect.outlook import Seen
from eventsink.collect.refusals import REASONS, Reason, reason_of_request
from eventsink.exchange.canary import Canary
from eventsink.worker_state import pause_of

__all__ = ["MEDIA_TYPE", "DeliveryMetrics", "Metrics", "MonitorMetrics", "OwnMetrics"]

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class IntakeCounts(Collector):
    """What the hot route counts: plain numbers, for the event loop alone adds to them and locks would only cost."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected = 0
        self.reasons: dict[Reason, int] = dict.fromkeys(REASONS, 0)
        self.answers: dict[int, int] = {}

    def answered(self, status: int) -> None:
        """A request was answered."""
        self.answers[status] = self.answers.get(status, 0) + 1

    def refused(self, reasons: Mapping[Reason, int]) -> None:
        """Events of a request were not accepted, so many for each reason."""
        for reason, events in reasons.items():
            self.rejected += events
            self.reasons[reason] += events

    def refused_whole(self, status: int) -> None:
        """A request was refused; it counts as one, for nobody knows how many events were in it."""
        if reason := reason_of_request(status):
            self.reasons[reason] += 1

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The numbers as they are now."""
        yield CounterMetricFamily("eventsink_events_accepted", "Events made durable.", value=self.accepted)
        yield CounterMetricFamily("eventsink_events_rejected", "Events not accepted, one by one.", value=self.rejected)
        refused = CounterMetricFamily(
            "eventsink_events_refused", "Events not accepted, and requests refused as a whole.", labels=["reason"]
        )
        for reason, count in self.reasons.items():
            refused.add_metric([reason], count)
        yield refused
        requests = CounterMetricFamily("eventsink_http_requests", "Ingest requests.", labels=["status"])
        for status, count in sorted(self.answers.items()):
            requests.add_metric([str(status)], count)
        yield requests


class BrowserCounts(Collector):
    """What was not taken of what browsers sent, though nothing is wrong with it."""

    def __init__(self) -> None:
        self.opted_out = 0
        self.robots = 0
        self.foreign = 0

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The numbers as they are now."""
        left_out = CounterMetricFamily(
            "eventsink_browser_left_out", "Events of browsers that were not taken.", labels=["reason"]
        )
        left_out.add_metric(["opted out"], self.opted_out)
        left_out.add_metric(["robot"], self.robots)
        yield left_out
        yield CounterMetricFamily(
            "eventsink_browser_foreign", "Requests from sites that a write key is not for.", value=self.foreign
        )


class OwnMetrics:
    """What every process says of itself, in a registry of its own: its version, its memory and files, its readiness."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("eventsink_build", "What runs here.", registry=registry).info(
            {"version": __version__, "python": platform.python_version()}
        )
        self._ready = Gauge("eventsink_ready", "1 while /readyz answers 200, else 0.", registry=registry)

    def render(self, *, ready: bool) -> bytes:
        """The text for a scrape."""
        self._ready.set(ready)
        return generate_latest(self.registry)


class DeliveryMetrics(OwnMetrics):
    """That, and what runners do. It is the runner's `Counters`."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self._delivered = Counter("eventsink_worker_delivered", "Events delivered.", ["worker"], registry=registry)
        self._failed = Counter(
            "eventsink_worker_failures", "Calls that failed.", ["worker", "outcome"], registry=registry
        )
        self._buried = Counter("eventsink_worker_dead_letters", "Events given up.", ["worker"], registry=registry)
        self._skipped = Counter(
            "eventsink_worker_skipped", "Events passed over on purpose.", ["worker", "reason"], registry=registry
        )
        self._seconds = Histogram(
            "eventsink_worker_deliver_seconds", "Duration of a call that delivered.", ["worker"], registry=registry
        )
        self._paused = Gauge(
            "eventsink_worker_paused", "1 while a worker waits for its destination.", ["worker"], registry=registry
        )
        self._canary_delay = Gauge(
            "eventsink_canary_delay_seconds",
            "How long the last canary took to be delivered.",
            ["worker"],
            registry=registry,
        )
        self._canary_age = Gauge(
            "eventsink_canary_age_seconds",
            "Since a canary was delivered, or since this process began if none was.",
            ["worker"],
            registry=registry,
        )
        self._began = time.monotonic()

    def delivered(self, worker: str, events: int, seconds: float) -> None:
        """A call of a worker went well."""
        self._delivered.labels(worker).inc(events)
        self._seconds.labels(worker).observe(seconds)

    def failed(self, worker: str, outcome: str) -> None:
        """A call of a worker failed."""
        self._failed.labels(worker, outcome).inc()

    def buried(self, worker: str, events: int) -> None:
        """Events became dead letters."""
        self._buried.labels(worker).inc(events)

    def skipped(self, worker: str, reason: str, events: int) -> None:
        """A worker passed events over on purpose."""
        self._skipped.labels(worker, reason).inc(events)

    def note_workers(
        self, states: Mapping[str, str], canaries: Mapping[str, Canary], awaited: Collection[str] = ()
    ) -> None:
        """Note how workers are at this moment.

        Args:
            states: what each is doing.
            canaries: the last that each has delivered.
            awaited: those that are sent canaries, and have delivered one or should have.
        """
        for gauge in (self._paused, self._canary_delay, self._canary_age):
            gauge.clear()  # of a worker that was forgotten nothing is said any more
        for worker, state in states.items():
            self._paused.labels(worker).set(bool(pause_of(state)))
        now = datetime.now(UTC)
        for worker in awaited:
            self._canary_age.labels(worker).set(time.monotonic() - self._began)
        for worker, canary in canaries.items():
            self._canary_delay.labels(worker).set(canary.delay_seconds)
            self._canary_age.labels(worker).set(max((now - canary.at).total_seconds(), 0.0))


class Metrics(DeliveryMetrics):
    """That, and all of a front door.

    Args:
        period: seconds between two canaries; 0 for none.
    """

    def __init__(self, period: float = 0.0) -> None:
        super().__init__()
        registry = self.registry
        self.intake = IntakeCounts()
        registry.register(self.intake)
        self.browser = BrowserCounts()
        registry.register(self.browser)
        names = ("accepted", "delivered", "waiting", "dead", "dropped", "missing", "lag_seconds")
        self._accounts = {
            name: Gauge(f"eventsink_account_{name}", f"Account of a worker: {name}.", ["worker"], registry=registry)
            for name in names
        }
        self._spool_events = Gauge("eventsink_spool_events", "Events in the spool.", registry=registry)
        self._spool_bytes = Gauge("eventsink_spool_bytes", "Bytes in the spool.", registry=registry)
        self._age = Gauge("eventsink_seen_seconds", "Age of what is said of accounts and spool.", registry=registry)
        self._away = Gauge("eventsink_exchange_away", "1 while events go to the spool.", registry=registry)
        self.told = Counter("eventsink_telemetry_events", "Events of the sink about itself.", registry=registry)
        self.not_told = Counter("eventsink_telemetry_failures", "Times that it could not say it.", registry=registry)
        Gauge("eventsink_telemetry_period_seconds", "Between two canaries; 0 for none.", registry=registry).set(period)

    def note_accounts(self, seen: Seen) -> None:
        """Note the accounts and the spool as they were seen."""
        for name, gauge in self._accounts.items():
            gauge.clear()
            for worker, account in seen.accounts.items():
                gauge.labels(worker).set(getattr(account, name))
        self._spool_events.set(seen.spool.events)
        self._spool_bytes.set(seen.spool.bytes)
        self._away.set(seen.spool.away)
        self._age.set(seen.age)


class MonitorMetrics(OwnMetrics):
    """What a monitor says of itself."""

    def __init__(self) -> None:
        super().__init__()
        registry = self.registry
        self._checks = Gauge("eventsink_monitor_checks", "Checks by their last result.", ["state"], registry=registry)
        self._waiting = Gauge("eventsink_monitor_waiting", "Events that the sink has not yet.", registry=registry)
        self._missed = Counter("eventsink_monitor_missed", "Runs left out, and results lost.", registry=registry)
        self._missed_before = 0

    def note_checks(self, planned: int, results: Sequence[bool | None], missed: int) -> None:
        """Note how checks are at this moment.

        Args:
            planned: how many there are.
            results: whether each was up the last time; None where that is unknown.
            missed: runs that were left out, and results that could not be kept, since the start.
        """
        up, down = results.count(True), results.count(False)
        for state, count in (("up", up), ("down", down), ("unknown", planned - up - down)):
            self._checks.labels(state).set(max(count, 0))
        self._missed.inc(missed - self._missed_before)
        self._missed_before = missed

    def note_waiting(self, events: int) -> None:
        """Note how many events wait for the sink."""
        self._waiting.set(events)
