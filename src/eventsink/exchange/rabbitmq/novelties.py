"""What messages of others say that this version does not know: it is kept, and said once, for nobody answers them."""

from collections.abc import Iterable

import structlog

__all__ = ["Novelties"]

MOST = 500  # texts that are remembered; a publisher that makes up names has no end of them

_log = structlog.get_logger(__name__)


class Novelties:
    """The notices of one process, shared by its queues."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def tell(self, notices: Iterable[str]) -> None:
        """Log those that were not logged before."""
        for notice in notices:
            if notice in self._said or len(self._said) > MOST:
                continue
            self._said.add(notice)
            if len(self._said) > MOST:
                _log.warning("exchange.unknown_kinds", most=MOST, reason="More kinds that are not known are not said.")
            else:
                _log.warning("exchange.unknown_kind", reason=notice)
