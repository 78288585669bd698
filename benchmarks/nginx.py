"""Reading access logs: `eventsink nginx` beside GoAccess, both on the same file, neither on more than one core."""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.results import Result

__all__ = ["BENCHMARKS"]

LINES = 1_000_000
RESOURCES = 20_000
AGENTS = 400
CLIENTS = 30_000
BEGIN = 1_790_000_000.0

_GOACCESS_JSON = (
    '{"time_iso8601":"%dT%t+%^","remote_addr":"%h","request_method":"%m","request_uri":"%U","server_protocol":"%H",'
    '"status":"%s","body_bytes_sent":"%b","request_time":"%T","http_referer":"%R","http_user_agent":"%u"}'
)
_GOACCESS = {
    "combined": ["--log-format=COMBINED"],
    "json": [f"--log-format={_GOACCESS_JSON}", "--date-format=%Y-%m-%d", "--time-format=%H:%M:%S"],
}


def access_logs() -> list[Result]:
    """A million lines of a Clowder's log, counted by minutes; combined and JSON."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, lines in (("combined", _combined), ("json", _json)):
            log = Path(folder) / f"{kind}.log"
            with log.open("w") as file:
                file.writelines(lines(random.Random(1)))
            pairs, memory = [], 0.0
            for _ in range(3):  # in turns, so that a noisy neighbour disturbs both
                base = _seconds([*_goaccess(log, kind)])[0] if shutil.which("goaccess") else None
                ours, memory = _seconds(_ours(log, "--every", "1m", "--format", "json"))
                pairs.append((LINES / ours, LINES / base if base else None))
            value = statistics.median(rate for rate, _ in pairs)
            baselines = [base for _, base in pairs if base]
            baseline = statistics.median(baselines) if baselines else None
            results.append(
                Result(
                    name=f"access log, {kind}",
                    value=value,
                    unit="lines/CPU s",
                    baseline=baseline,
                    ratio=value / baseline if baseline else None,
                    aim="ratio >= 5",
                    limit=(
                        "Whole processes, by the processor's time; GoAccess of the distribution makes other reports of"
                        f" the same lines. {log.stat().st_size / LINES:.0f} bytes a line; {memory:.0f} MB at most."
                    ),
                )
            )
            if kind == "combined":
                seconds, _ = _seconds(_ours(log, "--events"))
                results.append(Result(name="access log to events", value=LINES / seconds, unit="lines/CPU s"))
    return results


def _ours(log: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "eventsink", "nginx", str(log), *options]


def _goaccess(log: Path, kind: str) -> Iterator[str]:
    report = log.with_suffix(".report.json")
    yield from ["goaccess", str(log), "--no-global-config", "--no-progress", "-o", str(report), *_GOACCESS[kind]]


def _seconds(command: list[str]) -> tuple[float, float]:
    """Seconds of a processor that a command takes, whoever else uses the machine; and its most memory, megabytes."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if process.returncode:
            raise RuntimeError(f"{command} failed:\n{errors.read().decode('utf-8', 'replace')}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def _requests(chance: random.Random) -> Iterator[tuple[float, str, str, int, int, str, str, float]]:
    agents = _agents(chance)
    clients = [".".join(str(chance.randrange(1, 255)) for _ in range(4)) for _ in range(CLIENTS)]
    resources = [f"{chance.getrandbits(96):024x}" for _ in range(RESOURCES)]
    now = BEGIN
    for _ in range(LINES):
        now += chance.expovariate(50)
        resource = _one_of(resources, chance)
        path = chance.choice(
            [
                f"/datasets/{resource}",
                f"/files/{resource}",
                f"/api/files/{resource}/blob",
                f"/api/datasets/{resource}/metadata.jsonld",
                f"/assets/javascripts/app.js?v={chance.randrange(100)}",
            ]
        )
        status = chance.choice([200] * 20 + [304, 304, 404, 302, 500])
        referrer = f"https://clowder.example.org/datasets/{resource}" if chance.random() < 0.6 else "-"
        took = chance.expovariate(8)
        client, agent = _one_of(clients, chance), _one_of(agents, chance)
        yield now, client, path, status, chance.randrange(200, 200_000), referrer, agent, took


def _one_of(names: list[str], chance: random.Random) -> str:
    """One of some names, a few of which are much more frequent than most."""
    return names[int(len(names) * chance.random() ** 3)]


def _agents(chance: random.Random) -> list[str]:
    browser = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.{}.0"
    browsers = [
        browser.format(chance.randrange(90, 150), chance.randrange(9)) + " Safari/537.36" for _ in range(AGENTS)
    ]
    tools = [f"python-requests/2.{number}" for number in range(20)] + ["curl/8.5.0", "pyClowder/3.0.8"]
    robots = [f"Mozilla/5.0 (compatible; Bot{number}/2.1; +https://bots.example/bot.html)" for number in range(30)]
    return browsers + tools + robots


def _combined(chance: random.Random) -> Iterator[str]:
    for now, client, path, status, size, referrer, agent, _ in _requests(chance):
        stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now))
        yield f'{client} - - [{stamp}] "GET {path} HTTP/1.1" {status} {size} "{referrer}" "{agent}"\n'


def _json(chance: random.Random) -> Iterator[str]:
    for number, (now, client, path, status, size, referrer, agent, took) in enumerate(_requests(chance)):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now))
        yield (
            f'{{"msec":{now:.3f},"time_iso8601":"{stamp}","remote_addr":"{client}","connection":{number // 4},'
            f'"connection_requests":{number % 4},"request_method":"GET","request_uri":"{path}",'
            f'"server_protocol":"HTTP/1.1","status":{status},"body_bytes_sent":{size},"request_time":{took:.3f},'
            f'"upstream_response_time":"{took:.3f}","http_referer":"{referrer}","http_user_agent":"{agent}"}}\n'
        )


BENCHMARKS: list[Callable[[], list[Result]]] = [access_logs]
