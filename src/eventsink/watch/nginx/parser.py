"""Lines of a log, many at once, as columns of the variables that somebody wants.

A format is compiled once: into one pattern, which is let loose on a block of lines, or for JSON into a decoder. Only a
block of which a line does not fit is read line by line. Patterns never go back: no line takes longer than its length.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import attrgetter
from typing import Any, cast

import msgspec

from eventsink.errors import SettingsError
from eventsink.watch.nginx.log_format import LogFormat, pieces
from eventsink.watch.nginx.values import LATEST, Clock

__all__ = ["Parsed", "Parser"]

TIMES = ("msec", "time_iso8601", "time_local")  # the first that a format has is used
LONGEST_EXAMPLE = 512  # bytes that are kept of a line that does not fit


class Parsed(msgspec.Struct, frozen=True):
    """What a block of lines holds.

    Args:
        count: of lines that fit the format.
        seconds: the time of each, since 1970.
        columns: by name of a variable, its values, as bytes, texts or numbers; those that the format has.
        unreadable: of each line that does not fit, how many that fit stand before it, and its beginning.
    """

    count: int
    seconds: Sequence[float]
    columns: Mapping[str, Sequence[Any]]
    unreadable: Sequence[tuple[int, bytes]]


Row = tuple[Any, ...]


class Parser:
    """Reads lines of one format.

    Args:
        log_format: of the lines.
        wanted: names of variables; a time is read besides.

    Raises:
        SettingsError: the format holds no time, or cannot be told apart.
    """

    def __init__(self, log_format: LogFormat, wanted: Sequence[str]) -> None:
        self.format = log_format
        names = tuple(dict.fromkeys(wanted))
        self._clock = Clock()
        self._lines = _JSON(log_format, names) if log_format.is_json else _Text(log_format, names)
        if self._lines.lacks_time:
            raise SettingsError(f"{log_format.name} holds no time: $time_local, $time_iso8601 or $msec must be in it.")

    def parse(self, block: bytes) -> Parsed:
        """Read lines, each of which ends with a line feed."""
        rows = self._lines.rows(block)
        if rows is not None:
            columns = dict(zip(self._lines.names, zip(*rows, strict=True), strict=False))
            seconds = self._seconds(columns[self._lines.time]) if rows else ()
            if seconds is not None:
                return Parsed(len(rows), seconds, columns, ())
        return self._singly(block)

    def _seconds(self, times: Sequence[Any]) -> Sequence[float] | None:
        """Each as a number; None if one is no time."""
        try:
            if self._lines.time == "msec":
                numbers = list(map(float, times))
                return numbers if min(numbers) >= 0 and max(numbers) < LATEST else None
        except ValueError:
            return None
        clock = self._clock
        seconds = [clock[time] for time in times]
        return None if None in seconds else cast("list[float]", seconds)

    def _singly(self, block: bytes) -> Parsed:
        rows: list[Row] = []
        seconds: list[float] = []
        unreadable = []
        for line in block.split(b"\n")[:-1]:
            row = self._lines.row(line)
            second = self._clock[row[self._lines.names.index(self._lines.time)]] if row else None
            if row and second is not None:
                rows.append(row)
                seconds.append(second)
            elif line.strip():
                unreadable.append((len(rows), line[:LONGEST_EXAMPLE]))
        columns = zip(self._lines.names, zip(*rows, strict=True), strict=False)
        return Parsed(len(rows), seconds, dict(columns), unreadable)


# --- lines of text ---------------------------------------------------------------------------------------------------

_DIGITS = r"(?:\d++|-)"
_DECIMAL = r"(?:[\d.]++|-)"
_TRIES = r"(?:[\d.]++|-)(?:(?:,\ ?|\ :\ ?)(?:[\d.]++|-))*+"
_STRICT = {
    "status": _DIGITS, "body_bytes_sent": _DIGITS, "bytes_sent": _DIGITS, "connection": _DIGITS,
    "connection_requests": _DIGITS, "request_length": _DIGITS, "msec": _DECIMAL, "request_time": _DECIMAL,
    "upstream_response_time": _TRIES, "upstream_connect_time": _TRIES, "upstream_header_time": _TRIES,
    "upstream_response_length": _TRIES, "upstream_status": _TRIES,
    "time_local": r"\d\d/\w\w\w/\d{4}:\d\d:\d\d:\d\d\ [+-]\d{4}",
    "time_iso8601": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)",
}  # fmt: skip
# In their values there is no blank; what may follow them is in none of them either.
_WORDS = frozenset({
    "remote_addr", "realip_remote_addr", "server_name", "server_port", "scheme", "request_method", "request_uri", "uri",
    "server_protocol", "host", "request_id", "http_host",
})  # fmt: skip
_ADDRESSES = ("remote_addr", "realip_remote_addr")
_NOT_IN_WORDS = " |;\t\"'<>"


class _Text:
    """By one pattern."""

    def __init__(self, log_format: LogFormat, wanted: Sequence[str]) -> None:
        parts = list(pieces(log_format.text.strip()))
        has = _apart(parts)
        times = [name for name in TIMES if name in has]
        self.lacks_time = not times
        self.time = times[0] if times else ""
        source, groups = _pattern(parts, log_format.escape, {self.time, *wanted} & has)
        self.names = tuple(groups)
        self._pattern = re.compile(b"(?mx)^" + source.encode() + rb"\r?\n")
        # With this escape no value has a quote, so each line has as many as the format.
        self._quotes = log_format.text.count('"') if log_format.escape == "default" else 0

    def rows(self, block: bytes) -> list[Row] | None:
        """The variables of each line; None if a line does not fit."""
        lines = block.count(b"\n")
        if self._quotes and block.count(b'"') != self._quotes * lines:
            return None
        found = self._pattern.findall(block)
        if len(found) != lines:  # a line did not fit, or one value was taken to go on in the next
            return None
        return found if len(self.names) > 1 else [(value,) for value in found]

    def row(self, line: bytes) -> Row | None:
        """Those of one line."""
        rows = self.rows(line + b"\n")
        return rows[0] if rows else None


def _apart(parts: Sequence[tuple[str, str]]) -> set[str]:
    """The variables that can be told from their neighbours."""
    last = len(parts) - 1
    return {
        name
        for place, (name, after) in enumerate(parts)
        if place and (after or place == last) and (parts[place - 1][1] or place == 1)
    }


def _pattern(parts: Sequence[tuple[str, str]], escape: str, wanted: AbstractSet[str]) -> tuple[str, list[str]]:
    """The pattern of a whole line, and the names of its groups."""
    if any("\n" in literal for _, literal in parts):
        raise SettingsError("A log_format with line breaks in it cannot be read: its lines cannot be told apart.")
    source, groups = _literal(parts[0][1]), list[str]()
    position = 1
    while position < len(parts):
        first = name = parts[position][0]
        literal = parts[position][1]
        while not literal and position + 1 < len(parts):  # variables side by side are one
            position += 1
            name, literal = "", parts[position][1]
        follows = parts[position + 1][0] if position + 1 < len(parts) else ""
        is_group = name == first and name in wanted and name not in groups
        groups += [name] if is_group else []
        source += _value(name, literal, escape, follows, group=is_group)
        position += 1
    return source, groups


def _value(name: str, literal: str, escape: str, follows: str, *, group: bool) -> str:
    """The pattern of one value and the literal text after it."""
    opens = "(" if group else "(?:"
    mark = literal[:1]
    if (known := _known(name, mark, escape)) is not None:
        return f"{opens}{known}){_literal(literal)}"
    # Up to where the literal first stands, and no further: before something that can be known, before that.
    ahead = f"(?={_STRICT[follows]})" if follows in _STRICT else "" if follows else r"(?=\r?$)"
    return rf"(?>{opens}[^\n]*?){_literal(literal)}{ahead})"


def _known(name: str, mark: str, escape: str) -> str | None:
    """The pattern of a value before a mark that cannot be in it; None if it can.

    All but one letter is what can be passed over fastest, by a third of the time of all but two: so the end of the line
    is not named where a quote or a length ends the search.
    """
    if name == "time_local" and mark == "]":
        return r"[^\]]{1,40}+"
    if name in _ADDRESSES and mark == " ":
        return r"[^\ ]{1,64}+"
    if name in _STRICT:
        return _STRICT[name]
    if name in _WORDS and mark and mark in _NOT_IN_WORDS:
        return rf"[^\n{_in_class(mark)}]*+"
    if mark == '"':
        return {"default": r'[^"]*+', "json": r'(?:[^"\\\n]++|\\.)*+'}.get(escape)
    return None if mark else r"[^\r\n]*+"


def _literal(text: str) -> str:
    return re.escape(text)


def _in_class(mark: str) -> str:
    return "\\" + mark if mark in " |\"'" else re.escape(mark)


# --- lines of JSON ---------------------------------------------------------------------------------------------------

_MEMBER = re.compile(r'"([^"\\$]+)"\s*:\s*(?:"\$\{?(\w+)\}?"|\$\{?(\w+)\}?)\s*(?=[,}])')
_NUMBERS = {
    "msec": float, "request_time": float, "status": int, "body_bytes_sent": int, "bytes_sent": int, "connection": int,
    "connection_requests": int,
}  # fmt: skip
# Keys that others write, where the format is not known and a key is not called as its variable.
_ALSO = {
    "time_iso8601": ("time", "timestamp", "@timestamp", "time_iso"),
    "remote_addr": ("client_ip", "clientip", "remote_ip", "ip"),
    "request_uri": ("uri", "url", "path"),
    "request_method": ("method",),
    "body_bytes_sent": ("bytes_sent", "bytes", "size"),
    "http_user_agent": ("user_agent", "agent"),
    "http_referer": ("referer", "referrer"),
    "request_time": ("duration",),
}


class _JSON:
    """By a decoder, which is made when it is known what keys the lines have."""

    def __init__(self, log_format: LogFormat, wanted: Sequence[str]) -> None:
        self._wanted = wanted
        self.names: tuple[str, ...] = ()
        self.time = ""
        self.lacks_time = False
        self._decoder: msgspec.json.Decoder[Any] | None = None
        self._pick: Callable[[Any], Row] = tuple
        if log_format.text.strip():
            keys = {found[2] or found[3]: found[1] for found in _MEMBER.finditer(log_format.text)}
            self.lacks_time = not any(name in keys for name in TIMES)
            self._prepare(keys)

    def rows(self, block: bytes) -> list[Row] | None:
        """The variables of each line; None if a line does not fit."""
        if self._decoder is None and not self._learn(block):
            return None
        assert self._decoder is not None  # noqa: S101 - as `_learn` says
        try:
            return list(map(self._pick, self._decoder.decode_lines(block)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None

    def row(self, line: bytes) -> Row | None:
        """Those of one line; bytes that are no UTF-8, which NGINX writes as they come, are replaced."""
        if self._decoder is None and not self._learn(line + b"\n"):
            return None
        assert self._decoder is not None  # noqa: S101 - as `_learn` says
        for text in (line, line.decode("utf-8", "replace")):
            try:
                return self._pick(self._decoder.decode(text))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
        return None

    def _learn(self, block: bytes) -> bool:
        """Take the keys of the first line that is an object with a time."""
        for keys in _objects(block):
            names = {name: name for name in keys}
            for name, others in _ALSO.items():
                found = [key for key in others if key in keys]
                if found and name not in keys:
                    names[name] = found[0]
            if any(name in names for name in TIMES):
                self._prepare(names)
                return True
        return False

    def _prepare(self, keys: dict[str, str]) -> None:
        times = [name for name in TIMES if name in keys]
        self.time = times[0] if times else ""
        self.names = (*times[:1], *(name for name in self._wanted if name in keys and name not in times))
        fields = [(f"v{place}", _type(name, needed=not place)) for place, name in enumerate(self.names)]
        fields = [field if not place else (*field, None) for place, field in enumerate(fields)]  # type: ignore[misc]
        rename = {f"v{place}": keys[name] for place, name in enumerate(self.names)}
        line = msgspec.defstruct("Line", fields, rename=rename, gc=False)
        self._decoder = msgspec.json.Decoder(line)
        getter = attrgetter(*(name for name in line.__struct_fields__)) if fields else tuple
        self._pick = getter if len(fields) > 1 else lambda found: (getter(found),)


def _type(name: str, *, needed: bool) -> Any:
    number = _NUMBERS.get(name)
    if needed:
        return number | str if number else str
    return number | str | None if number else str | None


def _objects(block: bytes) -> Iterator[dict[str, Any]]:
    for line in block.split(b"\n"):
        try:
            yield msgspec.json.decode(line.decode("utf-8", "replace"), type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
