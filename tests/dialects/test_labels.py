"""What is done with a body by its labels and its first bytes: compression, charset, media type."""

import gzip
import time
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.dialects.labels import inflated, text_of
from eventsink.errors import BodyTooLarge, MalformedBody, UnreadableBody

MEGABYTE = 1 << 20
EVENT = b'{"type":"a.b"}'


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


# --- compression -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "", "identity", "utf-8", "binary", "br"])
def test_what_is_not_compressed_is_taken_as_it_is_whatever_it_is_called(encoding: str) -> None:
    for body in (EVENT, b' [ {"type":"a.b"} ]', b"[]", b"{}", b" ", b""):
        assert inflated(body, encoding, MEGABYTE, strict=True) == body


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(EVENT)),
        ("", gzip.compress(EVENT)),
        ("deflate", gzip.compress(EVENT)),
        ("deflate", zlib.compress(EVENT)),
        ("deflate", raw_deflate(EVENT)),
        ("deflate", raw_deflate(b"  " + EVENT * 100)),
        ("x-gzip", gzip.compress(EVENT[:5]) + gzip.compress(EVENT[5:]) + bytes(512)),
    ],
)
def test_what_is_compressed_is_inflated_by_its_first_bytes(encoding: str, body: bytes) -> None:
    assert EVENT in inflated(body, encoding, MEGABYTE)


def test_an_encoding_that_is_not_read_is_named_with_those_that_are() -> None:
    with pytest.raises(UnreadableBody, match="'br' is not read here: send gzip, deflate, or none"):
        inflated(b"\x0b\x02\x80{}\x03", "br", MEGABYTE, strict=True)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20_000), max_size=4))
def test_a_gzip_body_is_inflated_however_many_members_it_has(parts: list[bytes]) -> None:
    assert inflated(b"".join(gzip.compress(part) for part in parts), "gzip", 100_000) == b"".join(parts)


def test_a_body_may_inflate_to_the_limit_and_not_beyond() -> None:
    assert inflated(gzip.compress(b"x" * 1000), "gzip", 1000) == b"x" * 1000
    for body in (gzip.compress(b"x" * 1001), gzip.compress(b"x" * 400) * 3, raw_deflate(b"x" * 1001)):
        with pytest.raises(BodyTooLarge):
            inflated(body, "gzip" if body[:1] == b"\x1f" else "deflate", 1000)


@pytest.mark.parametrize("members", [1, 50])
def test_a_bomb_is_refused_without_using_the_memory(members: int) -> None:
    bomb = gzip.compress(bytes(100 * MEGABYTE // members), 9) * members
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLarge):
            inflated(bomb, "gzip", 2 * MEGABYTE)
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()


def test_the_time_to_inflate_grows_with_the_bytes_and_not_with_their_square() -> None:
    for body in (gzip.compress(b"") * 100_000, gzip.compress(b"") + bytes(1_000_000)):
        started = time.process_time()
        assert inflated(body, "gzip", 1000) == b""
        assert time.process_time() - started < 1.5, "copying the rest at every member took seconds"


@pytest.mark.parametrize("cut", [2, 5, 10, 20, -1, -4, -8])
def test_a_truncated_body_is_said_to_end_too_early(cut: int) -> None:
    for body, encoding in ((gzip.compress(bytes(range(256)) * 20), "gzip"), (zlib.compress(EVENT * 9), "deflate")):
        with pytest.raises(MalformedBody, match=f"The {encoding} body ends too early"):
            inflated(body[:cut], encoding, MEGABYTE)


@pytest.mark.parametrize(
    "body",
    [
        b"no gzip at all",
        b"\x1f\x8b" + b"\xff" * 50,
        gzip.compress(b"hello")[:-8] + bytes(8),
        gzip.compress(b"hello") + b"rubbish",
    ],
)
def test_a_damaged_body_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody, match="The gzip body is damaged"):
        inflated(body, "gzip", MEGABYTE)


@settings(deadline=None)
@given(body=st.binary(max_size=300), encoding=st.sampled_from(["gzip", "deflate", "", "br"]))
def test_arbitrary_bytes_are_inflated_or_refused(body: bytes, encoding: str) -> None:
    for sent in (body, gzip.compress(b"x") + body):
        try:
            assert len(inflated(sent, encoding, 1000)) <= max(1000, len(sent))
        except MalformedBody:
            continue  # a sentence, whatever came


# --- media types and charsets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "label",
    ["application\\json", "text/json", "application/vnd.clowder+json", "application/*", "text/html", "image/png", "é"],
)
def test_json_is_read_whatever_it_is_called(label: str) -> None:
    for body in (EVENT, b"\xef\xbb\xbf\r\n" + EVENT, b"[\n" + EVENT + b"]", b'[\t1, "x"]', b"[]"):
        assert text_of(body, label, strict=True).content.endswith(body[-1:])


@pytest.mark.parametrize("body", [b"<a/>", b"hello", b"{hello", b"--boundary\r\n", b"\x89PNG", b"a,b\n1,2"])
def test_what_is_neither_json_nor_called_so_is_refused_with_what_is_expected(body: bytes) -> None:
    with pytest.raises(UnreadableBody, match="send application/json or application/x-ndjson"):
        text_of(body, "application/xml")
    assert text_of(body, "application/json").content == body, "the place of the mistake is told when it is read"


@pytest.mark.parametrize("charset", ["klingon", "binary", "punycode", "\0"])
def test_a_charset_that_cannot_be_is_a_mistaken_label_or_an_error(charset: str) -> None:
    text = text_of(EVENT, "", charset=charset)
    assert (text.content, text.charset) == (EVENT, "")
    with pytest.raises(UnreadableBody, match="send UTF-8"):
        text_of(EVENT, f"application/json; charset={charset}", strict=True)


@settings(deadline=None)
@given(
    body=st.binary(max_size=60), label=st.text(max_size=30), charset=st.sampled_from(["utf-16", "cp037", "utf-7", ""])
)
def test_arbitrary_labels_never_raise_anything_but_a_refusal(body: bytes, label: str, charset: Any) -> None:
    for strict in (True, False):
        try:
            assert isinstance(text_of(body, f"{label}; charset={charset}", strict=strict).content, bytes)
        except UnreadableBody:
            continue
