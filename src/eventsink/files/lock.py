"""A file that one process at a time may have."""

import errno
import fcntl
import os
from pathlib import Path

from eventsink.errors import DataDirectoryInUse
from eventsink.files.owner import make_file

__all__ = ["hold"]


def hold(path: Path) -> int:
    """Lock a file for as long as this process lives, or until the descriptor that is returned is closed.

    Raises:
        DataDirectoryInUse: another process holds it.
        OSError: it cannot be opened, or is a link, behind which a file of importance would be overwritten.
    """
    make_file(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
        os.close(descriptor)
        if error.errno not in {errno.EAGAIN, errno.EACCES}:
            raise
        raise DataDirectoryInUse(
            f"Process {holder or 'unknown'} already uses {path.parent} ({path.name}): stop it, or give another --data."
        ) from None
    try:
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
    except OSError:  # the disk is full
        os.close(descriptor)
        raise
    return descriptor
