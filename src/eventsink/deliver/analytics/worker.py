"""What the workers of both services do alike: options, who is passed over, what is sent again and what is not."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import structlog

from eventsink.deliver.analytics.choosing import Choice
from eventsink.deliver.analytics.delivered import Delivered
from eventsink.deliver.analytics.mapping import BY_DEFAULT
from eventsink.deliver.analytics.opt_out import OptOut
from eventsink.deliver.analytics.pseudonyms import Pseudonyms, derived_key
from eventsink.deliver.http import Answer, HttpDestination
from eventsink.deliver.waiting import groups
from eventsink.deliver.worker import Worker
from eventsink.errors import SettingsError, TryLater
from eventsink.event import Event

__all__ = ["AnalyticsOptions", "AnalyticsWorker", "check", "common_rules", "is_address", "phrase"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class AnalyticsOptions:
    """What may be said of either service."""

    id_key: Annotated[str, "Key of the hashes that are sent in the place of ids; empty derives it from the secret."] = (
        ""
    )
    opt_out: Annotated[str, "File of the ids of users of whom nothing is sent, one a line."] = ""
    robots: Annotated[bool, "Send what robots do as well."] = False
    properties: Annotated[
        Mapping[str, Sequence[str]], "Fields by type that are sent besides those of the table, as they are."
    ] = field(default_factory=dict)
    timeout: Annotated[float, "Seconds in which it must have answered."] = 15.0


Options = TypeVar("Options", bound=AnalyticsOptions)


class AnalyticsWorker(Worker[Options], ABC):
    """Sends to a service of analytics what it may see.

    Args:
        options: its own.
        secret: that lets it in, of which the key of the hashes is derived.
    """

    section: ClassVar[str]
    """Name of the worker, and of its section."""
    secret_name: ClassVar[str]
    """Name of the option that is the secret."""
    connections: ClassVar[int] = 4
    """Requests that may be on their way at once."""

    def __init__(self, options: Options, secret: str, *, service: str, remedy: str) -> None:
        super().__init__(options)
        self.types = (*BY_DEFAULT, *(kind for kind in options.properties if kind not in BY_DEFAULT))
        self._pseudonyms = Pseudonyms(derived_key(self.section, options.id_key or secret))
        self._opt_out = OptOut(options.opt_out, f"workers.{self.section}.opt_out")
        self._choice = Choice(robots=options.robots)
        self._delivered = Delivered()
        self._http = HttpDestination(service, remedy=remedy, timeout=options.timeout, connections=self.connections)
        self._said = False

    async def open(self) -> None:
        """Make a session, and say once what the key of the hashes hangs on."""
        await self._http.open()
        if not self.options.id_key and not self._said:
            self._said = True
            _log.info(
                "analytics.key_is_derived",
                worker=self.section,
                of=self.secret_name,
                note=f"When {self.secret_name} is changed, everybody is somebody new. Set id_key to avoid that.",
            )

    async def deliver(self, events: Sequence[Event]) -> None:
        """Send the events that may be sent, but for those that the service has from an attempt before."""
        missing = self._delivered.missing(events)
        sent = self._choose(missing, await self._opt_out.look(), datetime.now(UTC), self.skipped)
        self._delivered.note([event for event, _ in self.skipped])
        try:
            await self._send(sent)
        except TryLater as error:
            if error.events:
                waiting = {event.identity for each in groups(error) for event in each.events}
                self._delivered.forget([event for event in events if event.identity not in waiting])
            raise
        self._delivered.forget(events)

    async def close(self) -> None:
        """Close the session."""
        await self._http.close()

    def preview(self, events: Sequence[Event]) -> Sequence[Mapping[str, Any]]:
        """For each event what would be sent, field by field, or why it would not be."""
        told: list[Mapping[str, Any]] = []
        people = self._opt_out.people()
        for event in events:
            skipped: list[tuple[Event, str]] = []
            if self._choose([event], people, datetime.now(UTC), skipped):
                told.append({"event": event.type, **self._show(event)})
            else:
                told.append({"event": event.type, "not_sent": skipped[0][1]})
        return told

    def _choose(
        self, events: Sequence[Event], people: frozenset[str], now: datetime, skipped: list[tuple[Event, str]]
    ) -> Sequence[Event]:
        """Those that are sent; the others are added to those that are passed over, with the reason.

        Args:
            people: who opted out.
        """
        return self._choice.sent(events, people, skipped)

    @abstractmethod
    async def _send(self, events: Sequence[Event]) -> None:
        """Send events, and note those that the service has."""

    @abstractmethod
    def _show(self, event: Event) -> Mapping[str, Any]:
        """The request for one event: `address`, and `fields`."""


def check(section: str, rules: Sequence[tuple[object, str]]) -> None:
    """Refuse settings that cannot be right.

    Raises:
        SettingsError: the first rule that is broken.
    """
    for right, sentence in rules:
        if not right:
            raise SettingsError(f"workers.{section}: {sentence}")


def is_address(url: str) -> bool:
    """Whether a setting is an address without a secret in it."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in url and not parts.query
    except ValueError:  # a bracket too many, a port that is none
        return False


def phrase(answer: Answer) -> str:
    """Why, of an answer that is a page: what its status is called. Of others nothing, for they say it themselves."""
    if isinstance(answer.json, dict):
        return ""
    try:
        return HTTPStatus(answer.status).phrase
    except ValueError:  # a number of its own
        return "it does not say why"


def _is_file(path: str) -> bool:
    return "\0" not in path and Path(path).is_file()


def common_rules(options: AnalyticsOptions, limit: float) -> list[tuple[object, str]]:
    """What must be so of either.

    Args:
        limit: seconds in which a whole batch must be delivered.
    """
    return [
        (0 < options.timeout < limit, f"timeout must be more than 0 seconds and less than {limit:g}."),
        (not options.opt_out or _is_file(options.opt_out), "opt_out must be a file that is there."),
        (not options.id_key or len(options.id_key) >= 16, "id_key must be long and random: 16 characters or more."),
    ]
