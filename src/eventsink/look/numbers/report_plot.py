"""Bars as an SVG within a page: no script, and its styles are those of the page."""

import math
from collections.abc import Sequence
from typing import Any

from eventsink.look.numbers.report import Plot, Table
from eventsink.look.numbers.units import in_words
from eventsink.look.status.words import line

__all__ = ["bars"]

MOST_UPRIGHT = 60
MOST_LYING = 15
WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 70, 632, 12, 172
ROW = 22  # of lying bars
NAMES = 200  # pixels that their names have

Bar = tuple[str, float]


def bars(table: Table, plot: Plot) -> str:
    """The figure of a plot; empty where there is nothing to be seen.

    Months stand side by side; of anything else the highest lie one below the other.
    """
    names = [column.name for column in table.columns]
    if plot.value not in names or plot.label not in names:
        return ""
    value, label = names.index(plot.value), names.index(plot.label)
    unit = table.columns[value].unit
    upright = table.columns[label].unit in ("month", "time")
    beside = names.index(f"{plot.label}_name") if f"{plot.label}_name" in names else label
    found: dict[Any, Bar] = {}  # by ids: two people may have one name
    for row in table.rows:
        if isinstance(row[value], (int, float)) and math.isfinite(row[value]):
            name, before = found.get(row[label], (_name(row[label], row[beside]), 0))
            if row[label] in found and not plot.adds:
                return ""
            found[row[label]] = (name, before + row[value])
    made = list(found.values())
    if upright:
        shown, draw = sorted(made)[-MOST_UPRIGHT:], _upright
    else:
        shown, draw = sorted(made, key=lambda bar: (-bar[1], bar[0]))[:MOST_LYING], _lying
    if len(shown) < 2 or not any(number > 0 for _, number in shown):  # of many months the last may have nothing
        return ""
    of = f" ({len(made) - MOST_LYING:,} more are in the table)" if not upright and len(made) > MOST_LYING else ""
    return f"<figure><figcaption>{line(plot.title)}{of}</figcaption>{draw(shown, unit)}</figure>"


def _name(value: Any, beside: Any) -> str:
    if value is None and beside is None:
        return "(none)"
    return in_words(beside if beside is not None else value, "text")


def _upright(shown: Sequence[Bar], unit: Any) -> str:
    top = _above(max(number for _, number in shown))
    step = (RIGHT - LEFT) / len(shown)
    every = math.ceil(len(shown) / 8)  # more names would overlap
    parts = []
    for place, (name, number) in enumerate(shown):
        height = max(0.0, (BOTTOM - TOP) * number / top)
        x = LEFT + place * step
        parts.append(
            f'<rect class="bar" x="{x + step * 0.12:.1f}" y="{BOTTOM - height:.1f}" width="{step * 0.76:.1f}"'
            f' height="{height:.1f}"><title>{line(name)}: {line(in_words(number, unit))}</title></rect>'
        )
        if place % every == 0:
            parts.append(f'<text x="{x + step / 2:.1f}" y="{BOTTOM + 16}" text-anchor="middle">{line(name, 12)}</text>')
    lines = "".join(
        f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{line(in_words(_short(of), unit))}</text>'
        for y, of in ((TOP, top), ((TOP + BOTTOM) / 2, top / 2), (BOTTOM, 0))
    )
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Bars">{lines}{"".join(parts)}</svg>'


def _lying(shown: Sequence[Bar], unit: Any) -> str:
    top = max(1e-9, *(number for _, number in shown))
    room = WIDTH - NAMES - 90
    parts = []
    for place, (name, number) in enumerate(shown):
        y = place * ROW
        length = max(0.0, room * number / top)
        said = line(in_words(_short(number), unit))
        parts.append(
            f'<text x="{NAMES - 8}" y="{y + 15}" text-anchor="end"><title>{line(name)}</title>{line(name, 30)}</text>'
            f'<rect class="bar" x="{NAMES}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}"/>'
            f'<text x="{NAMES + length + 6:.1f}" y="{y + 15}">{said}</text>'
        )
    height = len(shown) * ROW
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Bars">{"".join(parts)}</svg>'


def _above(highest: float) -> float:
    """The next round number that is not below."""
    power = 10.0 ** math.floor(math.log10(highest))
    return next(power * factor for factor in (1, 2, 4, 5, 10, 20) if power * factor >= highest)


def _short(number: float) -> float:
    return int(number) if float(number).is_integer() else round(number, 3)
