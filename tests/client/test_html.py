"""A snippet gets to its place in a page however the page is cut, and nothing else of the page changes."""

import contextlib
import gzip
import io
import time
import tracemalloc
import xml.etree.ElementTree as ET
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.client.html import LONGEST, Insertion
from eventsink.client.html_coding import AT_ONCE, Recoding
from eventsink.client.html_page import Careful
from eventsink.client.html_policy import find_lacks, find_nonce
from eventsink.client.html_snippet import Snippet

TAG = (
    '<script defer src="/insights/t.1.js" integrity="sha384-abc" crossorigin="anonymous"'
    ' data-key="clw_1" data-me="/api/me"></script>'
)
GOOGLE = "<script async src='https://www.googletagmanager.com/gtag/js?id=G-1'></script>"
OTHERS = f"{TAG}\n{GOOGLE}\n<script>if (1 < 2 && x) y('<script');</script>"
SNIPPET = Snippet(TAG)
PAGES = {  # with an @ where the snippet belongs
    "plain": b"<!doctype html><html><head><title>x</title>@</head><body></body></html>",
    "capitals": b"<HTML><HEAD>@</HEAD ><BODY></BODY>",
    "attributes": b"<head>@</head\tclass=x><body>",
    "slash": b"<head>@</head/><body>",
    "longer name": b"<head></header></head-x></headx>@</head>",
    "no head": b"<p>x</p>@</body></html>",
    "neither": b"<p>x</p></html>",
    "cut off": b"<p>x</p></head",
    "cut off in the name": b"<p>x</p></he",
    "comment": b"<!-- </head> -- > -->@</head>",
    "comment of two characters": b"<!-->@</head>-->",
    "comment of three characters": b"<!--->@</head>-->",
    "comment with a mark": b"<!-- </head> --!>@</head>",
    "comment that is none yet": b"<!--!></head>-->@</head>",
    "comment with dashes": b"<!--- </head> --->@</head>",
    "comment without end": b"<!-- </head></body>",
    "no comment": b"<!- </head>@</head>",
    "processing instruction": b"<?php echo '</head' ?>@</head>",
    "cdata, which is none in HTML": b"<![CDATA[ x>@</head>]]></head>",
    "end without name": b"</>@</head></ </head>",
    "script": b"<script>'</head>'</script >@</head>",
    "script in capitals": b"<SCRIPT>'</head>'</ScRiPt>@</head>",
    "script with a longer end": b"<script>'</scripts></head>'</script>@</head>",
    "script in a comment in a script": b"<script><!-- <script> </script> </head> --></script>@</head>",
    "script after a short comment": b"<script><!--> <script> </script>@</head>",
    "script in a comment that ends": b"<script><!-- <script> --></script>@</head>",
    "two levels": b"<script><!-- <script> </script> </script>@</head>",
    "style": b"<style>a:before{content:'</head>'}</style>@</head>",
    "title": b"<title>of </head> and <!-- <script></title>@</head>",
    "textarea": b"<textarea></head></body></textarea>@</body>",
    "noscript": b"<noscript><img alt='</head>'></noscript>@</head>",
    "plaintext": b"<plaintext></head>",
    "attribute": b'<meta content="</head>">@</head>',
    "attribute in single quotes": b"<meta content = '\n</head>\"'>@</head>",
    "quote in a bare value": b'<p class=a"b>@</head>"',
    "quote in a bare value after an equals sign": b'<p class=a="b>@</head>"',
    "quote in a name": b'<p a"b>@</head>"',
    "quote in the name of a tag": b'<p="x>@</head>"',
    "quote in the long name of a tag": b'<paragraph-of-a-page="x>@</head>"',
    "value that is missing": b'<p a=>@</head>">',
    "less-than": b"a < b <3 <</p>@</head>",
    "less-than in a tag": b"<p </head>@</head>",
    "attributes without end": b'<meta content="</head></body>',
    "other alphabet": "<title>é漢</title>@</head>".encode(),
    "latin-1": "<title>é</title>@</head>".encode("latin-1"),
    "shift-jis": "<title>ソ能表</title>@</head>".encode("shift-jis"),
    "nul": b"<\0/head>\0@</head>",
    "utf-16": "<head></head>".encode("utf-16"),
    "utf-16 whose letters are the bytes of a tag": b"\xfe\xff\x30\x42</head> ",
    "utf-16 without its mark": "<head></head>".encode("utf-16-le"),
    "nothing": b"",
    "one byte": b"<",
}


def insert(page: bytes, *cuts: int, xml: bool = False, snippet: Snippet = SNIPPET) -> bytes:
    insertion = Insertion(snippet.text(xml=xml), mark=snippet.mark(xml=xml), xml=xml)
    pieces = [page[start:end] for start, end in zip((0, *cuts), (*cuts, len(page)), strict=True)]
    passed = [insertion.feed(piece) for piece in pieces]
    return b"".join([*passed, insertion.feed(b"", last=True)])


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_snippet_gets_to_its_place_however_a_page_is_cut(page: bytes) -> None:
    expected = page.replace(b"@", TAG.encode(), 1)
    page = page.replace(b"@", b"", 1)
    assert insert(page) == expected
    assert insert(page, *range(len(page))) == expected, "byte for byte"
    for cut in range(len(page)):
        assert insert(page, cut) == expected
    assert insert(expected) == expected, "a page that has it is left as it is"
    assert insert(expected, *range(len(expected))) == expected


@pytest.mark.parametrize(
    "page",
    [
        b'<?xml version="1.0"?><head><script src="x"/><title/>@</head>',
        b"<head><![CDATA[ </head> ]] > ]]]>@</head>",
        b"<head><!-- </head> --><style>a</style>@</head>",
    ],
)
def test_xhtml_is_read_as_xml(page: bytes) -> None:
    expected = page.replace(b"@", SNIPPET.text(xml=True))
    page = page.replace(b"@", b"")
    assert insert(page, xml=True) == insert(page, *range(len(page)), xml=True) == expected
    assert insert(expected, xml=True) == expected


FRAGMENTS = [
    *(
        b"</head>",
        b"</HEAD ",
        b"</body>",
        b"<head>",
        b"<!--",
        b"-->",
        b"--!>",
        b"-",
        b"<",
        b">",
        b"/",
        b"=",
        b'"',
        b"'",
    ),
    *(b"<script", b"</script>", b"<title>", b"</title>", b"<textarea", b"</textarea>", b"<style>", b"</style", b"<p "),
    *(
        b" ",
        b"a",
        b"x=",
        b"<![CDATA[",
        b"]]>",
        b"<?",
        b"</",
        b"\xff",
        b"\0",
        b"<plaintext",
        TAG.encode(),
        TAG[:60].encode(),
    ),
]
pages = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=4), max_size=30).map(b"".join)


@settings(deadline=None, max_examples=250)
@given(pages, st.data(), st.booleans())
def test_any_cuts_give_what_the_whole_gives(page: bytes, data: st.DataObject, xml: bool) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(page)), max_size=20)))
    whole = insert(page, xml=xml)
    snippet = SNIPPET.text(xml=xml)
    assert insert(page, *cuts, xml=xml) == whole == insert(page, *range(len(page)), xml=xml)
    assert whole == page or any(page[:i] + snippet + page[i:] == whole for i in range(len(page)))
    assert insert(whole, xml=xml) == whole


@settings(deadline=None, max_examples=100)
@given(pages, st.data(), st.sampled_from([31, 15, -15]))
def test_a_compressed_page_is_changed_as_the_page_itself(page: bytes, data: st.DataObject, wrapped: int) -> None:
    out = zlib.compressobj(wbits=wrapped)
    body = out.compress(page) + out.flush()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=9)))
    made = Recoding(Insertion(TAG.encode(), mark=SNIPPET.mark()), "gzip" if wrapped == 31 else "deflate")
    pieces = [body[start:end] for start, end in zip((0, *cuts), (*cuts, len(body)), strict=True)]
    found = b"".join([made.feed(piece, last=i == len(cuts)) for i, piece in enumerate(pieces)])
    back = zlib.decompressobj(wrapped)
    assert back.decompress(found) == insert(page) and back.eof and not back.unused_data


def test_what_is_held_back_is_bounded_however_a_page_goes_on() -> None:
    longest = max(LONGEST, len(SNIPPET.mark()))
    for begin in (
        b"<!--",
        b"<p a='",
        b"<p ",
        b"<script>",
        b"<title>",
        b"<",
        b"</",
        b"<abc",
        b"<!",
        b"<?",
        TAG[:90].encode(),
        b"x",
    ):
        for more in (b"-", b"<", b"a", b" ", b"=", b"'", b"<!", b"</s", b"<![", b"A"):
            insertion = Insertion(TAG.encode(), mark=SNIPPET.mark())
            passed = given = 0
            for piece in [begin, *[more] * 500]:
                given += len(piece)
                passed += len(insertion.feed(piece))
                assert given - passed <= longest, (begin, more)


def test_a_hundred_megabytes_stream_through() -> None:
    insertion = Insertion(TAG.encode(), mark=SNIPPET.mark())
    piece = b"<tr><td class=\"x\">a < b</td><td title='</head>'><!-- c --></td></tr>" * 900
    begun, passed = time.process_time(), 0
    for _ in range(100_000_000 // len(piece) // 10):
        passed += len(insertion.feed(piece))
    assert insertion.feed(b"</head>", last=True) == TAG.encode() + b"</head>"
    for _ in range(100_000_000 // len(piece)):
        assert insertion.feed(piece) is piece
    assert time.process_time() - begun < 30


def test_a_bomb_is_taken_apart_in_pieces() -> None:
    out = zlib.compressobj(9, wbits=31)
    body = b"".join([*[out.compress(b" " * 1_000_000) for _ in range(100)], out.flush()])
    made = Recoding(Insertion(TAG.encode()), "gzip")
    tracemalloc.start()
    found = made.feed(body, last=True)
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()
    with gzip.open(io.BytesIO(found)) as reader:
        assert sum(len(piece) for piece in iter(lambda: reader.read(1_000_000), b"")) == 100_000_000


@pytest.mark.parametrize("broken", [b"", b"\x1f", b"no gzip at all", b"\x1f\x8b\x08broken"])
def test_what_is_not_compressed_though_it_says_so_goes_on_as_it_is(broken: bytes) -> None:
    made = Recoding(Insertion(TAG.encode()), "gzip")
    assert made.feed(broken[:3]) + made.feed(broken[3:]) + made.feed(b"</head>", last=True) == broken + b"</head>"


def test_a_stream_that_breaks_is_broken_for_who_reads_it() -> None:
    body = gzip.compress(b"<head></head>" + bytes(range(256)) * 50)
    whole = insert(gzip.decompress(body))
    for damaged in (body[:-20], body[:-4] + b"oops", body[:100] + b"\xff" * 100):
        made = Recoding(Insertion(TAG.encode()), "gzip")
        found = b"".join(made.feed(damaged[i : i + 7]) for i in range(0, len(damaged), 7)) + made.feed(b"", last=True)
        with pytest.raises((zlib.error, EOFError, OSError)):
            gzip.decompress(found)
        reader, read = zlib.decompressobj(31), b""
        with contextlib.suppress(zlib.error):
            for i in range(len(found)):
                read += reader.decompress(found[i : i + 1])
        assert whole.startswith(read[: len(TAG)]) and not reader.unused_data


def test_nothing_is_left_in_the_decompressor() -> None:
    for size in range(AT_ONCE + 1, AT_ONCE + 600, 7):
        out = zlib.compressobj(9, wbits=-15)
        body = out.compress(b" " * size) + out.flush()
        assert len(zlib.decompress(Recoding(Insertion(b"x"), "deflate").feed(body, last=True), -15)) == size


def test_members_of_gzip_are_read_one_after_the_other() -> None:
    made = Recoding(Insertion(TAG.encode()), "gzip")
    body = gzip.compress(b"<head></he") + gzip.compress(b"ad>") + b"\0\0\0"
    assert gzip.decompress(made.feed(body, last=True)) == b"<head>" + TAG.encode() + b"</head>"


def test_what_fails_passes_a_page_on(caplog: pytest.LogCaptureFixture) -> None:
    insertion = Insertion(TAG.encode())
    careful = Careful(insertion)
    passed = careful.feed(b"<p></he")
    insertion._read = lambda page, at: 1 / 0  # type: ignore[assignment, return-value]
    assert passed + careful.feed(b"ad>") + careful.feed(b"</body>", last=True) == b"<p></head></body>"
    assert "goes on without it" in caplog.text


# --- the snippet -----------------------------------------------------------------------------------------------------


def test_each_script_gets_the_nonce_once() -> None:
    text = Snippet(OTHERS).text("abc+/=").decode()
    assert text.count(' nonce="abc+/="') == 3 and text.count("<script'") == 1, "code is left alone"
    assert text.replace(' nonce="abc+/="', "") == OTHERS
    mine = '<script nonce="mine" src="/x.js"></script>'
    assert Snippet(mine).text("abc").decode() == mine


def test_it_is_xml_where_pages_are_xml() -> None:
    found = ET.fromstring(b"<x>" + Snippet(OTHERS).text("n", xml=True) + b"</x>")
    assert [one.get("nonce") for one in found] == ["n", "n", "n"]
    assert found[0].attrib["defer"] == "" and found[1].attrib["src"].endswith("js?id=G-1")
    assert "if (1 < 2 && x)" in str(found[2].text)
    assert Snippet("<script>a && ']]>'</script>").text(xml=True) == b"", "what cannot be told is left out"


@pytest.mark.parametrize("text", ["", "<p>x</p>", "<script src=é></script>", "<script>without an end"])
def test_what_is_no_snippet_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="snippet"):
        Snippet(text)


# --- policies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "nonce", "lacks"),
    [
        (["default-src 'self'"], None, []),
        (["default-src 'none'; img-src *"], None, ["script-src 'self'", "connect-src 'self'"]),
        (["script-src 'nonce-abc='"], "abc=", []),
        (["script-src 'nonce-a'; connect-src 'none'"], "a", ["connect-src 'self'"]),
        (["default-src 'nonce-a' 'self'; script-src-elem 'nonce-b'; script-src 'nonce-c'"], "b", []),
        (["script-src 'nonce-a'", "script-src 'nonce-b'"], "a", ["script-src 'self'"]),
        (["script-src 'nonce-a', script-src 'self'"], "a", []),
        (["script-src 'strict-dynamic' 'self' 'sha256-x'"], None, ["script-src 'self'"]),
        (["script-src 'sha384-abc'"], None, []),
        (["script-src 'nonce-\"><x>'"], None, ["script-src 'self'"]),
        (["script-src 'self'; script-src 'nonce-a'; SCRIPT-SRC x"], None, []),
        (["img-src 'nonce-a'", "", ";;"], None, []),
        (["script-src * ; connect-src 'SELF'"], None, []),
    ],
)
def test_policies_are_read_as_browsers_read_them(policies: list[str], nonce: str | None, lacks: list[str]) -> None:
    assert find_nonce(policies) == nonce
    assert find_lacks(policies, SNIPPET.scripts, nonce) == lacks


def test_other_places_and_code_need_other_words() -> None:
    scripts = Snippet(OTHERS).scripts
    assert find_lacks(["script-src 'self'"], scripts, None) == [
        "script-src https://www.googletagmanager.com",
        "script-src a nonce",
    ]
    allowed = "script-src 'self' 'unsafe-inline' {}"
    for source in ("https:", "*.googletagmanager.com", "https://www.googletagmanager.com:443/gtag/", "*"):
        assert not find_lacks([allowed.format(source)], scripts, None)
    assert find_lacks([allowed.format("https: 'sha256-x'")], scripts, None) == ["script-src a nonce"]
