"""A report in a terminal: its rows with their units, and what is to be known of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text

from eventsink.cli.screen import new_table, note, output, plain, say
from eventsink.cli.times import clock
from eventsink.look.numbers.units import NUMBERS, in_words

_ID = re.compile(r"[0-9a-f-]{24,64}")
BETWEEN = 3  # letters between two columns
LONGEST = 22  # letters of a column: what is longer is folded
FEWEST = 3  # columns that are always shown
WIDE = 180  # columns of a terminal in which whole ids have room

__all__ = ["print_list", "print_report"]


def print_list(reports: Iterable[Mapping[str, Any]]) -> None:
    """Which reports there are."""
    table = new_table("Report", "Title", "By")
    for report in reports:
        table.add_row(plain(report["name"]), plain(report["title"]), plain(", ".join(report["by"])))
    output().print(table)


def print_report(found: Mapping[str, Any]) -> None:
    """One report; what is to be known of it goes to standard error."""
    told = [number for number in range(len(found["columns"])) if _told(found, number)]
    longest = {number: _longest(found, number) for number in told}
    places = _fitting(found, longest)
    columns = [found["columns"][number] for number in places]
    if found["rows"]:
        titles = [plain(column["title"]) for column in columns]
        right = tuple(title for title, column in zip(titles, columns, strict=True) if column["unit"] in NUMBERS)
        table = new_table(*titles, right=right)
        for column, width in zip(table.columns, _widths(found, places, longest), strict=False):
            column.width = width
        for row in found["rows"]:
            table.add_row(*_cells(columns, [row[place] for place in places]))
        if found["totals"] is not None and len(found["rows"]) > 1:
            table.add_section()
            table.add_row(*(_sum(found, place) for place in places), style="bold")
        output().print(table)
        if missing := [plain(found["columns"][number]["title"]) for number in told[len(places) :]]:
            note(f"* Not shown, for this terminal is too narrow: {', '.join(missing)}. --format csv has all.")
    else:
        say("There is nothing in this time.")
    if found["since"]:
        begin, end = (_local(found[name], found["zone"]) for name in ("since", "until"))
        say(f"{found['title']} from {begin} to {end} ({found['zone']}).")
    for text in found["footnotes"]:
        note(f"* {plain(text)}")


def _local(time: str, zone: str) -> str:
    """A moment by the clocks of the report's zone: that of its months."""
    return f"{datetime.fromisoformat(time).astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def _told(found: Mapping[str, Any], number: int) -> bool:
    """Whether a column says anything: of many no event carries any, and a terminal is narrow."""
    return number == 0 or any(row[number] not in (None, "") for row in found["rows"])


def _fitting(found: Mapping[str, Any], longest: Mapping[int, int]) -> list[int]:
    """The first columns that have room beside one another: what is folded to a few letters nobody can read."""
    room, fitting = output().width + BETWEEN, list[int]()  # nothing stands behind the last one
    for number in longest:
        room -= _needed(found, number, longest) + BETWEEN
        if room < 0 and len(fitting) >= FEWEST:
            break
        fitting.append(number)
    return fitting


def _widths(found: Mapping[str, Any], places: Sequence[int], longest: Mapping[int, int]) -> list[int]:
    """What each column needs, and of what is left as much as it can use: rich would take it from the longest words.

    Empty where they have no room: then it is all the same.
    """
    needed = [_needed(found, number, longest) for number in places]
    room = output().width - sum(needed) - BETWEEN * (len(needed) - 1)
    if room < 0:
        return []
    widths = []
    for number, width in zip(places, needed, strict=True):
        more = min(room, max(0, max(longest[number], len(found["columns"][number]["title"])) - width))
        widths.append(width + more)
        room -= more
    return widths


def _needed(found: Mapping[str, Any], number: int, longest: Mapping[int, int]) -> int:
    """Letters of a column in which the words of its title and, but for long ones, its cells stand unbroken."""
    title = max(map(len, found["columns"][number]["title"].split()), default=0)
    return max(title, min(longest[number], LONGEST))


def _longest(found: Mapping[str, Any], number: int) -> int:
    """Letters of the longest cell of a column, its sum among them."""
    column = [found["columns"][number]]
    sums = [] if found["totals"] is None else [_sum(found, number).cell_len]
    return max([_cells(column, [row[number]])[0].cell_len for row in found["rows"]] + sums, default=0)


def _sum(found: Mapping[str, Any], number: int) -> Text:
    """The sum of a column; where the first one has none, the word for it."""
    (cell,) = _cells([found["columns"][number]], [found["totals"][number]], empty="")
    return cell if number or cell.plain else Text("Total")


def _cells(columns: Sequence[Mapping[str, Any]], row: Sequence[Any], empty: str = "-") -> list[Text]:
    brief = output().width < WIDE
    cells = [_cell(column["unit"], value, empty) for column, value in zip(columns, row, strict=True)]
    return [Text(_brief(cell) if brief else cell) for cell in cells]


def _brief(text: str) -> str:
    """Ids of 24 digits and more differ at their end: they lose their middle. CSV has all of them."""
    return f"{text[:7]}…{text[-6:]}" if _ID.fullmatch(text) else text


def _cell(unit: str, value: Any, empty: str) -> str:
    if value is None or value == "":
        return empty
    if unit == "time" and isinstance(value, str):
        return clock(plain(value))
    return plain(in_words(value, unit))
