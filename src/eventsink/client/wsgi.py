"""Tracks the requests of a WSGI application (Flask, Django, …). It touches nothing of an answer."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from eventsink.client.tracking import Capturing, Request, Tracking

__all__ = ["WsgiTracker"]

LONGEST_NUMBER = 18  # digits

Environ = dict[str, Any]


class WsgiTracker:
    """Middleware: `app.wsgi_app = WsgiTracker(app.wsgi_app, sink)`; for Django around `get_wsgi_application()`.

    Args:
        app: what answers.
        sink: a `SinkService`.
        options: of `Tracking`: skip, sample, identify, meanings, prefix.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], sink: Capturing, **options: Any) -> None:
        self._app = app
        self._tracking = Tracking(sink, **options)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        seen = _Seen(environ, start_response, self._tracking)
        try:
            answer = self._app(environ, seen.start)
        except BaseException:
            seen.over(failed=True)
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(answer, wrapper):
            return _watched(answer, seen)  # the server sends the file itself: it must be what it knows
        return _Sized(answer, seen) if hasattr(type(answer), "__len__") else _Counted(answer, seen)


class _Seen:
    """What passes by of one request."""

    def __init__(self, environ: Environ, start_response: Callable[..., Any], tracking: Tracking) -> None:
        self._environ = environ
        self._start = start_response
        self._tracking = tracking
        self._begun = time.perf_counter()
        self._status = 0
        self._is_over = False
        self._rule: tuple[str, Mapping[str, Any]] | None = None
        self.bytes = 0
        self.length = 0
        """What the answer says of its length."""

    def start(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], Any]:
        """Pass the begin of an answer on as it is."""
        self._rule = _flask_rule(self._environ)  # Flask forgets it when it has answered
        self._status = int(status[:3]) if status[:3].isdecimal() else 0
        self.length = next((_number(value) for name, value in headers if name.lower() == "content-length"), 0)
        write = self._start(status, headers, *error)

        def count(piece: bytes) -> Any:
            done = write(piece)
            self.bytes += len(piece)
            return done

        return count

    def over(self, *, failed: bool = False) -> None:
        """The answer is over."""
        if self._is_over:
            return
        self._is_over = True
        try:
            self._tell(failed=failed)
        except Exception as error:  # noqa: BLE001 - the program has answered, and must not notice
            self._tracking.say_failed(error)

    def _tell(self, *, failed: bool) -> None:
        environ, seconds = self._environ, time.perf_counter() - self._begun
        headers = _Headers(environ)
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        route, parameters = self._rule or _django_rule(environ)
        status = 500 if failed and not self._status else self._status
        method, received = environ.get("REQUEST_METHOD", ""), _number(environ.get("CONTENT_LENGTH") or "")
        route = f"{environ.get('SCRIPT_NAME', '')}{route}" if route else ""
        self._tracking.note(Request(method, path, route, parameters, status, seconds, self.bytes, received, headers))


class _Counted:
    """An answer as the server reads it: a piece has been sent when the next one is asked for."""

    def __init__(self, answer: Iterable[bytes], seen: _Seen) -> None:
        self._answer = answer
        self._seen = seen
        self._pieces: Iterator[bytes] | None = None
        self._last = 0

    def __iter__(self) -> "_Counted":
        return self

    def __next__(self) -> bytes:
        self._seen.bytes += self._last
        self._last = 0
        if self._pieces is None:
            self._pieces = iter(self._answer)
        try:
            piece = next(self._pieces)
        except StopIteration:
            raise
        except BaseException:
            self._seen.over(failed=True)
            raise
        self._last = len(piece)
        return piece

    def close(self) -> None:
        """The server is done with it: it was read to its end, or the client went away."""
        try:
            close = getattr(self._answer, "close", None)
            if close is not None:
                close()
        finally:
            self._seen.over()


class _Sized(_Counted):
    """One that says how many pieces it has: of one piece a server knows the length, then (PEP 3333)."""

    def __len__(self) -> int:
        return len(self._answer)  # type: ignore[arg-type]


class _Headers(Mapping[str, str]):
    """Headers as WSGI has them, by their names in small letters: few of them are looked at."""

    def __init__(self, environ: Environ) -> None:
        self._environ = environ

    def get(self, name: str, default: Any = None) -> Any:
        """The value of one."""
        return self._environ.get(f"HTTP_{name.upper().replace('-', '_')}", default)

    def __getitem__(self, name: str) -> str:
        found: str | None = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return (name[5:].replace("_", "-").lower() for name in self._environ if name.startswith("HTTP_"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _watched(answer: Any, seen: _Seen) -> Iterable[bytes]:
    """A file that the server sends by itself: counted by what the answer says of its length."""
    before = getattr(answer, "close", None)

    def close() -> None:
        try:
            if before is not None:
                before()
        finally:
            seen.bytes += seen.length
            seen.over()

    found: Iterable[bytes] = answer
    try:
        answer.close = close
    except AttributeError:  # of a kind that takes none: it is told before it is sent
        seen.bytes += seen.length
        seen.over()
    return found


def _number(text: str) -> int:
    """A length as a header says it; 0 of what is none."""
    return int(text) if len(text) <= LONGEST_NUMBER and text.isdecimal() else 0


def _flask_rule(environ: Environ) -> tuple[str, Mapping[str, Any]] | None:
    """The template of the route and its parameters, as Flask knows them."""
    request = environ.get("werkzeug.request")
    rule = getattr(request, "url_rule", None)
    return None if rule is None else (str(rule.rule), getattr(request, "view_args", None) or {})


def _django_rule(environ: Environ) -> tuple[str, Mapping[str, Any]]:
    """The same as Django finds it, if it is there; empty where there is none."""
    urls = sys.modules.get("django.urls")
    try:
        match = urls.resolve(environ.get("PATH_INFO", "")) if urls else None
    except Exception:  # noqa: BLE001 - of this path Django has none, or it serves something else
        match = None
    return ("", {}) if match is None else (f"/{match.route}", match.kwargs)
