"""Load from wrk: bodies made by Lua, each event with an id of its own; the outcome as numbers."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

__all__ = ["Outcome", "post"]

_SCRIPT = """
local batch, key = %(batch)d, "%(key)s"
local thread, counter = math.random(1, 65535), 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-API-Key"] = key
function init() math.randomseed(os.time() + %(seed)d); thread = math.random(0, 0x7fffffff) end
local function event()
  counter = counter + 1
  local ms = os.time() * 1000 + counter %% 1000
  return string.format('{"id":"%%08x-%%04x-7%%03x-8%%03x-%%08x%%04x","type":"storage.file_uploaded","user":"user-%%d",'
    .. '"data":{"file_id":"64b%%010d","dataset_id":"64c%%06d","bytes":%%d,"file_name":"plot-%%d.png"}}',
    math.floor(ms / 65536), ms %% 65536, counter %% 4096, math.floor(counter / 4096) %% 4096, thread,
    math.floor(counter / 16777216) %% 65536, counter %% 500, counter, counter %% 5000, counter * 37, counter)
end
function request()
  if batch == 1 then return wrk.format(nil, nil, nil, event()) end
  local events = {}
  for i = 1, batch do events[i] = event() end
  return wrk.format(nil, nil, nil, "[" .. table.concat(events, ",") .. "]")
end
function done(summary, latency)
  print("OUTCOME " .. string.format('{"requests":%%d,"seconds":%%f,"failed":%%d,"median_ms":%%f,"p99_ms":%%f}',
    summary.requests, summary.duration / 1e6,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write
      + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


class Outcome(msgspec.Struct, frozen=True):
    """What wrk saw.

    Args:
        median_ms: of the answers, milliseconds; `p99_ms` likewise.
    """

    requests: int
    seconds: float
    failed: int
    median_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return self.requests / self.seconds


def post(  # noqa: PLR0913 - what a load is
    url: str, key: str, *, batch: int, connections: int, seconds: float, seed: int, core: int | None = None
) -> Outcome:
    """Post to a URL for some seconds.

    Args:
        batch: events of each request.
        core: processor that wrk is tied to.
    """
    pin = ["taskset", "-c", str(core)] if core is not None and shutil.which("taskset") else []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(_SCRIPT % {"batch": batch, "key": key, "seed": seed})
        command = [*pin, "wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "-s", str(script), url]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = next(line for line in printed.splitlines() if line.startswith("OUTCOME "))
    outcome = msgspec.convert(json.loads(line.removeprefix("OUTCOME ")), Outcome)
    if outcome.failed:
        raise RuntimeError(f"{outcome.failed} of {outcome.requests} requests to {url} failed:\n{printed}")
    return outcome
