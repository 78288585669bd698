"""OpenTelemetry traces: a span for each request that brings events, one for each batch that goes to a destination.

In: headers and events. Out: spans, sent to an OTLP endpoint by a thread of OpenTelemetry's own. Called by the front
door and the runner, and made only where `telemetry.traces` is set: without it, nothing of OpenTelemetry is imported.

How both find together: an event carries the context of its request, as the CloudEvents extension for distributed
tracing (`traceparent`, W3C Trace Context). One that its sender gave is kept: it is the sender's trace, and both spans
are linked to it. A batch has events of many requests, so its span has links, and no parent.
"""

import contextlib
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from eventsink.errors import SettingsError
from eventsink.event import Event

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.trace import Link, Span, SpanContext

__all__ = ["Accepting", "Delivering", "Traces", "open_traces"]

MOST_LINKS = 64  # of a span: a batch may have events of thousands of requests
ANSWER_WITHIN = 5.0  # seconds that the endpoint has for some spans
LEFT = 1.0  # seconds in which the last spans may be tried again
ATTRIBUTE = "traceparent"
_CONTEXT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_log = structlog.get_logger(__name__)


def open_traces(endpoint: str, part: str, version: str) -> "Traces":
    """Begin to make spans. Sampling, attributes and headers are set by OpenTelemetry's own variables (`OTEL_…`).

    Args:
        endpoint: as http://localhost:4318.
        part: what this process is, for the name of the service.
        version: of the event sink.

    Raises:
        SettingsError: OpenTelemetry is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise SettingsError(
            "telemetry.traces needs OpenTelemetry: pip install 'clowder-eventsink[traces]', or leave it empty."
        ) from None
    address = endpoint.rstrip("/")
    address = address if address.endswith("/v1/traces") else f"{address}/v1/traces"
    service = Resource.create({"service.name": f"eventsink-{part}", "service.version": version})
    provider = TracerProvider(resource=service, shutdown_on_exit=False)
    exporter = _Exporter(OTLPSpanExporter(endpoint=address, timeout=ANSWER_WITHIN, session=_session()))
    provider.add_span_processor(BatchSpanProcessor(exporter))  # type: ignore[arg-type] # it has what is called of it
    return Traces(provider, exporter)


def _session() -> Any:
    """What sends spans, and reads of an answer no more than its status: nobody knows how long the rest is."""
    import requests  # noqa: PLC0415 - comes with the exporter

    session = requests.Session()
    session.stream = True
    session.hooks["response"].append(lambda answer, **_: answer.close())
    return session


class _Exporter:
    """Sends spans, and says when that begins to fail and when it goes on.

    Args:
        inner: sends them.
    """

    def __init__(self, inner: "OTLPSpanExporter") -> None:
        self._inner = inner
        self._fails = False

    def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
        """Send some."""
        result = self._inner.export(spans)
        if (fails := result.name != "SUCCESS") != self._fails:
            self._fails = fails
            say = _log.warning if fails else _log.info
            say("telemetry.traces_not_sent" if fails else "telemetry.traces_sent_again", spans=len(spans))
        return result

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """Try nothing again."""
        self._inner.shutdown()  # type: ignore[no-untyped-call]


class Accepting:
    """The span of one request.

    Args:
        span: begun.
    """

    def __init__(self, span: "Span") -> None:
        self._span = span
        self._parent = _text_of(span.get_span_context())

    def mark(self, events: Sequence[Event], size: int, refused: int) -> list[Event]:
        """Note what the request brought; gives its events, each with the context of a trace.

        Args:
            size: bytes of the body.
            refused: events that were not accepted.
        """
        given = dict.fromkeys(filter(None, map(_text, events)))
        for link in _links(given):
            self._span.add_link(link.context)
        self._span.set_attributes(
            {"eventsink.events": len(events), "eventsink.bytes": size, "eventsink.refused": refused}
        )
        if not self._span.is_recording():
            return [*events]
        own = {ATTRIBUTE: self._parent}
        return [
            event
            if ATTRIBUTE in event.extensions
            else msgspec.structs.replace(event, extensions=event.extensions | own)
            for event in events
        ]

    def end(self, outcome: str, status: int) -> None:
        """The request was answered.

        Args:
            outcome: accepted, or the reason of a refusal.
            status: of the answer.
        """
        self._span.set_attributes({"eventsink.outcome": outcome, "http.response.status_code": status})
        if status >= 500:
            self._span.set_status(_failed())
        self._span.end()


class Delivering:
    """The span of one call of a worker.

    Args:
        span: begun.
    """

    def __init__(self, span: "Span") -> None:
        self._span = span

    def end(self, outcome: str) -> None:
        """The call has ended: delivered, try_later, refused or error."""
        self._span.set_attribute("eventsink.outcome", outcome)
        if outcome != "delivered":
            self._span.set_status(_failed())


class Traces:
    """Makes spans. Make it with `open_traces`.

    Args:
        provider: set up.
        exporter: that it sends with.
    """

    def __init__(self, provider: "TracerProvider", exporter: _Exporter) -> None:
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        self._provider = provider
        self._exporter = exporter
        self._tracer = provider.get_tracer("eventsink")
        self._server, self._consumer = SpanKind.SERVER, SpanKind.CONSUMER

    def accept(self, headers: Mapping[bytes, bytes]) -> Accepting:
        """Begin the span of a request, in the trace of its sender if its headers name one."""
        from opentelemetry.trace import NonRecordingSpan, set_span_in_context  # noqa: PLC0415

        sender = _context(headers.get(b"traceparent", b"").decode("latin-1").strip())
        within = set_span_in_context(NonRecordingSpan(sender)) if sender else None
        return Accepting(self._tracer.start_span("accept", context=within, kind=self._server))

    @contextlib.contextmanager
    def deliver(self, worker: str, events: Sequence[Event]) -> Iterator[Delivering]:
        """The span of a call of a worker, linked to the requests that its events came with."""
        given = dict.fromkeys(filter(None, map(_text, events)))
        attributes: dict[str, Any] = {"eventsink.worker": worker, "eventsink.events": len(events)}
        if len(given) > MOST_LINKS:
            attributes["eventsink.links_left_out"] = len(given) - MOST_LINKS
        span = self._tracer.start_span("deliver", kind=self._consumer, links=_links(given), attributes=attributes)
        try:
            yield Delivering(span)
        finally:
            span.end()

    def close(self) -> None:
        """Send what is left; for a moment only, where the endpoint does not take it. It blocks."""
        hurry = threading.Timer(LEFT, self._exporter.shutdown)
        hurry.start()
        # An endpoint that goes on answering, a byte now and then, is never late for who waits for its next byte.
        closing = threading.Thread(target=self._provider.shutdown, name="traces-closing", daemon=True)
        closing.start()
        closing.join(ANSWER_WITHIN + LEFT)
        hurry.cancel()


def _failed() -> Any:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

    return Status(StatusCode.ERROR)


def _text(event: Event) -> str | None:
    """The context that an event carries, if it has one."""
    found = event.extensions.get(ATTRIBUTE) if event.extensions else None
    return found if isinstance(found, str) else None


def _links(texts: Mapping[str, None]) -> "list[Link]":
    from opentelemetry.trace import Link  # noqa: PLC0415

    contexts = (_context(text) for text in [*texts][:MOST_LINKS])
    return [Link(context) for context in contexts if context]


def _context(text: str) -> "SpanContext | None":
    """What a `traceparent` says (W3C Trace Context §3.2); None if it is none."""
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415

    found = _CONTEXT.fullmatch(text)
    if not found:
        return None
    trace, span, flags = found.groups()
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16) & 1))


def _text_of(context: "SpanContext") -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
