"""One page on its way to a browser: what becomes of its bytes, and of what its headers say of them."""

import logging

from eventsink.client.html_coding import Changing

__all__ = ["Careful", "Headers", "Page"]

Headers = list[tuple[str, str]]

# What is said of bytes that are not sent, and of parts that nobody can ask for.
_UNTRUE = frozenset(
    {"content-length", "accept-ranges", "content-md5", "content-digest", "digest", "repr-digest"},
)
_log = logging.getLogger("eventsink")


class Careful:
    """Has a stream changed, and passes it on as it is from the moment on when that fails."""

    def __init__(self, inner: Changing) -> None:
        self._inner = inner
        self._failed = False

    @property
    def inserted(self) -> bool:
        """Whether anything was changed."""
        return self._inner.inserted

    def feed(self, data: bytes, *, last: bool = False) -> bytes:
        """What may be passed on."""
        if self._failed:
            return data
        try:
            return self._inner.feed(data, last=last)
        except Exception:  # noqa: BLE001 - whatever it is, the page is worth more than the snippet
            self._failed = True
            _log.exception("The snippet could not be inserted; the page goes on without it")
            return self._inner.end() + data

    def end(self) -> bytes:
        """What is held back, when somebody gives up."""
        return b"" if self._failed else self._inner.end()


class Page:
    """A page that comes whole or in pieces.

    Args:
        headers: as the application gave them.
        changing: what inserts.
    """

    def __init__(self, headers: Headers, changing: Changing) -> None:
        self.headers = headers
        self._changing = changing
        said = [value for name, value in headers if name.lower() == "content-length"]
        self.length = int(said[0]) if len(said) == 1 and said[0].isdecimal() else None
        """How many bytes it has, where that was said."""

    def change_whole(self, body: bytes) -> tuple[Headers, bytes]:
        """Headers and bytes of a page that is all there; both as they were, if nothing was inserted."""
        changed = self._changing.feed(body, last=True)
        if not self._changing.inserted:
            return self.headers, body
        return [*self.begin(), ("Content-Length", str(len(changed)))], changed

    def begin(self) -> Headers:
        """The headers of a page whose changed length nobody knows.

        Its ETag becomes weak: a strong one is for one sequence of bytes only (RFC 9110, 8.8.1), and the application
        that made it does not know with which snippet and nonce the page was sent.
        """
        return [_weaken(name, value) for name, value in self.headers if name.lower() not in _UNTRUE]

    def feed(self, piece: bytes, *, last: bool = False) -> bytes:
        """What may be passed on after the next piece; all of it after the last one."""
        return self._changing.feed(piece, last=last)

    def end(self) -> bytes:
        """What is held back, when somebody gives up."""
        return self._changing.end()


def _weaken(name: str, value: str) -> tuple[str, str]:
    return (name, f"W/{value}") if name.lower() == "etag" and value.startswith('"') else (name, value)
