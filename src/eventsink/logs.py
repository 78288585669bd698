"""Logs: lines for a person at a terminal, JSON for everything else; on standard error, so that output stays clean."""

import logging
import sys

import structlog
from structlog.typing import EventDict

from eventsink.redact import hide_credentials, hide_secrets

__all__ = ["configure"]


def configure() -> None:
    """Set up structlog for this process."""
    logging.getLogger("pika").setLevel(logging.CRITICAL + 1)  # each failure is our own line, as a sentence, once
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,  # without the values of variables, among which are keys and names
            _hide_secrets,
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever it is when something is said
    )


def _hide_secrets(_: object, __: str, said: EventDict) -> EventDict:
    """No address in a log shows its password, whoever wrote the text that quotes it, and no traceback any secret."""
    if isinstance(said.get("exception"), str):
        said["exception"] = hide_secrets(said["exception"])
    return {name: hide_credentials(value) if isinstance(value, str) else value for name, value in said.items()}
