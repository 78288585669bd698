"""What all tests of the exchange do without."""

import pytest


@pytest.fixture(autouse=True)
def _queues_are_used_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue is bound at once: only where RabbitMQ is killed just then does the wait matter."""
    monkeypatch.setattr("eventsink.exchange.rabbitmq.layout.FLUSHED_AFTER", 0.0, raising=True)
