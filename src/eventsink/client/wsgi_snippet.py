"""Puts a snippet into the pages of a WSGI application (Flask, Django, …). It touches nothing else."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from eventsink.client.html_page import Headers, Page
from eventsink.client.html_pages import METHODS, Pages

__all__ = ["WsgiSnippet"]

Environ = dict[str, Any]
Write = Callable[[bytes], Any]


class WsgiSnippet:
    """Middleware: `app.wsgi_app = WsgiSnippet(app.wsgi_app, text)`; for Django around `get_wsgi_application()`.

    Args:
        app: what answers.
        snippet: what `eventsink snippet` prints.

    Raises:
        ValueError: it is no snippet.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], snippet: str) -> None:
        self._app = app
        self._pages = Pages(snippet)

    def __call__(self, environ: Environ, start_response: Callable[..., Write]) -> Iterable[bytes]:
        """Answer one request."""
        method = environ.get("REQUEST_METHOD", "")
        if method not in METHODS:
            return self._app(environ, start_response)
        codings = environ.get("HTTP_ACCEPT_ENCODING")
        if codings:
            accepts, destination = environ.get("HTTP_ACCEPT", ""), environ.get("HTTP_SEC_FETCH_DEST", "")
            environ["HTTP_ACCEPT_ENCODING"] = self._pages.narrow(codings, accepts=accepts, destination=destination)
        answer = _Answer(self._pages, start_response, is_head=method == "HEAD")
        pieces = self._app(environ, answer.start)
        if answer.is_left:
            return pieces  # the very same: a server may know it, as it does its `wsgi.file_wrapper`
        return _Sized(pieces, answer) if hasattr(type(pieces), "__len__") else _Pieces(pieces, answer)


class _Answer:
    """What passes by of one answer."""

    def __init__(self, pages: Pages, start: Callable[..., Write], *, is_head: bool) -> None:
        self._pages = pages
        self._start = start
        self._is_head = is_head
        self._page: Page | None = None
        self._held: tuple[Any, ...] = ()  # the begin of a page whose length is known with its first piece
        self._write: Write | None = None
        self.is_left = False
        """Whether it goes on as it is, to its end."""

    def start(self, status: str, headers: Headers, *error: Any) -> Write:
        """The begin of an answer. That of a page waits for its first piece."""
        if self._held and self._page is not None and not any(error):
            self._begin(self._page.headers)  # it begins twice, and the server says what it thinks of that
            return self._start(status, headers)
        page = None if self.is_left else self._open(status, headers)
        if page is not None and self._is_head:
            headers, page = page.begin(), None
        self._page, self._held = page, ()
        if page is None:
            self.is_left = self._write is None
            self._write = self._start(status, headers, *error)
            return self._write
        self._held = (status, *error)
        if self._write is not None:  # something was sent: this raises the error, as it should
            self._begin(page.begin())
        return self.write

    def write(self, piece: bytes) -> None:
        """What `start_response` gives to programs that do not return all they have."""
        if self._page is not None:
            if self._held:
                self._begin(self._page.begin())
            piece = self._page.feed(piece)
        if piece and self._write is not None:
            self._write(piece)

    def pass_on(self, piece: bytes, *, last: bool = False) -> bytes:
        """What the server gets for a piece.

        Args:
            last: whether it is known to be the last one.
        """
        page = self._page
        if page is None:
            return piece
        if self._held:
            if last or (piece and len(piece) == page.length):
                self._page = None
                headers, piece = page.change_whole(piece)
                self._begin(headers)
                return piece
            self._begin(page.begin())
        if last:
            self._page = None
        return page.feed(piece, last=last)

    def end(self) -> bytes:
        """What is left of it."""
        return self.pass_on(b"", last=True)

    def _open(self, status: str, headers: Headers) -> Page | None:
        code = status[:3]
        return self._pages.open(int(code), headers) if code.isdecimal() else None

    def _begin(self, headers: Headers) -> None:
        """Have the server begin."""
        (status, *error), self._held = self._held, ()
        self._write = self._start(status, headers, *error)


class _Pieces:
    """An answer as the server reads it, piece by piece, none of them kept back (PEP 3333)."""

    def __init__(self, pieces: Iterable[bytes], answer: _Answer) -> None:
        self._given = pieces
        self._answer = answer
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> "_Pieces":
        return self

    def __next__(self) -> bytes:
        if self._pieces is None:
            self._pieces = iter(self._given)
        try:
            return self._pass(next(self._pieces))
        except StopIteration:
            left = self._answer.end()
            if left:
                return left
            raise

    def _pass(self, piece: bytes) -> bytes:
        return self._answer.pass_on(piece)

    def close(self) -> None:
        """The server is done with it: it was read to its end, or the client went away."""
        close = getattr(self._given, "close", None)
        if close is not None:
            close()


class _Sized(_Pieces):
    """One that says how many pieces it has, and has as many when it is changed."""

    def __init__(self, pieces: Iterable[bytes], answer: _Answer) -> None:
        super().__init__(pieces, answer)
        self._left = len(self)

    def __len__(self) -> int:
        return len(self._given)  # type: ignore[arg-type]

    def _pass(self, piece: bytes) -> bytes:
        self._left -= 1
        return self._answer.pass_on(piece, last=self._left == 0)
