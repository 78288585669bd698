"""Counters of the sink itself, in Prometheus' format."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from eventsink.collect.outlook import Seen

__all__ = ["Metrics"]


class IntakeCounts(Collector):
    """What the hot route counts: plain numbers, for the event loop alone adds to them and locks would only cost."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected = 0
        self.answers: dict[int, int] = {}

    def answered(self, status: int) -> None:
        """A request was answered."""
        self.answers[status] = self.answers.get(status, 0) + 1

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The numbers as they are now."""
        yield CounterMetricFamily("eventsink_events_accepted", "Events made durable.", value=self.accepted)
        yield CounterMetricFamily("eventsink_events_rejected", "Events not accepted.", value=self.rejected)
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


class Metrics:
    """All counters, in a registry of their own. It is also the runner's `Counters`."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self.intake = IntakeCounts()
        registry.register(self.intake)
        self.browser = BrowserCounts()
        registry.register(self.browser)
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
        names = ("accepted", "delivered", "waiting", "dead", "dropped", "missing", "lag_seconds")
        self._accounts = {
            name: Gauge(f"eventsink_account_{name}", f"Account of a worker: {name}.", ["worker"], registry=registry)
            for name in names
        }
        self._spool_events = Gauge("eventsink_spool_events", "Events in the spool.", registry=registry)
        self._spool_bytes = Gauge("eventsink_spool_bytes", "Bytes in the spool.", registry=registry)
        self._ready = Gauge(
            "eventsink_ready", "1 while events are accepted, 0 while they are refused.", registry=registry
        )
        self._age = Gauge("eventsink_seen_seconds", "Age of what is said of accounts and spool.", registry=registry)
        self._away = Gauge("eventsink_exchange_away", "1 while events go to the spool.", registry=registry)

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

    def render(self, seen: Seen) -> bytes:
        """The text for a scrape, with the accounts as they were seen."""
        for worker, account in seen.accounts.items():
            for name, gauge in self._accounts.items():
                gauge.labels(worker).set(getattr(account, name))
        self._spool_events.set(seen.spool.events)
        self._spool_bytes.set(seen.spool.bytes)
        self._away.set(seen.spool.away)
        self._ready.set(not seen.unready and not seen.unread)
        self._age.set(seen.age)
        return generate_latest(self.registry)
