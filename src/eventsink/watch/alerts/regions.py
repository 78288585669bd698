"""What was last seen of a check in each region, and what all regions together say of it.

A sample counts where it is one of now: what waited on the disk of a monitor and comes late tells of the past, and
wakes nobody. A monitor whose clock is wrong is not late: what it says is always equally far from the time at which it
arrives, while of what has waited the latest has waited the least.
"""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from eventsink.watch.alerts.machine import Signal
from eventsink.watch.alerts.rule import Rule

__all__ = ["Sample", "Seen", "Verdict", "judge", "note"]

AHEAD = 60.0  # seconds that the clock of a monitor may be ahead of ours without being wrong
STEADY = 2  # samples in a row, after which a clock is taken to be wrong, and the samples to be of now
LISTED = 20  # regions that are named
PERIODS = 2.5  # for which a sample says something
ON_ITS_WAY = 5.0  # seconds beside
UNSAID = 240.0  # seconds between two samples that do not say it
DAY = 86_400.0


class Sample(NamedTuple):
    """What one run has found. Times are seconds since 1970.

    Args:
        at: by the clock of the monitor.
        received: by ours.
        up: None where it could not be told.
        removed: the check is in the settings of its monitor no more.
    """

    check: str
    region: str
    monitor: str
    at: float
    received: float
    up: bool | None
    every: float | None = None
    reason: str = ""
    message: str = ""
    target: str = ""
    certificate_days: float | None = None
    removed: bool = False


class Seen(msgspec.Struct):
    """What is known of a check in one region.

    Args:
        lag: seconds from the time of the last sample to its arrival.
        live: whether that was of now.
        down: how many in a row were not well; `well`: how many were.
        begun: when it was first not well, before it was well again for long enough; by our clock.
        bad: that too many in a row were not well, and too few were since.
        up: what the last one said; None: it could not tell.
        every: seconds from one to the next; 0: it does not come at set times.
        steady: how many in a row came at their pace and were equally late, or early.
    """

    check: str
    region: str
    monitor: str = ""
    at: float = 0.0
    received: float = 0.0
    lag: float = 0.0
    every: float = 0.0
    live: bool = False
    down: int = 0
    well: int = 0
    begun: float = 0.0
    bad: bool = False
    up: bool | None = None
    reason: str = ""
    message: str = ""
    target: str = ""
    certificate_days: float | None = None
    steady: int = 0

    def is_fresh(self, now: float) -> bool:
        """Whether what was seen last still says something."""
        return self.live and -ON_ITS_WAY <= now - self.received <= PERIODS * (self.every or UNSAID) + ON_ITS_WAY


def note(seen: Seen, sample: Sample, rule: Rule) -> None:
    """Take a sample in; of one check and region they come in the order of their arrival."""
    if seen.received > sample.received + ON_ITS_WAY:  # our own clock was set back: what is remembered has not come yet
        seen.at = seen.received = seen.lag = 0.0
        seen.begun = min(seen.begun, sample.received)
    lag = sample.received - sample.at
    every = min(sample.every or UNSAID, DAY)
    paced = sample.received - seen.received >= every / 2
    seen.steady = seen.steady + 1 if paced and seen.received and abs(lag - seen.lag) <= every / 2 else 0
    if sample.at == seen.at or (sample.at < seen.at and not paced):
        return  # the same once more, or an older one after a newer one; but a clock may have been set back
    live = -AHEAD <= lag <= PERIODS * every + ON_ITS_WAY or seen.steady >= STEADY
    when = min(sample.at if abs(lag) <= AHEAD or not live else sample.received, sample.received)
    seen.monitor, seen.at, seen.received, seen.lag = sample.monitor, sample.at, sample.received, lag
    seen.live, seen.up, seen.target, seen.every = live, sample.up, sample.target, every if sample.every else 0.0
    seen.certificate_days = sample.certificate_days if sample.certificate_days is not None else seen.certificate_days
    if sample.up is None:
        return  # the monitor cannot tell: that is neither the one nor the other
    if sample.up:
        seen.down, seen.well = 0, seen.well + 1
        seen.bad = seen.bad and seen.well < (rule.successes or 1)
    else:
        seen.begun = seen.begun if seen.down or seen.bad else when
        seen.down, seen.well = seen.down + 1, 0
        seen.bad = seen.bad or seen.down >= (rule.failures or 1)
        seen.reason, seen.message = sample.reason, sample.message


class Verdict(NamedTuple):
    """What the regions say together.

    Args:
        signal: None where none of them knows.
        regions: in which it is not well.
        since: when the first of those saw it.
    """

    signal: Signal | None
    regions: list[str]
    since: float = 0.0
    reason: str = ""
    message: str = ""
    target: str = ""


def judge(all_seen: Iterable[Seen], rule: Rule, now: float) -> Verdict:
    """What the regions say that know.

    It is down where `rule.regions` of them say so; if that is not given, more than half.
    """
    knowing = [seen for seen in all_seen if seen.up is not None and seen.is_fresh(now)]
    if not knowing:
        return Verdict(None, [])
    failing = [seen for seen in knowing if seen.bad]
    suspect = [seen for seen in knowing if seen.down]
    enough = rule.regions or len(knowing) // 2 + 1
    # Of those that say so now and those that said so lately: a region may have begun to recover while another fails.
    signal = Signal(len(suspect) >= enough, len(failing) >= enough)
    told = sorted(suspect or failing, key=lambda seen: seen.begun)
    if not told:
        return Verdict(signal, [], target=knowing[0].target)
    first = told[0]
    regions = sorted(seen.region for seen in told if seen.region)
    if len(regions) > LISTED:
        regions = [*regions[:LISTED], f"and {len(regions) - LISTED:,} more"]
    return Verdict(signal, regions, first.begun, first.reason, first.message, first.target)
