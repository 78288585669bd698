"""Files that survive: one process has each, its changes share commits, and what cannot be sent yet waits in a spool.

In: changes, and what is to be published. Out: the same, durable; damage set aside. Called by whatever keeps something
between two starts of a process.
"""

from eventsink.durable.damage import read_both_ways, set_aside
from eventsink.durable.file_lock import hold
from eventsink.durable.group_commit import GroupCommit
from eventsink.durable.room import Room
from eventsink.durable.spool_file import Codec, Spooled, SpoolFile
from eventsink.durable.spooler import Spooler

__all__ = ["Codec", "GroupCommit", "Room", "SpoolFile", "Spooled", "Spooler", "hold", "read_both_ways", "set_aside"]
