"""Keeps the alerts up to date: reads what is new of checks, looks at the sink, and has told what has changed.

What was read, the states that follow and the notices to send are one commit. So after kill -9 a change is either there
with its notices, or it is found again from the same events.
"""

import asyncio
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, TypeVar

import structlog

from eventsink.errors import StoreUnavailable
from eventsink.settings import Alerts
from eventsink.store import Store
from eventsink.store.contract import EventQuery, StoredEvent
from eventsink.watch.alerts import journal
from eventsink.watch.alerts.alert import Alert, Facts
from eventsink.watch.alerts.conditions import Look
from eventsink.watch.alerts.evaluation import Change, Evaluation, Moment, checks_of
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.memory import Memory
from eventsink.watch.alerts.notice import Notice
from eventsink.watch.alerts.reading import TYPES, read
from eventsink.watch.alerts.regions import Sample, note
from eventsink.watch.alerts.rule import Rule, default_rule, matches
from eventsink.watch.alerts.windows import Quiet, Rota, upcoming

__all__ = ["AlertBook", "Post"]

EVERY = 1.0  # seconds between two looks at what is new
SWEEP = 15.0  # between two looks at the sink, and for what is silent
GAP = 60.0  # without a look, after which silence is counted anew
BEHIND = 30.0  # seconds that the store may be behind: more, and silence may be our own
PAGE = 5000  # events
MOST_REGIONS = 100  # of one check
KEPT_UNHEARD = 7 * 86_400.0  # seconds for which a check is remembered that the settings do not know
MOST_SEEN = 10_000  # checks and regions: a key may make them up
CLOSED_FOR = 90 * 86_400.0  # seconds for which an incident that is over is shown

T = TypeVar("T")
Post = Callable[[sqlite3.Connection, Notice, list[str], datetime], list[str]]
"""Puts a notice into the outbox, in the same commit; gives the channels for which. It is handed those that were told
when the alert fired."""

_log = structlog.get_logger(__name__)


class AlertBook:
    """All alerts.

    Args:
        store: whose events are read.
        file: of the alerts.
        rules: of the checks in the settings.
        alerts: the settings.
        post: puts notices into the outbox.
        look: how the sink itself is.
        posted: called when there is something to send.
        clock: seconds since 1970.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it stands between
        self,
        store: Store,
        file: AlertFile,
        rules: Mapping[str, Rule],
        alerts: Alerts,
        post: Post,
        look: Callable[[], Awaitable[Look]],
        posted: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._file = file
        self._rules = rules
        self._alerts = alerts
        self._post = post
        self._look = look
        self._posted = posted
        self._clock = clock
        self._rota = Rota(alerts.maintenance)
        self._memory: Memory | None = None
        self._one = asyncio.Lock()
        self._watching = self._last = self._clock()
        self._swept = float("-inf")
        self._todo: set[str] = set()  # checks of which something is new
        self.full = ""
        """That more is reported than is watched; empty if all of it is."""
        self.counts: dict[str, int] = {}
        """How many alerts are `firing`, `recovering` and `pending`, and how many silences are on, at the last look."""
        self.trouble = ""
        """What a person should know; empty when all is well."""

    async def keep(self) -> None:
        """Look every second; ends when it is cancelled."""
        while True:
            try:
                await self.refresh()
                self.trouble = ""
            except StoreUnavailable as error:
                if not self.trouble:
                    _log.warning("alerts.not_evaluated", reason=str(error))
                self.trouble = f"Alerts are not evaluated: {error}"
            except Exception:  # noqa: BLE001 - a bug of ours: said, and no reason to look never again
                if not self.trouble:
                    _log.exception("alerts.failed")
                self.trouble = "Alerts are not evaluated, by a fault of the event sink; its log says where."
            await asyncio.sleep(EVERY)

    async def refresh(self) -> None:
        """Take one look.

        Raises:
            StoreUnavailable: the store or the file does not answer.
        """
        async with self._one:
            await self._read()
            look = None
            now = self._clock()
            if not 0 <= now - self._swept < SWEEP:  # the clock may have been set
                look = await self._look()
            changes = await self._run(partial(self._evaluate, look))
            if look:
                self._swept = now
        if changes:
            self._posted()
        for number, (change, notice) in enumerate(changes):
            _say(change.alert, notice)
            if number % 100 == 99:
                await asyncio.sleep(0)  # thousands of lines hold up nobody

    # --- what commands ask for ---------------------------------------------------------------------------------------

    async def listed(self, *, every: bool = False) -> dict[str, Any]:
        """The alerts that are not well, the worst first, and the silences; with `every` those that are well, too."""

        def work(_: sqlite3.Connection, memory: Memory) -> dict[str, Any]:
            found = {name: _shown(alert) for name, alert in memory.alerts.items() if not alert.is_idle}
            for name in {**memory.seen, **self._rules} if every else ():
                found.setdefault(f"check/{name}", self._well(name))
            ranks = {"firing": 0, "recovering": 1, "pending": 2}
            alerts = sorted(found.values(), key=lambda alert: (ranks.get(alert["state"], 3), alert["name"]))
            now = self._clock()
            quiet = [one for one in [*memory.quiet.values(), *self._rota.ahead(now)] if one.end > now]
            return {"alerts": alerts, "quiet": [_quiet_shown(one, now) for one in quiet]}

        return await self._run(work)

    async def acknowledge(self, pattern: str, reason: str) -> list[str]:
        """Send no reminders of alerts that fire; gives their names."""

        def work(_: sqlite3.Connection, memory: Memory) -> list[str]:
            firing = [alert for alert in memory.alerts.values() if alert.state.phase in {"firing", "recovering"}]
            found = [alert for alert in firing if matches([pattern], alert.name)]
            for alert in found:
                alert.acknowledged = reason
            return sorted(alert.name for alert in found)

        return await self._run(work)

    async def silence(
        self, patterns: Sequence[str], begin: datetime, end: datetime, reason: str, *, maintenance: bool = False
    ) -> dict[str, Any]:
        """Tell nobody of some alerts for a time; gives what is kept of that."""
        quiet = Quiet(
            id="",
            kind="maintenance" if maintenance else "silence",
            alerts=[*patterns],
            begin=begin.timestamp(),
            end=end.timestamp(),
            reason=reason,
        )
        kept = await self._run(lambda connection, memory: memory.add_quiet(connection, quiet, self._clock()))
        return _quiet_shown(kept, self._clock())

    async def lift(self, number: str) -> bool:
        """End a silence before its time; False: there is none of this number."""
        return await self._run(lambda connection, memory: memory.drop_quiet(connection, number) is not None)

    async def forget(self, name: str) -> int:
        """Forget checks or monitors, by name or pattern, that will not come again; gives how many that were."""

        def work(_: sqlite3.Connection, memory: Memory) -> int:
            bare = name.removeprefix("check/").removeprefix("silent/")
            monitor = name.removeprefix("monitor/")
            found = [
                (check, region)
                for check, regions in memory.seen.items()
                for region, seen in regions.items()
                if fnmatchcase(check, bare) or fnmatchcase(seen.monitor, monitor)
            ]
            for check, region in found:
                memory.drop(check, region)
            silent = [heard for heard in memory.heard if fnmatchcase(heard, monitor)]
            for heard in silent:
                memory.unhear(heard)
            return len(found) or len(silent)

        gone = await self._run(work)
        self._swept = float("-inf")
        return gone

    async def maintenance(self) -> list[Quiet]:
        """Maintenance that is on, and what is to come within two weeks."""

        def work(_: sqlite3.Connection, memory: Memory) -> list[Quiet]:
            now = self._clock()
            return upcoming([*memory.quiet.values(), *self._rota.ahead(now)], now)

        return await self._run(work)

    async def in_maintenance(self) -> dict[str, Quiet]:
        """The checks that are in maintenance now."""

        def work(_: sqlite3.Connection, memory: Memory) -> dict[str, Quiet]:
            quiet = [one for one in self._quiet(memory, self._clock()) if one.kind == "maintenance"]
            checks = {**memory.seen, **self._rules}
            return {name: one for one in quiet for name in checks if matches(one.alerts, f"check/{name}")}

        return await self._run(work)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something with the journal of incidents."""
        return await self._run(lambda connection, _: work(connection))

    async def notes(self) -> list[journal.Entry]:
        """Incidents of which operators wrote within 90 days, and all that are open."""
        return await self.write(lambda connection: journal.entries(connection, self._clock() - CLOSED_FOR))

    async def life(self) -> str:
        """Stands for the file of alerts, as long as there is one."""
        return await self._run(lambda _, memory: memory.life)

    @property
    def public(self) -> list[str]:
        """The checks that are on the status page."""
        return [name for name, rule in self._rules.items() if rule.public]

    # --- how ---------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Read the samples that are new, a page a commit."""
        committed = self._store.committed
        seq = await self._run(partial(self._begin, committed))
        while seq < committed:
            page = await self._store.page(EventQuery(type=TYPES, after_seq=seq, order="asc", limit=PAGE))
            seq = committed if page.next is None else page.next
            await self._run(partial(self._take, page.events, seq))

    def _begin(self, committed: int, _: sqlite3.Connection, memory: Memory) -> int:
        """Where to read from. Of what was before there were alerts nobody is told; a store may have been emptied."""
        if memory.seq is None or memory.seq > committed:
            if memory.seq is not None:
                _log.warning("alerts.store_is_another", known=memory.seq, found=committed)
            memory.seq = committed
        return memory.seq

    def _take(self, events: Sequence[StoredEvent], seq: int, _: sqlite3.Connection, memory: Memory) -> None:
        default = default_rule(self._alerts)
        count = sum(map(len, memory.seen.values()))
        for sample in read(events):
            known = memory.seen.get(sample.check, {})
            if sample.removed:
                _remove(memory, sample)
                continue
            if sample.region not in known:
                if len(known) >= MOST_REGIONS or (count >= MOST_SEEN and sample.check not in self._rules):
                    self._say_full(sample.check)
                    continue
                count += 1
            if sample.monitor and sample.every:
                memory.hear(sample.monitor, sample.region, sample.received)
            note(memory.region(sample.check, sample.region), sample, self._rules.get(sample.check, default))
            self._todo.add(sample.check)
        memory.seq = seq

    def _say_full(self, check: str) -> None:
        if not self.full:
            _log.error("alerts.too_many_checks", most=MOST_SEEN, check=check[:100])
        self.full = (
            f"More than {MOST_SEEN:,} checks, or {MOST_REGIONS} regions of one, are reported: of others there are no"
            f" alerts, as of {check[:100]!r}. If somebody makes names up, revoke his key, and forget them with"
            " `eventsink alerts forget 'PATTERN'`. Those in the settings are watched all the same."
        )

    def _forget_unheard(self, memory: Memory, now: float) -> None:
        """Forget what was not heard of for long, of which there is no alert and that is in no settings."""
        busy = {*checks_of(memory.alerts.values())}
        for check, regions in [*memory.seen.items()]:
            if check not in self._rules and check not in busy:
                for region, seen in [*regions.items()]:
                    if now - seen.received > KEPT_UNHEARD:
                        memory.drop(check, region)
        if sum(map(len, memory.seen.values())) < MOST_SEEN:
            self.full = ""

    def _evaluate(
        self, look: Look | None, connection: sqlite3.Connection, memory: Memory
    ) -> list[tuple[Change, Notice]]:
        now = self._clock()
        if now < self._last:
            memory.cap(now)
        if not 0 <= now - self._last <= GAP or (look and (look.behind > BEHIND or look.away)):
            self._watching = now  # we slept, somebody set the clock, or what is told does not reach us
        self._last = now
        checks = {*self._todo, *checks_of(memory.alerts.values())}
        if look:
            self._forget_unheard(memory, now)
            checks |= {*memory.seen, *self._rules}
        moment = Moment(now, self._watching, self._quiet(memory, now), look)
        changes = Evaluation(memory, self._rules, self._alerts, moment).run(sorted(checks))
        self._todo.clear()
        phases = Counter(alert.state.phase for alert in memory.alerts.values())
        self.counts = {phase: phases[phase] for phase in ("firing", "recovering", "pending")}
        self.counts["silences"] = len(moment.quiet)
        notices = [(change, _notice(change, now)) for change in changes]
        for change, notice in notices:
            told = change.alert.channels if notice.kind != "firing" else []
            posted = self._post(connection, notice, told, notice.time)
            change.alert.channels = [*dict.fromkeys([*told, *posted])]
        return notices

    def _quiet(self, memory: Memory, now: float) -> list[Quiet]:
        return [quiet for quiet in memory.quiet.values() if quiet.is_at(now)] + self._rota.at(now)

    def _well(self, check: str) -> dict[str, Any]:
        rule = self._rules.get(check, default_rule(self._alerts))
        facts = Facts(title=check, severity=rule.severity or "critical")
        return Alert(name=f"check/{check}", facts=facts).shown() | {"since": None}

    async def _run(self, work: Callable[[sqlite3.Connection, Memory], T]) -> T:
        """Do something with the memory, on its thread; what has changed is written in the same commit."""

        def run(connection: sqlite3.Connection) -> T:
            if self._memory is None:
                self._memory = Memory(connection)
            outcome = work(connection, self._memory)
            self._memory.write(connection)
            return outcome

        try:
            return await self._file.run(run)
        except BaseException:
            self._memory, self._swept = (
                None,
                float("-inf"),
            )  # it may be ahead of the file: all is read and looked at anew
            raise


def _remove(memory: Memory, sample: Sample) -> None:
    """A monitor has told that it runs a check no more; of another one, or of long ago, that says nothing."""
    seen = memory.seen.get(sample.check, {}).get(sample.region)
    if seen is None or seen.monitor != sample.monitor or sample.at < seen.at:
        return
    memory.drop(sample.check, sample.region)
    others = (one.monitor for regions in memory.seen.values() for one in regions.values())
    if sample.monitor not in others:
        memory.unhear(sample.monitor)


def _notice(change: Change, now: float) -> Notice:
    facts, state = change.alert.facts, change.alert.state
    over = change.told.kind in {"resolved", "closed"}
    return Notice(
        id=uuid.uuid4().hex,
        alert=change.alert.name,
        title=facts.title,
        kind=change.told.kind,
        severity=facts.severity,
        time=datetime.fromtimestamp(now, UTC),
        since=datetime.fromtimestamp(facts.since or state.begun or now, UTC),
        reason=facts.reason,
        message=f"It was: {facts.message}" if over and facts.message else facts.message,
        target=facts.target,
        regions=facts.regions,
        note=change.told.note,
    )


def _say(alert: Alert, notice: Notice) -> None:
    log = _log.info if notice.kind in {"resolved", "closed"} else _log.warning
    log(f"alert.{notice.kind}", alert=alert.name, message=notice.message or None, note=notice.note or None)


def _shown(alert: Alert) -> dict[str, Any]:
    shown = alert.shown()
    return shown | {"since": datetime.fromtimestamp(shown["since"], UTC)}


def _quiet_shown(quiet: Quiet, now: float) -> dict[str, Any]:
    return {
        "id": quiet.id,
        "kind": quiet.kind,
        "alerts": quiet.alerts,
        "begin": datetime.fromtimestamp(quiet.begin, UTC),
        "end": datetime.fromtimestamp(quiet.end, UTC),
        "reason": quiet.reason,
        "on": quiet.is_at(now),
    }
