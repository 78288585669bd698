import json

import pytest

from eventsink.client.sink import Refusal, Sink, Unreachable
from eventsink.errors import EventSinkError
from tests.cli.fake_sink import Answer, FakeSink


def test_questions_carry_the_key_and_what_was_given():
    with FakeSink(lambda _: (200, {}, {"answer": 42})) as fake, Sink(fake.url + "/", "secret") as sink:
        assert sink.get("/v1/events", type="a.b", user=None, since="2026-11-23T10:00:00+01:00") == {"answer": 42}
    assert fake.paths == ["/v1/events?type=a.b&since=2026-11-23T10%3A00%3A00%2B01%3A00"]
    assert fake.headers[0]["x-api-key"] == "secret"


def test_one_connection_serves_many_questions():
    with FakeSink(lambda _: (200, {}, {})) as fake, Sink(fake.url) as sink:
        for _ in range(5):
            sink.get("/healthz")
            sink.post("/v1/replay", {"to": "store"})
    assert (len(fake.paths), fake.connections) == (10, 1)


def test_a_connection_that_was_closed_meanwhile_is_opened_again():
    with FakeSink(lambda _: (200, {"drop": "silently"}, {})) as fake, Sink(fake.url) as sink:
        sink.get("/healthz")
        assert sink.get("/healthz") == {}
    assert fake.connections == 2


def test_a_path_of_the_url_stands_before_all_paths():
    with FakeSink(lambda _: (200, {}, {})) as fake, Sink(fake.url + "/sink/") as sink:
        sink.get("/healthz")
    assert fake.paths == ["/sink/healthz"]


def test_pages_follow_the_cursor_to_the_end():
    pages = iter([{"dead": [{"id": 1}, {"id": 2}], "next": 2}, {"dead": [], "next": None}])
    with FakeSink(lambda _: (200, {}, next(pages))) as fake, Sink(fake.url) as sink:
        found = [json.loads(bytes(item)) for page in sink.pages("/v1/dead", "dead", worker="x") for item in page]
    assert found == [{"id": 1}, {"id": 2}]
    assert fake.paths == ["/v1/dead?worker=x", "/v1/dead?worker=x&after=2"]


def test_a_cursor_that_does_not_move_is_not_followed_for_ever():
    with FakeSink(lambda _: (200, {}, {"events": [], "next": 1})) as fake, Sink(fake.url) as sink:
        assert list(sink.pages("/v1/events", "events")) == [[], []]
    assert len(fake.paths) == 2


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((404, {}, {"detail": "There is no worker 'x'."}), r"^There is no worker 'x'\.$"),
        ((401, {}, {"detail": "A key is needed."}), r"^A key is needed\. Give it with --key or EVENTSINK_KEY\.$"),
        ((401, {}, {"detail": ["no", "token"]}), r"^\['no', 'token'\] Give it with --key or EVENTSINK_KEY\.$"),
        ((502, {}, b"<html>Bad gateway</html>"), r"answers 502 Bad Gateway\.$"),
        ((301, {"location": "https://sink.example.org/"}, b""), r"refers to https://sink\.example\.org/: give that"),
        ((200, {}, b"<html>Grafana</html>"), r"^What answers at http.* is no event sink"),
        ((200, {}, b"[]"), r"is no event sink"),
    ],
)
def test_refusals_become_sentences(answer, sentence: str):
    with FakeSink(lambda _: answer) as fake, Sink(fake.url) as sink, pytest.raises(EventSinkError, match=sentence):
        sink.get("/v1/status")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("nan", 0.0),
        ("1e99", 3600.0),
        ("soon", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("Mon, 31 Dec 10000 00:00:00 GMT", 0.0),
        ("Wed, 21 Oct 99999999999999 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str, seconds: float):
    answer: Answer = (503, {"retry-after": header}, {})
    with FakeSink(lambda _: answer) as fake, Sink(fake.url) as sink, pytest.raises(Refusal) as refusal:
        sink.get("/")
    assert refusal.value.retry_after == seconds


def test_where_nobody_answers_it_says_what_to_do():
    with FakeSink() as fake:
        url = fake.url
    with Sink(url) as sink, pytest.raises(Unreachable) as error:
        sink.get("/healthz")
    assert str(error.value) == (
        f"No event sink answers at {url}: start one with `eventsink up`, or name another with --url."
    )


def test_a_sink_that_does_not_answer_in_time_says_so():
    with FakeSink() as fake:
        fake._lock.acquire()
        with Sink(fake.url, timeout=0.1) as sink, pytest.raises(Unreachable, match=r"within 0\.1 seconds"):
            sink.get("/healthz")
        fake._lock.release()


@pytest.mark.parametrize("url", ["", "sink.example.org", "ftp://sink", "http://", "http://sink:port", "http://[::1"])
def test_what_is_no_address_is_refused(url: str):
    with pytest.raises(EventSinkError, match="is no address of a sink"):
        Sink(url)


def test_a_key_with_a_line_break_is_refused():
    with pytest.raises(EventSinkError, match="line break"):
        Sink("http://sink", "key\n")
