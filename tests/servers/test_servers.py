"""The servers of the tests keep what they acknowledged when they are killed: the fault runs stand on that."""

from pathlib import Path

from pymongo import WriteConcern

from tests.servers.influxdb import InfluxDB
from tests.servers.mongodb import MongoDB
from tests.servers.rabbitmq import RabbitMQ

_JOURNALLED = WriteConcern(w="majority", j=True)


def test_influxdb_answers_queries(influxdb: InfluxDB, vhost: str) -> None:
    influxdb.query("", f'CREATE DATABASE "{vhost}"')
    assert influxdb.request("POST", f"/write?db={vhost}", b"m,t=a f=1i 7")[0] == 204
    assert influxdb.query(vhost, "SELECT f, t FROM m") == [{"time": 7, "f": 1, "t": "a"}]


def test_mongodb_keeps_what_it_journalled(tmp_path: Path) -> None:
    with MongoDB(tmp_path / "mongodb").running() as server:
        with server.connect() as client:
            client.get_database("d").c.with_options(write_concern=_JOURNALLED).insert_one({"_id": 1})
        server.kill()
        server.start()
        with server.connect() as client:
            assert client.get_database("d").c.count_documents({}) == 1


def test_rabbitmq_gives_each_test_a_place_of_its_own(rabbitmq: RabbitMQ, broker: str, vhost: str) -> None:
    assert broker.endswith(vhost)
    assert rabbitmq.manage("GET", f"/api/queues/{vhost}") == (200, [])
