"""Logs: lines for a person at a terminal, JSON for everything else; on standard error, so that output stays clean."""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog
from structlog.typing import EventDict, Processor

from eventsink.redact import hidden, hide_secrets, visible

__all__ = ["configure"]


class _StandardError:
    """Standard error, whatever it is when something is said.

    One that takes nothing, as a file on a full disk or a reader that went away, ends nothing that has something to say.
    """

    def write(self, text: str) -> int:
        """Write some, or nothing."""
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand it over, or not."""
        with contextlib.suppress(OSError):
            sys.stderr.flush()


_OUTPUT = cast("TextIO", _StandardError())  # it has what is called of one


def configure(least: int = logging.INFO) -> None:
    """Set up structlog for this process.

    Args:
        least: what is less severe is not said.
    """
    for library in ("pika", "opentelemetry"):  # each failure is our own line, as a sentence, once
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)
    if logging.lastResort:  # says what libraries log: nothing else listens to them
        logging.lastResort.setFormatter(_Formatter())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,  # without the values of variables, among which are keys and names
            _hide_secrets,
            *_renderers(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(_OUTPUT),
    )


def _renderers() -> list[Processor]:
    if sys.stderr.isatty():
        return [_make_visible, structlog.dev.ConsoleRenderer()]
    return [structlog.processors.JSONRenderer()]  # which escapes all but ASCII


def _hide_secrets(_: object, __: str, said: EventDict) -> EventDict:
    """No log shows a secret, whoever wrote the text that quotes it, and whatever type the value has."""
    return {name: hidden(value, name) for name, value in said.items()}


def _make_visible(_: object, __: str, said: EventDict) -> EventDict:
    """What strangers wrote commands no terminal."""
    return {visible(name): _on_lines(value) if isinstance(value, str) else value for name, value in said.items()}


class _Formatter(logging.Formatter):
    """What libraries log, by the same rules."""

    def format(self, record: logging.LogRecord) -> str:
        said = hide_secrets(super().format(record))
        return _on_lines(said) if sys.stderr.isatty() else said


def _on_lines(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))
