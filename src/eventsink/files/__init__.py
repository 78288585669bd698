"""Files that outlive a process, with the standard library alone.

One owner each, room for what must be taken out again, damage set aside, and the rows of a spool. Called by `durable`,
on the server, and by `client`, in other people's programs.
"""

from eventsink.files.damage import KILLED, finish, read_both_ways, rebuild
from eventsink.files.drafts import clear_drafts
from eventsink.files.folder import sync_names
from eventsink.files.lasting import open_lasting
from eventsink.files.lock import hold
from eventsink.files.owner import give_to_owner, make_file, make_folder
from eventsink.files.room import Room
from eventsink.files.sound import open_sound
from eventsink.files.wal import commits_behind_damage

__all__ = [
    "KILLED",
    "Room",
    "clear_drafts",
    "commits_behind_damage",
    "finish",
    "give_to_owner",
    "hold",
    "make_file",
    "make_folder",
    "open_lasting",
    "open_sound",
    "read_both_ways",
    "rebuild",
    "sync_names",
]
