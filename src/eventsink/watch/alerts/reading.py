"""The samples in the events of the store: results of checks, and checks that were taken out of the settings."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from eventsink.catalogue import CATALOGUE
from eventsink.redact import hide_secrets
from eventsink.store.contract import StoredEvent
from eventsink.watch.alerts.regions import Sample

__all__ = ["MAINTENANCE", "TYPES", "read"]

TYPES = "health.*"
MAINTENANCE = "maintenance"  # in place of a region, where we ourselves say that a check is in maintenance
CHANGED, REMOVED = "health.status_changed", "removed"

_data = msgspec.json.Decoder(dict[str, Any])


def read(events: Sequence[StoredEvent]) -> Iterator[Sample]:
    """The samples in events, in their order."""
    for event in events:
        if event.type in _KNOWN:
            data = _data.decode(bytes(event.data))
            removed = event.type == CHANGED and data.get("reason") == REMOVED
            if (removed or event.type != CHANGED) and (sample := _sample(event, data, removed=removed)):
                yield sample


def _sample(event: StoredEvent, data: dict[str, Any], *, removed: bool) -> Sample | None:
    target = _text(data.get("target") or data.get("url") or data.get("queue"))
    check, region, up = _text(data.get("check")) or target, _text(data.get("region")) or "-", data.get("up")
    if not check or region == MAINTENANCE or "up" not in data or not (up is None or isinstance(up, bool)):
        return None
    return Sample(
        check=check,
        region=region,
        monitor=_text(data.get("monitor")),
        at=event.time.timestamp(),
        received=event.received.timestamp(),
        up=up,
        every=_number(data.get("every_s")),
        reason=_text(data.get("reason")),
        message=hide_secrets(_text(data.get("message"))),
        target=target,
        certificate_days=_number(data.get("certificate_days")),
        removed=removed,
    )


def _text(value: object) -> str:
    return value[:500].replace("\0", "") if isinstance(value, str) else ""  # SQLite ends a text there


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_KNOWN = frozenset(
    name
    for name, entry in CATALOGUE.items()
    if name.startswith("health.") and name.endswith("_update") and "up" in entry.fields
) | {CHANGED}
