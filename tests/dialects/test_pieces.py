"""The events of a body, cut out before any of them is read: none spoils another, and each fares as it does alone."""

import json
import time
import types
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eventsink.amqp import Delivery
from eventsink.collect.ingest import ingest
from eventsink.collect.problems import Problem
from eventsink.dialects.admit import Admission
from eventsink.dialects.labels import Text
from eventsink.dialects.pieces import split
from eventsink.errors import MalformedBody
from eventsink.event import Event
from eventsink.exchange.rabbitmq.wire import unpack
from tests.amqp.foreign import properties

A, B = b'{"type":"lab.a","id":"a"}', b'{"type":"lab.b","id":"b"}'
GOOD = [
    A,
    b'{"type":"lab.name","id":"1","time":"2026-11-20T23:59:59.9999996Z","data":{"n":"\xc3\x9cbersicht \xe2\x80\x93"}}',
    b'{"type":"users.login","id":"2","traceparent":"00-1","data":{"method":"x"}}',
    b'{"category":"user_activity","type":"login","user_id":"u","created":1628000122468}',
    '{"type":"lab.name","id":"3","data":{"name":"Größe in €"}}'.encode("cp1252"),
    b'{"type":"lab.a","id":"4","data":{"a":"[{\\"","b":"},{","c":"\\\\"}}',
    b'{"type":"lab.a","id":"5","data":{"x":1e300,"y":1E-7,"z":18014398509481985}}',
    b'{"type":"lab.a","type":"lab.b","id":"6"}',
    b'{"specversion":"1.0","id":"7","source":"s","type":"a.b","data_base64":"e30="}',
    b'{"specversion":null,"id":"8","type":"a.b"}',
    b'{"id":"9","type":"a.b","time":1700000000.999999999}',
]
BAD = [
    b'{"type":"lab.name","data":{"name":"Z\xc3\xbcrich \xe2\x82"}}',
    b'{"type":"lab.name","data":{"name":"\x81\x8d"}}',
    b'{"type":"lab.nan","data":{"x":NaN}}',
    b'{"type":"lab.nan","data":{"x":-Infinity}}',
    b'{"type":"lab.sur","data":{"x":"\\ud800"}}',
    b'{"type":"lab.huge","data":{"n":1180591620717411303424}}',
    b'{"type":"lab.huge","data":{"n":1e400}}',
    b'{"type":"lab.deep","data":' + b'{"a":' * 40 + b"1" + b"}" * 41,
    b'{"type":"lab.deep","data":' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    b'{"type":"lab.deep","data":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    b'{"type":"lab.nul","id":"a\\u0000b"}',
    b'{"type":"lab.esc","data":{"x":"\\q"}}',
    b"{'type': 'lab.quotes'}",
    b'{"type": oops}',
    b"17",
    b"null",
    b"nothing",
    b'{"type":"lab.a","data":5}',
]
PIECES = st.sampled_from(GOOD + BAD)

Outcome = tuple[Any, ...]


def _outcome(found: Event | str) -> Outcome:
    if isinstance(found, str):
        return (found,)
    own_id = found.id if found.id[14:15] != "7" or len(found.id) != 36 else None  # not one that was made here
    own_time = found.time if found.time != found.received else None
    return own_id, own_time, found.type, found.data, found.user, found.subject, found.dialect, found.extensions


async def _over_http(body: bytes, content_type: str = "application/json") -> list[Outcome]:
    intake = await ingest(body, content_type, {}, Admission(largest=1 << 20), "clowder")
    refused = {rejection.index: f"{rejection.pointer} {rejection.message}" for rejection in intake.rejected}
    accepted = iter(intake.events)
    count = len(refused) + len(intake.events)
    return [_outcome(refused[index] if index in refused else next(accepted)) for index in range(count)]


def _over_amqp(body: bytes, **named: Any) -> tuple[list[Outcome], list[bytes]]:
    frame = types.SimpleNamespace(delivery_tag=1, redelivered=False, exchange="clowder.metrics", routing_key="")
    parcel = unpack(Delivery(frame, properties(**named), body), "clowder")
    return [_outcome(event) for event in parcel.events], [broken.body for broken in parcel.broken]


async def _alone(piece: bytes) -> Outcome:
    """How an item fares by itself: beside a neighbour that has nothing to it."""
    return (await _over_http(b"[%b,%b]" % (piece, A)))[0]


@settings(deadline=None, max_examples=60)
@given(st.lists(PIECES, min_size=1, max_size=5))
@example([GOOD[1], BAD[0]])
@example([BAD[9], GOOD[4], BAD[2]])
async def test_an_item_fares_among_any_others_as_it_does_alone(pieces: list[bytes]) -> None:
    alone = [await _alone(piece) for piece in pieces]
    pieces, alone = [*pieces, B], [*alone, await _alone(B)]
    assert await _over_http(b"[%b]" % b",".join(pieces)) == alone
    assert await _over_http(b"[ %b\n]" % b" ,\r\n ".join(pieces)) == alone
    assert await _over_http(b"\n".join(pieces), "application/x-ndjson") == alone
    assert await _over_http(b"".join(b"\x1e%b\n" % piece for piece in pieces), "application/json-seq") == alone
    good = [outcome for outcome in alone if len(outcome) > 1]
    bad = [piece for piece, outcome in zip(pieces, alone, strict=True) if len(outcome) == 1]
    assert _over_amqp(b"[%b]" % b", ".join(pieces)) == (good, bad)
    assert _over_amqp(b"\n".join(pieces), content_type="application/x-ndjson") == (good, bad)


@pytest.mark.parametrize("piece", BAD)
async def test_each_bad_item_is_refused_and_each_good_one_is_not(piece: bytes) -> None:
    assert len(await _alone(piece)) == 1
    assert all([len(await _alone(good)) > 1 for good in GOOD])


@pytest.mark.parametrize(
    ("body", "lines", "pieces"),
    [
        (A, False, [A]),
        (A + b"\n" + B, False, [A, B]),
        (A + b"\n" + B, True, [A, B]),
        (b"\n\n" + A + b"\r\n\r\n  " + B + b"\n", False, [A + b"\r", b"  " + B]),
        (b"oops\n" + B, True, [b"oops", B]),
        (b"oops\n" + B, False, [b"oops", B]),
        (b'{"type":\n' + B, False, [b'{"type":', B]),
        (b'{"type": "a.b",\n "data": {"x": NaN}\n}', False, [b'{"type": "a.b",\n "data": {"x": NaN}\n}']),
        (json.dumps({"type": "a.b"}, indent=1).encode(), True, [b'{\n "type": "a.b"\n}']),
        (b"[%b,%b]" % (A, B), True, [A, B]),
        (b"[%b]\n[%b]" % (A, B), True, [A, B]),
        (A + b"\n[%b, oops]\r\n[%b" % (B, A), True, [A, B, b"oops", b"[" + A]),
        (b"[]", False, []),
        (b"[ 1 , NaN,[2,3] ]", False, [b"1", b"NaN", b"[2,3]"]),
        (b'[NaN,"],"]', False, [b"NaN", b'"],"']),
        (b"\x1e" + A + b"\n\x1e" + B, False, [A + b"\n", B]),
    ],
)
def test_a_body_is_cut_by_its_form_and_not_by_its_label(body: bytes, lines: bool, pieces: list[bytes]) -> None:
    assert split(Text(body, lines)) == pieces


@pytest.mark.parametrize(
    "body", [b"", b" \n", b"[1,]", b"[,1]", b"[NaN,]", b"[1", b'[{"a":1},{"b"', b"[1]]", b'["a]', b"[{]"]
)
def test_a_body_whose_form_is_broken_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        split(Text(body))


@pytest.mark.parametrize("unit", [b'"\\"', b'\\"', b'"', b"[", b"{", b",", b"[NaN,", b'"\\'])
def test_the_time_to_cut_grows_with_the_bytes(unit: bytes) -> None:

    started = time.process_time()
    with pytest.raises(MalformedBody):
        split(Text(b"[NaN," + unit * 500_000))
    assert time.process_time() - started < 3


async def test_a_single_item_that_is_no_json_is_a_malformed_body() -> None:
    with pytest.raises(Problem) as problem:
        await ingest(b"[oops]", "application/json", {}, Admission(), "clowder")
    assert problem.value.status == 400
