"""A bar a day as SVG: its height and its colour say the same, so that neither is needed alone."""

from collections import Counter
from collections.abc import Sequence

from eventsink.look.status.words import day, percent, span
from eventsink.store.uptime import Day

__all__ = ["bars", "kind", "told"]

HEIGHT = 34
STEP, WIDTH = 5, 4
HEIGHTS = {"up": 24, "partly": 30, "down": HEIGHT, "maintenance": 15, "unknown": 5}
BADLY = 95.0  # percent; below that a day was down rather than not quite up


def kind(one: Day) -> str:
    """What a day was: `up`, `partly`, `down`, `maintenance` or `unknown`."""
    if one.percent is None:
        return "maintenance" if one.maintenance_s else "unknown"
    if one.down_s:
        return "down" if one.percent < BADLY else "partly"
    return "up"


def told(one: Day) -> str:
    """A day in words: date, percent, and what there was besides being up."""
    if one.percent == 100 and not one.maintenance_s and one.unknown_s < 1:
        return f"{day(one.date)}: 100 %"  # nearly every day
    lengths = (("down", one.down_s), ("in maintenance", one.maintenance_s), ("unknown", one.unknown_s))
    known = one.percent is not None or one.maintenance_s > 0
    parts = [f"{span(seconds)} {word}" for word, seconds in lengths if seconds >= 1 and (known or word != "unknown")]
    said = percent(one.percent) if one.percent is not None else "" if one.maintenance_s else "nothing is known"
    return f"{day(one.date)}: {', '.join(filter(None, (said, *parts)))}"


def bars(days: Sequence[Day]) -> str:
    """The SVG; empty where there are no days."""
    if not days:
        return ""
    kinds = [kind(one) for one in days]
    counts = Counter(kinds)
    summary = ", ".join(
        f"{counts[name]} {words}"
        for name, words in (
            ("up", "all up"),
            ("partly", "with some down time"),
            ("down", "with much down time"),
            ("maintenance", "in maintenance"),
            ("unknown", "unknown"),
        )
        if counts[name]
    )
    drawn = "".join(_bar(number, one, kinds[number]) for number, one in enumerate(days))
    return (
        f'<svg class="bars" viewBox="0 0 {STEP * len(days) - (STEP - WIDTH)} {HEIGHT}" preserveAspectRatio="none"'
        f' role="img" aria-label="{len(days)} days: {summary}">{drawn}</svg>'
    )


def _bar(number: int, one: Day, name: str) -> str:
    height = HEIGHTS[name]
    return (
        f'<rect class="{name}" x="{STEP * number}" y="{HEIGHT - height}" width="{WIDTH}" height="{height}">'
        f"<title>{told(one)}</title></rect>"
    )
