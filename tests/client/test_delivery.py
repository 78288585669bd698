import threading
import time
from collections.abc import Iterator

import pytest

from eventsink.client.batch import Batch, Course, batches
from eventsink.client.delivery import Delivery, Outcome, Patience
from eventsink.client.identity import fresh_names
from eventsink.client.sink import Refusal, Sink, Unreachable
from eventsink.client.source import Mark, Piece
from eventsink.client.sources import given_source
from eventsink.errors import EventSinkError
from tests.cli.fake_sink import Answer, FakeSink, accept


class Lines:
    """A source of lines in memory."""

    name, unit, file, grows = "memory", "line", None, False

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines

    def pieces(self, start: Mark) -> Iterator[Piece]:
        for number, line in enumerate(self._lines, 1):
            yield Piece(line, number, Mark(number, number))


def line(number: int) -> bytes:
    return b'{"type":"users.login","id":"%d"}' % number


def deliver(
    fake: FakeSink, lines: list[bytes], *, seconds: float = 30.0, told: list[str] | None = None
) -> list[Outcome]:
    course = Course(Lines(lines), None, fresh_names())
    heard = told if told is not None else []
    with Sink(fake.url, "key") as sink, Delivery(sink, Patience(seconds, heard.append)) as delivery:
        outcomes = [outcome for batch in batches(course) if batch for outcome in delivery.submit(batch)]
        return outcomes + list(delivery.drain())


def test_batches_arrive_once_and_their_outcomes_come_in_order():
    lines = [line(number) for number in range(10_500)]
    with FakeSink() as fake:
        outcomes = deliver(fake, lines)
    assert sorted(fake.accepted) == sorted(lines)
    assert [outcome.batch.end.number for outcome in outcomes] == [*range(1000, 10_001, 1000), 10_500]
    assert sum(outcome.accepted for outcome in outcomes) == 10_500
    assert outcomes[-1].batch.last
    assert fake.connections <= 4


def test_a_batch_is_not_larger_than_some_megabytes():
    with FakeSink() as fake:
        outcomes = deliver(fake, [b'{"type":"a.b","id":"1","data":{"text":"%b"}}' % (b"x" * 900_000)] * 12)
    assert [len(outcome.batch) for outcome in outcomes] == [5, 5, 2]


@pytest.mark.parametrize("connections", [1, 4])
def test_a_sink_that_is_away_for_a_while_gets_all_once(connections: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("eventsink.client.delivery.CONNECTIONS", connections)
    monkeypatch.setattr("eventsink.client.delivery.FIRST_WAIT", 0.01)
    full: Answer = (503, {}, {"detail": "The disk is full."})
    answers = iter([full] * 6)
    told: list[str] = []
    with FakeSink(lambda lines: next(answers, None) or accept(lines)) as fake:
        outcomes = deliver(fake, [line(number) for number in range(2500)], told=told)
    assert len(fake.accepted) == 2500 == len(set(fake.accepted))
    assert sum(outcome.accepted for outcome in outcomes) == 2500
    # Of several connections one may hear of the last failure after another one got through: it is said anew then.
    assert told == ["The disk is full.", ""] * (1 if connections == 1 else max(len(told) // 2, 1))


def test_it_waits_as_long_as_the_sink_asks_though_that_is_longer_than_its_patience():
    since: list[float] = []

    def answer(lines: list[bytes]) -> Answer:
        since.append(time.monotonic())
        return (429, {"retry-after": "1"}, {"detail": "Slowly."}) if len(since) == 1 else accept(lines)

    with FakeSink(answer) as fake:
        outcomes = deliver(fake, [line(1)], seconds=0.5)
    assert outcomes[0].accepted == 1
    assert since[1] - since[0] >= 0.99


def test_it_gives_up_when_nothing_gets_through():
    with FakeSink(lambda _: (503, {}, {"detail": "The disk is full."})) as fake, pytest.raises(Refusal, match="disk"):
        deliver(fake, [line(1)], seconds=0.5)
    assert len(fake.paths) > 1


def test_it_gives_up_when_nothing_listens():
    with FakeSink() as fake:
        url = fake.url
    gone = FakeSink()
    gone.url = url
    with pytest.raises(Unreachable, match="No event sink answers at"):
        deliver(gone, [line(1)], seconds=0.3)
    gone._server.server_close()


def test_a_key_that_is_refused_ends_it_at_once():
    with FakeSink(lambda _: (403, {}, {"detail": "No scope."})) as fake, pytest.raises(Refusal, match=r"No scope\."):
        deliver(fake, [line(number) for number in range(3000)], seconds=60)


@pytest.mark.parametrize("status", [400, 413])
def test_an_event_that_the_sink_cannot_even_read_is_found_and_the_others_pass(status: int):
    def answer(lines: list[bytes]) -> Answer:
        return (status, {}, {"detail": "Not this."}) if line(77) in lines else accept(lines)

    with FakeSink(answer) as fake:
        outcomes = deliver(fake, [line(number) for number in range(1000)])
    assert len(fake.accepted) == 999
    assert [(remark.number, remark.message) for remark in outcomes[0].rejected] == [(78, "Not this.")]


def test_what_the_sink_says_about_an_event_is_told_with_its_line():
    rejected = [{"index": 1, "pointer": "/data/bytes", "expected": "int", "got": "str", "message": "Expected int."}]
    warnings = [{"index": 0, "pointer": "/data/x", "message": "Unknown."}]
    answers: Iterator[Answer] = iter(
        [
            (202, {}, {"accepted": 1, "rejected": rejected, "warnings": warnings}),
            (422, {}, {"detail": "Nothing was accepted.", "accepted": 0, "rejected": [rejected[0] | {"index": 0}]}),
        ]
    )
    with FakeSink(lambda _: next(answers)) as fake:
        first = deliver(fake, [line(1), line(2)])[0]
        second = deliver(fake, [line(3)])[0]
    assert (first.accepted, first.refused) == (1, 1)
    assert [(remark.number, remark.pointer) for remark in first.rejected] == [(2, "/data/bytes")]
    assert [(remark.number, remark.message) for remark in first.warnings] == [(1, "Unknown.")]
    assert (second.accepted, second.refused) == (0, 1)


def test_events_that_the_sink_did_not_name_are_counted_all_the_same():
    with FakeSink(lambda lines: (202, {}, {"accepted": len(lines) - 3, "rejected": [], "rejected_total": 3})) as fake:
        outcome = deliver(fake, [line(number) for number in range(10)])[0]
    assert (outcome.accepted, outcome.refused) == (7, 3)


def test_a_line_that_was_too_long_is_rejected_here():
    with FakeSink() as fake:
        outcome = deliver(fake, [line(1), b"", line(3)])[0]
    assert outcome.accepted == 2
    assert [(remark.number, remark.message) for remark in outcome.rejected] == [(2, "The line is longer than 32 MB.")]


def test_stopping_gives_the_outcomes_up_to_the_first_that_does_not_come():
    begun, go, held = threading.Event(), threading.Event(), threading.Event()

    def answer(lines: list[bytes]) -> Answer:
        begun.set()
        (held if line(2) in lines else go).wait(60)
        return accept(lines)

    with FakeSink(answer) as fake, Sink(fake.url) as sink:
        course = Course(given_source(b"", "x"), None, fresh_names())
        with Delivery(sink, Patience(60, lambda _: None)) as delivery:
            try:
                for number in (1, 2):
                    batch = Batch(course, [line(number)], [number], end=Mark(number, number))
                    assert not list(delivery.submit(batch)), "no outcome is there yet"
                    assert begun.wait(30), "the first is on its way before the second"
                go.set()
                delivery._under_way[0].result(30)
                outcomes = list(delivery.stop(0.2))
                assert fake.accepted == [line(1)]
            finally:
                go.set()
                held.set()
    assert [outcome.batch.end.number for outcome in outcomes] == [1]


def test_patience_begins_with_the_first_failure_not_before(monkeypatch: pytest.MonkeyPatch):
    now = 1000.0
    monkeypatch.setattr("eventsink.client.delivery.time.monotonic", lambda: now)
    monkeypatch.setattr("eventsink.client.delivery.FIRST_WAIT", 0.001)
    patience = Patience(60, lambda _: None)
    now += 500
    patience.wait(0, Unreachable("Nobody."))
    now += 61
    with pytest.raises(EventSinkError, match=r"Nobody\."):
        patience.wait(1, Unreachable("Nobody."))
    patience.progressed()
    patience.wait(0, Unreachable("Nobody."))
    assert not patience.stopped
