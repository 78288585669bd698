"""Files that outlive a process, with the standard library alone.

One owner each, room for what must be taken out again, damage set aside, and the rows of a spool. Called by `durable`,
on the server, and by `client`, in other people's programs.
"""

from eventsink.files.damage import read_both_ways, set_aside
from eventsink.files.folder import sync_names
from eventsink.files.lock import hold
from eventsink.files.room import Room
from eventsink.files.sound import open_sound

__all__ = ["Room", "hold", "open_sound", "read_both_ways", "set_aside", "sync_names"]
