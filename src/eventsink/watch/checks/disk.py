"""Writes a small file and waits until it is on the disk, and looks how much room is left."""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from eventsink.causes import why
from eventsink.watch.check import Check, Down, Measurement, Site
from eventsink.watch.threads import OneThread

CONTENT = os.urandom(4096)  # which no file system makes nothing of


@dataclass(frozen=True)
class Options:
    """Where to write, and how much room there must be."""

    path: Annotated[str, "A folder.", msgspec.Meta(min_length=1)]
    least_free: Annotated[int, "Bytes that must be free.", msgspec.Meta(ge=0)] = 0
    size: Annotated[int, "Bytes to write.", msgspec.Meta(ge=1, le=64 << 20)] = 4096


class Disk(Check[Options]):
    """One folder."""

    network = False

    def __init__(self, options: Options, site: Site) -> None:
        super().__init__(options, site)
        self._thread = OneThread(f"disk {site.name}")

    @property
    def target(self) -> str:
        """The folder."""
        return self.options.path

    async def measure(self) -> Measurement:
        """Write, synchronise, and take it away again; on a thread, for a disk that hangs would hold up all."""
        try:
            numbers = await self._thread.run(self._write)
        except OSError as error:
            rights = isinstance(error, PermissionError | FileNotFoundError)
            raise Down("rights" if rights else "limit", self._say(error)) from error
        if numbers["free_bytes"] < self.options.least_free:
            free, least = int(numbers["free_bytes"]), self.options.least_free
            raise Down("limit", f"{free:,} bytes are free in {self.options.path}, and {least:,} must be.", numbers)
        return Measurement(numbers)

    def _write(self) -> dict[str, float]:
        if not Path(self.options.path).is_dir():
            raise Down("name", f"There is no folder {self.options.path}.")
        # The same after a restart: who is killed again and again, as on a disk that hangs, leaves one.
        path = Path(self.options.path) / f".eventsink-{self.site.name.replace('/', '_')}-{os.geteuid()}"
        path.unlink(missing_ok=True)
        content = (CONTENT * (self.options.size // len(CONTENT) + 1))[: self.options.size]
        started = time.perf_counter()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
            written = time.perf_counter()
            os.fsync(descriptor)
            synchronised = time.perf_counter()
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)
        return {
            "write_ms": round(1000 * (written - started), 3),
            "fsync_ms": round(1000 * (synchronised - written), 3),
            "free_bytes": shutil.disk_usage(self.options.path).free,
        }

    def _say(self, error: OSError) -> str:
        return f"{self.options.path} cannot be written to: {why(error)}."
