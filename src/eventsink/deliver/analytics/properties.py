"""What may be seen of an event's data: the properties of its type, each read as its kind says."""

from collections.abc import Mapping, Sequence
from typing import Literal

from eventsink.deliver.analytics.addresses import host, origin, scrubbed
from eventsink.deliver.analytics.mapping import MAPPING, Property
from eventsink.deliver.analytics.pseudonyms import Pseudonyms
from eventsink.deliver.analytics.values import Plain, read
from eventsink.event import Event

__all__ = ["Properties"]

Destination = Literal["amplitude", "google"]


class Properties:
    """Reads them.

    Args:
        destination: whose names they get.
        pseudonyms: of the destination.
        more: fields by type that the settings allow besides; they keep their names.
    """

    def __init__(self, destination: Destination, pseudonyms: Pseudonyms, more: Mapping[str, Sequence[str]]) -> None:
        self._pseudonyms = pseudonyms
        named = {
            kind: [(_name(each, destination), each) for each in shown.properties] for kind, shown in MAPPING.items()
        }
        for kind, fields in more.items():
            named.setdefault(kind, []).extend((field, Property(field, "text", field, field)) for field in fields)
        self._named = {kind: [(name, each) for name, each in found if name] for kind, found in named.items()}

    def of(self, event: Event) -> dict[str, Plain]:
        """The properties of an event; none of a type of which nobody has said what may be seen."""
        found: dict[str, Plain] = {}
        for name, each in self._named.get(event.type, ()):
            raw = event.data.get(each.field)
            if raw is None:
                continue
            value = _referrer(raw, event) if each.kind == "referrer" else read(each.kind, raw, self._pseudonyms)
            if value is not None:
                found[name] = value
        return found


def _name(each: Property, destination: Destination) -> str:
    return each.amplitude if destination == "amplitude" else each.google


def _referrer(referrer: object, event: Event) -> str | None:
    """The page before: of somebody else's site only where that is."""
    if not isinstance(referrer, str):
        return None
    same = host(referrer) == host(str(event.data.get("url", "")))
    return (scrubbed(referrer) if same else origin(referrer)) or None
