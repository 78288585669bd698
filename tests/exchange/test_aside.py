"""What front doors keep on disk for a queue that takes nothing, and leave behind when they end."""

from pathlib import Path
from typing import Any

from eventsink.amqp import Message
from eventsink.exchange.rabbitmq.aside import Aside


async def _silent(_: str) -> bool:
    """No queue answers."""
    return False


def _aside(folder: Path) -> Aside:
    service: Any = None  # nothing is published as long as no queue answers
    return Aside(service, folder, _silent, 1 << 20)


async def test_what_two_front_doors_have_left_for_a_worker_is_taken_by_the_next_and_given_back(tmp_path: Path) -> None:
    doors = [_aside(tmp_path), _aside(tmp_path)]
    for door in doors:
        door.begin("influxdb")
        await door.keep("influxdb", [Message(body=b"{}", routing_key="users.login")])
    for door in doors:
        await door.close()
    for _ in range(2):  # the second time it has all of it again, for the first has let go of all
        door = _aside(tmp_path)
        assert door.waiting("influxdb") == 2
        await door.close()
    door = _aside(tmp_path)
    door.begin("influxdb")
    await door.keep("influxdb", [Message(body=b"{}", routing_key="users.login")])
    assert door.waiting("influxdb") == 3
    await door.forget("influxdb")
    assert door.waiting("influxdb") == 0 and not list(tmp_path.glob("*.db"))
