"""The machine: room on the disks, and the memory of the store."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from eventsink.cli.doctoring.files import embedded, existing
from eventsink.cli.finding import Finding
from eventsink.cli.screen import size
from eventsink.settings import Settings
from eventsink.store.machine import memory_for_store, threads_for_store, usable_memory

__all__ = ["machine"]

ROOM = 1 << 30  # bytes that should be free on a disk
FILES = 1000  # that should be free, where a file system has a fixed number of them


def machine(settings: Settings) -> Iterator[Finding]:
    """Room and memory."""
    yield from _disks(settings)
    yield _memory(settings)


def _disks(settings: Settings) -> Iterator[Finding]:
    """Of each disk once: what is on the same one shares its room."""
    places = {"disk space": settings.directory, "disk space of the store": settings.store_path}
    if path := embedded(settings):
        places["disk space of the exchange"] = path.parent
    seen: set[int] = set()
    for check, place in places.items():
        there = existing(place)
        try:
            device = there.stat().st_dev
            if device not in seen:
                seen.add(device)
                yield _room(check, there)
        except OSError as error:
            yield Finding(check, False, f"{there} cannot be looked at: {error.strerror}", "Let this user enter it.")


def _room(check: str, place: Path) -> Finding:
    free, disk = shutil.disk_usage(place).free, os.statvfs(place)
    if free < ROOM:
        remedy = "Free some space: a full disk stops the sink from accepting events."
        return Finding(check, False, f"{size(free)} free at {place}", remedy)
    if disk.f_files and disk.f_favail < FILES:
        remedy = "Delete files that nobody needs: without room for new ones the sink stops as with a full disk."
        return Finding(check, False, f"room for {disk.f_favail:,} more files at {place}", remedy)
    files = f", room for {disk.f_favail:,} files" if disk.f_files else ""
    return Finding(check, True, f"{size(free)} free at {place}{files}")


def _memory(settings: Settings) -> Finding:
    given, usable = memory_for_store(settings.store.memory), usable_memory()
    threads = threads_for_store(settings.store.threads, given)
    whole = f" of {size(usable)} that this process may have" if usable else ""
    found = f"the store may use {given}{whole}, in {threads} thread{'s' if threads > 1 else ''}"
    bytes_given = int(given[:-2]) * (1_000_000_000 if given.endswith("GB") else 1_000_000)
    if usable and bytes_given > usable // 2:
        remedy = (
            "Set store.memory to auto, or to half at most: a process that outgrows its memory is ended by the system."
        )
        return Finding("memory", True, found, remedy)
    return Finding("memory", True, found)
