"""Who has done what an event says, as the services know somebody: a user, a browser, or neither."""

import msgspec

from eventsink.deliver.analytics.pseudonyms import is_somebody
from eventsink.event import Event

__all__ = ["Actor", "actor_of"]


class Actor(msgspec.Struct, frozen=True):
    """Who it was. These are the ids themselves: nothing of it is sent before it is hashed.

    Args:
        user: who was logged in, if anybody.
        device: a text that is the same for all that came from one browser; without a browser, for all of one user;
            without either, for all of one source.
        somebody: whether it stands for a person, and not for a whole source.
    """

    user: str | None
    device: str
    somebody: bool


def actor_of(event: Event) -> Actor:
    """Who has done it."""
    user = event.user if is_somebody(event.user) else None
    visitor = event.data.get("visitor")
    if isinstance(visitor, str) and is_somebody(visitor):
        return Actor(user, f"visitor {visitor}", somebody=True)
    if user is not None:
        return Actor(user, f"user {user}", somebody=True)
    return Actor(None, f"source {event.source}", somebody=False)
