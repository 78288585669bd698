"""Messages of Clowder 1.15.0, and those of the browser snippet that shares its names."""

from datetime import timedelta
from typing import Any

import pytest

from eventsink import dialects
from eventsink.errors import InvalidEvent
from tests.dialects.reading import NOW, STAMPED, event_of, sample


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("user-login", "users.login"),
        ("user-signup", "users.signup"),
        ("view-space", "traffic.resource_viewed"),
        ("extraction-file", "extractions.extraction_event"),
        ("download-file", "traffic.resource_downloaded"),
        ("upload-no-dataset", "storage.file_uploaded"),
    ],
)
def test_the_category_that_it_lacks_follows_from_its_fields(name: str, event_type: str) -> None:
    event = event_of(sample(f"legacy/clowder-v1.15.0-{name}"))
    assert (event.type, event.dialect) == (event_type, "clowder-1.15.0")


def test_its_anonymous_viewer_becomes_no_user() -> None:
    event = event_of(sample("legacy/clowder-v1.15.0-view-space-anonymous"))
    assert event.user is None
    assert "user_name" not in event.data


def test_a_downloaded_dataset_counts_its_files_and_folders_as_items() -> None:
    event = event_of(sample("legacy/clowder-v1.15.0-download-dataset"))
    assert event.data["items"] == 14
    assert "bytes" not in event.data


def test_a_downloaded_file_says_its_bytes_and_its_uploader_as_author() -> None:
    event = event_of(sample("legacy/clowder-v1.15.0-download-file"))
    assert event.data["bytes"] == 1834211
    assert event.data["author_id"] == "5f8a1c2e4f0c9a2b7d3e1a01"
    assert event.user == "5f8a1c2e4f0c9a2b7d3e1a02"


def test_it_has_the_time_of_its_arrival() -> None:
    later = NOW + timedelta(minutes=5)
    assert event_of(sample("legacy/clowder-v1.15.0-user-login"), later).time == STAMPED + timedelta(minutes=5)


def test_a_browser_event_may_bring_a_time() -> None:
    message = sample("browser/amplitude-view_resource-file", time=1628000979000)
    assert event_of(message).time.isoformat() == "2021-08-03T14:29:39+00:00"


def test_browser_and_server_tell_of_the_same_view_in_two_events() -> None:
    server = event_of(sample("legacy/clowder-v1.15.0-view-file"))
    browser = event_of(sample("browser/amplitude-view_resource-file"))
    assert (server.type, server.user) == (browser.type, browser.user)
    assert server.id != browser.id


@pytest.mark.parametrize("properties", [{}, {"type": "file"}, {"resource_id": "x"}])
def test_a_browser_event_without_an_actor_is_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent, match="says who acted") as refusal:
        dialects.read({"event": "view_resource", "properties": properties})
    assert refusal.value.pointer == "/properties"
