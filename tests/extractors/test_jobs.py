"""Jobs are what Clowder sends, to the byte; what an extractor would hang on is refused before it is sent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventsink.errors import InvalidJob
from eventsink.extractors.jobs import (
    Access,
    Dataset,
    File,
    Job,
    Metadata,
    dataset_job,
    file_job,
    metadata_job,
    object_id,
)

FIXTURES = Path(__file__).parent / "fixtures"
ACCESS = Access(
    host="http://clowder:9000", secret_key="0d4f7a3e-1111-4222-8333-944455556666", notifies=("bob@example.org",)
)
IDS: dict[str, Any] = {"job_id": "60a7d3b1e4b0c1f2a3b4c5a1", "message_id": "60a7d3b1e4b0c1f2a3b4c5b1"}
DATASET = "60a7d3b1e4b0c1f2a3b4c5d1"
PLOT = File(id="60a7d3b1e4b0c1f2a3b4c5f1", name="plot-07.png", bytes=1834211, mime_type="image/png", dataset_id=DATASET)
NOTES = File(id="60a7d3b1e4b0c1f2a3b4c5f1", name="notes.txt", bytes=28, mime_type="text/plain", dataset_id=DATASET)
LOOSE = File(id=NOTES.id, name="notes.txt", bytes=28, mime_type="text/plain")
V2 = Access(
    host="http://localhost:8000",
    secret_key="eyJ1c2VyIjoiYm9iQGV4YW1wbGUub3JnIiwia2V5IjoiYWJjIn0.c2lnbmF0dXJl",
)


def _metadata(kind: str, content: object) -> Metadata:
    resource = DATASET if kind == "dataset" else NOTES.id
    return Metadata(id="60a7d3b1e4b0c1f2a3b4c5d9", resource_type=kind, resource_id=resource, content=content)


COUNTED = {"lines": "2", "words": "5"}
JOBS: dict[str, Callable[[], Job]] = {
    "v1-file-created": lambda: file_job("x", PLOT, ACCESS, cause="created", **IDS),
    "v1-file-manual": lambda: file_job(
        "ncsa.wordcount", NOTES, ACCESS, parameters={"language": "en", "top": 10}, **IDS
    ),
    "v1-file-manual-no-dataset": lambda: file_job(
        "ncsa.wordcount", LOOSE, Access(host=ACCESS.host, secret_key=ACCESS.secret_key), **IDS
    ),
    "v1-file-archive": lambda: file_job("ncsa.archival.disk", PLOT, ACCESS, parameters={"operation": "archive"}, **IDS),
    "v1-dataset-file-added": lambda: file_job("x", PLOT, ACCESS, cause="added", **IDS),
    "v1-dataset-file-removed": lambda: file_job("x", PLOT, ACCESS, cause="removed", **IDS),
    "v1-dataset-files-added": lambda: dataset_job(
        "x",
        Dataset(id=DATASET, files=("plot-07.png", "notes.txt"), bytes=1834239),
        ACCESS,
        cause="files_added",
        **IDS,
    ),
    "v1-dataset-manual": lambda: dataset_job(
        "ncsa.rulechecker",
        Dataset(id=DATASET, name="Soil cores &amp; moisture 2021"),
        ACCESS,
        parameters={"threshold": 0.5},
        **IDS,
    ),
    "v1-metadata-added-file": lambda: metadata_job("x", _metadata("file", COUNTED), ACCESS, **IDS),
    "v1-metadata-added-dataset": lambda: metadata_job("x", _metadata("dataset", COUNTED), ACCESS, **IDS),
    "v1-metadata-removed-file": lambda: metadata_job("x", _metadata("file", None), ACCESS, cause="removed", **IDS),
    "v1-metadata-removed-dataset": lambda: metadata_job(
        "x", _metadata("dataset", None), ACCESS, cause="removed", **IDS
    ),
    "v2-file": lambda: file_job(
        "x",
        File(id="64f0aa10c0ffee0000000f01", name="notes.txt", bytes=28, dataset_id="64f0aa10c0ffee0000000d01"),
        V2,
        parameters={},
        job_id="64f0aa10c0ffee0000000a01",
        dialect="v2",
    ),
    "v2-dataset": lambda: dataset_job(
        "x",
        Dataset(id="64f0aa10c0ffee0000000d01", name="Soil cores"),
        V2,
        job_id="64f0aa10c0ffee0000000a02",
        dialect="v2",
    ),
}


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_what_clowder_sends_to_the_byte(name: str) -> None:
    sample = json.loads((FIXTURES / f"extractor-job-{name}.json").read_text())
    assert JOBS[name]().encode() == json.dumps(sample, separators=(",", ":"), ensure_ascii=False).encode()


def test_there_is_a_golden_job_for_every_sample() -> None:
    samples = {path.stem.removeprefix("extractor-job-") for path in FIXTURES.glob("extractor-job-*.json")}
    not_sent_by_clowder = {"minimal-accepted", "v1-resubmitted-by-pyclowder"}
    assert samples - not_sent_by_clowder == JOBS.keys()


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: file_job("x", NOTES, Access(host="", secret_key="k")), "host"),
        (lambda: file_job("x", NOTES, Access(host="clowder:9000", secret_key="k")), "host"),
        (lambda: file_job("x", NOTES, Access(host="http://c", secret_key="")), "secret_key"),
        (lambda: file_job("x", File(id=""), ACCESS), "id"),
        (lambda: file_job("", NOTES, ACCESS), "extractor"),
        (lambda: file_job("x" * 256, NOTES, ACCESS), "extractor"),
        (lambda: file_job("ncsa.dataset.rules", NOTES, ACCESS), "extractor"),
        (lambda: dataset_job("ncsa.file.digest", Dataset(id=DATASET), ACCESS), "extractor"),
        (lambda: file_job("x", NOTES, ACCESS, parameters=["a"]), "parameters"),
        (lambda: file_job("x", LOOSE, ACCESS, cause="added"), "dataset_id"),
        (lambda: dataset_job("x", Dataset(id=""), ACCESS), "id"),
        (lambda: metadata_job("x", _metadata("space", COUNTED), ACCESS), "resource_type"),
        (lambda: metadata_job("x", _metadata("file", None), ACCESS), "content"),
    ],
)
def test_a_job_that_an_extractor_would_hang_on_is_refused_and_the_field_named(
    make: Callable[[], Job], field: str
) -> None:
    with pytest.raises(InvalidJob, match=field) as caught:
        make()
    assert caught.value.field == field
    assert ACCESS.secret_key not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "job_id", "field"),
    [
        (File(id="x" * 201), "j", "id"),
        (File(id="x", dataset_id="d" * 201), "j", "dataset_id"),
        (File(id="x", name="n" * 10_001), "j", "name"),
        (File(id="x"), "j" * 201, "job_id"),
    ],
)
def test_what_no_event_could_say_is_refused(file: File, job_id: str, field: str) -> None:
    with pytest.raises(InvalidJob, match=f"for its {field}: .* at most") as caught:
        file_job("x", file, Access(host="http://c", secret_key="k"), job_id=job_id)
    assert caught.value.field == field


def test_a_media_type_becomes_the_end_of_a_routing_key() -> None:
    sheet = File(id="1", name="a.xls", mime_type="application/vnd.ms-excel", dataset_id="2")
    assert file_job("x", sheet, ACCESS, cause="created").body["routing_key"] == "clowder.file.application.vnd_ms-excel"


def test_ids_are_those_of_clowders_database() -> None:
    made = {object_id() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(text) == 24 and int(text, 16) for text in made)
