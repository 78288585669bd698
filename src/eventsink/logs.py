"""Logs: lines for a person at a terminal, JSON for everything else; on standard error, so that output stays clean."""

import logging
import sys

import structlog

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
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever it is when something is said
    )
