"""Events to the HTTP API of a sink."""

import gzip
import importlib

from eventsink.client.sink import Refusal, Sink, Unreachable
from eventsink.client.transport import NotNow, Verdict
from eventsink.errors import EventSinkError

__all__ = ["OverHttp"]

PACKED_FROM = 1024  # bytes
_IN_PARTS = frozenset({400, 413, 422})
_NOT_FOR_ONE = frozenset({401, 408, 429, 503})  # what no single event is the reason of
MOST_REASONS = 3


class OverHttp:
    """A connection, kept open.

    Args:
        url: of the sink.
        key: with the scope ingest.
        timeout: seconds to wait for an answer.

    Raises:
        EventSinkError: the URL or the key cannot be one.
    """

    def __init__(self, url: str, key: str | None, timeout: float) -> None:
        # Names of hosts need it. Were it imported with the first of them, on our thread, a fork at that moment would
        # leave it locked in the child, and whoever looks up a name there would wait for ever.
        importlib.import_module("encodings.idna")
        self._sink = Sink(url, key, timeout=timeout, named_by=("EVENTSINK_URL", "EVENTSINK_KEY"))

    def send(self, lines: bytes, events: int) -> Verdict:
        """Post events, one a line; of a batch that is refused as a whole, the halves.

        Raises:
            NotNow: the sink does not take them now, or what answers is none.
        """
        try:
            packed = len(lines) >= PACKED_FROM
            answer = self._sink.post_lines(gzip.compress(lines, 1) if packed else lines, packed=packed)
        except Refusal as refusal:
            return self._refused(refusal, lines, events)
        except Unreachable as error:
            raise NotNow(str(error)) from error
        except EventSinkError as error:  # a proxy in between, or another program altogether
            raise NotNow(str(error), patient=True) from error
        return _verdict(answer, events)

    def idle(self) -> None:
        """Nothing: one that was closed meanwhile is opened again."""

    def close(self) -> None:
        """Close the connection."""
        self._sink.close()

    def _refused(self, refusal: Refusal, lines: bytes, events: int) -> Verdict:
        status = refusal.status
        if status in _IN_PARTS and refusal.problem.get("rejected"):
            return _verdict(dict(refusal.problem), events)
        if status not in _IN_PARTS:
            patient, answered = status < 500 and status not in {408, 429}, status not in _NOT_FOR_ONE
            raise NotNow(str(refusal), refusal.retry_after, patient=patient, answered=answered)
        if not refusal.problem and status != 413:  # none of the sink's: a proxy, or a wrong address
            raise NotNow(str(refusal), patient=True)
        if events <= 1:
            return Verdict(0, events, str(refusal))
        parts = lines.split(b"\n")
        middle = len(parts) // 2
        verdict = Verdict()
        for half in (parts[:middle], parts[middle:]):
            verdict = verdict.plus(self.send(b"\n".join(half), len(half)))
        return verdict


def _verdict(answer: dict[str, object], events: int) -> Verdict:
    accepted, rejected = answer.get("accepted"), answer.get("rejected") or []
    if not isinstance(accepted, int) or not isinstance(rejected, list):
        raise NotNow("What answers there is no event sink: see the address.", patient=True)
    reasons = dict.fromkeys(_reason(item) for item in rejected if isinstance(item, dict))
    return Verdict(accepted, max(events - accepted, 0), " ".join(list(reasons)[:MOST_REASONS]))


def _reason(item: dict[str, object]) -> str:
    where = f" ({item['pointer']})" if item.get("pointer") else ""
    return f"{item.get('message', '')}{where}"
