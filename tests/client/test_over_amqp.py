"""Events of a program straight into the exchange of a real RabbitMQ."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eventsink import SinkService
from eventsink.client import posting as posting_module
from eventsink.client.over_amqp import OverAmqp
from eventsink.client.posting import Posting
from eventsink.client.tallies import Tallies
from eventsink.client.transport import NotNow, Verdict
from eventsink.client.waiting import Waiting
from tests.amqp.foreign import channel, get_all


def wait_until(true: Callable[[], bool]) -> None:
    """Wait until something is so; that the last were sent is counted a moment after they are gone."""
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_events_go_in_batches_of_one_type_and_wait_while_nobody_takes_them(
    broker: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with SinkService(broker, source="amqp", spool=tmp_path) as sink:
        sink.capture("demo.one", number=0)
        wait_until(lambda: "Start the event sink" in caplog.text)  # there is no exchange yet
        assert sink.counts["waiting"] == 1
    with channel(broker) as foreign:
        foreign.exchange_declare("clowder.metrics", "fanout", durable=True)
        foreign.queue_declare("q", durable=True)
        foreign.queue_bind("q", "clowder.metrics")
    with SinkService(broker, source="amqp", spool=tmp_path) as sink:
        for number in range(1, 5):
            sink.capture("demo.one", number=number)
            sink.storage.file_uploaded(bytes=number)
        assert sink.flush(30)
        wait_until(lambda: sink.counts.get("sent") == 9)
    events = []
    for method, properties, body in get_all(broker, "q"):
        batch = json.loads(body)
        assert properties.content_type == "application/cloudevents-batch+json" and properties.delivery_mode == 2
        assert {event["type"] for event in batch} == {method.routing_key}
        events += batch
    assert sorted(event["data"]["number"] for event in events if event["type"] == "demo.one") == [0, 1, 2, 3, 4]
    assert len({event["id"] for event in events}) == 9
    assert all(event["specversion"] == "1.0" and event["source"] == "amqp" for event in events)


def test_a_broker_that_is_away_costs_nothing(tmp_path: Path) -> None:
    sink = SinkService("amqp://guest:hush@127.0.0.1:1/", spool=tmp_path)
    sink.capture("demo.one")
    wait_until(lambda: bool(sink.counts.get("attempts that failed")))
    began = time.monotonic()
    sink.close(30.0)
    assert time.monotonic() - began < 15, "not the time that it was given"
    assert list(tmp_path.glob("*.db"))


async def test_it_may_be_made_where_a_loop_runs(tmp_path: Path) -> None:
    sink = SinkService("amqp://guest:hush@127.0.0.1:1/", spool=tmp_path)
    sink.capture("demo.one")
    deadline = time.monotonic() + 30
    while "attempts that failed" not in sink.counts:  # somebody tries to send it
        assert time.monotonic() < deadline, sink.counts
        time.sleep(0.01)
    sink.close()
    assert sink.counts["captured"] == 1 and not any("dropped" in name for name in sink.counts)
    assert list(tmp_path.glob("*.db"))


def test_a_connection_is_seen_to_while_there_is_nothing_to_send() -> None:
    turned = threading.Event()
    over = OverAmqp("amqp://guest:hush@127.0.0.1:1/", 1.0)
    over._loop.call_soon(turned.set)  # as heartbeats that are due
    posting = Posting(Waiting(None, 1 << 20, Tallies()), over, Tallies())
    posting.start()
    assert turned.wait(30)
    posting.stop(30)


class _Away:
    """Takes nothing for an hour, and counts how often somebody sees to it."""

    def __init__(self) -> None:
        self.seen = 0

    def send(self, lines: bytes, events: int) -> Verdict:
        raise NotNow("not now", after=3600.0)

    def idle(self) -> None:
        self.seen += 1
        raise OSError("what goes wrong meanwhile ends nothing")

    def close(self) -> None:
        self.seen = -1


def test_a_connection_is_seen_to_while_the_next_attempt_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting_module, "IDLE", 0.01)
    waiting, away = Waiting(None, 1 << 20, Tallies()), _Away()
    waiting.add(1, b"{}")
    posting = Posting(waiting, away, Tallies())
    posting.start()
    wait_until(lambda: away.seen > 2)
    assert posting.is_away
    posting.stop(30)
    assert away.seen == -1, "the end waits for no next attempt"


def test_a_line_that_is_none_holds_up_no_other(broker: str) -> None:
    with channel(broker) as foreign:
        foreign.exchange_declare("clowder.metrics", "fanout", durable=True)
        foreign.queue_declare("q", durable=True)
        foreign.queue_bind("q", "clowder.metrics")
    over = OverAmqp(broker, 30.0)
    good = b'{"type":"demo.x","data":{}}'
    verdict = over.send(b"\n".join([good, b"no json", b'{"type":"' + b"\xff" + b'"}', good]), 4)
    over.close()
    assert (verdict.accepted, verdict.refused) == (2, 2) and "JSON" in verdict.reason
    assert [json.loads(body) for _, _, body in get_all(broker, "q")] == [[json.loads(good)] * 2]
