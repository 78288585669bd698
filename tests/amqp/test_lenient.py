"""Headers that pika would break the connection at, and that anybody may send."""

import struct

import pika.data

from eventsink.amqp.lenient import DEEPEST, read_any_header


def _nested(levels: int) -> bytes:
    table = b""
    for _ in range(levels):
        table = b"\x01a" + b"F" + struct.pack(">I", len(table)) + table
    return struct.pack(">I", len(table)) + table


def _lists(levels: int) -> bytes:
    value = b"t\x01"
    for _ in range(levels):
        value = b"A" + struct.pack(">I", len(value)) + value
    table = b"\x01a" + value + b"\x01bt\x01"
    return struct.pack(">I", len(table)) + table


def test_tables_are_read_as_deep_as_anybody_means_them() -> None:
    read_any_header()
    found, end = pika.data.decode_table(_nested(DEEPEST), 0)
    assert end == len(_nested(DEEPEST))
    for _ in range(DEEPEST):
        found = found["a"]
    assert found == {}


def test_what_is_nested_too_deeply_is_passed_over_and_what_follows_is_read() -> None:
    read_any_header()
    for encoded in (_nested(20_000), _nested(DEEPEST + 2)):
        assert pika.data.decode_table(encoded, 0)[1] == len(encoded)
    assert pika.data.decode_table(_lists(20_000), 0)[0]["b"] is True
