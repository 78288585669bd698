"""An event at which a sink fails: its neighbours arrive without it, and while nothing arrives it is the sink."""

import pytest

from eventsink.client.culprits import AGE, AT_ONCE, IN_VAIN, Culprits, separate
from eventsink.client.transport import NotNow, Verdict


class _Choosy:
    """Fails at whatever has one of these texts."""

    def __init__(self, *bad: bytes, answered: bool = True) -> None:
        self._bad, self._answered = bad, answered
        self.taken: list[bytes] = []
        self.asked = 0

    def send(self, lines: bytes, events: int) -> Verdict:
        self.asked += 1
        if any(text in lines for text in self._bad):
            raise NotNow("It answers 500.", answered=self._answered)
        self.taken += lines.split(b"\n")
        return Verdict(events)

    def close(self) -> None:
        """It has nothing open."""


LINES = [b"event-%04d" % number for number in range(1000)]


@pytest.mark.parametrize(
    "bad",
    [
        [b"-0000"],
        [b"-0999"],
        [b"-0500"],
        [b"-0003", b"-0004", b"-0700"],
        [b"-000%d" % number for number in range(8)],
        [b"-099%d" % number for number in range(8)],
    ],
    ids=["first", "last", "middle", "three", "the first ones", "the last ones"],
)
def test_all_others_arrive(bad: list[bytes]) -> None:
    choosy = _Choosy(*bad)
    verdict, held, rest, reason = separate(choosy, LINES)
    assert sorted(choosy.taken) == [line for line in LINES if not any(text in line for text in bad)]
    assert sorted(held) == [b"event" + text for text in bad] and reason == "It answers 500."
    assert verdict.accepted == 1000 - len(bad) and not rest and choosy.asked <= 25 * len(bad)


def test_of_very_many_that_fail_some_get_through_each_time() -> None:
    """Two of three fail, so no part does, and what is left waits for the next time."""
    lines, arrived = [b"%s-%04d" % (b"ok" if number % 3 == 0 else b"bad", number) for number in range(3000)], 0
    for _ in range(3):
        choosy = _Choosy(b"bad")
        _, held, rest, _ = separate(choosy, lines)
        assert choosy.asked <= AT_ONCE and choosy.taken and not any(line.startswith(b"ok") for line in held)
        assert sorted([*choosy.taken, *held, *rest]) == sorted(lines)
        arrived, lines = arrived + len(choosy.taken), [*held, *rest]
    assert arrived >= 3


def test_what_fails_while_a_sink_falls_ill_is_no_culprit() -> None:
    class Falling(_Choosy):
        def send(self, lines: bytes, events: int) -> Verdict:
            if self.taken:
                self._bad = (b"event",)
            return super().send(lines, events)

    falling = Falling(b"-0000")
    _, held, rest, _ = separate(falling, LINES)
    assert len(falling.taken) == 500 and not held and len(rest) == 500


def test_a_search_ends_when_the_program_does() -> None:
    choosy = _Choosy(b"-0999")
    asked = iter([False, False, True, True, True])
    assert len(separate(choosy, LINES, lambda: next(asked)).rest) == 500


def test_a_sink_that_is_ill_is_not_asked_for_ever() -> None:
    ill = _Choosy(b"event")
    with pytest.raises(NotNow):
        separate(ill, LINES)
    assert ill.asked <= 2 * IN_VAIN
    with pytest.raises(NotNow):
        separate(ill, LINES[:1])
    away = _Choosy(b"event", answered=False)
    with pytest.raises(NotNow):
        separate(away, LINES)
    assert away.asked == 1


def test_it_is_given_up_after_some_rounds() -> None:
    now = 0.0
    culprits = Culprits(lambda: now)
    assert not any(culprits.is_over(b"x") for _ in range(50)), "a sink may be ill for a while"
    now = AGE
    assert culprits.is_over(b"x") and not culprits.is_over(b"x"), "it is forgotten then"
