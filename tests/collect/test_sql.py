"""Who may ask in SQL, who may export, and what they are told."""

import json
import time

from eventsink.keys import KeyFile
from tests.sink_process import SinkProcess

QUERY = json.dumps({"query": "SELECT 1 AS one"}).encode()


def _key(door: SinkProcess, scope: str) -> str:
    key = KeyFile(door.data / "keys.db").create([scope]).key
    deadline = time.monotonic() + 30
    # A running sink looks for new keys every second; just after its start it is at the file itself.
    while door.request("GET", "/v1/types", key=key)[0] in (401, 503):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return key


def test_a_query_is_for_admins_and_an_export_for_readers(door: SinkProcess) -> None:
    status, answer = door.request("POST", "/v1/sql", QUERY)
    assert (status, answer["rows"], answer["cut"]) == (200, [[1]], False)
    assert answer["columns"] == [{"name": "one", "type": "INTEGER"}]
    read, ingest = _key(door, "read"), _key(door, "ingest")
    for key, sql, export in ((read, 403, 200), (ingest, 403, 403)):
        assert door.request("POST", "/v1/sql", QUERY, key=key)[0] == sql
        assert door.request("GET", "/v1/sql", key=key)[0] == sql
        assert door.request("GET", "/v1/export", key=key)[0] == export
        assert door.request("GET", "/v1/backup", key=key)[0] == 403


def test_what_is_refused_is_a_problem_with_a_sentence(door: SinkProcess) -> None:
    for query in ("SELECT * FROM read_text('/etc/passwd')", "DELETE FROM events", "SELECT 1; SELECT 2"):
        status, answer = door.request("POST", "/v1/sql", json.dumps({"query": query}).encode())
        assert status == 400 and answer["detail"].endswith((".", "?"))
    assert door.request("GET", "/v1/export?since=soon")[0] == 400
    for month in ("1997-01", "../../etc/passwd", "%00"):
        assert door.request("GET", f"/v1/backup?month={month}")[0] == 404
    assert door.request("POST", "/v1/sql", json.dumps({"query": "SELECT 1", "since": "soon"}).encode())[0] == 400
