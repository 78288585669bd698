"""A copy of a file that DuckDB has open."""

import os
import subprocess
import uuid
from pathlib import Path

from eventsink.store.exporter import Export

__all__ = ["copied"]

PATIENCE = 1800.0  # seconds


def copied(file: Path, folder: Path, events: int) -> Export:
    """Copy a file that nobody writes to meanwhile. The copy has no name, and is gone when it is closed.

    Another program does it: DuckDB's lock on a file is of the kind that this process would lose on closing the file
    once more, and then another program could open it beside us. (Where the disk can, the copy shares its blocks.)

    Args:
        folder: on the same disk; it is made.
        events: that are in it.

    Raises:
        OSError: it cannot be made: the disk is full, …
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder.resolve() / f"copy-{uuid.uuid4().hex}"
    try:
        done = subprocess.run(  # noqa: S603, TID251 - no shell, both names are ours, and it ends
            ["cp", "--", file.resolve(), target],  # noqa: S607 - of the system, wherever that has it
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        if done.returncode:
            raise OSError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "cp has failed")
        opened = target.open("rb")
        return Export(opened, events, os.fstat(opened.fileno()).st_size)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"the disk has not copied it within {PATIENCE:.0f} seconds") from error
    finally:
        target.unlink(missing_ok=True)
