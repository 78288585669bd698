"""What the routes of Clowder 2 mean in the catalogue: a table to be read, and to be added to.

`AsgiTracker(app, sink, meanings=CLOWDER2, prefix="/api/v2")`
"""

from eventsink.client.tracking import Meaning

__all__ = ["CLOWDER2"]

_VIEWED, _DOWNLOADED = "traffic.resource_viewed", "traffic.resource_downloaded"
_DELETED = "storage.resource_deleted"

_DATASET = {"resource_type": "dataset", "resource_id": "{dataset_id}"}
_FILE = {"resource_type": "file", "resource_id": "{file_id}"}
_FOLDER = {"resource_type": "folder", "resource_id": "{folder_id}"}

CLOWDER2 = (
    Meaning("GET", "/datasets/{dataset_id}", _VIEWED, _DATASET),
    Meaning("GET", "/public_datasets/{dataset_id}", _VIEWED, _DATASET),
    Meaning("GET", "/datasets/{dataset_id}/download", _DOWNLOADED, _DATASET),
    Meaning("GET", "/files/{file_id}/summary", _VIEWED, _FILE),
    Meaning("GET", "/public_files/{file_id}/summary", _VIEWED, _FILE),
    Meaning("GET", "/files/{file_id}", _DOWNLOADED, _FILE, "bytes"),
    Meaning("GET", "/public_files/{file_id}", _DOWNLOADED, _FILE, "bytes"),
    Meaning("DELETE", "/datasets/{dataset_id}", _DELETED, _DATASET),
    Meaning("DELETE", "/datasets/{dataset_id}/folders/{folder_id}", _DELETED, _FOLDER),
    Meaning(
        "POST",
        "/datasets/{dataset_id}/files",
        "storage.file_uploaded",
        {"dataset_id": "{dataset_id}"},
        received="bytes",
    ),
    Meaning("DELETE", "/files/{file_id}", "storage.file_deleted", {"file_id": "{file_id}"}),
)
"""Method, route, type of the event, and its data.

What is made by a request has its id in the answer, which nobody reads here: `sink.storage.resource_created` and
`file_uploaded` where Clowder stores it say more, and say it exactly.
"""
