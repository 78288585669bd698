"""The states of an alert and what is told of it, against a model that is as simple as can be, on random histories."""

import random
from typing import NamedTuple

import pytest

from eventsink.watch.alerts.alert import Alert, Facts
from eventsink.watch.alerts.machine import Signal, State, step
from eventsink.watch.alerts.regions import Sample, Seen, judge, note
from eventsink.watch.alerts.rule import Rule
from eventsink.watch.alerts.telling import CALM, HOUR, Circumstances, tell

HISTORIES = 25_000  # of each of four seeds
EVERY = 60.0
BEGIN = 1_800_000_000.0
REGIONS = ("a", "b", "c")


class Step(NamedTuple):
    """What each region says in one period; None: nothing is heard of it. `?`: it cannot tell."""

    said: dict[str, str | None]


def _history(chance: random.Random) -> list[Step]:
    regions = REGIONS[: chance.choice((1, 1, 2, 3))]
    sick = 0.0
    steps = []
    for _ in range(chance.randint(4, 18)):
        sick = chance.choice((sick, sick, sick, 0.0, 0.5, 1.0))
        steps.append(
            Step(
                {
                    region: chance.choices((None, "?", "down" if chance.random() < sick else "up"), (1, 1, 12))[0]
                    for region in regions
                }
            )
        )
    return steps


class _Region:
    """What the model knows of a region: all that it said, in words."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.last: str | None = None
        self.heard = -10

    def hear(self, number: int, word: str | None) -> None:
        if word is not None:
            self.heard, self.last = number, word
            self.told += [word] if word != "?" else []

    def failing(self, failures: int, successes: int) -> bool:
        """From the words alone, from the first on: bad after so many failures, well after so many successes."""
        bad, row, before = False, 0, ""
        for word in self.told:
            row = row + 1 if word == before else 1
            before = word
            if word == "down" and row >= failures:
                bad = True
            if word == "up" and row >= successes:
                bad = False
        return bad


def _model(history: list[Step], rule: Rule) -> list[tuple[int, str]]:
    """When it fires and when it is well again, by the words of the documentation."""
    known = {region: _Region() for step in history for region in step.said}
    fires, suspected_since, told = False, None, []
    for number, period in enumerate(history):
        for region, word in period.said.items():
            known[region].hear(number, word)
        fresh = [one for one in known.values() if number - one.heard <= 2 and one.last in {"up", "down"}]
        if not fresh:
            continue
        enough = rule.regions or len(fresh) // 2 + 1
        suspect = sum(one.told[-1] == "down" for one in fresh) >= enough
        bad = sum(one.failing(rule.failures or 1, rule.successes or 1) for one in fresh) >= enough
        if not (suspect or bad):
            if fires:
                told.append((number, "resolved"))
            fires, suspected_since = False, None
            continue
        suspected_since = number if suspected_since is None else suspected_since
        if not fires and suspect and bad and EVERY * (number - suspected_since) >= rule.hold:
            fires = True
            told.append((number, "firing"))
    return told


def _ours(history: list[Step], rule: Rule, flaps: int = 1000) -> list[tuple[int, str]]:
    seen: dict[str, Seen] = {}
    alert = Alert(name="check/x", facts=Facts(title="x"))
    told: list[tuple[int, str]] = []
    for number, period in enumerate(history):
        now = BEGIN + EVERY * number
        for region, word in period.said.items():
            if word is not None:
                up = None if word == "?" else word == "up"
                sample = Sample("x", region, "m", now, now + 0.1, up, EVERY)
                note(seen.setdefault(region, Seen("x", region)), sample, rule)
        verdict = judge(seen.values(), rule, now + 1)
        facts = Facts(title="x", since=verdict.since)
        if found := tell(alert, verdict.signal, facts, now + 1, Circumstances(hold=rule.hold, flaps=flaps)):
            told.append((number, found.kind))
    return told


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_told_of_a_check_is_what_a_simple_model_says(seed: int) -> None:
    chance = random.Random(seed)
    fired = 0
    for _ in range(HISTORIES):
        history = _history(chance)
        rule = Rule(
            failures=chance.randint(1, 3),
            successes=chance.randint(1, 3),
            hold=chance.choice((0.0, 0.0, 60.0, 150.0)),
            regions=chance.choice((None, None, 1, 2)),
        )
        expected = _model(history, rule)
        assert _ours(history, rule) == expected, (seed, history, rule)
        fired += len(expected)
    assert fired > HISTORIES  # the histories are no idle ones


def test_firing_and_well_again_take_turns_whatever_is_muted_or_changes_too_often() -> None:
    """What people believe is right in the end, and they are told each thing once."""
    chance = random.Random(7)
    for _ in range(5000):
        alert, now, kinds = Alert(name="x", facts=Facts(title="x")), BEGIN, []
        for _ in range(chance.randint(5, 60)):
            now += chance.choice((1.0, 60.0, 600.0))
            signal = chance.choice((None, Signal(False, False), Signal(True, True), Signal(True, False)))
            muted = "silenced" if chance.random() < 0.3 else ""
            about = Circumstances(muted, chance.choice((0.0, 120.0)), flaps=3)
            if found := tell(alert, signal, Facts(title="x", since=now), now, about):
                kinds.append(found.kind)
        for end in (Signal(False, False), Signal(True, True)):
            for _ in range(3):
                now += CALM + 1
                if found := tell(alert, end, Facts(title="x", since=now), now, Circumstances(flaps=3)):
                    kinds.append(found.kind)
            now += HOUR
        assert kinds[::2] == ["firing"] * len(kinds[::2]) and kinds[1::2] == ["resolved"] * len(kinds[1::2])
        assert alert.told and kinds[-1] == "firing"


def test_it_stays_as_it_was_while_nothing_is_known() -> None:
    for phase in ("ok", "pending", "firing", "recovering"):
        state = State(phase, 1.0, 1.0)
        assert step(state, None, 9.0) == state
