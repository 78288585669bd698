"""Time zones of questions: their names, and the offsets that one has in a span."""

from eventsink.store.counter.period import offsets, zone_of

__all__ = ["offsets", "zone_of"]
