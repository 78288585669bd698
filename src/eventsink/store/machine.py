"""How much of the machine is ours: memory and processors, as the machine and the control groups of Linux say.

A container, or a service of systemd, may have far less than its machine; what it may have stands in files of /sys.
"""

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path, PurePosixPath

__all__ = ["memory_for_store", "threads_for_store", "usable_cpus", "usable_memory"]

LEAST_MEMORY, MOST_MEMORY = 64_000_000, 4_000_000_000
MOST_THREADS = 8
FOR_A_THREAD = 125_000_000  # bytes that DuckDB advises to have for each, or a large export may not go through
SHARE = 4  # the store has this part of the memory: Python, the page cache and other programs need some as well


def memory_for_store(setting: str, root: Path = Path("/")) -> str:
    """What DuckDB may use, as "64MB": what the setting says, or what follows from this machine.

    Args:
        setting: as "512MB", or "auto" or nothing for the share of the machine.
        root: where /proc and /sys are.
    """
    if setting not in ("", "auto"):
        return setting
    share = usable_memory(root) // SHARE
    return f"{min(max(share, LEAST_MEMORY), MOST_MEMORY) // 1_000_000}MB"


def threads_for_store(setting: int, memory: str, root: Path = Path("/")) -> int:
    """How many threads DuckDB may use.

    Args:
        setting: as many; 0 for what follows from this machine.
        memory: what they have together, as "64MB".
        root: where /proc and /sys are.
    """
    size = int(memory[:-2]) * (1_000_000_000 if memory.endswith("GB") else 1_000_000)
    return setting or max(1, min(usable_cpus(root), MOST_THREADS, size // FOR_A_THREAD))


def usable_memory(root: Path = Path("/")) -> int:
    """Bytes that this process may use; 0 when nothing says so."""
    found = [_physical(root)]
    for folder in _folders(root, "memory"):
        found += [_number(folder / name) for name in ("memory.max", "memory.limit_in_bytes")]
    return min((number for number in found if number), default=0)


def usable_cpus(root: Path = Path("/")) -> int:
    """Processors that this process may use, of a part of one the whole."""
    found = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    for folder in _folders(root, "cpu"):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        found.append(_shares(quota, period))
        found.append(_shares(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")))
    return min(number for number in found if number)


def _physical(root: Path) -> int:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        kilobytes = rest.split()[:1]
        if name == "MemTotal" and kilobytes and kilobytes[0].isdecimal():
            return int(kilobytes[0]) * 1024
    return 0


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The folders of our control group and of those that it is in, of both versions."""
    mounted = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            places = [mounted, mounted / "unified"]
        elif controller in controllers.split(","):
            places = [mounted / controller, mounted / controllers]
        else:
            continue
        inner = PurePosixPath(path.lstrip("/"))
        if ".." in inner.parts:  # the group of another namespace, which is not to be seen from here
            inner = PurePosixPath()
        for place in places:
            yield from (place / part for part in (inner, *inner.parents))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except (OSError, ValueError):  # not there, not ours to read, or no name of a file
        return ""


def _number(file: Path) -> int:
    text = _text(file)
    return int(text) if text.isdecimal() and len(text) < 30 else 0  # "max", and what no file should say


def _shares(quota: str, period: str) -> int:
    if not (quota.isdecimal() and period.isdecimal() and int(period)):  # "max", or -1
        return 0
    return max(1, ceil(int(quota) / int(period)))
