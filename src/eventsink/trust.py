"""Whether what was found may be believed: what nobody named, and lies where a command happens to run, may be a trap.

In: a path that is looked up in the current folder. Out: what is there, or a sentence that says why it is not used.
Called by whatever takes settings, addresses, code or the data directory from there.

It is believed when only this user and root can have put it there: one of them owns it and every folder in which it is
looked up, and nobody else may write to these.
"""

import grp
import os
import pwd
import stat
from pathlib import Path

from eventsink.causes import why
from eventsink.errors import EventSinkError

__all__ = ["NotTrusted", "check_found", "doubt", "others_may_write", "owner", "read_found"]


class NotTrusted(EventSinkError):
    """Something was found that another user can have put there.

    Args:
        path: as it was looked up.
        reason: what `doubt` says.
        naming: what to write on the command line by somebody who trusts it.
    """

    def __init__(self, path: Path, reason: str, naming: str) -> None:
        super().__init__(f"{path} is not trusted: {reason}. If you trust it, name it with {naming}.")


def read_found(path: Path, *, naming: str) -> bytes:
    """What is in a file that nobody named.

    Args:
        naming: what to write on the command line by somebody who trusts it.

    Raises:
        NotTrusted: another user can have put it there.
        OSError: it is not there, or cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would have us wait for ever
    try:
        # What was opened is what counts: under its name there may be another file by now.
        reason = _doubt_of(os.fstat(descriptor), path) or doubt(path)
        if reason:
            raise NotTrusted(path, reason, naming)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def check_found(path: Path, *, naming: str) -> None:
    """See whether a path may be used. With a whole path it was named by somebody, who means it.

    Args:
        naming: what to write on the command line by somebody who trusts it.

    Raises:
        NotTrusted: it was looked up in the current folder, and another user can have put it there.
    """
    if not path.is_absolute() and (reason := doubt(path)):
        raise NotTrusted(path, reason, naming)


def doubt(path: Path) -> str:
    """Why another user can have put there what a path leads to; empty if none can.

    What is not there yet is in no doubt, if nobody else can put it there.
    """
    try:
        folder = Path(path.anchor)
        for part in path.parts[len(folder.parts) :]:
            if reason := _doubt_in(folder, folder / part):
                return reason
            folder /= part
        real = path.resolve()  # a link of ours may lead into a folder of others
        return _doubt_in(real.parent, real) or _doubt_of(path.stat(), path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{path} cannot be looked at: {why(error)}"


def others_may_write(status: os.stat_result) -> bool:
    """Whether somebody else than the owner, root and this user may write to a file or folder."""
    if status.st_mode & stat.S_IWOTH:
        return True
    return bool(status.st_mode & stat.S_IWGRP) and _has_others(status.st_gid)


def owner(status: os.stat_result) -> str:
    """Who owns a file, for a person."""
    try:
        return pwd.getpwuid(status.st_uid).pw_name
    except KeyError:  # as in most containers
        return f"user {status.st_uid}"


def _doubt_in(folder: Path, entry: Path) -> str:
    """Why what an entry of a folder leads to can have been changed there."""
    status = folder.stat()
    if not _is_ours(status):
        return f"{folder.absolute()} belongs to {owner(status)}"
    if not others_may_write(status):
        return ""
    if not status.st_mode & stat.S_ISVTX:
        return f"others may write to {folder.absolute()}"
    found = entry.lstat()  # in a folder like /tmp only its owner can take it away; and of a link, who made it counts
    return "" if _is_ours(found) else f"{entry.absolute()} belongs to {owner(found)}"


def _doubt_of(status: os.stat_result, path: Path) -> str:
    """Why what a path has led to may be of somebody else's making."""
    if not _is_ours(status):
        return f"{path.absolute()} belongs to {owner(status)}"
    if others_may_write(status):
        return f"others may write to {path.absolute()}"
    return ""


def _is_ours(status: os.stat_result) -> bool:
    return status.st_uid in {os.geteuid(), 0}


def _has_others(group: int) -> bool:
    """Whether somebody else than root and this user is in a group, as far as is known here.

    Many systems give each user a group of one's own, to which their files are writable. Containers run in the group of
    root, or in one that has a number and no name.
    """
    if group == 0:
        return False
    if group not in {os.getegid(), *os.getgroups()}:
        return True
    try:
        members = set(grp.getgrgid(group).gr_mem)
    except KeyError:
        return False
    users = pwd.getpwall()
    known = {user.pw_name for user in users}
    inside = {user.pw_uid for user in users if user.pw_gid == group or user.pw_name in members}
    return bool(inside - {os.geteuid(), 0} or members - known)
