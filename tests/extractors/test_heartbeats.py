"""Heartbeats of every version are read as far as they say of which extractor they are."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from eventsink.errors import InvalidEvent
from eventsink.extractors.heartbeats import announcement, read

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 11, 27, tzinfo=UTC)
SMALL = {"id": "abc", "queue": "ncsa.x", "extractor_info": {"name": "ncsa.x", "version": "2.0"}}


@pytest.mark.parametrize("sample", sorted(FIXTURES.glob("heartbeat-*.json")), ids=lambda path: path.stem)
def test_each_known_version_is_read(sample: Path) -> None:
    said = json.loads(sample.read_bytes())
    alive = read(sample.read_bytes(), NOW)
    assert (alive.process, alive.name) == (said["id"], said["extractor_info"]["name"])
    assert (alive.queue, alive.version) == (said["queue"], str(said["extractor_info"]["version"]))
    assert alive.first_seen == alive.last_seen == NOW


@pytest.mark.parametrize(
    ("change", "process", "name", "version"),
    [
        ({"later": {"than": "we"}, "owner": None}, "abc", "ncsa.x", "2.0"),
        ({"extractor_info": {"name": "ncsa.x", "version": 3.1, "more": [1]}}, "abc", "ncsa.x", "3.1"),
        ({"extractor_info": {"version": None}}, "abc", "ncsa.x", ""),
        ({"id": None}, "ncsa.x", "ncsa.x", "2.0"),
        ({"id": 7}, "7", "ncsa.x", "2.0"),
    ],
)
def test_what_other_versions_say_more_or_less_is_no_reason_to_lose_them(
    change: dict, process: str, name: str, version: str
) -> None:
    alive = read(json.dumps(SMALL | change).encode(), NOW)
    assert (alive.process, alive.name, alive.version) == (process, name, version)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("latin-1"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: gzip.compress(text.encode()),
    ],
    ids=["latin-1", "bom", "gzip"],
)
def test_charset_and_encoding_are_seen_in_the_bytes(encode) -> None:
    told = json.loads(json.dumps(SMALL))
    told["extractor_info"]["description"] = "Zählt Wörter"
    assert read(encode(json.dumps(told, ensure_ascii=False)), NOW).description == "Zählt Wörter"


@pytest.mark.parametrize(
    "body", [b"", b"no", b"null", b"[]", b"{}", b'{"extractor_info": 1}', b'{"extractor_info": {}}']
)
def test_what_is_no_heartbeat_is_refused_with_a_sentence(body: bytes) -> None:
    with pytest.raises(InvalidEvent, match=r"^(The|A) heartbeat "):
        read(body, NOW)


def test_our_own_are_read_as_well() -> None:
    alive = read(announcement("influxdb", "host-1", "0.1.0"), NOW)
    assert (alive.name, alive.queue) == ("eventsink.influxdb", "events.influxdb")
