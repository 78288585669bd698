"""Backups: all that a data directory holds in one file, made while its sink runs, and a data directory made of that.

In: settings, and a way to the running sink. Out: a tar file, or a data directory. Called by the commands.
"""

from eventsink.assemble.backup.archive import Content, Manifest
from eventsink.assemble.backup.making import back_up
from eventsink.assemble.backup.restoring import check, restore

__all__ = ["Content", "Manifest", "back_up", "check", "restore"]
