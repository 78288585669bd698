"""What a message says: title and body of one notice or of thousands, in our words or in those of the settings.

In the words of the settings, `$title`, `$state`, … stand for what is to be told; `PLACEHOLDERS` has all of them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from string import Template

import msgspec
import structlog

from eventsink.catalogue import nearest
from eventsink.errors import SettingsError
from eventsink.redact import hide_secrets, visible
from eventsink.settings import Alerts
from eventsink.watch.alerts.channel import Message, Told
from eventsink.watch.alerts.notice import SEVERITIES, Notice

__all__ = ["PLACEHOLDERS", "Texts", "duration", "shown", "state_of"]

MOST_LISTED = 20
LONGEST_TITLE = 200  # letters
LONGEST_NOTICE = 1500  # letters of one among several
LONGEST_FIELD = 1000  # letters of what others wrote
MOST_NAMES = 5
CUT = "…"
AGAIN = "It may have been told before: what became of the first message is not known."

PLACEHOLDERS: Mapping[str, str] = {
    "title": "what it is about, as clowder",
    "alert": "its name, as check/clowder, monitor/urbana-1 or sink/dead/influxdb",
    "state": "down, still down, well again, needs attention, still needs attention, no longer watched, or a test",
    "severity": "info, warning or critical",
    "target": "what is checked, as an address",
    "reason": "class of the failure in one word, as timeout",
    "message": "what is wrong, or what it was",
    "regions": "in which it is not well, or was not",
    "since": "from when on it was not well, as 2026-11-29 01:02 UTC",
    "time": "when that was found",
    "lasted": "how long it has not been well, as 1 h 5 min",
    "note": "what else to know, as that it changes too often",
    "link": "where to read more",
    "count": "how many notices the message has",
}

_FIRST = {"firing": 0, "reminder": 1, "resolved": 2, "closed": 3, "test": 4}
# Words of others call nobody: in chats, these would.
_CALLS = re.compile(r"@(?=everyone\b|here\b|channel\b|all\b)|<(?=[!@#])")

_log = structlog.get_logger(__name__)


class Texts:
    """Writes messages.

    Args:
        alerts: the settings, with the words in which they want it.
        link: where to read more, if the settings do not say.

    Raises:
        SettingsError: a placeholder is not known, or a `$` stands alone.
    """

    def __init__(self, alerts: Alerts, link: str = "") -> None:
        self._link = alerts.link or link
        self._title = _template(alerts.title, "alerts.title")
        self._body = _template(alerts.body, "alerts.body")
        self._failed: set[str] = set()

    def message(self, notices: Sequence[tuple[Notice, bool]], longest: int = 8000, *, whole: bool = True) -> Message:
        """One message of some notices.

        Args:
            notices: each, and whether it may have arrived before; in the order in which they were made.
            longest: letters of title and body together.
            whole: it has all notices; else those alone that its body lists.
        """
        first = sorted(notices, key=lambda each: (_FIRST[each[0].kind], -SEVERITIES.index(each[0].severity)))
        listed = [_told(*each) for each in first[:MOST_LISTED]]
        title = _cut(
            _one_line(self._title_of([notice for notice, _ in first], listed[0])), min(LONGEST_TITLE, longest // 2)
        )
        body = self._list(listed, len(first), longest - len(title) - 1)
        told = [_told(*each) for each in notices] if whole else listed
        return Message(title=title, body=body, notices=told, link=self._link)

    # --- the title ---------------------------------------------------------------------------------------------------

    def _title_of(self, notices: Sequence[Notice], first: Told) -> str:
        if len(notices) == 1:
            return self._in_words_of(self._title, self._values(first, 1), "alerts.title") or _default_title(first)
        return self._in_words_of(self._title, self._sums(notices, first), "alerts.title") or _sum(notices)

    def _sums(self, notices: Sequence[Notice], first: Told) -> dict[str, str]:
        """What stands for the placeholders in the title of several."""
        return self._values(first, len(notices)) | {
            "title": f"{len(notices):,} alerts",
            "alert": _names(notice.alert for notice in notices),
            "state": _sum(notices),
            "severity": max((notice.severity for notice in notices), key=SEVERITIES.index),
            "target": _names(notice.target for notice in notices),
            "regions": _names(region for notice in notices for region in notice.regions),
            "reason": _names(notice.reason for notice in notices),
            "message": _sum(notices),
            "since": _time(min(notice.since for notice in notices)),
            "note": "",
        }

    # --- the body ----------------------------------------------------------------------------------------------------

    def _list(self, told: Sequence[Told], count: int, longest: int) -> str:
        """As many as there is room for, and how many more there are."""
        if count == 1:
            return _cut(self._body_of(told[0], 1), max(longest, 1))
        blocks: list[str] = []
        room = longest - len(self._end(count))
        for each in told:
            block = _cut(self._body_of(each, count), LONGEST_NOTICE)
            if blocks and len(block) + 2 > room:
                break
            blocks.append(_cut(block, max(room, 1)))
            room -= len(blocks[-1]) + 2
        return _cut("\n\n".join(blocks) + self._end(count - len(blocks)), max(longest, 1))

    def _end(self, more: int) -> str:
        lines = [f"… and {more:,} more"] if more else []
        lines += [self._link] if self._link and self._body is None else []
        return "\n\n" + "\n".join(lines) if lines else ""

    def _body_of(self, told: Told, count: int) -> str:
        values = self._values(told, count)
        ours = self._in_words_of(self._body, values, "alerts.body")
        if ours:
            return f"{ours}\n{AGAIN}" if told.again else ours
        return _default_body(told, self._link if count == 1 else "", count)

    # --- placeholders ------------------------------------------------------------------------------------------------

    def _values(self, told: Told, count: int) -> dict[str, str]:
        notice = told.notice
        return {
            "title": notice.title,
            "alert": notice.alert,
            "state": told.state,
            "severity": notice.severity,
            "target": notice.target,
            "reason": notice.reason,
            "message": notice.message,
            "regions": ", ".join(notice.regions),
            "since": _time(notice.since),
            "time": _time(notice.time),
            "lasted": duration(notice.time - notice.since),
            "note": notice.note,
            "link": self._link,
            "count": str(count),
        }

    def _in_words_of(self, template: Template | None, values: Mapping[str, str], setting: str) -> str:
        """In the words of the settings; empty where there are none, or they cannot be used."""
        if template is None:
            return ""
        try:
            return template.substitute(values).strip()
        except Exception as error:  # noqa: BLE001 - that something is down is told in any case
            if setting not in self._failed:
                self._failed.add(setting)
                _log.error("alerts.template_failed", setting=setting, reason=type(error).__name__)
            return ""


def shown(notice: Notice) -> Notice:
    """A notice fit to be shown: what others wrote in it has no secrets, and nothing that cannot be seen."""
    return msgspec.structs.replace(
        notice,
        alert=_clean(notice.alert),
        title=_clean(notice.title),
        reason=_clean(notice.reason),
        message=_clean(notice.message),
        target=_clean(notice.target),
        note=_clean(notice.note),
        regions=[_clean(region) for region in notice.regions],
    )


def state_of(notice: Notice) -> str:
    """The state that a notice tells of, in words."""
    if notice.kind == "test":
        return "a test"
    if notice.kind == "resolved":
        return "well again"
    if notice.kind == "closed":
        return "no longer watched"
    word = "down" if notice.alert.startswith("check/") else "needs attention"
    return f"still {word}" if notice.kind == "reminder" else word


def duration(time: timedelta) -> str:
    """How long, for a person, as 1 h 5 min."""
    seconds = max(int(time.total_seconds()), 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min" if minutes else f"{seconds} s"


def _told(notice: Notice, again: bool) -> Told:  # noqa: FBT001 - a pair that is taken apart
    return Told(shown(notice), state_of(notice), again)


def _default_title(told: Told) -> str:
    severity = f" ({told.notice.severity})" if told.notice.kind in {"firing", "reminder"} else ""
    return f"{told.notice.title}: {told.state}{severity}"


def _default_body(told: Told, link: str, count: int) -> str:
    notice = told.notice
    lasted = duration(notice.time - notice.since)
    when: Mapping[str, Callable[[], str]] = {
        "firing": lambda: f"{told.state} since {_time(notice.since)}",
        "reminder": lambda: f"{told.state} since {_time(notice.since)}, for {lasted}",
        "resolved": lambda: f"{told.state} since {_time(notice.time)}, after {lasted}",
        "closed": lambda: f"{told.state} since {_time(notice.time)}",
        "test": lambda: f"{told.state} of {_time(notice.time)}",
    }
    severity = f" ({notice.severity})" if notice.kind in {"firing", "reminder"} else ""
    lines = [
        f"{notice.title}: {when[notice.kind]()}{severity}",
        notice.message,
        f"Target: {notice.target}" if notice.target else "",
        f"Regions: {', '.join(notice.regions)}" if notice.regions else "",
        notice.note,
        AGAIN if told.again else "",
        link if count == 1 else "",
    ]
    return "\n".join(line for line in lines if line)


def _sum(notices: Sequence[Notice]) -> str:
    """As `3 down, 1 well again`."""
    states = Counter(state_of(notice) for notice in notices)
    return ", ".join(f"{count:,} {_plural(state, count)}" for state, count in states.items())


def _plural(state: str, count: int) -> str:
    if state == "a test":
        return "test" if count == 1 else "tests"
    return state.replace("needs", "need") if count > 1 else state


def _names(names: Iterable[str]) -> str:
    known = [name for name in dict.fromkeys(names) if name]
    more = f" and {len(known) - MOST_NAMES:,} more" if len(known) > MOST_NAMES else ""
    return ", ".join(map(_clean, known[:MOST_NAMES])) + more


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _clean(words: str) -> str:
    if not words:
        return ""
    # Cut first and again: what is hidden takes a time that grows with the words, and may be longer afterwards.
    text = visible(hide_secrets(" ".join(words[: 2 * LONGEST_FIELD].split())))
    return _cut(_CALLS.sub(lambda found: f"{found[0]} ", text), LONGEST_FIELD)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + CUT


def _template(words: str, setting: str) -> Template | None:
    if not words.strip():
        return None
    template = Template(words)
    if not template.is_valid():
        raise SettingsError(f"{setting} has a $ that begins no placeholder: write $$ for the sign itself.")
    for name in template.get_identifiers():
        if name not in PLACEHOLDERS:
            close = nearest(name, PLACEHOLDERS)
            hint = (
                f"Did you mean ${close}?" if close else f"Known are {', '.join('$' + known for known in PLACEHOLDERS)}."
            )
            raise SettingsError(f"{setting} has the placeholder ${name}, which is not known. {hint}")
    return template
