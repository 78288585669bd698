"""The two checks of NGINX: its log, and its status page."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from eventsink.catalogue import CATALOGUE, validate
from eventsink.errors import SettingsError
from eventsink.watch.check import Down, Measurement, Site, Unknown
from eventsink.watch.checks import nginx_log, nginx_status
from eventsink.watch.loading import load
from tests.servers.faults import ask, serving
from tests.watch.nginx.lines import combined

PAGE = "Active connections: {0} \nserver accepts handled requests\n {1} {2} {3} \nReading: 0 Writing: 1 Waiting: {4} \n"


def log_check(folder: Path, **options: Any) -> nginx_log.NginxLog:
    chosen = nginx_log.Options(file=str(folder / "access.log"), **{"history": True, **options})
    return nginx_log.NginxLog(chosen, Site(name="log", folder=folder / "state"))


async def test_the_log_is_measured_by_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minute = time.time() // 60 * 60
    monkeypatch.setattr(nginx_log, "time", Mock(time=Mock(return_value=minute + 30)))  # no other one ends meanwhile
    lines = [combined(minute - 60 * back, address="203.0.113.5", user="mallory") for back in (5, 5, 3, 2, 1)]
    (tmp_path / "access.log").write_bytes(b"".join(lines))
    check = log_check(tmp_path)
    found = await check.measure()
    assert [one.numbers["requests"] for one in found][:3] == [2, 1, 1]
    assert found[0].time is not None and found[0].time.timestamp() == minute - 300
    assert len({one.key for one in found}) == len(found)
    for one in found:
        assert {"target": check.target, "up": True, **one.numbers}.keys() <= CATALOGUE[check.event].fields
        validate(CATALOGUE[check.event], {"target": check.target, "up": True, **one.numbers})
    assert await check.measure() == found
    await check.kept()
    assert await check.measure() == []
    await check.close()
    again = log_check(tmp_path)
    assert await again.measure() == []
    await again.close()
    for file in (tmp_path / "state").iterdir():
        assert not any(secret in file.read_bytes() for secret in (b"203.0.113", b"mallory"))


async def test_lines_that_do_not_fit_are_told_without_what_is_in_them(tmp_path: Path) -> None:
    lines = [combined(time.time() - 300), b"203.0.113.5 mallory\n", combined(time.time() - 200)]
    (tmp_path / "access.log").write_bytes(b"".join(lines))
    check = log_check(tmp_path)
    found = await check.measure()
    assert found[0].numbers["unreadable"] == 1
    assert "1 lines do not fit the format; the first: 999.9.999.9 xxxxxxx" in found[0].message
    await check.close()


async def test_what_cannot_be_noted_is_not_told_and_not_lost(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_bytes(combined(time.time() - 300))
    in_the_way = tmp_path / "state" / "nginx-log.new"
    in_the_way.mkdir(parents=True)
    check = log_check(tmp_path)
    with pytest.raises(Unknown, match="cannot be written"):
        await check.measure()
    in_the_way.rmdir()
    assert (await check.measure())[0].numbers["requests"] == 1
    await check.kept()
    await check.close()
    (tmp_path / "state" / "nginx-log.json").write_text("{")
    check = log_check(tmp_path)
    with pytest.raises(Unknown, match="is damaged: remove it"):
        await check.measure()


async def test_a_log_that_is_not_there_cannot_be_told_of(tmp_path: Path) -> None:
    check = log_check(tmp_path)
    with pytest.raises(Unknown, match=r"There is no log .*access\.log, or it is no file") as caught:
        await check.measure()
    assert caught.value.reason == "name"


def test_the_options_of_the_log_are_checked(tmp_path: Path) -> None:
    section = {"kind": "nginx_log", "file": "access.log", "log_format": "json", "interval": 300}
    assert load("web", section, folder=tmp_path).check.target == "access.log"
    for wrong in ({"log_format": "nonsense"}, {"log_format": "$status"}, {"interval": 0}, {"conf": "/no/such/file"}):
        with pytest.raises(SettingsError):
            load("web", section | wrong)


@pytest.fixture
async def served() -> AsyncIterator[Callable[..., str]]:
    """Serves one answer after the other; gives the address."""
    answers: list[bytes] = []

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ask(reader)
        writer.write(answers.pop(0))

    async with serving(behave) as port:

        def url(*bodies: str, status: str = "200 OK") -> str:
            answers.extend(f"HTTP/1.1 {status}\r\nServer: nginx\r\n\r\n{body}".encode() for body in bodies)
            return f"http://127.0.0.1:{port}/nginx_status"

        yield url


def status_check(url: str) -> nginx_status.NginxStatus:
    return nginx_status.NginxStatus(nginx_status.Options(url), Site(timeout=5))


async def test_the_status_page_gives_what_is_open_and_what_came_since(served: Callable[..., str]) -> None:
    pages = [
        PAGE.format(*numbers) for numbers in ((3, 10, 10, 25, 2), (4, 17, 15, 40, 3), (1, 2, 2, 2, 0), (1, 3, 3, 5, 0))
    ]
    check = status_check(served(*pages))
    first, second, anew, last = [(await check.measure()).numbers for _ in range(4)]
    assert first == {"active": 3, "reading": 0, "writing": 1, "waiting": 2}
    assert (second["accepted"], second["dropped"], second["requests"]) == (7, 2, 15)
    assert second["interval_s"] >= 0
    assert "accepted" not in anew  # it was started anew, and counts from nothing
    assert (last["accepted"], last["dropped"], last["requests"]) == (1, 0, 3)
    validate(CATALOGUE[check.event], {"target": check.target, "up": True, **second})


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [("<html>", "200 OK", "content"), ("", "403 Forbidden", "status"), ("x", "??", "protocol")],
)
async def test_another_page_is_not_well(served: Callable[..., str], body: str, status: str, reason: str) -> None:
    with pytest.raises(Down) as caught:
        await status_check(served(body, status=status)).measure()
    assert caught.value.reason == reason


async def test_nobody_there_is_not_well() -> None:
    with pytest.raises(Down) as caught:
        await status_check("http://127.0.0.1:1/").measure()
    assert caught.value.reason == "refused"
    assert isinstance(Measurement(), Measurement)
