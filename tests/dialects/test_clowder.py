"""The rules of Clowder's own messages, 1.15.1 and later."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventsink import dialects
from eventsink.collect.ingest import ingest
from eventsink.dialects.admit import Admission, Stamps
from eventsink.errors import InvalidEvent
from eventsink.event import Event, parse_time
from tests.dialects.reading import NOW, STAMPED, event_of, sample
from tests.dialects.regenerate import SAMPLES, load

FILE = "clowder-v1-download-file"


@pytest.mark.parametrize(
    "name",
    ["clowder-v1-view-dataset-anonymous", "clowder-v1-view-space-anonymous", "clowder-v1-download-file-anonymous"],
)
def test_clowders_anonymous_user_becomes_no_user_and_no_name(name: str) -> None:
    event = event_of(sample(name))
    assert event.user is None
    assert "user_name" not in event.data
    assert event.data["author_name"] == "Alice Okafor", "the author is somebody else"


@pytest.mark.parametrize("what", ["download", "archive", "unarchive"])
def test_the_size_of_a_file_is_bytes_and_that_of_a_dataset_is_items(what: str) -> None:
    file, dataset = event_of(sample(f"clowder-v1-{what}-file")), event_of(sample(f"clowder-v1-{what}-dataset"))
    assert (file.data["bytes"], dataset.data["items"]) == (1834211, 14)
    assert "items" not in file.data
    assert "bytes" not in dataset.data


def test_a_size_beyond_32_bits_is_kept_exactly() -> None:
    assert event_of(sample("clowder-v1-download-file-large")).data["bytes"] == 5368709120


@pytest.mark.parametrize("size", [-1, 1.5, "12", True, [1]])
def test_a_size_that_is_no_count_is_refused(size: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(sample(FILE, size=size))
    assert refusal.value.pointer == "/size"


def test_names_of_datasets_lose_their_html_entities_and_names_of_files_keep_every_character() -> None:
    assert event_of(sample("clowder-v1-view-dataset")).data["resource_name"] == "Soil cores & moisture 2021"
    assert (
        event_of(sample("clowder-v1-view-dataset", resource_name="&lt;b&gt; &quot;&#39;")).data["resource_name"]
        == "<b> \"'"
    )
    assert event_of(sample(FILE, resource_name="a&amp;b.png")).data["resource_name"] == "a&amp;b.png"
    upload = event_of(sample("clowder-v1-upload-in-dataset", resource_name="a&amp;b.png"))
    assert (upload.data["dataset_name"], upload.data["file_name"]) == ("Soil cores & moisture 2021", "a&amp;b.png")


def test_the_duplicate_pair_of_one_download_stays_two_events_with_ids_in_order() -> None:
    first, second = (event_of(item) for item in load(SAMPLES / f"{FILE}-DUPLICATE-PAIR.json"))
    assert first.id < second.id
    assert first.data == second.data


def test_byte_identical_messages_are_one_event_whenever_they_arrive() -> None:
    message = sample(FILE)
    assert event_of(message).id == event_of(dict(message), NOW + timedelta(days=300)).id


def test_the_order_of_keys_does_not_matter() -> None:
    message = sample(FILE)
    assert event_of(dict(reversed(message.items()))) == event_of(message)


@pytest.mark.parametrize("field", sorted(sample(FILE).keys() - {"category", "type"}))
def test_a_change_in_any_field_makes_another_event(field: str) -> None:
    message = sample(FILE)
    changed = message | {field: message[field] + 1 if isinstance(message[field], int) else "another"}
    assert event_of(changed).id != event_of(message).id


async def test_a_latin_1_body_is_read_as_the_same_event_as_its_utf_8_form() -> None:
    text = json.dumps(sample(FILE), ensure_ascii=False)
    first, second = await _ingested(text.encode("utf-8")), await _ingested(text.encode("latin-1"))
    assert first.data["resource_name"] == "plot-07 été.png"
    assert (first.id, first.data) == (second.id, second.data)


def test_without_created_the_time_is_that_of_arrival_and_the_id_is_not() -> None:
    message = sample(FILE, created=None)
    first, second = event_of(message), event_of(message, NOW + timedelta(hours=1))
    assert (first.time, second.time) == (STAMPED, STAMPED + timedelta(hours=1))
    assert first.id == second.id
    assert first.id.startswith("00000000-0000-8")


@pytest.mark.parametrize(
    "created",
    [
        1628000979,
        1628000979.0,
        1628000979000,
        1628000979000000,
        1628000979000000000,
        "1628000979000",
        "2021-08-03T14:29:39Z",
        "2021-08-03T16:29:39+02:00",
        "2021-08-03 14:29:39",
        "20210803T142939Z",
    ],
)
def test_created_is_read_in_every_form_that_senders_use(created: Any) -> None:
    assert event_of(sample(FILE, created=created)).time == datetime(2021, 8, 3, 14, 29, 39, tzinfo=UTC)


@pytest.mark.parametrize("created", ["yesterday", "", {}, True, -1, 1e30])
def test_a_created_that_is_no_time_is_refused(created: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(sample(FILE, created=created))
    assert refusal.value.pointer == "/created"


@pytest.mark.parametrize(
    ("changes", "event_type"),
    [
        ({"category": "publish"}, "clowder.publish"),
        ({"category": "downlaod"}, "clowder.downlaod"),
        ({"category": "user_activity", "type": "logout"}, "clowder.user_activity"),
        ({"category": "view_resource", "type": "vocabulary"}, "clowder.view_resource"),
        ({"category": "extraction", "type": "workflow"}, "clowder.extraction"),
    ],
)
def test_what_another_version_says_is_a_custom_event_with_all_of_its_fields(
    changes: dict[str, Any], event_type: str
) -> None:
    item = sample(FILE, **changes, doi="10.1/x")
    draft = dialects.read(item)
    assert (draft.type, draft.user, draft.dialect) == (event_type, item["user_id"], "clowder")
    assert draft.data == {name: value for name, value in item.items() if name not in ("category", "created", "user_id")}
    event, notices = Admission().admit(draft, Stamps(NOW, "clowder"))
    assert event.time == parse_time(item["created"])
    assert [notice.pointer for notice in notices] == ["/type"]
    with pytest.raises(InvalidEvent, match="The catalogue does not know this type"):
        Admission(strict=True).admit(draft, Stamps(NOW, "clowder"))


@pytest.mark.parametrize("category", [5, "", "two words", "x" * 101, {}])
def test_a_category_that_is_no_name_is_refused(category: Any) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        dialects.read(sample(FILE, category=category))
    assert refusal.value.pointer == "/category"
    assert refusal.value.got == repr(category)[:60]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"user_id": 5}, "/user_id"),
        ({"resource_name": ["x"]}, "/resource_name"),
        ({"type": []}, "/data/resource_type"),
        ({"category": "user_activity", "type": 5}, "/type"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidEvent) as refusal:
        event_of(sample(FILE, **changes))
    assert refusal.value.pointer == pointer


def test_the_empty_name_of_a_lost_author_is_left_out() -> None:
    assert "author_name" not in event_of(sample("clowder-v1-view-space-author-missing")).data


async def test_two_instances_are_told_apart_by_their_source_alone() -> None:
    one, two = [await _ingested(json.dumps(sample(FILE)).encode(), source) for source in ("one.org", "two.org")]
    assert (one.source, two.source) == ("one.org", "two.org")


async def _ingested(body: bytes, source: str = "clowder") -> Event:
    intake = await ingest(body, "application/json", {}, Admission(), source)
    assert not intake.rejected
    return intake.events[0]
