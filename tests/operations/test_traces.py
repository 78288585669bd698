"""Traces: a real sink, and a receiver that reads what OpenTelemetry sends."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eventsink.errors import SettingsError
from eventsink.event import Event
from eventsink.settings import load
from eventsink.testing import sample_events
from eventsink.traces import MOST_LINKS, Traces, open_traces
from tests import processes
from tests.servers.otlp import Receiver, receiving
from tests.servers.process import eventually, free_ports
from tests.sink_process import SinkProcess

SENDER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """That nobody else sends to."""
    with receiving() as server:
        yield server


@pytest.fixture
def traces(receiver: Receiver) -> Iterator[Traces]:
    """Those of this process; closed when the test asks for the spans, or at its end."""
    made = open_traces(receiver.url, "test", "1")
    yield made
    made.close()


def attributes(span: Any) -> dict[str, Any]:
    """Of a span, as plain values."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def text_of(span: Any) -> str:
    """The context of a span or link, as events carry it."""
    return f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"


def marked(count: int) -> list[Event]:
    """Events of as many traces."""
    events = sample_events(count)
    return [
        Event(id=event.id, source=event.source, type=event.type, time=event.time, received=event.received, data={},
              extensions={"traceparent": f"00-{number:032x}-{number:016x}-01"})
        for number, event in enumerate(events, 1)
    ]  # fmt: skip


def test_a_request_and_its_delivery_are_two_spans_that_know_of_each_other(
    make_sink: Callable[..., SinkProcess], receiver: Receiver
) -> None:
    environment = {"EVENTSINK_TELEMETRY__TRACES": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    sink = make_sink(environment=environment).start()
    login = {"type": "users.login", "user": "alice", "data": {"method": "userpass"}}
    bad = {"type": "storage.file_uploaded", "data": {"bytes": "many"}}
    assert sink.post([login, login | {"traceparent": SENDER}, bad], headers={"traceparent": SENDER})[0] == 202
    assert sink.post(login, key="clw_00000000_nobody")[0] == 401
    eventually(lambda: len(receiver.named("accept")) >= 2 and bool(receiver.named("deliver")), "the spans have come")
    sink.settle()
    accept = next(span for span in receiver.named("accept") if attributes(span)["http.response.status_code"] == 202)
    refused = next(span for span in receiver.named("accept") if attributes(span)["http.response.status_code"] == 401)
    assert attributes(accept) | {"eventsink.bytes": 0} == {
        "eventsink.events": 2,
        "eventsink.refused": 1,
        "eventsink.bytes": 0,
        "eventsink.outcome": "accepted",
        "http.response.status_code": 202,
    }
    assert attributes(accept)["eventsink.bytes"] > 100
    assert text_of(accept)[:35] == SENDER[:35] and accept.parent_span_id.hex() == SENDER[36:52], "in the sender's trace"
    assert [text_of(link) for link in accept.links] == [SENDER]
    assert attributes(refused)["eventsink.outcome"] == "key" and not refused.parent_span_id

    (deliver,) = receiver.named("deliver")
    assert attributes(deliver) == {"eventsink.worker": "store", "eventsink.events": 2, "eventsink.outcome": "delivered"}
    assert {text_of(link) for link in deliver.links} == {text_of(accept), SENDER}
    assert receiver.services == {"eventsink-up"}
    events = sink.request("GET", "/v1/events?order=asc")[1]["events"]
    assert [event["traceparent"] for event in events] == [text_of(accept), SENDER]
    assert "alice" not in str(receiver.spans) and sink.key not in str(receiver.spans)
    assert sink.stop() == 0


def test_a_span_has_some_links_and_says_how_many_it_has_not(traces: Traces, receiver: Receiver) -> None:
    events = marked(MOST_LINKS + 3)
    with traces.deliver("store", [*events, *events, *sample_events(2)]) as span:
        span.end("refused")
    traces.close()
    (deliver,) = receiver.spans
    assert len(deliver.links) == MOST_LINKS
    assert attributes(deliver)["eventsink.links_left_out"] == 3 and deliver.status.code == 2


@pytest.mark.parametrize(
    "text", ["", "00-", SENDER[:-1], f"{SENDER}-x", f"ff{SENDER[2:]}", f"00-{'0' * 32}-{'1' * 16}-01", "x" * 9000]
)
def test_what_is_no_context_is_no_link_and_no_parent(traces: Traces, receiver: Receiver, text: str) -> None:
    (event,) = sample_events(1)
    wrong = Event(
        id=event.id, source="x", type=event.type, time=event.time, received=event.received, data={},
        extensions={"traceparent": text},
    )  # fmt: skip
    span = traces.accept({b"traceparent": text.encode()})
    assert span.mark([wrong], 1, 0) == [wrong], "what a sender gave is not changed"
    span.end("unavailable", 503)
    traces.close()
    (accept,) = receiver.spans
    assert not accept.links and not accept.parent_span_id and accept.status.code == 2


def test_what_is_not_sampled_marks_no_event(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    traces = open_traces(receiver.url, "test", "1")
    span, events = traces.accept({}), sample_events(2)
    assert span.mark(events, 1, 0) == events
    span.end("accepted", 202)
    traces.close()
    assert receiver.spans == []


def test_an_endpoint_that_is_away_disturbs_nothing(make_sink: Callable[..., SinkProcess]) -> None:
    (nowhere,) = free_ports(1)
    sink = make_sink(environment={"EVENTSINK_TELEMETRY__TRACES": f"http://127.0.0.1:{nowhere}"}).start()
    for _ in range(5):
        assert sink.post({"type": "users.login"})[0] == 202
    sink.settle()
    begun = time.monotonic()
    assert sink.stop() == 0
    assert time.monotonic() - begun < 15, "it is not waited for"
    log = sink.log.read_text()
    assert log.count("telemetry.traces_not_sent") == 1 and "Traceback" not in log and "retrying" not in log


def test_without_it_nothing_of_it_is_imported() -> None:
    look = "import sys, eventsink.assemble; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert processes.run([sys.executable, "-c", look]).returncode == 0


def test_a_wrong_endpoint_is_a_sentence() -> None:
    with pytest.raises(SettingsError, match=r"telemetry\.traces"):
        load(environment={}, telemetry={"traces": "localhost:4318"})


def test_what_is_not_installed_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"clowder-eventsink\[traces\]"):
        open_traces("http://127.0.0.1:1", "test", "1")


def test_an_answer_without_an_end_is_not_read_and_waited_for_no_longer_than_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        said: list[bytes] = []

        def answer() -> None:
            with contextlib.suppress(OSError), server.accept()[0] as taken:
                taken.recv(65_536)
                taken.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    taken.sendall(b" ")
                    said.append(b" ")
                    time.sleep(0.05)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        made = open_traces(f"http://127.0.0.1:{server.getsockname()[1]}", "test", "1")
        made.accept({}).end("accepted", 202)
        made.close()
        assert len(said) < 80, "of four seconds, in which nobody slept but the server"
        thread.join(60)
