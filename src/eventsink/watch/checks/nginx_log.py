"""Requests, clients, connections and times to answer of each interval, from the access log of NGINX."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from eventsink.errors import EventSinkError, SettingsError
from eventsink.watch.check import Check, Measurement, Site, Unknown
from eventsink.watch.nginx.follow import Follower, Told
from eventsink.watch.nginx.log_format import LogFormat, from_conf, given
from eventsink.watch.nginx.parser import Parser
from eventsink.watch.nginx.tally import WANTED
from eventsink.watch.threads import OneThread

SHARE = 0.5  # of the time that a check has: what is not read then is read the next time


@dataclass(frozen=True)
class Options:
    """Which log, and how it is counted."""

    file: Annotated[str, "The log that NGINX writes to now; rotated ones are found beside it."]
    log_format: Annotated[str, "`combined`, `main`, `json`, or the text of a `log_format`."] = "combined"
    conf: Annotated[str, "An nginx.conf that has the `log_format`, in the place of `log_format`."] = ""
    format_name: Annotated[str, "Name of the format in that file, if it has several."] = ""
    target: Annotated[str, "What is said to be checked; the name of the log if empty."] = ""
    interval: Annotated[int, "Length of the intervals, seconds."] = 60
    lag: Annotated[float, "How long NGINX may hold lines back (`flush=` of its `access_log`), seconds."] = 10.0
    history: Annotated[bool, "Tell also of what the log holds when it is read for the first time."] = False


class NginxLog(Check[Options]):
    """Tells of each interval once it is over, also of those that passed while nobody looked."""

    event = "health.connection_update"

    def __init__(self, options: Options, site: Site) -> None:
        super().__init__(options, site)
        if not 1 <= options.interval <= 86_400 or not 0 <= options.lag <= 3600:
            raise SettingsError(f"checks.{site.name}: interval is from 1 to 86,400 seconds, lag from 0 to 3,600.")
        self._parser = Parser(_log_format(options), WANTED)
        self._follower: Follower | None = None
        self._one_at_a_time = threading.Lock()  # a look that took too long may still be at it when the next begins
        self._thread = OneThread(f"log {site.name}")

    @property
    def target(self) -> str:
        """The name of the log, or what the options say."""
        return self.options.target or Path(self.options.file).name

    async def measure(self) -> list[Measurement]:
        """The intervals that are over and were not kept yet.

        Raises:
            Unknown: there is no log, or it cannot be read.
        """
        if self.site.folder is None:  # nothing may be kept, so no interval can be followed to its end
            if trouble := await self._thread.run(partial(self._unreadable, Path(self.options.file))):
                raise Unknown(*trouble)
            return [Measurement({}, "The log can be read: the monitor tells of each interval once it is over.")]
        try:
            told, troubles = await self._thread.run(partial(self._read, self.site.folder))
        except EventSinkError as error:  # how far it is counted cannot be read or noted
            raise Unknown("rights", str(error)) from None
        if not told and troubles:
            raise Unknown(*troubles)
        message = troubles[1] if troubles else ""
        return [self._measurement(one, message if one is told[-1] else "") for one in told]

    async def kept(self) -> None:
        """What was told need not be read again.

        Raises:
            EventSinkError: that cannot be noted; it will be told once more.
        """
        await self._thread.run(self._keep)

    async def close(self) -> None:
        """Free the log."""
        if self._follower is not None:
            self._follower.close()

    def _keep(self) -> None:
        with self._one_at_a_time:
            if self._follower is not None:
                self._follower.keep()

    def _read(self, folder: Path) -> tuple[list[Told], tuple[str, str] | None]:
        with self._one_at_a_time:
            if self._follower is None:
                self._follower = self._follow(folder)
            try:
                told = self._follower.read(time.time(), SHARE * self.site.timeout)
            except EventSinkError:
                self._follower.close()
                self._follower = None
                raise
            return told, self._trouble(self._follower, Path(self.options.file))

    def _follow(self, folder: Path) -> Follower:
        options, state = self.options, folder / "nginx-log.json"
        return Follower(
            Path(options.file), self._parser, state, every=options.interval, lag=options.lag, history=options.history
        )

    def _trouble(self, follower: Follower, path: Path) -> tuple[str, str] | None:
        lost = follower.lost()
        return ("truncated", lost) if lost else self._unreadable(path)

    @staticmethod
    def _unreadable(path: Path) -> tuple[str, str] | None:
        """Why a log cannot be read; None where it can."""
        try:
            with path.open("rb"):
                return None
        except PermissionError:
            return "rights", f"The log {path} may not be read: give the monitor's user the right to."
        except OSError:
            return "name", f"There is no log {path}, or it is no file."

    def _measurement(self, told: Told, trouble: str) -> Measurement:
        numbers: dict[str, Any] = told.numbers
        message = trouble
        if numbers["unreadable"] and self._follower:
            first = self._follower.example
            message = f"{numbers['unreadable']:,} lines do not fit the format; the first: {first} {trouble}".strip()
        misfit = "content" if numbers["unreadable"] > numbers["requests"] else ""
        if not told.start:  # of no line could even the time be read
            return Measurement(numbers, message, reason=misfit)
        start = datetime.fromtimestamp(told.start, UTC)
        key = f"{start:%Y-%m-%dT%H:%M:%SZ}/{self.options.interval}"
        return Measurement(numbers, message, start, key=key, reason=misfit)


def _log_format(options: Options) -> LogFormat:
    if options.conf:
        return from_conf(Path(options.conf), options.format_name)
    return given(options.log_format)
