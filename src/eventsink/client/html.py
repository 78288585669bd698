"""Finds the place for a snippet in an HTML page that comes in pieces.

In: the bytes of a page, cut anywhere. Out: the same bytes, with a snippet once before `</head>`, else before
`</body>`, else nowhere. Reads as browsers do (WHATWG HTML, 13.2.5), so neither is found in comments, scripts, titles or
attributes.
What may be the begin of something is held back until more is there: some bytes, never more than the snippet is long.
Anything goes that has ASCII's characters at ASCII's bytes; UTF-16 with its mark is left alone, and without one matches
nothing.
"""

import re
from collections.abc import Callable

__all__ = ["Insertion"]

LONGEST = 12  # bytes of `<`, `/`, the longest name that matters, and what ends it
UTF_16 = (b"\xfe\xff", b"\xff\xfe")

_SPACE = re.compile(rb"[\t\n\f\r ]*+")
_NAME = rb"[^\t\n\f\r />]*+"
_ENDS_NAME = rb"(?=[\t\n\f\r />])"
_ENDS_BARE = re.compile(rb"[\t\n\f\r >]")
# Attributes that are all there. A quote counts only where a value begins; what is cut is read on, state by state.
_ATTRIBUTES = (
    rb"""(?:[^>=]*+=[\t\n\f\r ]*+(?:"[^"]*+"|'[^']*+'|[^\t\n\f\r "'>][^\t\n\f\r >]*+(?=[\t\n\f\r >])))*+[^>=]*+"""
)
# Elements with no tags inside; noscript is one wherever scripts run, and elsewhere no snippet runs.
_TEXTS = (b"iframe", b"noembed", b"noframes", b"noscript", b"style", b"textarea", b"title", b"xmp")
_TEXT_ENDS = {name: re.compile(rb"(?i)</" + name + _ENDS_NAME) for name in _TEXTS}
# Most of a page: tags that mean nothing here, and what is between them. At once, for it is six times as fast.
_DULL = re.compile(
    rb"(?i)(?:[^<]*+<(?!/?(?:head|body|script|plaintext|"
    + b"|".join(_TEXTS)
    + rb"))/?[a-z]"
    + _NAME
    + _ATTRIBUTES
    + rb">)*+"
)
_TOKEN = re.compile(
    rb"<(?:(?P<empty>!--(?:>|->))|(?P<comment>!--)|(?P<cdata>!\[CDATA\[)|(?P<bogus>[!?]|/[^a-zA-Z])"
    rb"|(?P<tag>/?[a-zA-Z][^\t\n\f\r />]{0,10}))"
)
_PART_OF_TOKEN = re.compile(rb"<(?:/?|/?[a-zA-Z]" + _NAME + rb"|!(?:-{0,3}|\[[A-Z]*+))")
_REST_OF_NAME = re.compile(_NAME)
_REST_OF_TAG = re.compile(_ATTRIBUTES)
_COMMENT_ENDS = re.compile(rb"--!?>")
_CUT_IN_COMMENT = re.compile(rb"(?:-|--|--!)\Z")
_CDATA_ENDS = re.compile(rb"]]>")
_CUT_IN_CDATA = re.compile(rb"]{1,2}\Z")
_IN_SCRIPT = re.compile(rb"(?i)<!--|-->|</?script" + _ENDS_NAME)
_CUT_IN_SCRIPT = re.compile(rb"(?:<[^>]{0,9}|--?)\Z")
_CUT_IN_TEXT = re.compile(rb"<[^>]{0,11}\Z")

# Where a state has read to, and whether to go on from there; if not, it needs more than is there.
Step = tuple[int, bool]


class Insertion:
    """Inserts into one page.

    Args:
        snippet: what to insert.
        mark: how its script tag begins; a page that has it before the place already is left as it is.
        xml: whether the page is XHTML that browsers read as XML: with CDATA, and with tags that close themselves.
    """

    def __init__(self, snippet: bytes, *, mark: bytes = b"", xml: bool = False) -> None:
        self._snippet = snippet
        self._mark = mark
        self._xml = xml
        self._held = b""
        self._over = False
        self._read: Callable[[bytes, int], Step] = self._read_begin
        self._inside: Callable[[bytes, int], Step] = self._read_text  # what comes after the tag that is being read
        self._quote = b""
        self._text_ends = _IN_SCRIPT
        self._level = 0  # of comments in a script: 1 within one, 2 within a script in it
        self.inserted = False

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """What may be passed on after the next piece of the page.

        Args:
            last: whether there is no more.
        """
        if self._over:
            return data
        passed = self._scan(data)
        return passed + self.end() if last else passed

    def end(self) -> bytes:
        """What is held back, when somebody gives up."""
        self._over, held = True, self._held
        self._held = b""
        return held

    def _scan(self, data: bytes) -> bytes:
        page, at, goes_on = self._held + data, 0, True
        while goes_on and not self._over:
            at, goes_on = self._read(page, at)
        if self._over:
            self._held = b""
            return page[:at] + self._snippet + page[at:] if self.inserted else page
        self._held = page[at:]
        return page[:at]

    def _read_begin(self, page: bytes, at: int) -> Step:
        if len(page) < len(UTF_16[0]):
            return at, False
        if page.startswith(UTF_16):
            self._over = True
        self._read = self._read_text
        return at, True

    def _read_text(self, page: bytes, at: int) -> Step:
        """Between tags."""
        at = page.find(b"<", _end_of(_DULL, page, at))
        if at < 0:
            return len(page), False
        left = len(page) - at
        if self._mark and page.startswith(self._mark[:left], at):
            self._over = left >= len(self._mark)
            return at, False
        if left < LONGEST and _PART_OF_TOKEN.fullmatch(page, at):
            return at, False
        found = _TOKEN.match(page, at)
        if found is None:
            return at + 1, True
        return self._begin(found)

    def _begin(self, found: re.Match[bytes]) -> Step:
        """A tag, a comment or the like begins."""
        kind, at = found.lastgroup, found.end()
        if kind == "tag":
            return self._begin_tag(found["tag"].lower(), found.start(), at)
        if kind == "comment":
            self._read = self._read_comment
        elif kind == "cdata" and self._xml:
            self._read = self._read_cdata
        elif kind in {"bogus", "cdata"}:
            self._read = self._read_bogus
            at = found.start() + 2  # of `</>` nothing but its end is left
        return at, True

    def _begin_tag(self, name: bytes, start: int, at: int) -> Step:
        if name in {b"/head", b"/body"}:
            self._over = self.inserted = True
            return start, False
        self._read, self._inside = self._read_name, self._read_text
        if self._xml:
            return at, True
        if name == b"script":
            self._inside, self._level = self._read_script, 0
        elif name in _TEXT_ENDS:
            self._inside, self._text_ends = self._read_raw_text, _TEXT_ENDS[name]
        elif name == b"plaintext":  # nothing ends it
            self._over = True
        return at, True

    def _read_name(self, page: bytes, at: int) -> Step:
        at = _end_of(_REST_OF_NAME, page, at)
        if at == len(page):
            return at, False
        self._read = self._read_tag
        return at, True

    def _read_tag(self, page: bytes, at: int) -> Step:
        """Behind the name of a tag, or behind one of its attributes."""
        at = _end_of(_REST_OF_TAG, page, at)
        if at == len(page):
            return at, False
        self._read = self._inside if page[at] == ord(">") else self._read_value
        return at + 1, True

    def _read_value(self, page: bytes, at: int) -> Step:
        """Behind the `=` of an attribute."""
        at = _end_of(_SPACE, page, at)
        if at == len(page):
            return at, False
        self._quote = page[at : at + 1]
        if self._quote in {b'"', b"'"}:
            self._read = self._read_quoted
            return at + 1, True
        self._read = self._read_bare
        return at, True

    def _read_quoted(self, page: bytes, at: int) -> Step:
        at = page.find(self._quote, at)
        if at < 0:
            return len(page), False
        self._read = self._read_tag
        return at + 1, True

    def _read_bare(self, page: bytes, at: int) -> Step:
        found = _ENDS_BARE.search(page, at)
        if found is None:
            return len(page), False
        self._read = self._read_tag
        return found.start(), True

    def _read_bogus(self, page: bytes, at: int) -> Step:
        """In a doctype, a processing instruction or what is none of all."""
        at = page.find(b">", at)
        if at < 0:
            return len(page), False
        self._read = self._read_text
        return at + 1, True

    def _read_comment(self, page: bytes, at: int) -> Step:
        return self._read_until(_COMMENT_ENDS, _CUT_IN_COMMENT, page, at)

    def _read_cdata(self, page: bytes, at: int) -> Step:
        return self._read_until(_CDATA_ENDS, _CUT_IN_CDATA, page, at)

    def _read_until(self, ends: re.Pattern[bytes], cut: re.Pattern[bytes], page: bytes, at: int) -> Step:
        found = ends.search(page, at)
        if found is None:
            return _hold(cut, page, at), False
        self._read = self._read_text
        return found.end(), True

    def _read_raw_text(self, page: bytes, at: int) -> Step:
        """In an element that has text and no tags."""
        found = self._text_ends.search(page, at)
        if found is None:
            return _hold(_CUT_IN_TEXT, page, at), False
        self._read, self._inside = self._read_tag, self._read_text
        return found.end(), True

    def _read_script(self, page: bytes, at: int) -> Step:
        """In a script. One that is written within a comment of it does not end it (script data double escaped)."""
        found = _IN_SCRIPT.search(page, at)
        if found is None:
            return _hold(_CUT_IN_SCRIPT, page, at), False
        token = found[0].lower()
        if token == b"<!--":
            self._level = self._level or 1
            return found.start() + 2, True  # its dashes may be those of its end
        if token == b"-->":
            self._level = 0
        elif token == b"<script":
            self._level = 2 if self._level else 0
        elif self._level == 2:
            self._level = 1
        else:
            self._read, self._inside = self._read_tag, self._read_text
        return found.end(), True


def _hold(cut: re.Pattern[bytes], page: bytes, at: int) -> int:
    """Up to where a page may be passed on, when its last bytes may be the begin of something."""
    found = cut.search(page, max(at, len(page) - LONGEST))
    return found.start() if found else len(page)


def _end_of(pattern: re.Pattern[bytes], page: bytes, at: int) -> int:
    """Up to where something goes that may be nothing."""
    found = pattern.match(page, at)
    return found.end() if found else at
