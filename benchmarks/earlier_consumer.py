"""The measure of the workers: a consumer of the earlier design. One message at a time, one HTTP write an event.

python -m benchmarks.earlier_consumer AMQP-URL QUEUE INFLUXDB-URL DATABASE
"""

import http.client
import json
import sys
from typing import Any
from urllib.parse import urlsplit

import pika


def consume(amqp: str, queue: str, influxdb: str, database: str) -> None:
    """Take messages for ever; each is acknowledged once InfluxDB has its event."""
    channel = pika.BlockingConnection(pika.URLParameters(amqp)).channel()
    channel.basic_qos(prefetch_count=1)
    writing = http.client.HTTPConnection(urlsplit(influxdb).netloc)

    def on_message(channel: Any, method: Any, _: Any, body: bytes) -> None:
        writing.request("POST", f"/write?db={database}&precision=ns", _line(json.loads(body)))
        answer = writing.getresponse()
        answer.read()
        if answer.status != 204:
            raise RuntimeError(f"InfluxDB answers {answer.status}")
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(queue, on_message)
    channel.start_consuming()


def _line(event: dict[str, Any]) -> bytes:
    data = event["data"]
    time = int(event["id"][:8] + event["id"][9:13], 16) * 1_000_000 + int(event["id"][-5:], 16) % 1_000_000
    return f'events,type={event["type"]} file_id="{data["file_id"]}",size={data["bytes"]}i {time}'.encode()


if __name__ == "__main__":
    consume(*sys.argv[1:5])
