"""The plain webhook, against servers that take it, and servers that do not."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from eventsink.settings import Alerts
from eventsink.watch.alerts.channel import Message, NotTaken
from eventsink.watch.alerts.text import Texts
from eventsink.watch.alerts.webhook import Webhook, wait_asked_for
from tests.secrets import CORE
from tests.servers import faults
from tests.servers.process import free_ports
from tests.watch.alerts.telling import Receiver, hush, notice


def _message(*notices, again=False) -> Message:
    given = notices or (notice(1, regions=["urbana"]),)
    return Texts(Alerts(), "https://sink.example.org").message([(each, again) for each in given])


async def _refused(behave, address="http://127.0.0.1:{port}/", within=15.0) -> NotTaken:
    async with faults.serving(behave) as port:
        with pytest.raises(NotTaken) as caught:
            await Webhook("http-0000", address.format(port=port), within).send(_message())
    return caught.value


async def test_all_that_is_known_of_a_notice_is_posted():
    receiver = Receiver()
    async with faults.serving(receiver) as port:
        channel = Webhook("http-0000", f"http://us%40er:p%3Aw@127.0.0.1:{port}/hook%20x?a=1#f")
        for message in (_message(), _message(again=True), _message(notice(1), notice(2))):
            await channel.send(message)
    assert receiver.paths == ["/hook%20x?a=1"] * 3
    assert receiver.bodies[0] == {
        "notices": [
            {
                "id": "n1",
                "alert": "check/site-1",
                "title": "site-1",
                "kind": "firing",
                "state": "down",
                "severity": "critical",
                "time": "2026-11-29T12:00:00Z",
                "since": "2026-11-29T10:55:00Z",
                "reason": "timeout",
                "message": "It did not answer within 10 seconds.",
                "target": "",
                "regions": ["urbana"],
                "note": "",
                "link": "https://sink.example.org",
                "again": False,
            }
        ]
    }
    assert receiver.bodies[1]["notices"][0]["again"] is True
    keys = [head["idempotency-key"] for head in receiver.heads]
    assert keys[0] == keys[1] != keys[2]
    assert receiver.heads[0]["authorization"] == f"Basic {base64.b64encode(b'us@er:p:w').decode()}"


@pytest.mark.parametrize("body", ["", "x" * 10, "x" * 1_000_000])
async def test_a_2xx_is_enough_whatever_it_says(body):
    async with faults.serving(Receiver(f"200 Fine\r\n\r\n{body}")) as port:
        await Webhook("http-0000", f"http://127.0.0.1:{port}/").send(_message())


async def test_a_2xx_without_an_end_is_enough():
    endless = faults.flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\nxxxx\r\n")
    async with faults.serving(Receiver(endless_after_request(endless))) as port:
        await Webhook("http-0000", f"http://127.0.0.1:{port}/").send(_message())


def endless_after_request(behave):
    """The receiver has read the request; the behaviour would wait for another."""

    async def go(reader, writer):
        reader.feed_data(b"\r\n\r\n")
        await behave(reader, writer)

    return go


@pytest.mark.parametrize(
    ("reply", "after", "words"),
    [
        ("500 Oops", None, "the server answers 500: Internal Server Error"),
        ("503 Busy\r\nRetry-After: 7\r\n\r\nnot now", 7, "the server answers 503: not now"),
        ("429 Slow\r\nRetry-After: 999999", 3600, "429"),
        ("429 Slow\r\nRetry-After: soon", None, "429"),
        ("408 Slow", None, "408"),
        ("404 Gone", 300, "the server answers 404: Not Found"),
        ("401 No\r\n\r\nwho are you?", 300, "the server answers 401: who are you?"),
        ("799 Strange", None, "the server answers 799: no reason given"),
        ("302 Found\r\nLocation: /login", 300, "it has moved"),
    ],
)
async def test_what_an_answer_means(reply, after, words):
    error = await _refused(Receiver(reply))
    assert words in error.reason and error.after == after and not error.final and not error.unsure


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_what_may_be_too_much_is_said_to_be(status):
    assert (await _refused(Receiver(f"{status} No"))).too_much


def test_retry_after_may_be_a_date():
    before = datetime.now(UTC)
    soon = before + timedelta(seconds=100)
    asked_for = wait_asked_for(format_datetime(soon, usegmt=True)) or 0
    lasted = (datetime.now(UTC) - before).total_seconds()
    assert 99 - lasted <= asked_for <= 100  # a date has whole seconds
    assert wait_asked_for(format_datetime(soon - timedelta(days=1), usegmt=True)) == 0
    assert wait_asked_for(format_datetime(soon + timedelta(days=9), usegmt=True)) == 3600
    assert wait_asked_for("9" * 5000) == 3600
    assert wait_asked_for("") is None


async def test_a_server_that_is_not_there():
    with pytest.raises(NotTaken) as caught:
        await Webhook("http-0000", f"http://127.0.0.1:{free_ports(1)[0]}/{CORE}").send(_message())
    assert caught.value.reason == "nothing listens at this address" and not caught.value.unsure


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (faults.reset(), "it hung up"),
        (Receiver(faults.reset(listen=False)), "it hung up"),
        (faults.answer(b"", "nonsense\r\n\x00"), "its answer is no HTTP"),
    ],
)
async def test_a_server_that_breaks_off(behave, words):
    error = await _refused(behave)
    assert words in error.reason and error.unsure


@pytest.mark.parametrize(
    "behave",
    [
        faults.stall,
        Receiver(hush),
        faults.dribble(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", pause=0.02),
    ],
)
async def test_a_server_that_hangs_or_drips_is_left_in_time(behave):
    async with asyncio.timeout(30):  # it goes on for ever
        error = await _refused(behave, within=0.3)
    assert error.reason == "no answer came within 0.3 seconds" and error.unsure


@pytest.mark.parametrize("pause", [0, 0.05])
async def test_of_a_refusal_without_an_end_the_begin_is_read(pause):
    head = b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n"
    drip = faults.dribble(head, b"4\r\nwhy \r\n", pause=pause)
    error = await _refused(Receiver(endless_after_request(drip)), within=1.0)
    assert error.reason.startswith("the server answers 500: why why") and len(error.reason) < 400


async def test_a_redirect_to_another_host_is_not_followed():
    other = Receiver()
    async with faults.serving(other, host="127.0.0.2") as port:
        for status in (301, 302, 303, 307, 308):
            error = await _refused(Receiver(f"{status} Moved\r\nLocation: http://127.0.0.2:{port}/x"))
            assert "moved" in error.reason and "127.0.0.2" not in error.reason
    assert other.bodies == []


async def test_a_redirect_within_the_host_is_followed_with_the_body_and_not_for_ever():
    receiver = Receiver("307 Moved\r\nLocation: /hook/", "200 OK")
    async with faults.serving(receiver) as port:
        await Webhook("http-0000", f"http://u:p@127.0.0.1:{port}/hook").send(_message())
    assert receiver.paths == ["/hook", "/hook/"] and receiver.ids == [["n1"], ["n1"]]
    assert "authorization" in receiver.heads[1]
    error = await _refused(Receiver("308 Moved\r\nLocation: /again"))
    assert error.reason == "the server sends from one address to the next"


async def test_what_the_server_says_of_the_address_is_hidden():
    address = f"http://us3r:{CORE}@127.0.0.1:{{port}}/h00k/{CORE}1?q=T0ken%2F1"
    said = f"no hook h00k/{CORE}1 of us3r with T0ken/1 or T0ken%2F1; at http://127.0.0.1/x?y=1"
    error = await _refused(Receiver(f"404 Gone\r\n\r\n{said}"), address)
    for part in (CORE, "h00k", "us3r", "T0ken", "127.0.0.1"):
        assert part.lower() not in error.reason.lower()
    assert "no hook …" in error.reason
