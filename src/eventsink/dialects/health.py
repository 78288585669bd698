"""Health messages of the upstream tools: results of healthmonitor 1.3.2, and the `service_status` of the event bus.

A result of healthmonitor carries its whole configuration, headers with keys included: only the target is taken from it.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from eventsink.dialects.clowder import text
from eventsink.errors import InvalidEvent
from eventsink.event import Draft, content_id, parse_time
from eventsink.redact import hide_secrets

NAME = "healthmonitor"
LONGEST = 10_000  # characters of a text that the catalogue takes: what is longer is refused


def recognises(item: dict[str, Any]) -> bool:
    """A result with a measurement, or a service status."""
    return item.get("category") == "service_status" or ("check" in item and "measurement" in item)


def read(item: dict[str, Any]) -> Draft:
    """Read one health message. A result of healthmonitor has the time of its arrival, for it brings none."""
    if item.get("category") == "service_status":
        return _service_status(item)
    measurement, config = item["measurement"], item.get("config", {})
    if not isinstance(measurement, dict) or not isinstance(config, dict):
        raise InvalidEvent("A health result has a measurement and a config, both objects.", pointer="/measurement")
    common = {
        "check": text(item, "label"),
        "up": item.get("status") == "success",
        "message": hide_secrets((text(item, "message") or "")[: LONGEST + 1]) or None,
        "elapsed_ms": _scaled(measurement.get("elapsed"), 1e-6),
    }
    event_type, data = _measured(str(item["check"]), measurement, config)
    return _draft(item, event_type, common | data, None)


def _measured(kind: str, measurement: dict[str, Any], config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if kind == "ping":
        return "health.ping_update", {"target": text(config, "host"), **_round_trips(measurement)}
    if kind == "download":
        address = without_secrets(text(config, "url") or "")
        return "health.download_update", {
            "url": address,
            "bytes": measurement.get("bytes"),
            "transfer_ms": _scaled(measurement.get("time"), 1e3),
            "bytes_per_second": _scaled(measurement.get("speed"), 1e6 / 8),  # Mbit/s
        }
    if {"value", "mark"} <= measurement.keys():  # the "random" check signs as "filewrite"
        return "health.check_update", {"kind": "random", "target": "random", "value": measurement.get("value")}
    if kind == "hostport":
        target = f"{config.get('host')}:{config.get('port')}"
        return "health.check_update", {"kind": kind, "target": target, "value": measurement.get("connection")}
    return "health.check_update", {"kind": kind, "target": str(config.get("file") or config.get("host") or kind)}


def _round_trips(measurement: dict[str, Any]) -> dict[str, Any]:
    trips = {"min_ms": measurement.get("min"), "avg_ms": measurement.get("avg"), "max_ms": measurement.get("max")}
    if trips["avg_ms"] is None:
        # With ping of iputils healthmonitor finds no times and reports loss 0 whatever was lost: not a measurement.
        return {"sent": measurement.get("packets")}
    return {"sent": measurement.get("packets"), "loss_percent": measurement.get("loss"), **trips}


def _service_status(item: dict[str, Any]) -> Draft:
    time = parse_time(item["created"], "/created") if item.get("created") is not None else None
    data = {
        "target": text(item, "service_name"),
        "up": item.get("type") == "up" if "type" in item else bool(item.get("healthy")),
    }
    if item.get("response_time_avg") is None:
        return _draft(item, "health.check_update", data | {"kind": "service_status"}, time)
    trips = {
        "min_ms": item.get("response_time_min"),
        "avg_ms": item.get("response_time_avg"),
        "max_ms": item.get("response_time_max"),
        "loss_percent": item.get("response_time_loss"),
    }
    return _draft(item, "health.ping_update", data | trips, time)


def _draft(item: dict[str, Any], event_type: str, data: dict[str, Any], time: Any) -> Draft:
    return Draft(
        type=event_type,
        id=content_id(item, time),
        time=time,
        data={name: value for name, value in data.items() if value is not None},
        dialect=NAME,
    )


def _scaled(value: Any, factor: float) -> Any:
    return round(value * factor, 6) if isinstance(value, int | float) and not isinstance(value, bool) else value


def without_secrets(url: str) -> str:
    """An address without user, password, query and fragment, where keys are carried."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:  # an address that no browser would open either
        return url.partition("?")[0].rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
