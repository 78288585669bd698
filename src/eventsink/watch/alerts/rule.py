"""When a check is an alert: what its section of the settings says beside its kind and options, and what is meant else.

The sink decides, not the monitor: a check that runs elsewhere has its section in the settings of the sink for this. One
that has none there follows `[alerts]`.
"""

import fnmatch
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from eventsink.catalogue import nearest
from eventsink.errors import SettingsError
from eventsink.mistakes import filled
from eventsink.settings import Alerts
from eventsink.watch.alerts.notice import Severity

__all__ = ["NAMES", "Rule", "default_rule", "matches", "read_rules", "split"]


_Times = Annotated[int, Meta(ge=1, le=1000)]
_Seconds = Annotated[float, Meta(ge=0, le=366 * 86_400)]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a check fires, and what else is to be known of it."""

    public: Annotated[bool, Meta(description="Whether it is on the status page.")] = False
    alert: Annotated[bool, Meta(description="Whether anybody is told of it.")] = True
    severity: Annotated[Severity | None, Meta(description="info, warning or critical.")] = None
    failures: Annotated[_Times | None, Meta(description="In a row, before it fires.")] = None
    successes: Annotated[_Times | None, Meta(description="In a row, before it is well.")] = None
    hold: Annotated[_Seconds, Meta(description="Seconds in which it is down, before it fires.")] = msgspec.field(
        default=0.0, name="for"
    )
    regions: Annotated[_Times | None, Meta(description="That must see it down; if not given, more than half.")] = None
    depends: Annotated[list[str], Meta(description="Checks without which it cannot be well.")] = []
    silent: Annotated[_Seconds | None, Meta(description="Seconds in which nothing is heard of it.")] = None
    reminder: Annotated[_Seconds | None, Meta(description="Seconds until it is told again; 0: never.")] = None


NAMES = frozenset(Rule.__struct_encode_fields__)
"""Names in the section of a check that are not for its kind."""


def split(section: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two halves of the section of a check: what its kind reads, and what is in a `Rule`."""
    ours = {name: value for name, value in section.items() if name in NAMES}
    return {name: value for name, value in section.items() if name not in NAMES}, ours


def default_rule(alerts: Alerts) -> Rule:
    """The rule of a check that has no section."""
    return _complete(Rule(), alerts)


def read_rules(checks: Mapping[str, Mapping[str, Any]], alerts: Alerts) -> dict[str, Rule]:
    """The rules of all checks that have a section, with nothing left open.

    Raises:
        SettingsError: a value is wrong, or a check depends on one that is not there, or on itself.
    """
    rules = {}
    for name, section in checks.items():
        _, ours = split(section)
        try:
            rules[name] = _complete(filled(ours, Rule, f"checks.{name}"), alerts)
        except ValueError as error:
            raise SettingsError(str(error)) from None
    for name in rules:
        _check_dependencies(name, rules)
    return rules


def _complete(rule: Rule, alerts: Alerts) -> Rule:
    return msgspec.structs.replace(
        rule,
        severity=rule.severity or alerts.severity,
        failures=rule.failures or alerts.failures,
        successes=rule.successes or alerts.successes,
        silent=alerts.silent if rule.silent is None else rule.silent,
        reminder=alerts.reminder if rule.reminder is None else rule.reminder,
    )


def _check_dependencies(name: str, rules: Mapping[str, Rule]) -> None:
    seen: list[str] = []
    todo = [name]
    while todo:
        for needed in rules[todo.pop()].depends:
            if needed not in rules:
                close = nearest(needed, list(rules))
                hint = f" Did you mean {close!r}?" if close else ""
                raise SettingsError(f"checks.{name}.depends: there is no section [checks.{needed}].{hint}")
            if needed == name:
                raise SettingsError(f"checks.{name}.depends leads back to {name} itself: one of them must not depend.")
            if needed not in seen:
                seen.append(needed)
                todo.append(needed)


def matches(patterns: Sequence[str], alert: str) -> bool:
    """Whether one of the patterns is for an alert: `clowder`, `db-*`, `check/clowder`, `sink/dead/*`, `*`.

    What is about a check goes by its name alone as well: that it is down, silent, or has an old certificate.
    """
    found = _compiled(tuple(patterns)).fullmatch
    kind, _, name = alert.partition("/")
    return bool(found(alert) or (kind in {"check", "certificate", "silent"} and found(name)))


@functools.lru_cache(maxsize=500)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, patterns)) or r"(?!)")
