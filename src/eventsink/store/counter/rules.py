"""What can be chosen where the Code of Practice leaves it open. Every choice is printed into the report."""

from typing import Literal

import msgspec

__all__ = ["Rules"]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How usage is counted. What each means stands in docs/counter.md.

    Args:
        zone: time zone of months and hours, by its IANA name.
        sources: events of these alone; none: of all. Name one where two report the same, as Clowder and its access log.
        views: who is believed on views, the server's events or the trackers' page views; never both.
        downloads: likewise on downloads.
        visitor: what `visitor` is in events that are not a tracker's: a hash of address and browser, or the value of a
            cookie. That of trackers is always a hash.
        session_slice: whether a session id is one session an hour or a day.
        anonymous: what becomes of events with neither user, session nor visitor: those of a source and hour are one
            session, each is one, or none is counted.
        partial: "first" counts status 206 too: of a log where only the first part of a file is an event.
        internal_users: ids of users whose use is none: tests, backups, administrators.
        extractor_downloads: downloads of a resource by the user of an extractor's job while it ran.
        extraction_s: for how long a job counts as running whose end nobody reported, seconds.
    """

    zone: str = "UTC"
    sources: tuple[str, ...] = ()
    views: Literal["server", "tracker"] = "server"
    downloads: Literal["server", "tracker"] = "server"
    visitor: Literal["hash", "cookie"] = "hash"
    session_slice: Literal["hour", "day"] = "hour"
    anonymous: Literal["merge", "separate", "exclude"] = "merge"
    partial: Literal["none", "first"] = "none"
    internal_users: tuple[str, ...] = ()
    extractor_downloads: Literal["exclude", "machine", "count"] = "exclude"
    extraction_s: float = 3600.0
