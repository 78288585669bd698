"""Changes that share commits, and a spool for what cannot be published yet.

In: changes, and what is to be published. Out: the same, durable. Called by whatever keeps something between two starts
of a process; what such a file is made of stands in `files`.
"""

from eventsink.durable.group_commit import GroupCommit
from eventsink.durable.spool_file import Codec, Spooled, SpoolFile
from eventsink.durable.spooler import Spooler

__all__ = ["Codec", "GroupCommit", "SpoolFile", "Spooled", "Spooler"]
