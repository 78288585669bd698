"""Notices in the log of the process: `console://`."""

import structlog

from eventsink.watch.alerts.channel import Channel, Message

__all__ = ["Console"]

_log = structlog.get_logger(__name__)


class Console(Channel):
    """Writes one line for each notice."""

    async def send(self, message: Message) -> None:
        """Write them."""
        for told in message.notices:
            notice = told.notice
            say = _log.info if notice.kind in {"resolved", "closed", "test"} else _log.warning
            more = {"link": message.link, "note": notice.note, "regions": notice.regions, "again": told.again}
            say(
                "alerts.notice",
                alert=notice.alert,
                title=notice.title,
                state=told.state,
                severity=notice.severity,
                since=notice.since.isoformat(),
                message=notice.message,
                **{name: value for name, value in more.items() if value},
            )
