"""A line of response times as a small SVG within a page: no script, and its styles are those of the page."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from eventsink.look.status.words import line

__all__ = ["plot"]

Point = tuple[datetime, float]

WIDTH, HEIGHT = 360, 92
LEFT, TOP, BOTTOM = 46, 8, 72  # of the plane in which the line is
RIGHT = WIDTH - 4


def plot(points: Sequence[Point], *, begin: datetime, end: datetime, step: timedelta, title: str) -> str:
    """The SVG; empty where there is nothing to be seen.

    Args:
        points: time and milliseconds, in order.
        begin: of the plane; end: of it.
        step: from one point to the next. Where one is missing, the line is broken.
        title: what it shows, for those who do not see it; the lowest and the highest value are added.
    """
    shown = [(time, value) for time, value in points if begin <= time <= end and math.isfinite(value)]
    if not shown:
        return ""
    values = [value for _, value in shown]
    top = _above(max(values))

    across, up = (end - begin) / (RIGHT - LEFT), (BOTTOM - TOP) / top
    runs: list[list[str]] = []
    before, most = begin, 1.5 * step
    for time, value in shown:  # in one go: a page has many thousands of them
        if not runs or time - before > most:
            runs.append([])
        runs[-1].append(f"{LEFT + (time - begin) / across:.1f},{BOTTOM - up * value:.1f}")
        before = time
    drawn = "".join([_drawn(run) for run in runs])
    label = f"{line(title)}: from {duration(min(values))} to {duration(max(values))}"
    long = end - begin > timedelta(days=3)
    first, last = ((f"{time.day} {time:%b}{'' if long else f', {time:%H:%M}'}") for time in (begin, end))
    middle = (TOP + BOTTOM) / 2
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}"><title>{label}</title>'
        f'<path class="grid" d="M{LEFT} {TOP}H{RIGHT}M{LEFT} {middle:g}H{RIGHT}M{LEFT} {BOTTOM}H{RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{TOP + 4}" text-anchor="end">{duration(top)}</text>'
        f'<text x="{LEFT - 6}" y="{middle + 4:g}" text-anchor="end">{duration(top / 2)}</text>'
        f'<text x="{LEFT - 6}" y="{BOTTOM + 4}" text-anchor="end">0</text>'
        f'<text x="{LEFT}" y="{BOTTOM + 16}">{first}</text>'
        f'<text x="{RIGHT}" y="{BOTTOM + 16}" text-anchor="end">{last}</text>'
        f"{drawn}</svg>"
    )


def duration(milliseconds: float) -> str:
    """A short time in three digits: 4.2 ms, 120 ms, 1.5 s."""
    if milliseconds >= 1000:
        return f"{_three(milliseconds / 1000)} s"
    return f"{_three(milliseconds)} ms"


def _three(number: float) -> str:
    return f"{number:.3g}" if number < 1000 else f"{number:,.0f}"


def _above(highest: float) -> float:
    """The next round number that is not below."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next(power * factor for factor in (1, 2, 4, 5, 10, 20) if power * factor >= highest)


def _drawn(places: Sequence[str]) -> str:
    """Points that follow one another without a gap."""
    if len(places) == 1:
        x, _, y = places[0].partition(",")
        return f'<circle class="dot" cx="{x}" cy="{y}" r="2"/>'
    return f'<polyline class="line" points="{" ".join(places)}"/>'
