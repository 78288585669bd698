"""Views and downloads of Clowder's resources from lines of a log."""

import random
from pathlib import Path
from typing import Any

import pytest

from eventsink.browsers.countries import Countries
from eventsink.browsers.peers import Proxies
from eventsink.browsers.robots import Robots
from eventsink.browsers.visitors import Visitors
from eventsink.catalogue import CATALOGUE
from eventsink.dialects import read
from eventsink.watch.nginx.log_format import PRESETS, given
from eventsink.watch.nginx.parser import Parser
from eventsink.watch.nginx.people import People
from eventsink.watch.nginx.views import WANTED, Views
from tests.watch.nginx.lines import combined

ID = "64b000000000000000000001"
VIEWED, DOWNLOADED = "traffic.resource_viewed", "traffic.resource_downloaded"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1)"
PARTS = given('$remote_addr [$time_local] "$request" $status $body_bytes_sent "$http_range"')


def events(*lines: bytes, parser: Parser | None = None, **more: Any) -> list[dict[str, Any]]:
    parser = parser or Parser(PRESETS["combined"], WANTED)
    return [*Views(Robots(), **more).events(parser.parse(b"".join(lines)))]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"/datasets/{ID}", (VIEWED, "dataset")), (f"/files/{ID}?dataset=x", (VIEWED, "file")),
        (f"/collection/{ID}", (VIEWED, "collection")), (f"/spaces/{ID}/", (VIEWED, "space")),
        (f"/files/{ID}/blob", (DOWNLOADED, "file")), (f"/files/{ID}/download", (DOWNLOADED, "file")),
        (f"/files/{ID}/download/csv", (DOWNLOADED, "file")), (f"/api/files/{ID}", (DOWNLOADED, "file")),
        (f"/api/files/{ID}/blob?key=x", (DOWNLOADED, "file")),
        (f"/api/datasets/{ID}/download", (DOWNLOADED, "dataset")),
        (f"/datasets/{ID}/download", (DOWNLOADED, "dataset")), (f"/api/v2/files/{ID}", (DOWNLOADED, "file")),
        (f"/api/v2/public_files/{ID}/url/", (DOWNLOADED, "file")),
        (f"/api/v2/public_datasets/{ID}/download", (DOWNLOADED, "dataset")),
        (f"/datasets/{ID}/addFiles", None), (f"/api/datasets/{ID}", None), (f"/api/files/{ID}/metadata", None),
        ("/datasets/new", None), ("/assets/a.js", None), (f"/api/v2/files/{ID}/summary", None),
        (f"/api/files/{ID}?tracking=false", None), (f"/api/v2/files/{ID}?increment=false", None),
        (f"/clowder/datasets/{ID}", None),
    ],
)  # fmt: skip
def test_the_addresses_of_clowder(path: str, expected: tuple[str, str] | None) -> None:
    found = events(combined(request=f"GET {path} HTTP/1.1", size=1234))
    assert [(event["type"], event["data"]["resource_type"]) for event in found] == ([expected] if expected else [])
    for event in found:
        assert event["subject"].endswith(f"s/{ID}")
        assert event["data"]["http_status"] == 200
        assert event["data"]["access_method"] == "regular"
        whole = expected == (DOWNLOADED, "file") and "/url" not in path
        assert event["data"].get("bytes") == (1234 if whole else None)


def test_events_are_what_the_sink_takes() -> None:
    (event,) = events(combined(request=f"GET /files/{ID}/blob HTTP/1.1"), source="old.example.org")
    draft = read(event)
    assert (draft.type, draft.id, draft.source) == (DOWNLOADED, event["id"], "old.example.org")
    assert event["data"].keys() <= CATALOGUE[DOWNLOADED].fields
    assert event["time"] == "2027-01-15T08:00:00.000Z"


@pytest.mark.parametrize(
    ("more", "counts"),
    [
        ({"status": 304}, True), ({"status": 404}, False), ({"status": 302}, False), ({"status": 206}, False),
        ({"request": f"POST /files/{ID}/blob HTTP/1.1"}, False),
        ({"request": f"HEAD /files/{ID}/blob HTTP/1.1"}, False),
        ({"agent": GOOGLEBOT}, False), ({"agent": "curl/8"}, True),
    ],
)  # fmt: skip
def test_what_is_no_use_is_left_out(more: dict[str, Any], counts: bool) -> None:
    found = events(combined(**({"request": f"GET /files/{ID}/blob HTTP/1.1"} | more)))
    assert bool(found) == counts


def test_robots_are_told_when_they_are_asked_for() -> None:
    line = combined(request=f"GET /datasets/{ID} HTTP/1.1", agent=GOOGLEBOT)
    (event,) = events(line, with_robots=True)
    assert (event["data"]["access_method"], event["data"]["robot"]) == ("machine", True)
    (event,) = events(combined(request=f"GET /datasets/{ID} HTTP/1.1", agent="curl/8"), with_robots=True)
    assert "robot" not in event["data"]


def test_the_dataset_of_a_file_is_told_where_the_address_has_it() -> None:
    dataset = "64C000000000000000000002"
    lines = [
        combined(request=f"GET /files/{ID}?x=1&dataset={dataset}&space=z HTTP/1.1"),
        combined(request=f"GET /files/{ID}?dataset=x HTTP/1.1"),
        combined(request=f"GET /datasets/{ID}?dataset={dataset} HTTP/1.1"),
    ]
    assert [event["data"].get("dataset_id") for event in events(*lines)] == [dataset.lower(), None, None]


def test_who_asked_is_told_and_is_no_part_of_the_id(tmp_path: Path) -> None:
    lines = [combined(request=f"GET /datasets/{ID} HTTP/1.1", address=f"203.0.113.{n // 2}") for n in range(4)]
    told = [events(*lines, people=People(Visitors(folder), Countries(), Proxies([]))) for folder in (tmp_path, None)]
    visitors = [[event["data"]["visitor"] for event in found] for found in told]
    assert visitors[0][0] == visitors[0][1] != visitors[0][2] == visitors[0][3]
    assert set(visitors[0]).isdisjoint(visitors[1])
    assert [event["id"] for event in told[0]] == [event["id"] for event in told[1]] == [
        event["id"] for event in events(*lines)
    ]  # fmt: skip
    assert all(event["data"].keys() <= CATALOGUE[VIEWED].fields for event in told[0])
    assert "203.0.113" not in repr(told)


@pytest.mark.parametrize(
    ("part", "counts"), [("bytes=0-", True), ("bytes=0-1023", True), ("bytes=1024-", False), ("-", False)]
)
def test_a_download_in_parts_counts_at_its_first_byte(part: str, counts: bool) -> None:
    line = f'192.0.2.1 [15/Jan/2027:08:00:00 +0000] "GET /files/{ID}/blob HTTP/1.1" 206 99 "{part}"\n'.encode()
    views = Views(Robots())
    found = [*views.events(Parser(PARTS, WANTED).parse(line))]
    assert bool(found) == counts
    assert views.left_out.total() == (not counts)


def test_clowder_may_be_under_a_path() -> None:
    line = combined(request=f"GET /clowder/datasets/{ID} HTTP/1.1")
    assert len(events(line, prefix="/clowder/")) == 1


def test_ids_are_the_same_when_a_log_is_read_again_and_do_not_tell_addresses() -> None:
    chance = random.Random(3)
    lines = [
        combined(1_800_000_000 + chance.randrange(5), request=f"GET /files/{ID}/blob HTTP/1.1", address=f"192.0.2.{n}")
        for n in range(50)
    ]
    ids = {event["id"] for event in events(*lines)}
    assert len(ids) == 50
    chance.shuffle(lines)  # as the workers of NGINX may write them
    assert {event["id"] for event in events(*lines)} == ids
    others = [line.replace(b"192.0.2.", b"203.0.113.") for line in lines]
    assert {event["id"] for event in events(*others)} == ids
    assert "192.0.2" not in repr(events(*lines))


def test_only_the_wanted_times_are_told() -> None:
    lines = [combined(1_800_000_000 + second, request=f"GET /datasets/{ID} HTTP/1.1") for second in range(10)]
    assert len(events(*lines, since=1_800_000_003, until=1_800_000_007)) == 4
