"""Channels through Apprise: against a web server, and a mail server, that take it or do not."""

import asyncio
import logging

import pytest
import requests

from eventsink.settings import Alerts
from eventsink.watch.alerts.channel import Message, NotTaken
from eventsink.watch.alerts.text import Texts
from eventsink.watch.alerts.through_apprise import ThroughApprise
from tests.servers import faults
from tests.servers.process import free_ports
from tests.servers.smtp import MailServer
from tests.watch.alerts.telling import Receiver, hush, notice, until

MAIL = "mailto://user:pw@127.0.0.1:{port}?mode=insecure&from=sink@example.org&to=who@example.org"


def _message(*notices) -> Message:
    given = notices or (notice(1, message="1 < 2 & *so* on"),)
    return Texts(Alerts(), "https://sink.example.org").message([(each, False) for each in given])


async def _refused(behave, address="json://127.0.0.1:{port}/", within=20.0) -> NotTaken:
    async with faults.serving(behave) as port:
        with pytest.raises(NotTaken) as caught:
            await ThroughApprise("json-0000", address.format(port=port), within).send(_message())
    return caught.value


async def test_a_message_is_taken_as_it_is():
    receiver = Receiver()
    async with faults.serving(receiver) as port:
        channel = ThroughApprise("json-0000", f"json://127.0.0.1:{port}/")
        await channel.send(_message())
        await channel.send(_message(notice(1, "resolved")))
        await channel.send(_message(notice(1, severity="warning")))
    assert [body["type"] for body in receiver.bodies] == ["failure", "success", "warning"]
    assert receiver.bodies[0]["title"] == "site-1: down (critical)"
    assert "1 < 2 & *so* on" in receiver.bodies[0]["message"]


async def test_a_mail_is_plain_text():
    server = MailServer()
    async with faults.serving(server) as port:
        await ThroughApprise("mailto-0000", MAIL.format(port=port)).send(_message())
    assert server.logins == [["user", "pw"]]
    assert server.subjects == ["site-1: down (critical)"]
    assert server.mails[0].get_content_type() == "text/plain"
    assert "1 < 2 & *so* on" in server.texts[0] and server.texts[0].rstrip().endswith("https://sink.example.org")
    assert server.mails[0]["From"] == "sink@example.org"


@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        (("AUTH", "535 5.7.8 Authentication failed"), "the server answers 535 5.7.8 Authentication failed"),
        (("RCPT", "550 no such user"), "550"),
        (("DATA", "554 go away"), "failed"),
    ],
)
async def test_a_mail_that_is_refused(refuse, words):
    error = await _refused(MailServer(refuse), MAIL)
    assert words in error.reason
    for part in ("who@example.org", "example", "127.0.0.1", "user:pw"):
        assert part not in error.reason


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (Receiver("500 Oops"), "error=500"),
        (Receiver("429 Slow\r\nRetry-After: 9"), "429"),
        (Receiver("302 Moved\r\nLocation: http://127.0.0.2:1/"), "302"),
        (faults.reset(), "it hung up"),
    ],
)
async def test_a_server_that_does_not_take_it(behave, words):
    error = await _refused(behave)
    assert words in error.reason and "127.0.0.1" not in error.reason and not error.final


async def test_a_server_that_is_not_there():
    with pytest.raises(NotTaken) as caught:
        await ThroughApprise("json-0000", f"json://127.0.0.1:{free_ports(1)[0]}/").send(_message())
    assert caught.value.reason.endswith("nothing listens at this address") and not caught.value.unsure


async def test_one_that_hangs_is_left_and_no_second_is_begun_until_it_ends():
    go = asyncio.Event()

    async def hang(*_: object) -> None:
        await go.wait()

    receiver = Receiver(hang, "200 OK")
    async with faults.serving(receiver) as port:
        channel = ThroughApprise("json-0000", f"json://127.0.0.1:{port}/?rto=60", 0.2)
        with pytest.raises(NotTaken) as caught:
            await channel.send(_message())
        assert not channel._thread._hanging.done(), "it hangs still"
        assert caught.value.reason == "no answer came within 0.2 seconds" and caught.value.unsure
        with pytest.raises(NotTaken, match="still hangs"):
            await channel.send(_message())
        await until(lambda: receiver.bodies)  # its thread may be slow
        assert len(receiver.bodies) == 1
        go.set()
        await until(channel._thread._hanging.done)
        channel._within = 20.0
        await channel.send(_message())
    assert len(receiver.bodies) == 2


async def test_what_was_taken_after_nobody_waited_any_more_is_not_sent_again():
    async def slow(_, writer) -> None:
        await asyncio.sleep(0.5)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    receiver = Receiver(slow)
    async with faults.serving(receiver) as port:
        channel = ThroughApprise("json-0000", f"json://127.0.0.1:{port}/?rto=5", 0.1)
        with pytest.raises(NotTaken, match="no answer came"):
            await channel.send(_message(notice(1)))
        await until(channel._thread._hanging.done)
        await channel.send(_message(notice(1)))
        assert len(receiver.bodies) == 1
        with pytest.raises(NotTaken, match="no answer came"):
            await channel.send(_message(notice(1), notice(2)))
        await until(channel._thread._hanging.done)
        assert len(receiver.bodies) == 2


async def test_a_server_that_answers_too_late_for_a_request_is_not_sure():
    error = await _refused(Receiver(hush), "json://127.0.0.1:{port}/?rto=0.2")
    assert error.reason.endswith("no answer came in time") and error.unsure


async def test_time_limits_are_set_where_the_address_says_none():
    default = ThroughApprise("json-0000", "json://example.org")._service
    assert default.request_timeout == (5.0, 10.0)
    assert ThroughApprise("mailto-0000", MAIL.format(port=25))._service.request_timeout == (15, 10.0)
    given = ThroughApprise("json-0000", "json://example.org?cto=1.5&rto=2.5")._service
    assert given.request_timeout == (1.5, 2.5)


async def test_an_error_in_a_service_is_no_error_of_ours(monkeypatch):
    channel = ThroughApprise("json-0000", "json://u5er:p4ss@example.org/p4th")

    def crash(**_):
        raise ZeroDivisionError("json://u5er:p4ss@example.org/p4th")

    monkeypatch.setattr(channel._service, "notify", crash)
    with pytest.raises(NotTaken) as caught:
        await channel.send(_message())
    assert caught.value.reason == "Apprise failed by ZeroDivisionError"
    assert caught.value.__cause__ is None


async def test_a_message_is_as_long_as_the_service_takes():
    channel = ThroughApprise(
        "https-0000", "https://discord.com/api/webhooks/000000000000000001/AbCdEfGhIjKlMnOpQrStUvWx"
    )
    assert channel.longest == 2000


async def test_what_others_log_of_their_requests_is_not_lost(caplog):
    ThroughApprise("json-0000", "json://example.org")
    caplog.set_level(logging.DEBUG)
    async with faults.serving(Receiver("200 OK")) as port:

        def ask() -> None:
            requests.post(f"http://127.0.0.1:{port}/mine", json={}, timeout=10)

        await asyncio.to_thread(ask)
    assert "/mine" in caplog.text
