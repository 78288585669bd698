"""Servers that judge can be told to misbehave, and tell what came, whatever they answered."""

import gzip
import http.client
import time
from collections.abc import Iterator

import aiohttp
import pytest

from tests.servers.asking import connected
from tests.servers.contract import Answer, ContractServer, Received, unpacked


class Parrot(ContractServer):
    """Takes every body and says it again."""

    def __init__(self) -> None:
        super().__init__()
        self.stored: list[bytes] = []

    def judge(self, received: Received) -> Answer:
        if received.path == "/broken":
            raise ZeroDivisionError
        self.stored.append(received.body)
        return Answer(200, received.body)

    def failure(self, status: int) -> Answer:
        return Answer(status, b"sorry")


@pytest.fixture
def parrot() -> Iterator[Parrot]:
    with Parrot().listening() as server:
        yield server


def say(server: ContractServer, body: bytes = b"hello", path: str = "/") -> tuple[int, bytes, http.client.HTTPMessage]:
    with connected(server.url) as connection:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers


def test_what_came_is_there_as_it_came(parrot: Parrot) -> None:
    with connected(parrot.url) as connection:
        connection.request(
            "PUT", "/a%20b?x=1&y=%2F", gzip.compress(b'{"a":1}'), {"Content-Encoding": "gzip", "X-A": "b"}
        )
        connection.getresponse().read()
    (received,) = parrot.requests
    assert (received.method, received.target, received.path) == ("PUT", "/a%20b?x=1&y=%2F", "/a b")
    assert received.query == {"x": "1", "y": "/"}
    assert received.headers["x-a"] == "b"
    assert received.body.startswith(b"\x1f\x8b")
    assert (received.plain, received.json) == (b'{"a":1}', {"a": 1})


@pytest.mark.parametrize(
    ("secret", "path", "headers", "body"),
    [
        ("hunter2", "/?secret=hunter2", {}, b""),
        ("hunter2", "/", {"X-Secret": "hunter2"}, b""),
        ("hunter2", "/", {}, b'{"a":"hunter2"}'),
        ("hunter2", "/", {"Content-Encoding": "gzip"}, gzip.compress(b'{"a":"hunter2"}', mtime=0)),
        ("päss", "/", {}, b'{"a":"p\\u00e4ss"}'),
        ("päss", "/", {}, '{"a":"päss"}'.encode()),
    ],
)
def test_a_planted_secret_is_found_wherever_it_is(
    parrot: Parrot, secret: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    with connected(parrot.url) as connection:
        connection.request("POST", path, body, headers)
        connection.getresponse().read()
    assert parrot.holds(secret)
    assert not parrot.holds("another")


def test_the_next_requests_fail_and_nothing_is_stored(parrot: Parrot) -> None:
    parrot.fail_next(503, times=2, retry_after=7)
    parrot.fail_next(429, body={"a": 1})
    parrot.fail_next(500, body="text")
    first, second, third, fourth, fifth = (say(parrot) for _ in range(5))
    assert (first[0], first[1], first[2]["retry-after"]) == (503, b"sorry", "7")
    assert second[0] == 503
    assert (third[0], third[1], third[2]["content-type"]) == (429, b'{"a": 1}', "application/json")
    assert fourth[:2] == (500, b"text")
    assert fifth[:2] == (200, b"hello")
    assert (len(parrot.requests), len(parrot.stored)) == (5, 1)


def test_a_failure_may_come_after_storing(parrot: Parrot) -> None:
    parrot.fail_next(504, after_storing=True)
    assert say(parrot)[0] == 504
    assert parrot.stored == [b"hello"]


@pytest.mark.parametrize("after_storing", [True, False])
def test_a_connection_is_cut_before_or_after_storing(parrot: Parrot, after_storing: bool) -> None:
    parrot.cut_next(after_storing=after_storing)
    with pytest.raises(http.client.RemoteDisconnected):
        say(parrot)
    assert parrot.stored == ([b"hello"] if after_storing else [])
    assert say(parrot)[0] == 200


def test_it_answers_a_page_with_400(parrot: Parrot) -> None:
    parrot.html_400_next()
    status, body, headers = say(parrot)
    assert (status, headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert b"<h1>400 Bad Request</h1>" in body
    assert parrot.stored == []


def test_misbehaviours_come_in_the_order_in_which_they_were_asked_for(parrot: Parrot) -> None:
    parrot.html_400_next()
    parrot.fail_next(500)
    parrot.html_400_next()
    assert [say(parrot)[0] for _ in range(4)] == [400, 500, 400, 200]


def test_an_answer_comes_later_and_what_was_asked_is_done_before(parrot: Parrot) -> None:
    parrot.delay(30)
    with connected(parrot.url) as connection:
        connection.request("POST", "/", b"hello")
        while not parrot.stored:
            time.sleep(0.01)
    parrot.delay(0.1)
    before = time.monotonic()
    say(parrot)
    assert time.monotonic() - before >= 0.1


def test_it_behaves_well_again_when_it_is_told_to(parrot: Parrot) -> None:
    parrot.fail_next(500, times=100)
    parrot.delay(100)
    parrot.clear()
    assert say(parrot)[0] == 200


async def test_a_connection_is_kept_open(parrot: Parrot) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(20):
            async with session.post(parrot.url, data=b"hello") as answer:
                assert await answer.read() == b"hello"
    assert len(parrot.connections) == 1


def test_it_goes_away_and_comes_back_at_the_same_address_with_all_that_it_has() -> None:
    parrot = Parrot()
    for count in (1, 2, 3):
        with parrot.listening():
            assert say(parrot)[0] == 200
        with pytest.raises(ConnectionRefusedError):
            say(parrot)
        assert len(parrot.stored) == count


def test_what_is_wrong_in_a_judge_fails_the_test() -> None:
    with pytest.raises(ZeroDivisionError), Parrot().listening() as parrot:
        say(parrot, path="/broken")


def test_an_address_that_is_taken_is_told(parrot: Parrot) -> None:
    with pytest.raises(OSError, match="address already in use"), parrot.listening():
        pass


@pytest.mark.parametrize("body", [b"", b"plain", gzip.compress(b"hello", mtime=0)[:-1]])
def test_what_is_no_gzip_is_told(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"missing|Error -3"):
        unpacked(body, 100)


def test_of_a_gzip_bomb_no_more_is_unpacked_than_asked_for() -> None:
    assert len(unpacked(gzip.compress(bytes(10_000_000)), 1000)) == 1001
