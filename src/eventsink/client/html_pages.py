"""Which answers are pages that get a snippet, and which of it."""

import logging
import re

from eventsink.client.html import Insertion
from eventsink.client.html_coding import CODINGS, Changing, Recoding
from eventsink.client.html_page import Careful, Headers, Page
from eventsink.client.html_policy import find_lacks, find_nonce
from eventsink.client.html_snippet import Snippet

__all__ = ["METHODS", "Pages"]

METHODS = frozenset({"GET", "HEAD"})

_WHOLE = frozenset({200, 201, 202, 203})  # 204 and 205 have no body, 206 is a part, 207 and 226 are something else
_HTML = "text/html"
_XHTML = "application/xhtml+xml"
_DESTINATIONS = frozenset({"", "document", "embed", "empty", "frame", "iframe", "object"})
_ENFORCED = "content-security-policy"
_POLICIES = (_ENFORCED, f"{_ENFORCED}-report-only")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_ASCII = bytes(range(32, 127))
_log = logging.getLogger("eventsink")


class Pages:
    """Finds the pages among answers.

    Args:
        snippet: what `eventsink snippet` prints.

    Raises:
        ValueError: it is no snippet.
    """

    def __init__(self, snippet: str) -> None:
        self._snippet = Snippet(snippet)
        self._failed = self._warned = False

    def open(self, status: int, headers: Headers) -> Page | None:
        """The page that an answer to GET or HEAD is, if it is to be changed. Never raises anything."""
        try:
            return self._open(status, headers)
        except Exception:  # noqa: BLE001 - whatever it is, the page is worth more than the snippet
            if not self._failed:
                self._failed = True
                _log.exception("A page could not be looked at; it goes on without the snippet, as do others like it")
            return None

    def narrow(self, codings: str, *, accepts: str = "", destination: str = "") -> str:
        """What a request may be answered in, if the answer may be a page: what we can read.

        Also where a page is not asked for by name: a cache on the way may keep the answer for those who do.

        Args:
            codings: its Accept-Encoding.
            accepts: its Accept.
            destination: its Sec-Fetch-Dest, by which browsers tell scripts, images and the like from pages.
        """
        is_page = accepts.strip() in {"", "*/*"} or _HTML in accepts or _XHTML in accepts
        if not is_page or destination.strip().lower() not in _DESTINATIONS:
            return codings
        kept = [coding for coding in codings.split(",") if _is_readable(coding)]
        return ",".join(kept).strip() or "identity"

    def _open(self, status: int, headers: Headers) -> Page | None:
        if status not in _WHOLE:
            return None
        said = {name.lower(): value for name, value in reversed(headers)}
        kind = said.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in {_HTML, _XHTML} or "content-range" in said or _is_download(said):
            return None
        coding = said.get("content-encoding", "").strip().lower()
        if coding not in {"", "identity", *CODINGS} or not _is_like_ascii(said["content-type"]):
            return None
        changing = self._choose(headers, xml=kind == _XHTML)
        if changing is None:
            return None
        return Page(headers, Careful(Recoding(changing, coding)) if coding in CODINGS else changing)

    def _choose(self, headers: Headers, *, xml: bool) -> Changing | None:
        nonce = None
        reported = [(name.lower() != _ENFORCED, value) for name, value in headers if name.lower() in _POLICIES]
        policies = [value for _, value in sorted(reported)]  # the nonce of one that is enforced comes first
        if policies:
            nonce = find_nonce(policies)
            self._warn(policies, nonce)
        text = self._snippet.text(nonce, xml=xml)
        return Careful(Insertion(text, mark=self._snippet.mark(xml=xml), xml=xml)) if text else None

    def _warn(self, policies: list[str], nonce: str | None) -> None:
        """Say once that a page's policy blocks what is inserted."""
        if self._warned:
            return
        lacks = find_lacks(policies, self._snippet.scripts, nonce)
        if lacks:
            self._warned = True
            _log.warning("A page's Content-Security-Policy blocks the snippet: add %s to it", ", ".join(lacks))


def _is_download(said: dict[str, str]) -> bool:
    """Whether an answer is to be kept in a file and not to be shown."""
    return said.get("content-disposition", "inline").partition(";")[0].strip().lower() != "inline"


def _is_readable(coding: str) -> bool:
    """Whether an item of Accept-Encoding stays: what we can read, and what says that something must not be."""
    name, _, weight = coding.strip().lower().partition(";")
    if name.strip() == "*":
        return weight.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return name.strip() in {"identity", *CODINGS}


def _is_like_ascii(content_type: str) -> bool:
    """Whether markup in the charset of a page is the bytes that we look for."""
    found = _CHARSET.search(content_type)
    if found is None:
        return True
    charset = found[1].lower()
    if charset.startswith(
        ("iso-2022", "iso2022", "csiso2022")
    ):  # ASCII between escapes, and something else behind them
        return False
    try:
        return _ASCII.decode(charset) == _ASCII.decode("ascii")
    except LookupError:  # browsers guess then, and what they guess is like ASCII
        return True
    except ValueError:
        return False
