"""An event at which a sink fails: its neighbours arrive without it, and while nothing arrives it is the sink."""

import pytest

from eventsink.client.culprits import Culprits, separate
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


@pytest.mark.parametrize("bad", [[b"-0000"], [b"-0999"], [b"-0500"], [b"-0003", b"-0004", b"-0700"]], ids=len)
def test_all_others_arrive(bad: list[bytes]) -> None:
    choosy = _Choosy(*bad)
    verdict, held, reason = separate(choosy, LINES)
    assert sorted(choosy.taken) == [line for line in LINES if not any(text in line for text in bad)]
    assert sorted(held) == [b"event" + text for text in bad] and reason == "It answers 500."
    assert verdict.accepted == 1000 - len(bad) and choosy.asked <= 25 * len(bad)


def test_a_sink_that_is_ill_is_not_asked_for_ever() -> None:
    ill = _Choosy(b"event")
    with pytest.raises(NotNow):
        separate(ill, LINES)
    assert ill.asked <= 16
    with pytest.raises(NotNow):
        separate(ill, LINES[:1])
    away = _Choosy(b"event", answered=False)
    with pytest.raises(NotNow):
        separate(away, LINES)
    assert away.asked == 1


def test_it_is_given_up_after_some_rounds() -> None:
    culprits = Culprits()
    assert [culprits.is_over(b"x") for _ in range(5)] == [False] * 4 + [True]
    assert not culprits.is_over(b"x"), "it is forgotten then"
