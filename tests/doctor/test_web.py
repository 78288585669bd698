"""What doctor asks of servers that are not what they should be."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from eventsink.causes import why
from eventsink.cli.doctoring.broker import broker
from eventsink.cli.doctoring.running import running
from eventsink.cli.doctoring.web import ask
from eventsink.client.sink import Sink
from eventsink.settings import Exchange, Settings
from tests.doctor.answering import answering


@contextlib.contextmanager
def saying(first: bytes, then: bytes, said: list[bytes] | None = None) -> Iterator[str]:
    """A server that says something, and goes on with the same for ever; `said` gets what it goes on with."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def say() -> None:
            with contextlib.suppress(OSError), server.accept()[0] as taken:
                taken.recv(65_536)
                taken.sendall(first)
                while then:
                    taken.sendall(then)
                    if said is not None:
                        said.append(then)
                    time.sleep(0.05)

        thread = threading.Thread(target=say, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(60)


@pytest.mark.parametrize("first", [b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n"])
def test_who_sends_a_byte_now_and_then_is_late_all_the_same(first: bytes) -> None:
    said: list[bytes] = []
    with saying(first, b" ", said) as url, pytest.raises(TimeoutError):
        ask(url, within=0.4)
    assert len(said) < 100, "of five seconds, in which nobody slept but the server"


def test_a_year_that_is_none_is_no_time() -> None:
    far = b"HTTP/1.1 200 OK\r\ndate: Mon, 01 Jan 99999999999999999999 00:00:00 GMT\r\ncontent-length: 0\r\n\r\n"
    with saying(far, b"") as url:
        assert ask(url).ahead is None


def test_what_is_no_http_is_not_repeated() -> None:
    with saying(b"\x16\x03\x9bwhat\r\n", b"") as url, pytest.raises(Exception, match="what") as raised:
        ask(url)
    assert why(raised.value) == "its answer is no HTTP"


def test_json_of_somebody_else_is_a_finding() -> None:
    paths = ("/healthz", "/readyz", "/v1/status", "/api/overview")
    with answering({path: (200, {}) for path in paths}) as url:
        with Sink(url) as sink:
            found = [*running(Settings(), sink, named=True)]
        assert "is no event sink that this command knows" in found[-1].found and not found[-1].ok
        found = [*broker(Settings(exchange=Exchange(url="amqp://127.0.0.1:1", management=url)))]
        assert "no management API" in found[-1].found and not found[-1].ok
