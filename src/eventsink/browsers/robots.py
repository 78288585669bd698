"""Who asks: a person, a program that a person uses, or a robot. By the user agent, and COUNTER's lists of them.

The lists are those of the package counter-robots, its files and not its functions: those look at letters' case, and its
list of robots holds the tools that researchers use, which COUNTER's Code of Practice for research data (10.5) does not
let one leave out.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from eventsink.errors import PluginError

__all__ = ["Kind", "Robots"]

_PART = re.compile(r"\[(?:\\.|[^\]\\])*\]|\((?:\\.|[^()\\])*\)|\\.")  # of a pattern: what is no plain letter
_MAYBE = re.compile(r"(?s).[?*{]")
_WORD = re.compile(r"[A-Za-z0-9 @-]{3,}")
MOST_KNOWN = 50_000
LONGEST = 1024  # characters of a user agent that are looked at


class Kind(StrEnum):
    """Who asks. `regular` and `machine` are COUNTER's access methods; what a robot does is no use at all."""

    regular = "regular"
    machine = "machine"
    robot = "robot"


_OURS = re.compile(r"pyclowder|clowder|aiohttp|^r \(|matlab|rclone|postmanruntime")
_PEOPLE = re.compile(r"applecoremedia")  # which the list takes for a robot, for its `core`
_PROBES = re.compile(
    r"kube-probe|elb-healthchecker|googlehc/|prometheus/|zabbix|nagios|uptime|check_http|healthmonitor"
)
_SURELY = re.compile(r"bot\b|bot/|robot|crawl|spider|slurp|scrap(?:er|y)")
_PLAIN = re.compile(r"[\w /@-]+", re.ASCII)


class Robots(dict[Any, Kind]):
    """The kind of each user agent; what was looked up is remembered, for most come again.

    Raises:
        PluginError: the lists are not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lists = _lists()

    def __missing__(self, agent: Any) -> Kind:
        text = _text(agent)
        kind = self._kind(text[:LONGEST].lower())
        if len(text) > LONGEST:  # servers take eight times as much: all that is remembered would be 400 MB
            return kind
        if len(self) >= MOST_KNOWN:
            self.clear()
        self[agent] = kind
        return kind

    def requests(self, counts: Mapping[Any, int]) -> int:
        """How many of some requests, counted by user agent, are of robots."""
        return sum(count for agent, count in counts.items() if self[agent] is Kind.robot)

    def _kind(self, agent: str) -> Kind:
        machines, robots = self._lists
        if agent in ("", "-", "none") or _OURS.search(agent):
            return Kind.machine
        if _PEOPLE.search(agent):
            return Kind.regular
        if _PROBES.search(agent) or _SURELY.search(agent):
            return Kind.robot
        if machines.holds(agent):
            return Kind.machine
        return Kind.robot if robots.holds(agent) else Kind.regular


def _text(agent: Any) -> str:
    return agent.decode("utf-8", "replace") if isinstance(agent, bytes) else str(agent)


class _Patterns:
    """Many patterns at once. Each is looked for only where the letters are that it cannot be without."""

    def __init__(self, patterns: list[str]) -> None:
        self._words = [pattern.lower() for pattern in patterns if _PLAIN.fullmatch(pattern)]
        others = [pattern for pattern in patterns if not _PLAIN.fullmatch(pattern)]
        needed = [(_needed(pattern), re.compile(pattern, re.IGNORECASE)) for pattern in others]
        self._beside = [(word, pattern) for word, pattern in needed if word]
        self._always = [pattern for word, pattern in needed if not word]

    def holds(self, agent: str) -> bool:
        """Whether one of them is in a user agent of small letters."""
        return (
            any(word in agent for word in self._words)
            or any(word in agent and pattern.search(agent) for word, pattern in self._beside)
            or any(pattern.search(agent) for pattern in self._always)
        )


def _needed(pattern: str) -> str:
    """The longest plain word that is in whatever a pattern finds; empty if none can be told."""
    flat = _PART.sub("\0", pattern)
    words = [] if "|" in flat else _WORD.findall(_MAYBE.sub("\0", flat))
    return max(words, key=len, default="").lower()


@cache
def _lists() -> tuple[_Patterns, _Patterns]:
    """Those of machines, and those of robots that are no machines."""
    machines, robots = _list("machine.txt"), _list("robot.txt")
    tools = set(machines) | {"^.?$"}
    return _Patterns(machines), _Patterns([pattern for pattern in robots if pattern not in tools])


def _list(name: str) -> list[str]:
    try:
        lines = (resources.files("counter_robots") / "data" / name).read_text("utf-8").splitlines()
    except (ModuleNotFoundError, FileNotFoundError):
        raise PluginError("Robots cannot be told from people: pip install 'counter-robots>=2025.11'.") from None
    return [line for line in lines if line.strip() and not line.startswith("# ")]
