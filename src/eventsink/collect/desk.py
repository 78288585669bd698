"""What the routes work with: everything that one front door needs, handed down as one value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from eventsink.collect.alerting import Alerting
from eventsink.collect.counting import Counting
from eventsink.collect.metrics import Metrics
from eventsink.collect.monitors import Monitors
from eventsink.collect.numbers import Numbers
from eventsink.collect.outlook import Outlook
from eventsink.exchange.canary import Canary
from eventsink.exchange.contract import Exchange
from eventsink.keyring import Keyring
from eventsink.settings import Settings
from eventsink.store import Store
from eventsink.store.uptime import UptimeBook
from eventsink.traces import Traces

if TYPE_CHECKING:
    from eventsink.extractors import Extractors  # with pika, which most processes do without

__all__ = ["Desk"]


@dataclass(frozen=True)
class Desk:
    """Everything that one front door needs.

    Args:
        settings: all of them.
        exchange: takes the events.
        keys: says who may do what.
        store: answers questions about events; None where this process has none.
        metrics: counts.
        states: what each worker of this process is doing, by name.
        canaries: the last that each worker has delivered, by name.
        given: the types that each worker of the settings is given, be it by its section or by itself; all if empty.
        concerns: what a person should do about the exchange itself.
        uptime: what is known of checks; None where this process has no store.
        monitors: those that report here.
        alerts: those of this process; None where it has no store.
        numbers: pages, panels and reports; None where this process has no store.
        counter: makes COUNTER's reports; None where this process has no store.
        destinations: the types of their sections alone, all if empty: by these RabbitMQ fills the queue of each.
        traces: makes a span of each request with events; None where nobody wants that.
        extractors: jobs and who works on them; None where this process has nothing to do with them.
    """

    settings: Settings
    exchange: Exchange
    keys: Keyring
    store: Store | None
    metrics: Metrics
    states: Callable[[], dict[str, str]] = dict
    canaries: Callable[[], dict[str, Canary]] = dict
    given: Mapping[str, Sequence[str]] = field(default_factory=dict)
    concerns: Callable[[], list[str]] = list
    extractors: "Extractors | None" = None
    uptime: UptimeBook | None = None
    alerts: Alerting | None = None
    numbers: Numbers | None = None
    counter: Counting | None = None
    destinations: Mapping[str, Sequence[str]] = field(default_factory=dict)
    traces: Traces | None = None
    monitors: Monitors = field(default_factory=Monitors)
    outlook: Outlook = field(init=False)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        object.__setattr__(self, "outlook", Outlook(self.exchange))
