"""Files and folders that root makes in a folder of somebody else's: they are for whose folder it is.

A command that is run with sudo works on the data directory of a sink that runs as a user of its own. What then belonged
to root, and is for its owner alone, the sink could not open.
"""

import contextlib
import os
from pathlib import Path

__all__ = ["give_to_owner", "make_file", "make_folder"]


def make_file(path: Path) -> None:
    """Make an empty file for its owner alone, if there is none.

    Raises:
        OSError: it cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    try:
        give_to_owner(descriptor, path.parent)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder for its owner alone, if there is none, and those above it.

    Raises:
        OSError: it cannot be made, or is a file.
    """
    for folder in (*reversed(path.parents), path):  # each belongs to who has the one above it
        if not folder.is_dir():
            folder.mkdir(mode=0o700 if folder == path else 0o777, exist_ok=True)
            give_to_owner(folder, folder.parent)


def give_to_owner(made: int | Path, folder: Path) -> None:
    """Give what root has just made in a folder to the owner of that folder; what others make is theirs already.

    Args:
        made: a file by its descriptor, for under its name there may be another one by now; or a folder.
    """
    if os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):  # root of a container may not, nor may that of a client of NFS: it works on
        owner = folder.stat()
        if owner.st_uid != 0:
            os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=isinstance(made, int))
