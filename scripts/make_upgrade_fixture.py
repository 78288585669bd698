"""Makes the data of this version that all later ones must open: of `up`, and of `serve`.

Both have events of two months, a key, dead letters and facts. In that of `up` events wait for a worker that never took
one, and its process was killed, so that part of it is in write-ahead logs alone. That of `serve` has a job, and events
in its spool. What is in them stands in recorded.json beside them.
"""

import argparse
import json
import sqlite3
import sys
import tarfile
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from eventsink import __version__
from eventsink.keys import KeyFile
from tests.amqp.foreign import channel, publish
from tests.servers.process import eventually, free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.sink_process import SinkProcess

ROOT = Path(__file__).parents[1]
PICKY = ROOT / "tests" / "cli" / "picky_worker.py"
LATE = ROOT / "tests" / "journeys" / "late_worker.py"
EXTRACTOR = "ncsa.image.preview"
LEFT_OUT = ("*.lock", "lock", "tmp", "running.json", "*-shm", "*.salt")


def main() -> None:
    """Make the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "fixtures" / "upgrade", help="the folder")
    out = parser.parse_args().out / f"eventsink-{__version__}.tar.gz"
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        recorded = {"version": __version__, "up": _of_up(folder / "up"), "serve": _of_serve(folder / "serve")}
        (folder / "recorded.json").write_text(json.dumps(recorded, indent=1))
        with tarfile.open(out, "w:gz", compresslevel=9) as tar:
            for name in ("up", "serve", "recorded.json"):
                tar.add(folder / name, name, filter=_kept)
    sys.stdout.write(f"{out}: {out.stat().st_size:,} bytes\n")


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if any(Path(entry.name).match(pattern) for pattern in LEFT_OUT):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _events(first: int, count: int) -> list[dict[str, Any]]:
    """Uploads and visits of two months, every tenth with a type of its own."""
    return [
        {
            "id": f"upgrade-{number:04}",
            "source": "clowder.example.org",
            "type": "storage.file_uploaded" if number % 10 else "demo.own",
            "time": f"2026-{10 + number % 2}-{1 + number % 28:02}T10:00:00Z",
            "user": f"u{number % 7}",
            "data": {"file_id": f"f{number}", "bytes": 1000 + number, "file_name": f"Grün {number}.png"},
        }
        for number in range(first, first + count)
    ]


def _of_up(data: Path) -> dict[str, Any]:
    environment = {"EVENTSINK_WORKERS__PICKY__USE": str(PICKY), "EVENTSINK_WORKERS__LATE__USE": str(LATE)}
    sink = SinkProcess(data, environment=environment)
    try:
        sink.start()
        _post(sink, _events(0, 60))
        _post(sink, [{"id": f"refused-{n}", "type": "demo.refused", "data": {"n": n}} for n in range(3)])
        _settled(sink, "store", "picky")
        sink.request("GET", "/v1/reports/usage")  # has the facts read
        sink.stop()  # until here it is in the files themselves, from here on in their write-ahead logs
        sink.start()
        _post(sink, _events(60, 40))
        return _recorded(sink, _settled(sink, "store", "picky")) | {"waiting": "late"}
    finally:
        sink.close()  # by SIGKILL


def _of_serve(data: Path) -> dict[str, Any]:
    folder = data.with_name("rabbitmq")
    (port,) = free_ports(1)
    with RabbitMQ(folder).running() as rabbitmq:
        environment = {"EVENTSINK_EXCHANGE__URL": rabbitmq.url, "EVENTSINK_EXTRACTORS__URL": rabbitmq.url}
        environment["EVENTSINK_EXTRACTORS__MANAGEMENT"] = f"http://127.0.0.1:{rabbitmq.management}"
        sink = SinkProcess(data, command="serve", port=port, environment=environment)
        try:
            with channel(rabbitmq.url) as foreign:
                foreign.queue_declare(EXTRACTOR, durable=True)
            sink.start()
            _post(sink, _events(200, 50))
            publish(rabbitmq.url, b"this is no event")
            job = {"kind": "file", "extractor": EXTRACTOR, "id": "f1", "host": "https://clowder.example.org"}
            status, answer = sink.request("POST", "/v1/extractors/jobs", job | {"secret_key": "made up"})
            if status not in (200, 202):
                raise RuntimeError(f"The job is answered with {status}: {answer}")
            eventually(lambda: sink.accounts()["store"]["dead"] == 1, "the message is a dead letter")
            time.sleep(2)  # front doors and workers have told their counts
            recorded = _recorded(sink, _settled(sink, "store")) | {"jobs": [answer["id"]]}
            rabbitmq.close()
            spooled = _events(300, 10)
            _post(sink, spooled)
            sink.stop()
        finally:
            sink.close()
    (data / f"spool-{port}.db").rename(data / "spool-8750.db")
    with closing(sqlite3.connect(data / "accounts.db", isolation_level=None)) as accounts:
        accounts.execute("DELETE FROM spools")  # it names this machine, and so does this
        accounts.execute("UPDATE doors SET door = 'made-for-upgrades'")
        accounts.execute("VACUUM")
    return recorded | {"spooled": [event["id"] for event in spooled]}


def _post(sink: SinkProcess, events: list[dict[str, Any]]) -> None:
    status, answer = sink.post(events)
    if (status, answer["accepted"]) != (202, len(events)):
        raise RuntimeError(f"The events are answered with {status}: {answer}")


def _settled(sink: SinkProcess, *workers: str) -> dict[str, dict[str, Any]]:
    eventually(lambda: not any(sink.accounts()[worker]["waiting"] for worker in workers), "nothing waits for them")
    return sink.accounts()


def _recorded(sink: SinkProcess, accounts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What is to be found again."""
    counts = ("accepted", "delivered", "waiting", "dead", "missing")
    made = KeyFile(sink.data / "keys.db").create(["admin"], name="of the fixture")
    _, letters = sink.request("GET", "/v1/dead")
    _, summary = sink.request("GET", "/v1/summary?interval=month")
    return {
        "key": made.key,
        "accounts": {name: {count: account[count] for count in counts} for name, account in accounts.items()},
        "stored": sink.stored_ids(),
        "dead": [[letter["worker"], letter["reason"]] for letter in letters["dead"]],
        "bytes_uploaded": summary["bytes_uploaded"],
    }


if __name__ == "__main__":
    main()
