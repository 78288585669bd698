"""A full disk: events are refused with 503, nothing is half-written, and it goes on when there is room again."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sink_process import SinkProcess

_MEGABYTES = 12


def _on_small_disk(data: Path) -> tuple[str, ...]:
    """A command prefix that gives the process a data directory on a small disk of its own."""
    script = f'mkdir -p "{data}" && mount -t tmpfs -o size={_MEGABYTES}m small "{data}" && exec "$@"'
    return ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)), "sh", "-c", script, "sh")


@pytest.fixture
def small_disk(tmp_path: Path, make_sink: Callable[..., SinkProcess]) -> Iterator[SinkProcess]:
    """A sink whose data directory is a small disk, which only its own processes see."""
    data = tmp_path / "var"
    if subprocess.run([*_on_small_disk(tmp_path / "probe"), "true"], capture_output=True, check=False).returncode:
        message = "mount namespaces are not allowed here, so there is no small disk to fill"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    sink = _Inside(data, prefix=_on_small_disk(data))
    try:
        yield sink.start()
    finally:
        sink.close()


class _Inside(SinkProcess):
    """Its data directory is mounted in a namespace of its own; it is seen through /proc."""

    outside: Path

    def _announced(self) -> bool:
        assert self._process is not None
        data, self.data = self.data, Path(f"/proc/{self._process.pid}/root{self.data}")
        try:
            return super()._announced()
        except (PermissionError, ProcessLookupError):
            return False
        finally:
            self.data = data

    def see(self, name: str) -> Path:
        """A file on the small disk."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/root{self.data}/{name}")


def test_a_full_disk_refuses_with_503_and_recovers(small_disk: _Inside) -> None:
    kept = [{"id": f"kept-{number}", "type": "a.b", "data": {}} for number in range(50)]
    assert small_disk.post(kept)[0] == 202
    small_disk.settle()
    ballast = small_disk.see("ballast")
    with pytest.raises(OSError), ballast.open("wb") as file:  # noqa: PT011 - whatever "full" is called here
        while True:
            file.write(os.urandom(64 * 1024))
            file.flush()
    big = [{"id": f"big-{number}", "type": "a.b", "data": {"text": "x" * 1000}} for number in range(5000)]
    status, answer = small_disk.post(big)
    assert status == 503, answer
    assert "full" in answer["detail"] and "Nothing of this request was stored" in answer["detail"]
    assert int(small_disk.last_headers["retry-after"]) > 0
    small_disk.accounts()
    ballast.unlink()
    deadline = time.monotonic() + 20
    while small_disk.post([{"id": "after", "type": "a.b", "data": {}}])[0] != 202:
        assert time.monotonic() < deadline, "it goes on when there is room again"
        time.sleep(0.1)
    small_disk.settle()
    ids = small_disk.stored_ids()
    assert set(ids) == {event["id"] for event in kept} | {"after"}, "nothing of the refused request was stored"
    assert len(ids) == len(set(ids))
