"""What InfluxDB means by its answers, where the rules of HTTP do not say it. In: an answer. Out: a reason. Pure."""

import re
from collections.abc import Sequence
from typing import Any

from eventsink.deliver.http import PATIENCE, Answer, shorten
from eventsink.errors import Refused, TryLater
from eventsink.event import Event

__all__ = ["is_missing", "judge", "reason_of"]

# Said with 500, too: of a limit that does not go away by itself, and by version 2.0 of lines that it will never take.
_FOR_EVER = re.compile(r"max.series.per.database|max.values.per.tag|field type conflict|unable to parse")
_MISSING = re.compile(r"database not found|bucket .*not found")
_TOO_OLD = re.compile(r"points beyond retention policy dropped=(\d+)")
_LINE = re.compile(r"unable to parse '.*': ", re.DOTALL)


def reason_of(answer: Answer) -> str:
    """Why, in its own words, but without the line that it repeats: names of people may stand there."""
    return _LINE.sub("unable to parse a line: ", answer.reason)


def is_missing(answer: Answer) -> bool:
    """Whether all that is missing is the database, or the bucket."""
    return answer.status == 404 and _MISSING.search(answer.reason) is not None


def judge(answer: Answer, events: Sequence[Event]) -> None:
    """Raise what an answer to a request with these events says to those who know InfluxDB.

    Raises:
        Refused: naming the events, where that can be known; or a limit is reached that does not go away by itself,
            though it looks like a failure of the server.
        TryLater: there is no such database or no such address, which a person has to mend.
    """
    if answer.ok:
        return
    reason = reason_of(answer)
    if lines := _refused_lines(answer):
        message = lines[0][1]  # one reason at a time: the others are offered again
        named = [events[number - 1] for number, said in lines if said == message and 0 < number <= len(events)]
        raise Refused(f"InfluxDB refuses the line: {shorten(message)}", events=named)
    if dropped := _TOO_OLD.search(reason):
        oldest = sorted(events, key=lambda event: event.time)[: int(dropped[1])]
        raise Refused("InfluxDB keeps nothing that is as old as this (points beyond retention policy).", events=oldest)
    if answer.status >= 500 and _FOR_EVER.search(reason):
        raise Refused(f"InfluxDB answers {answer.status}: {shorten(reason)}")
    if answer.status in (404, 405):
        raise TryLater(
            f"InfluxDB answers {answer.status}: {shorten(reason)} Check url, version, and database or bucket.",
            after=PATIENCE,
        )


def _refused_lines(answer: Answer) -> list[tuple[int, str]]:
    """The lines that InfluxDB 3 names, by their number from 1, with the reason of each; it names 100 at most."""
    content = answer.json
    found: Any = content.get("data") if isinstance(content, dict) else None
    items = found if isinstance(found, list) else [found]
    return [
        (item["line_number"], str(item.get("error_message")))
        for item in items
        if isinstance(item, dict) and isinstance(item.get("line_number"), int)
    ]
