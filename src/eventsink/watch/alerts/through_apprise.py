"""Notices through Apprise, which knows mail and many services: every address that no other channel takes.

Apprise waits for its services, so each channel has a thread; one that hangs is left behind, and no other is begun
until it ends. Called by `channels`. Apprise is imported here alone, and when the first address wants it.
"""

import asyncio
import re
import warnings
from collections.abc import Sequence
from typing import Any

from eventsink.errors import PluginError
from eventsink.watch.alerts.address_parts import AddressParts
from eventsink.watch.alerts.addresses import scheme
from eventsink.watch.alerts.apprise_ear import Ear, Said, reason
from eventsink.watch.alerts.channel import Channel, Message, NotTaken
from eventsink.watch.check import Down
from eventsink.watch.threads import OneThread

__all__ = ["ThroughApprise", "flaw", "installed", "schemes"]

WITHIN = 30.0  # seconds, after which nobody waits for an attempt any more
CONNECT_WITHIN, READ_WITHIN = 5.0, 10.0  # seconds, where the address does not say
BUSY = 30.0  # seconds, after which it is looked whether an attempt still hangs
MOST = 100_000  # notices in a message: it says how many there are, and lists some
SHORTEST = 100  # letters
_NO_ANSWER = "no answer came in time"
_SERVICES = "https://appriseit.com/services/"


class ThroughApprise(Channel):
    """One address of Apprise.

    Args:
        within: seconds for one message.

    Raises:
        PluginError: Apprise is not installed.
        ValueError: Apprise does not take this address.
    """

    most = MOST
    whole = False

    def __init__(self, label: str, address: str, within: float = WITHIN) -> None:
        super().__init__(label)
        self._within = within
        self._parts = AddressParts(address)
        self._ear = Ear.of_process()
        self._service = self._open(address.strip())
        self._cut = None if re.search(r"[?&]overflow=", address, re.IGNORECASE) else "truncate"
        self._late: tuple[list[str], str | None] | None = None  # what became of an attempt for which nobody waited
        self._thread = OneThread(f"alerts-{label}")
        self.longest = max(SHORTEST, min(Channel.longest, int(self._service.body_maxlen)))

    async def send(self, message: Message) -> None:
        """Send it on a thread.

        Raises:
            NotTaken: Apprise says no, or nothing within the time.
        """
        ids = [told.notice.id for told in message.notices]
        if self._late == (ids, None):  # it was slow, and it has arrived: what may have come again as it was
            self._late = None
            return
        try:
            async with asyncio.timeout(self._within):
                outcome = await self._thread.run(lambda: self._notify(message, ids))
        except TimeoutError:
            raise NotTaken(f"no answer came within {self._within:g} seconds", unsure=True) from None
        except Down:
            raise NotTaken("the attempt before this one still hangs", BUSY) from None
        self._late = None
        if outcome is not None:
            raise NotTaken(outcome, unsure=outcome.endswith(_NO_ANSWER))

    def _open(self, address: str) -> Any:
        apprise = _apprise()
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")  # it names the host
        asset = apprise.AppriseAsset(
            app_id="Clowder event sink",
            app_desc="Clowder event sink",
            async_mode=False,
            http_redirects=False,  # a POST that is redirected becomes a GET, which tells nobody anything
            pgp_autogen=False,
            pem_autogen=False,
        )
        with self._ear.listening(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that it loads
            service = apprise.Apprise.instantiate(address, asset=asset)
        if service is None:
            raise ValueError("Apprise does not take it.")
        if not re.search(r"[?&]cto=", address, re.IGNORECASE):
            # Some want more: a mail server may let a client wait before it greets it.
            service.socket_connect_timeout = min(max(service.socket_connect_timeout, CONNECT_WITHIN), self._within)
        if not re.search(r"[?&]rto=", address, re.IGNORECASE):
            service.socket_read_timeout = min(max(service.socket_read_timeout, READ_WITHIN), self._within)
        return service

    def _notify(self, message: Message, ids: list[str]) -> str | None:
        """Send it; gives why it was not taken. It raises nothing: an error has the address in its text."""
        outcome = self._try(message)
        self._late = ids, outcome
        return outcome

    def _try(self, message: Message) -> str | None:
        with self._ear.listening() as said:
            try:
                taken = self._service.notify(
                    body=message.body,
                    title=message.title,
                    notify_type=_kind(message),
                    body_format="text",
                    overflow=self._cut,
                )
            except Exception as error:  # noqa: BLE001 - the fault of a service of Apprise must not end the others
                return self._crash(error, said)
            return None if taken else reason(said, self._parts)

    def _crash(self, error: Exception, said: Sequence[Said]) -> str:
        words = reason(said, self._parts) if said else ""
        return f"Apprise failed by {type(error).__name__}{f': {words}' if words else ''}"


def installed() -> bool:
    """Whether Apprise is there."""
    try:
        _apprise()
    except PluginError:
        return False
    return True


def schemes() -> list[str]:
    """The schemes that Apprise knows.

    Raises:
        PluginError: it is not installed.
    """
    return sorted(_services().schemas())


def flaw(address: str) -> str:
    """Why Apprise does not take an address whose scheme it knows: a sentence with nothing of it but that."""
    name = scheme(address)
    service = _services()[name]
    needs = service.requirements.get("packages_required")
    if not service.enabled and needs:
        packages = needs if isinstance(needs, str) else ", ".join(needs)
        return f"Apprise needs a library for {name}://: pip install {packages}."
    written = next(iter(service.templates), "").replace("{schema}", name)
    return (
        f"this is no complete {name}:// address{f', as {written}' if written else ''}."
        f" What {service.service_name} needs stands at {_SERVICES}."
    )


def _kind(message: Message) -> str:
    notices = [told.notice for told in message.notices]
    firing = [notice for notice in notices if notice.kind in {"firing", "reminder"}]
    if any(notice.severity == "critical" for notice in firing):
        return "failure"
    if firing:
        return "warning"
    return "success" if any(notice.kind in {"resolved", "closed"} for notice in notices) else "info"


def _apprise() -> Any:
    try:
        import apprise  # noqa: PLC0415 - it takes a third of a second, and the libraries of all its services
    except ModuleNotFoundError as error:
        raise PluginError(
            "alerts.notify needs Apprise for this address: pip install 'clowder-eventsink[alerts]'."
        ) from error
    return apprise


def _services() -> Any:
    _apprise()
    from apprise.manager_plugins import NotificationManager  # noqa: PLC0415

    return NotificationManager()  # type: ignore[no-untyped-call]
