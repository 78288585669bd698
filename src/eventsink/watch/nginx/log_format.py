"""What the lines of a log look like: NGINX's `log_format`, by its text, by a known name, or from an nginx.conf.

Also which format some lines have. How lines are read by it: `parser.py`.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from eventsink.causes import why
from eventsink.errors import SettingsError

__all__ = ["PRESETS", "LogFormat", "detect", "from_conf", "given", "pieces"]

Escape = Literal["default", "json", "none"]


class LogFormat(msgspec.Struct, frozen=True):
    """One format of lines.

    Args:
        text: as in nginx.conf, its quoted pieces joined. Empty for JSON whose keys are the names of the variables.
        escape: how NGINX writes what is in the values of variables.
        name: for a person.
    """

    text: str
    escape: Escape = "default"
    name: str = "the format given"

    @property
    def is_json(self) -> bool:
        """Whether a line is one flat JSON object."""
        text = self.text.strip()
        return not text or (text.startswith("{") and text.endswith("}") and text.replace("${", "").count("{") == 1)


_COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
PRESETS = {
    "combined": LogFormat(_COMBINED, name="combined"),
    "main": LogFormat(_COMBINED + ' "$http_x_forwarded_for"', name="main"),
    "json": LogFormat("", "json", "json"),
}

_PIECE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_TOKEN = re.compile(
    r"""(?xs) \#[^\n]*+ | "(?P<double>(?:\\.|[^"\\])*+)" | '(?P<single>(?:\\.|[^'\\])*+)' | (?P<mark>[;{}])
    | (?P<word>(?:\$\{\w+\}|\\.|[^\s;{}])++)"""
)
_ESCAPED = re.compile(r"(?s)\\(.)")
_LETTERS = {"t": "\t", "r": "\r", "n": "\n"}
LARGEST_CONF = 4 << 20


def given(text: str) -> LogFormat:
    """A format by the name of a preset, or by its text; the statement `log_format …;` of an nginx.conf is one, too.

    Raises:
        SettingsError: it is neither.
    """
    if text in PRESETS:
        return PRESETS[text]
    if text.lstrip().startswith("log_format"):
        return _chosen(dict(_statements(text)), "", "the format given")
    if "$" not in text:
        raise SettingsError(
            f"{text[:80]!r} is no format of log lines: give {', '.join(PRESETS)}, or the text of a log_format with its"
            " $variables."
        )
    return LogFormat(text, "json" if text.lstrip().startswith("{") else "default")


def from_conf(path: Path, name: str = "") -> LogFormat:
    """A format that an nginx.conf defines. What it includes is not followed: name the file that has the `log_format`.

    Args:
        name: of the format; empty if the file has only one.

    Raises:
        SettingsError: the file cannot be read, or has no such format; the message names those that it has.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(LARGEST_CONF)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {why(error)}.") from None
    return _chosen({"combined": PRESETS["combined"]} | dict(_statements(text)), name, str(path))


def detect(lines: Sequence[bytes]) -> str | None:
    """The preset that the first lines of a log fit; None if most of them fit none."""
    from eventsink.watch.nginx.parser import Parser  # noqa: PLC0415 - which needs what is above

    for name in ("json", "main", "combined"):
        parsed = Parser(PRESETS[name], ("status",)).parse(b"".join(line.rstrip(b"\r\n") + b"\n" for line in lines))
        if parsed.count > len(lines) / 2:
            return name
    return None


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """The variables of a format in order, each with the literal text that follows it; first what stands before all."""
    name, end = "", 0
    for found in _PIECE.finditer(text):
        yield name, text[end : found.start()]
        name, end = found[1] or found[2], found.end()
    yield name, text[end:]


def _statements(text: str) -> Iterator[tuple[str, LogFormat]]:
    """Each `log_format` of a configuration."""
    words: list[str] = []
    for token in _TOKEN.finditer(text):
        if token["mark"]:
            if len(words) > 2 and words[0] == "log_format":
                yield words[1], _format(words[1], words[2:])
            words = []
        elif (word := _word(token)) is not None:
            words.append(word)
    if len(words) > 2 and words[0] == "log_format":  # the semicolon was not copied
        yield words[1], _format(words[1], words[2:])


def _word(token: re.Match[str]) -> str | None:
    quoted = token["double"] if token["double"] is not None else token["single"]
    if quoted is None:
        return token["word"]
    return _ESCAPED.sub(lambda found: _LETTERS.get(found[1], found[1] if found[1] in "\"'\\" else found[0]), quoted)


def _format(name: str, words: list[str]) -> LogFormat:
    escape: Escape = "default"
    if words[0].startswith("escape="):
        kind = words.pop(0).removeprefix("escape=")
        if kind not in ("default", "json", "none"):
            raise SettingsError(f"log_format {name} has escape={kind}: NGINX knows default, json and none.")
        escape = msgspec.convert(kind, Escape)
    return LogFormat("".join(words), escape, name)


def _chosen(formats: dict[str, LogFormat], name: str, where: str) -> LogFormat:
    own = [found for found in formats if found != "combined"] or list(formats)
    if not name and len(own) == 1:
        return formats[own[0]]
    if name in formats:
        return formats[name]
    known = ", ".join(formats) or "none"
    wanted = f"has no log_format {name!r}" if name else "has several formats: say which"
    raise SettingsError(f"{where} {wanted}; known are {known}. What it includes is not looked into.")
