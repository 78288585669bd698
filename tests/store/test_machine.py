"""What a process may use, as made-up machines say it."""

import os
from pathlib import Path

import pytest

from eventsink.store.machine import memory_for_store, threads_for_store, usable_cpus, usable_memory

GB = 1_000_000_000


def machine(root: Path, group: str = "", memory_kb: int = 16_000_000, **files: str) -> Path:
    """A root with /proc and /sys; names of files have __ for / and - for . in them."""
    texts = {"proc/meminfo": f"MemTotal: {memory_kb} kB\nMemFree: 1 kB\n", "proc/self/cgroup": group}
    texts |= {f"sys/fs/cgroup/{name.replace('__', '/')}": text for name, text in files.items()}
    for name, text in texts.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.mark.parametrize(
    ("group", "files", "bytes_"),
    [
        ("", {}, 16_384_000_000),
        ("0::/\n", {"memory.max": "max\n"}, 16_384_000_000),
        ("0::/\n", {"memory.max": "2000000000\n"}, 2 * GB),
        ("0::/a/b\n", {"a__b__memory.max": "max", "a__memory.max": "3000000000"}, 3 * GB),
        ("0::/a/b\n", {"a__b__memory.max": "1000000000", "a__memory.max": "3000000000"}, GB),
        ("0::/../../x\n", {"memory.max": "1000000000"}, GB),
        ("5:memory:/docker/1\n", {"memory__memory.limit_in_bytes": "1000000000"}, GB),
        ("5:memory:/u\n", {"memory__u__memory.limit_in_bytes": "9223372036854771712"}, 16_384_000_000),
        ("0::/u\n5:cpu,memory:/u\n", {"cpu,memory__u__memory.limit_in_bytes": "1000000000"}, GB),
        ("0::/\n", {"memory.max": "lots \x00"}, 16_384_000_000),
        ("rubbish\n0::\n:::\n", {"memory.max": "-5"}, 16_384_000_000),
    ],
)
def test_the_least_of_machine_and_groups_is_what_there_is(
    tmp_path: Path, group: str, files: dict[str, str], bytes_: int
) -> None:
    assert usable_memory(machine(tmp_path, group, **files)) == bytes_


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "rubbish"}, None),
        ({"cpu.max": "100 0"}, None),
    ],
)
def test_a_part_of_a_processor_is_one(tmp_path: Path, files: dict[str, str], cpus: int | None) -> None:
    all_of_them = len(os.sched_getaffinity(0))
    assert usable_cpus(machine(tmp_path, "0::/\n", **files)) == (cpus or all_of_them)


def test_also_of_the_first_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    files = {"cpu,cpuacct__cpu.cfs_quota_us": "250000", "cpu,cpuacct__cpu.cfs_period_us": "100000"}
    root = machine(tmp_path, "4:cpu,cpuacct:/docker/1\n", **files)
    assert (usable_cpus(root), threads_for_store(0, "4GB", root)) == (3, 3)
    (root / "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us").write_text("-1")
    assert (usable_cpus(root), threads_for_store(0, "4GB", root), threads_for_store(12, "64MB", root)) == (64, 8, 12)


@pytest.mark.parametrize(
    ("memory_kb", "share"), [(16_000_000, "4000MB"), (4_000_000, "1024MB"), (100_000, "64MB"), (0, "64MB")]
)
def test_the_store_has_a_quarter_within_bounds(tmp_path: Path, memory_kb: int, share: str) -> None:
    root = machine(tmp_path, memory_kb=memory_kb)
    assert memory_for_store("auto", root) == memory_for_store("", root) == share
    assert memory_for_store("512MB", root) == "512MB"


def test_a_machine_that_says_nothing_has_little(tmp_path: Path) -> None:
    assert memory_for_store("auto", tmp_path) == "64MB"
    assert threads_for_store(0, "64MB", tmp_path) == 1
