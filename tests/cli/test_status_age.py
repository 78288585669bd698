"""What `eventsink status` makes of a sink that tells how it was."""

from typing import Any, cast

import pytest

from eventsink.cli import status
from eventsink.cli.status import concerns, status_of
from eventsink.client.sink import Sink


class Told:
    """A sink that tells of one age after the other; the last for ever."""

    def __init__(self, *ages: float) -> None:
        self.ages = [*ages]

    def get(self, _: str) -> dict[str, Any]:
        age = self.ages.pop(0) if len(self.ages) > 1 else self.ages[0]
        return {"age_seconds": age, "spool": {"events": 0}, "workers": {}}


def test_a_look_that_takes_longer_than_the_sink_waits_is_waited_for() -> None:
    assert concerns(status_of(cast("Sink", Told(6.9, 7.2, 0.4)))) == []


def test_what_stays_old_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "PATIENCE", 0.1)
    (said,) = concerns(status_of(cast("Sink", Told(6.9))))
    assert said == "This is 6.9s old: the exchange does not answer."
