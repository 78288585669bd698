"""What is not known of the messages of others is said once."""

import structlog.testing

from eventsink.exchange.rabbitmq.novelties import MOST, Novelties
from tests.exchange.test_wire import _login, _read


def test_each_is_said_once_and_there_is_an_end() -> None:
    novelties = Novelties()
    with structlog.testing.capture_logs() as logs:
        for number in range(MOST + 50):
            novelties.tell(["a.b has no field 'c'; it is kept.", f"{number}"])
    said = [line["reason"] for line in logs]
    assert said.count("a.b has no field 'c'; it is kept.") == 1
    assert len(said) == MOST + 1
    assert said[-1] == "More kinds that are not known are not said."


def test_an_unknown_category_of_clowder_is_noticed_and_kept() -> None:
    parcel = _read(_login(category="publish"))
    assert [event.type for event in parcel.events] == ["clowder.publish"]
    assert list(parcel.notices) == ["'clowder.publish' is kept as a custom event."]
    assert not _read(_login()).notices
