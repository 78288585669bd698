"""Reads a log of NGINX until it is killed: what it hears is appended to a file, and then kept."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from eventsink.watch.check import Site
from eventsink.watch.checks.nginx_log import NginxLog, Options


async def read(folder: Path, log: str, log_format: str) -> None:
    """Measure again and again."""
    options = Options(file=log, log_format=log_format, interval=1, lag=3.0, history=True)
    check = NginxLog(options, Site(folder=folder / "state"))
    heard = os.open(folder / "heard.ndjson", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        found = await check.measure()
        for one in found:
            os.write(heard, msgspec.json.encode([one.key, dict(one.numbers), one.message]) + b"\n")
        os.fsync(heard)
        await check.kept()
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(read(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
