"""From what is known to what is told: one look at all alerts, on the thread of the file.

In: samples, the sink as it was seen, who asked for silence. Out: alerts in their new states, and the notices to send.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from eventsink.settings import Alerts
from eventsink.watch.alerts.alert import Alert, Facts
from eventsink.watch.alerts.conditions import Look, conditions
from eventsink.watch.alerts.machine import Signal
from eventsink.watch.alerts.memory import Memory
from eventsink.watch.alerts.regions import Seen, Verdict, judge
from eventsink.watch.alerts.rule import Rule, default_rule, matches
from eventsink.watch.alerts.telling import HOUR, Circumstances, Told, tell
from eventsink.watch.alerts.windows import Quiet

__all__ = ["Change", "Evaluation", "Moment", "checks_of"]

SILENT_PERIODS = 3.0
WELL = Signal(suspect=False, bad=False)
NOT_WELL = Signal(suspect=True, bad=True)
GONE = "Nobody watches it any more: how it is, is not known."


class Moment(NamedTuple):
    """What is known beside the samples when a look is taken.

    Args:
        now: seconds since 1970.
        watching: since when looks were taken without a gap: silence of a time in which nobody listened says nothing.
        quiet: silences and maintenance that are on.
        look: the sink itself; None: it was not looked at this time, and neither is it looked for silence.
    """

    now: float
    watching: float
    quiet: list[Quiet]
    look: Look | None = None


class Change(NamedTuple):
    """What is to be told of an alert."""

    alert: Alert
    told: Told


class Evaluation:
    """One look.

    Args:
        memory: what was known; it is changed.
        rules: of the checks that have a section.
        alerts: the settings.
        moment: when, and what else is known.
    """

    def __init__(self, memory: Memory, rules: Mapping[str, Rule], alerts: Alerts, moment: Moment) -> None:
        self._memory = memory
        self._rules = rules
        self._alerts = alerts
        self._moment = moment
        self._default = default_rule(alerts)
        self._verdicts: dict[str, Verdict] = {}
        self._changes: list[Change] = []

    def run(self, checks: Iterable[str]) -> list[Change]:
        """Look at these checks, and where the sink itself was looked at, at all else; gives what is to be told."""
        for name in checks:
            self._look_at_check(name)
        if self._moment.look:
            silent = self._look_for_silent_monitors()
            for name in {**self._memory.seen, **self._rules}:
                self._look_for_silence(name, silent)
            self._look_at_sink(self._moment.look)
            self._close_what_is_gone()
        return self._changes

    # --- checks ------------------------------------------------------------------------------------------------------

    def _rule(self, check: str) -> Rule:
        return self._rules.get(check, self._default)

    def _verdict(self, check: str) -> Verdict:
        found = self._verdicts.get(check)
        if found is None:
            seen = self._memory.seen.get(check, {}).values()
            found = self._verdicts[check] = judge(seen, self._rule(check), self._moment.now)
        return found

    def _look_at_check(self, name: str) -> None:
        rule, verdict = self._rule(name), self._verdict(name)
        if not rule.alert:
            return
        facts = Facts(
            title=name,
            severity=rule.severity or "critical",
            target=verdict.target,
            reason=verdict.reason,
            message=verdict.message,
            regions=verdict.regions,
            since=self._begun(f"check/{name}", verdict.since),
        )
        self._tell(f"check/{name}", verdict.signal, facts, rule, muted=self._dependency(name))
        self._look_at_certificate(name, verdict)

    def _look_at_certificate(self, name: str, verdict: Verdict) -> None:
        """A certificate that ends soon, where a check that is up all the same has seen it."""
        seen = self._memory.seen.get(name, {}).values()
        days = [
            one.certificate_days for one in seen if one.certificate_days is not None and one.is_fresh(self._moment.now)
        ]
        if not days:
            return
        soon = min(days) < self._alerts.certificate_days
        message = f"Its certificate ends in {max(min(days), 0):.0f} days: renew it." if soon else ""
        title, since = f"Certificate of {verdict.target or name}", self._since(f"certificate/{name}", holds=soon)
        facts = Facts(title=title, target=verdict.target, reason="certificate", message=message, since=since)
        muted = f"{name} is down for that itself" if soon and verdict.reason == "certificate" else ""
        self._tell(f"certificate/{name}", NOT_WELL if soon else WELL, facts, self._default, muted=muted)

    def _dependency(self, check: str) -> str:
        """Which check that it stands on is not well; empty where all are, and have been looked at since it was not."""
        begun = self._verdict(check).since
        todo, seen = [*self._rule(check).depends], set[str]()
        while todo:
            needed = todo.pop()
            if needed in seen:
                continue
            seen.add(needed)
            todo += self._rule(needed).depends
            signal, alert = self._verdict(needed).signal, self._memory.alerts.get(f"check/{needed}")
            if (signal and (signal.suspect or signal.bad)) or (alert and alert.state.phase != "ok"):
                return f"{needed} is not well, on which it depends"
            if any(self._is_due(one, begun) for one in self._memory.seen.get(needed, {}).values()):
                return f"{needed}, on which it depends, was not looked at since"
        return ""

    def _is_due(self, seen: Seen, begun: float) -> bool:
        """Whether a sample is to come that could tell whether it was well at a moment."""
        return bool(begun) and seen.at < begun and seen.is_fresh(self._moment.now)

    # --- silence -----------------------------------------------------------------------------------------------------

    def _look_for_silent_monitors(self) -> set[str]:
        """Tell of monitors of which nothing is heard; gives the names of those that people are told of."""
        periods: dict[str, float] = {}
        for regions in self._memory.seen.values():
            for one in regions.values():
                if one.every:
                    periods[one.monitor] = min(one.every, periods.get(one.monitor, one.every))
        silent = set()
        for monitor, known in self._memory.heard.items():
            last = known.received
            patience = max(self._alerts.silent, SILENT_PERIODS * periods.get(monitor, 0.0))
            heard = self._moment.now - last <= patience
            is_silent = not heard and self._moment.now - self._moment.watching > patience
            if is_silent and not matches(self._alerts.ignore, f"monitor/{monitor}"):
                silent.add(monitor)
            message = f"Nothing was heard of it since {_clock(last)}: see whether it runs and reaches this sink."
            facts = Facts(
                title=f"Monitor {monitor}",
                severity="critical",
                reason="silent",
                message=message if is_silent else "",
                regions=sorted(known.regions),
                since=last if is_silent else 0.0,
            )
            signal = WELL if heard else NOT_WELL if is_silent else None  # after a restart, nobody has listened for long
            self._tell(f"monitor/{monitor}", signal, facts, self._default)
        return silent

    def _look_for_silence(self, name: str, silent: set[str]) -> None:
        """Tell of a check of which nothing is heard while its monitors are well, or that was never heard of."""
        rule, found = self._rule(name), [one for one in self._memory.seen.get(name, {}).values() if one.every]
        if not rule.alert or (not found and name not in self._rules) or (not found and name in self._memory.seen):
            return
        last = max((one.received for one in found), default=0.0)
        patience = self._patience(rule.silent or self._alerts.silent, found)
        heard = self._moment.now - last <= patience
        is_silent = not heard and self._moment.now - self._moment.watching > patience
        message = ""
        if is_silent and found:
            monitors = ", ".join(sorted({one.monitor or one.region for one in found}))
            message = f"Nothing was heard of it since {_clock(last)}, from {monitors}. If it is checked no more:"
            message += f" `eventsink alerts forget {name}`."
        elif is_silent:
            message = "It is in the settings of the sink, and nobody reports it: `eventsink monitor` runs checks."
        facts = Facts(
            title=f"{name} is not checked",
            severity="warning",
            reason="silent",
            message=message,
            since=(last or self._moment.watching) if is_silent else 0.0,
        )
        muted = "its monitor is silent" if found and all(one.monitor in silent for one in found) else ""
        signal = WELL if heard else NOT_WELL if is_silent else None  # after a restart, nobody has listened for long
        self._tell(f"silent/{name}", signal, facts, rule, muted=muted, hold=0.0)

    def _patience(self, least: float, found: Iterable[Seen]) -> float:
        return max(least, SILENT_PERIODS * min((one.every for one in found), default=0.0))

    # --- the sink itself ---------------------------------------------------------------------------------------------

    def _look_at_sink(self, look: Look) -> None:
        known = set()
        for alert, holds, lasts, facts in conditions(look, self._alerts):
            known.add(alert)
            whole = _since(facts, self._since(alert, holds=holds))
            self._tell(alert, NOT_WELL if holds else WELL, whole, self._default, hold=lasts)
        for name in [name for name in self._memory.alerts if name.startswith("sink/") and name not in known]:
            self._close(self._memory.alerts[name])

    def _close_what_is_gone(self) -> None:
        """Close the alerts of checks and monitors that are known no more."""
        for alert in [*self._memory.alerts.values()]:
            alert.fired = [at for at in alert.fired if self._moment.now - at < HOUR]
            kind, _, name = alert.name.partition("/")
            is_seen = name in self._memory.seen
            if (
                (kind == "monitor" and name not in self._memory.heard)
                or (kind in {"check", "certificate"} and not is_seen)
                or (kind == "silent" and not is_seen and name not in self._rules)
                or (kind in {"check", "silent"} and not self._rule(name).alert)
            ):
                self._close(alert)

    def _close(self, alert: Alert) -> None:
        """End an alert whose object is gone: at once, and told to whom it was told."""
        alert.flapping = False
        told = tell(
            alert,
            WELL,
            Facts(title=alert.facts.title, severity=alert.facts.severity),
            self._moment.now,
            Circumstances(),
        )
        if told:
            self._changes.append(Change(alert, Told("closed", GONE)))
        if alert.is_idle:
            alert.fired = []

    # --- all of them -------------------------------------------------------------------------------------------------

    def _begun(self, alert: str, since: float) -> float:
        """Since when it is not well this time: one region may not have been well before, when the others were."""
        known = self._memory.alerts.get(alert)
        if not since or known is None:
            return since
        if known.state.phase != "ok":
            return known.facts.since or since
        return max(since, known.state.since)

    def _since(self, alert: str, *, holds: bool) -> float:
        """Since when something holds that does not say so itself."""
        known = self._memory.alerts.get(alert)
        if not holds:
            return 0.0
        return known.state.begun if known and known.state.phase != "ok" else self._moment.now

    def _tell(  # noqa: PLR0913
        self, name: str, signal: Signal | None, facts: Facts, rule: Rule, *, muted: str = "", hold: float | None = None
    ) -> None:
        known = self._memory.alerts.get(name)
        if known is None and (signal is None or not (signal.suspect or signal.bad)):
            return
        if matches(self._alerts.ignore, name):
            if known:
                self._close(known)
            return
        alert = known or self._memory.alert(name, facts)
        about = Circumstances(
            muted=muted or self._quiet(name),
            hold=rule.hold if hold is None else hold,
            flaps=self._alerts.flaps,
            reminder=self._alerts.reminder if rule.reminder is None else rule.reminder,
        )
        told = tell(alert, signal, facts, self._moment.now, about)
        if told:
            self._changes.append(Change(alert, told))

    def _quiet(self, alert: str) -> str:
        """Who asked that it be quiet."""
        for quiet in self._moment.quiet:
            if quiet.kind == "maintenance" and not alert.startswith(("check/", "certificate/")):
                continue  # it is that of what is checked, not of the sink
            if matches(quiet.alerts, alert):
                what = "in maintenance" if quiet.kind == "maintenance" else "silenced"
                why = f" ({quiet.reason})" if quiet.reason else ""
                return f"{what} until {_clock(quiet.end)}{why}"
        return ""


def checks_of(alerts: Iterable[Alert]) -> Iterator[str]:
    """The checks of alerts that are not idle: they change also when nothing new is heard of them."""
    for alert in alerts:
        kind, _, name = alert.name.partition("/")
        if kind in {"check", "silent"} and not alert.is_idle:
            yield name


def _since(facts: Facts, since: float) -> Facts:
    return Facts(title=facts.title, severity=facts.severity, message=facts.message, since=since)


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
