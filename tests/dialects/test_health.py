"""Health messages of the upstream tools."""

from typing import Any

import pytest

from eventsink.dialects.health import without_secrets
from eventsink.errors import InvalidEvent
from eventsink.event import encode
from tests.dialects.reading import event_of, sample

DOWNLOAD = "health/healthmonitor-download"


@pytest.mark.parametrize("kind", ["download", "ping-busybox", "hostport", "filewrite", "random"])
def test_healthmonitor_never_leaks_the_configuration_of_a_check(kind: str) -> None:
    message = sample(f"health/healthmonitor-{kind}")
    message["config"] |= {
        "headers": {"X-API-Key": "hush-1"},
        "password": "hush-2",
        "url": "http://u:hush-3@h/?key=hush-4",
    }
    assert b"hush" not in encode(event_of(message))


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://user:secret@clowder.org:9000/a/b?key=secret#secret", "https://clowder.org:9000/a/b"),
        ("https://secret@clowder.org", "https://clowder.org"),
        ("http://[::1]:9000/x?y", "http://[::1]:9000/x"),
        ("http://u:secret@[::1/x?secret", "[::1/x"),
        ("clowder.org/path?secret", "clowder.org/path"),
        ("", ""),
    ],
)
def test_addresses_lose_credentials_query_and_fragment(url: str, kept: str) -> None:
    assert without_secrets(url) == kept


def test_a_ping_of_iputils_has_no_loss_because_healthmonitor_cannot_read_it() -> None:
    event = event_of(sample("health/healthmonitor-ping-iputils"))
    assert event.data["sent"] == 5
    assert not event.data.keys() & {"loss_percent", "min_ms", "avg_ms", "max_ms"}


def test_a_ping_of_busybox_has_loss_and_times() -> None:
    data = event_of(sample("health/healthmonitor-ping-busybox")).data
    assert (data["loss_percent"], data["min_ms"], data["avg_ms"], data["max_ms"]) == (0.0, 0.047, 0.093, 0.111)


def test_a_download_says_milliseconds_and_bytes_per_second() -> None:
    data = event_of(sample(DOWNLOAD)).data
    assert (data["transfer_ms"], data["elapsed_ms"], data["bytes"]) == (210.4, 210.512345, 48213)
    assert data["bytes_per_second"] == pytest.approx(1.8332e6 / 8)


def test_the_random_check_that_signs_as_filewrite_is_recognised() -> None:
    assert event_of(sample("health/healthmonitor-random")).data["kind"] == "random"
    assert event_of(sample("health/healthmonitor-filewrite")).data["kind"] == "filewrite"


@pytest.mark.parametrize("status", ["failure", "", 0, None])
def test_whatever_is_no_success_is_down(status: Any) -> None:
    assert event_of(sample("health/healthmonitor-hostport", status=status)).data["up"] is False


@pytest.mark.parametrize(
    ("changes", "event_type", "up"),
    [
        ({}, "health.check_update", True),
        ({"type": "down"}, "health.check_update", False),
        ({"type": None, "healthy": True}, "health.check_update", True),
        ({"response_time_avg": 3.5, "response_time_loss": 20}, "health.ping_update", True),
    ],
)
def test_a_service_status_becomes_a_check_or_with_times_a_ping(
    changes: dict[str, Any], event_type: str, up: bool
) -> None:
    event = event_of(sample("health/service-status-up.influx-consumer-sample", **changes))
    assert (event.type, event.data["up"], event.data["target"]) == (event_type, up, "clowder")


@pytest.mark.parametrize(
    "changes",
    [
        {"measurement": 5},
        {"config": []},
        {"label": 7},
        {"measurement": {"bytes": -1}},
        {"measurement": {"speed": 1e308}},
        {"measurement": {"time": "fast"}},
        {"config": {"url": 5}},
    ],
)
def test_a_broken_result_is_refused_and_nothing_else(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        event_of(sample(DOWNLOAD, **changes))
