"""The feed (Atom, RFC 4287): an entry for each incident, whether it was measured or told by operators."""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from eventsink.look.status.contract import MARK, Note, StatusPage
from eventsink.look.status.words import REASONS, line, lines, listed, moment, span, stamp
from eventsink.store.uptime import Outage

__all__ = ["MEDIA_TYPE", "feed"]

MEDIA_TYPE = "application/atom+xml"
MOST = 100  # entries
SPACE = uuid.UUID("5e0a3f0c-6c0b-5a55-9d7a-2b6f4b2a9c31")  # of the ids that are made here


class _Entry(NamedTuple):
    """One entry, its texts fit for XML."""

    key: str
    title: str
    published: datetime
    updated: datetime
    content: str


def feed(page: StatusPage, *, home: str) -> str:
    """The document.

    Ids follow from what an entry is about, so that a reader knows it again, from whatever copy it comes; times are
    those of what happened.

    Args:
        home: where the page is, from the feed.
    """
    entries = sorted([*_told(page), *_measured(page)], key=lambda entry: entry.updated, reverse=True)[:MOST]
    changed = entries[0].updated if entries else page.made.replace(hour=0, minute=0, second=0, microsecond=0)
    title = line(page.title)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>{_id('feed', page.title)}</id><title>{title}</title><updated>{stamp(changed)}</updated>"
        f"<author><name>{title}</name></author><generator>{MARK}</generator>"
        f'<link rel="self" type="{MEDIA_TYPE}" href="feed.atom"/><link rel="alternate" type="text/html" href="{home}"/>'
        + "".join(_entry(entry, home) for entry in entries)
        + "</feed>\n"
    )


def _entry(entry: _Entry, home: str) -> str:
    return (
        f"<entry><id>{entry.key}</id><title>{entry.title}</title><published>{stamp(entry.published)}</published>"
        f'<updated>{stamp(entry.updated)}</updated><link rel="alternate" type="text/html" href="{home}"/>'
        f'<content type="text">{entry.content}</content></entry>'
    )


def _measured(page: StatusPage) -> Iterator[_Entry]:
    for outage in page.incidents:
        title = f"{line(outage.check)} {'is' if outage.end is None else 'was'} down"
        if outage.end is not None:
            title += f" for {span((outage.end - outage.start).total_seconds())}"
        key = _id("incident", outage.check, stamp(outage.start))
        yield _Entry(key, title, outage.start, outage.end or outage.start, _course(outage))


def _course(outage: Outage) -> str:
    parts = [f"Down since {moment(outage.start)}."]
    if outage.end is not None:
        parts = [f"Down from {moment(outage.start)} to {moment(outage.end)}."]
    if outage.reason in REASONS:
        parts.append(f"What was found: {REASONS[outage.reason]}.")
    if outage.regions:
        parts.append(f"Seen from {listed([line(region) for region in outage.regions])}.")
    return " ".join(parts)


def _told(page: StatusPage) -> Iterator[_Entry]:
    for note in page.notes:
        times = [note.opened, *(update.time for update in note.updates), *([note.closed] if note.closed else [])]
        title = line(note.title, 300) + (" (over)" if note.closed else "")
        yield _Entry(_id("note", note.id), title, note.opened, max(times), _said(note))


def _said(note: Note) -> str:
    parts = [f"About {listed([line(name) for name in note.checks])}."] if note.checks else []
    if note.closed:
        parts.append(f"Over since {moment(note.closed)}.")
    for update in reversed(note.updates):
        parts += ["", f"{moment(update.time)}:", *lines(update.text)]
    return "\n".join(parts)


def _id(*parts: str) -> str:
    return uuid.uuid5(SPACE, "\n".join(parts).encode("utf-8", "replace").decode()).urn
