"""The page as HTML: one file that needs no other, no script and no network."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from eventsink.look.status.badge import file_name
from eventsink.look.status.bars import bars, kind, told
from eventsink.look.status.contract import MARK, Headline, StatusPage
from eventsink.look.status.history import history, note
from eventsink.look.status.plot import plot
from eventsink.look.status.words import STATES, day, line, lines, listed, moment, percent, stamp
from eventsink.store.uptime import CheckView, RegionView

__all__ = ["html"]

STALE = timedelta(minutes=3)  # results are read every half minute
OPEN_UP_TO = 12  # checks of which all is shown; of more, each is opened by whoever wants to see it
ICONS = {"up": "#1a7a4b", "down": "#b0281f", "maintenance": "#0d5f8f", "unknown": "#5b6672", "nothing": "#5b6672"}
SPANS = {"24h": "Up, 24 h", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
SIGNS = {"up": "✓", "down": "✕", "maintenance": "‖", "unknown": "?", "nothing": "?"}


def html(page: StatusPage, *, base: str = "", copy: bool = False, reload_s: float | None = None) -> str:
    """The document.

    Args:
        base: what comes before the addresses of feed and badges: `status/` where the sink serves the page, empty beside
            them.
        copy: whether this is a file that may be looked at long after it was made.
        reload_s: seconds after which a browser loads it again; None: never.
    """
    title = line(page.title, 300)
    refresh = f'<meta http-equiv="refresh" content="{max(1, round(reload_s))}">' if reload_s else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="generator" content="{MARK}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{refresh}<title>{line(_now_or_then(page)[1])} {title}</title>
<link rel="icon" href="{_icon(_now_or_then(page)[0])}">
<link rel="alternate" type="application/atom+xml" title="Incidents" href="{base}feed.atom">
<link rel="alternate" type="application/json" href="status.json">
<style>
{Path(__file__).with_name("page.css").read_text("utf-8")}</style>
</head>
<body>
<header><h1>{title}</h1></header>
<main>
{_top(page, copy=copy, reload_s=reload_s)}
{_notes(page)}
{_maintenance(page)}
{_checks(page, base)}
{history(page)}
</main>
<footer><a href="{base}feed.atom">Feed of incidents</a> <a href="status.json">All of this as JSON</a>
<span>All times are UTC. A percentage is of the time of which it is known that a check was up or down.</span></footer>
</body>
</html>
"""


# --- how it is -------------------------------------------------------------------------------------------------------


def _now_or_then(page: StatusPage) -> tuple[Headline, str]:
    """The state of now, and its sentence; of a page whose sink cannot be asked, nothing is known of now."""
    if page.unreachable_since:
        return "unknown", "The present state is not known."
    return page.state, page.headline


def _icon(state: Headline) -> str:
    """For the tab of a browser: within the page, so that nothing is asked for."""
    dot = f'<circle cx="4.5" cy="4.5" r="4" fill="{ICONS[state]}"/>'
    drawn = quote(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{dot}</svg>')
    return f"data:image/svg+xml,{drawn}"


def _top(page: StatusPage, *, copy: bool, reload_s: float | None) -> str:
    state, sentence = _now_or_then(page)
    down = [_link(number, check) for number, check in enumerate(page.checks) if check.state == "down"]
    which = f"<p>Down: {listed(down)}.</p>" if down and state == "down" else ""
    return (
        f'{_stale(page)}<section class="top {state}"><h2><i aria-hidden="true">{SIGNS[state]}</i>{line(sentence)}</h2>'
        f'{which}{_how(page)}<p class="made">As of {_time(page.made)}.{_age(copy=copy, reload_s=reload_s)}</p>'
        "</section>"
    )


def _how(page: StatusPage) -> str:
    if page.state != "nothing":
        return ""
    return (
        "<p>No check is public. Who runs the event sink makes one public with <code>public = true</code> in its section"
        " of the settings, as <code>[checks.clowder]</code>.</p>"
    )


def _age(*, copy: bool, reload_s: float | None) -> str:
    if not copy:
        return ""
    if reload_s:
        return " This is a copy that is made again and again: if that time is long past, nobody keeps it up."
    return " This is a copy, and as old as that time says."


def _stale(page: StatusPage) -> str:
    if page.unreachable_since:
        return (
            f'<p class="banner" role="status">Since {_time(page.unreachable_since)} the event sink, which knows how'
            f" things are, could not be reached. This page shows how they were at {_time(page.made)}.</p>"
        )
    if page.state == "nothing":
        return ""
    if page.read_at is None:
        return (
            '<p class="banner" role="status">The results of checks are still being read: this is not all of them.</p>'
        )
    if page.made - page.read_at > STALE:
        return (
            '<p class="banner" role="status">The results of checks are read late: this page shows how things were at'
            f" {_time(page.read_at)}.</p>"
        )
    return ""


def _notes(page: StatusPage) -> str:
    found = [note(one) for one in page.notes if one.closed is None]
    return f'<section class="told"><h2>What operators say</h2>{"".join(found)}</section>' if found else ""


def _maintenance(page: StatusPage) -> str:
    if not page.maintenance:
        return ""
    rows = []
    for planned in page.maintenance:
        which = listed([f"<bdi>{line(name)}</bdi>" for name in planned.checks]) or "everything"
        when = "<b>Under way</b>, until" if planned.begin <= page.made else f"{_time(planned.begin)} to"
        reason = "".join(f'<p class="text">{text}</p>' for text in lines(planned.reason) if text)
        rows.append(f"<article><h3>Maintenance of {which}</h3><p>{when} {_time(planned.end)}</p>{reason}</article>")
    return f'<section class="told"><h2>Maintenance</h2>{"".join(rows)}</section>'


# --- the checks ------------------------------------------------------------------------------------------------------


def _checks(page: StatusPage, base: str) -> str:
    if not page.checks:
        return ""
    opened = len(page.checks) <= OPEN_UP_TO
    cards = "".join(_card(page, number, base, opened=opened) for number in range(len(page.checks)))
    legend = "".join(
        f'<li><svg viewBox="0 0 4 34" preserveAspectRatio="none" aria-hidden="true"><rect class="{name}"'
        f' y="{34 - height}" width="4" height="{height}"/></svg>{words}</li>'
        for name, height, words in (
            ("up", 24, "up"),
            ("partly", 30, "some down time"),
            ("down", 34, "much down time"),
            ("maintenance", 15, "maintenance"),
            ("unknown", 5, "unknown"),
        )
    )
    return f'<section><h2>Checks</h2><ul class="legend" aria-label="What the bars mean">{legend}</ul>{cards}</section>'


def _card(page: StatusPage, number: int, base: str, *, opened: bool) -> str:
    check = page.checks[number]
    name = line(check.name)
    days = len(check.days)
    shares = "".join(
        f"<div><dt>{SPANS.get(span, span)}</dt><dd>{percent(value)}</dd></div>" for span, value in check.uptime.items()
    )
    ends = (
        f'<p class="ends" aria-hidden="true"><span>{day(check.days[0].date)}</span><span>today</span></p>'
        if days
        else ""
    )
    return (
        f'<article class="check" id="c{number}"><h3><bdi>{name}</bdi>'
        f"{_state(page, check)}</h3>{bars(check.days)}{ends}"
        f'<dl aria-label="Uptime">{shares}</dl>{_regions(page, check.regions)}'
        f"<details{' open' if opened else ''}><summary>Response times and days</summary>{_plots(page, check)}"
        f'{_days(check)}<p class="badge"><a href="{base}badge/{file_name(check.name)}.svg">Badge of'
        f" <bdi>{name}</bdi></a></p></details></article>"
    )


def _regions(page: StatusPage, regions: Sequence[RegionView]) -> str:
    if not regions or [region.name for region in regions] == ["-"]:  # nobody has said where it stands
        return ""
    items = "".join(
        f"<li><bdi>{'elsewhere' if region.name == '-' else line(region.name)}</bdi> {_state(page, region)}</li>"
        for region in regions
    )
    return f'<ul class="regions" aria-label="Seen from">{items}</ul>'


def _state(page: StatusPage, one: CheckView | RegionView) -> str:
    """The state of a check, or of it in one region; of a page whose sink cannot be asked, as it was."""
    if page.unreachable_since:
        return f'<span class="state unknown">was {STATES[one.state]}</span>'
    since = f" since {_time(one.since, page.made)}" if one.since and one.state != "up" else ""
    sign = f'<i aria-hidden="true">{SIGNS[one.state]}</i>'
    return f'<span class="state {one.state}">{sign}{STATES[one.state]}{since}</span>'


def _plots(page: StatusPage, check: CheckView) -> str:
    hours = [(took.begin, took.average_ms) for took in check.hours]
    midnight = page.made.replace(hour=0, minute=0, second=0, microsecond=0)
    days = [
        (midnight - (check.days[-1].date - one.date), one.average_ms)
        for one in check.days
        if one.average_ms is not None
    ]
    begin = page.made - timedelta(hours=49)
    of_hours = plot(hours, begin=begin, end=page.made, step=timedelta(hours=1), title="Response time of 48 hours")
    first = midnight - timedelta(days=max(1, len(check.days) - 1))
    of_days = plot(
        days, begin=first, end=midnight, step=timedelta(days=1), title=f"Response time of {len(check.days)} days"
    )
    figures = [
        f"<figure><figcaption>{words}</figcaption>{drawn}</figure>"
        for drawn, words in (
            (of_hours, "Response time of 48 hours, by hour"),
            (of_days, f"Response time of {len(check.days)} days, by day"),
        )
        if drawn
    ]
    return f'<div class="plots">{"".join(figures)}</div>' if figures else ""


def _days(check: CheckView) -> str:
    """Those that were not all up, in words: for who sees no bars, or has no pointer to hold over them."""
    found = [one for one in reversed(check.days) if kind(one) in {"partly", "down"}]
    if not found:
        return ""
    rows = "".join(f"<li>{told(one)}</li>" for one in found)
    return f'<p class="which">Days with down time:</p><ul class="days">{rows}</ul>'


def _link(number: int, check: CheckView) -> str:
    return f'<a href="#c{number}"><bdi>{line(check.name)}</bdi></a>'


def _time(time: datetime, near: datetime | None = None) -> str:
    return f'<time datetime="{stamp(time)}">{moment(time, near)}</time>'
