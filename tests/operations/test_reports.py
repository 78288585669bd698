"""What the sink says of itself, where Grafana looks for it."""

import re
from pathlib import Path

import msgspec

from eventsink.deliver.workers.influxdb.line_protocol import EventLines
from eventsink.testing import sample_events
from tests.servers.influxdb import InfluxDB

PAGE = (Path(__file__).parents[2] / "docs" / "operations" / "monitoring.md").read_text("utf-8")


def test_the_query_of_the_page_gives_what_waits_for_each_worker(influxdb: InfluxDB, vhost: str) -> None:
    events = [
        msgspec.structs.replace(event, data={"worker": worker, "waiting": waiting, "lag_s": 0.5, "unready": ""})
        for (worker, waiting), event in zip(
            {"store": 0, "mongodb": 7}.items(), sample_events(2, event_type="health.sink_update"), strict=True
        )
    ]
    influxdb.query("", f'CREATE DATABASE "{vhost}"')
    assert influxdb.request("POST", f"/write?db={vhost}", EventLines().encode(events))[0] == 204
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    rows = influxdb.query(vhost, query.replace("\n", " "))
    assert {row["worker"]: row["max"] for row in rows if row["max"] is not None} == {"store": 0, "mongodb": 7}
