"""Whether a process is ready, part by part: who waits for it, or has to mend it, sees which part is not.

In: what is known of the parts. Out: the answer of /readyz, which is a problem (RFC 9457) while a part is not ready
without which the process does not do its work.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from eventsink.collect.desk import Desk
from eventsink.collect.outlook import Seen
from eventsink.collect.problems import Problem
from eventsink.redact import hide_secrets
from eventsink.worker_state import has_failed, pause_of

__all__ = ["Part", "is_ready", "parts_of_door", "parts_of_workers", "readiness"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a process.

    Args:
        part: its name.
        ready: whether it does its work.
        needed: whether the process is not ready without it.
        says: what is wrong with it, a sentence; empty when nothing is.
    """

    part: str
    ready: bool
    needed: bool = True
    says: str = ""


def is_ready(parts: Sequence[Part]) -> bool:
    """Whether all are ready that are needed."""
    return all(part.ready for part in parts if part.needed)


def readiness(parts: Sequence[Part], **members: Any) -> dict[str, Any]:
    """The answer of /readyz.

    Args:
        members: more of the answer where the process is ready.

    Raises:
        Problem: 503 with the sentence of the first part that is not ready, and all parts.
    """
    listed = [msgspec.to_builtins(part) | {"says": hide_secrets(part.says)} for part in parts]
    if is_ready(parts):
        return {"status": "ready", **members, "parts": listed}
    first = next(part for part in parts if part.needed and not part.ready)
    raise Problem(503, first.says or f"{first.part} is not ready.", headers={"retry-after": "5"}, parts=listed)


async def parts_of_door(desk: Desk, seen: Seen) -> list[Part]:
    """Those of a front door. It is ready while events can be made durable, by whatever part."""
    refuses, away = seen.unready or "", seen.spool.away
    keys = await desk.keys.trouble()
    parts = [
        Part(
            part="exchange",
            ready=not away and not refuses,
            needed=not away,  # the spool takes events meanwhile
            says="" if away and refuses else "It is away: events go to the spool." if away else refuses,
        ),
        Part(part="spool", ready=not (away and refuses), says=refuses if away else ""),
        Part(part="keys", ready=not keys, says=keys),
        Part(part="accounts", ready=not seen.unread, says=seen.unread or ""),
    ]
    if desk.store:
        trouble = desk.store.trouble or ""
        parts.append(Part(part="store", ready=not trouble, needed=False, says=trouble))
    states = desk.states()
    workers = [msgspec.structs.replace(part, needed=False) for part in parts_of_workers(states)]
    return parts + workers  # a destination that is away delays nobody else


def parts_of_workers(states: dict[str, str]) -> list[Part]:
    """Workers, by what they say that they are doing."""
    return [
        Part(part=f"worker {name}", ready=not (bad := bool(pause_of(state)) or has_failed(state)), says=state * bad)
        for name, state in sorted(states.items())
    ]
