"""What was: incidents by day, those that were measured and those that operators told of."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from itertools import groupby
from typing import NamedTuple

from eventsink.look.status.contract import Note, StatusPage
from eventsink.look.status.words import REASONS, day, line, lines, listed, moment, span, stamp
from eventsink.store.uptime import Outage

__all__ = ["history", "note"]

MOST = 100  # of them on the page


class _Item(NamedTuple):
    begin: datetime
    text: str


def history(page: StatusPage) -> str:
    """The section: the newest day first."""
    if not page.checks:
        return ""
    items = sorted(_items(page), key=lambda item: item.begin, reverse=True)
    shown = "".join(
        f'<section class="day"><h3><time datetime="{date_}">{day(date_)}</time></h3>'
        f"{''.join(item.text for item in found)}</section>"
        for date_, found in groupby(items[:MOST], key=_date)
    )
    days = len(page.checks[0].days)
    nothing = f"<p>There were none in {days} days.</p>" if not items else ""
    more = '<p class="more">There were more: these are the newest.</p>' if page.cut or len(items) > MOST else ""
    return f'<section class="past"><h2>Incidents</h2>{nothing}{shown}{more}</section>'


def note(told: Note) -> str:
    """An incident as operators told of it, the newest update first."""
    about = listed([f"<bdi>{line(name)}</bdi>" for name in told.checks])
    over = f", over since {_time(told.closed, told.opened)}" if told.closed else ""
    updates = "".join(
        f'<li><time datetime="{stamp(update.time)}">{moment(update.time)}</time>{_paragraphs(update.text)}</li>'
        for update in reversed(told.updates)
    )
    return (
        f'<article class="note"><h3 dir="auto">{line(told.title, 300)}</h3>'
        f"<p>Since {_time(told.opened)}{over}{f'; about {about}' if about else ''}</p>"
        f"{f'<ol>{updates}</ol>' if updates else ''}</article>"
    )


def _items(page: StatusPage) -> Iterator[_Item]:
    for outage in page.incidents:
        yield _Item(outage.start, _measured(outage))
    for told in page.notes:
        if told.closed is not None:
            yield _Item(told.opened, note(told))


def _measured(outage: Outage) -> str:
    lasts = outage.end is None
    length = "not over yet" if outage.end is None else f"for {span((outage.end - outage.start).total_seconds())}"
    until = "" if outage.end is None else f" to {_time(outage.end, outage.start)}"
    why = f"; {REASONS[outage.reason]}" if outage.reason in REASONS else ""
    seen = listed([f"<bdi>{line(region)}</bdi>" for region in outage.regions if region != "-"])
    clock = f'<time datetime="{stamp(outage.start)}">{outage.start.astimezone(UTC):%H:%M}</time>'
    return (
        f'<p class="outage{" lasts" if lasts else ""}">{clock}{until}: <b><bdi>{line(outage.check)}</bdi></b> down,'
        f" {length}{why}{f'; seen from {seen}' if seen else ''}.</p>"
    )


def _paragraphs(text: str) -> str:
    return "".join(f'<p class="text" dir="auto">{one}</p>' for one in lines(text) if one)


def _date(item: _Item) -> date:
    return item.begin.astimezone(UTC).date()


def _time(time: datetime, near: datetime | None = None) -> str:
    return f'<time datetime="{stamp(time)}">{moment(time, near)}</time>'
