"""A job of cron, `python nightly.py FOLDER`: what it did, also if the sink is away just then."""

import shutil
import sys
import time

from eventsink import SinkService

with SinkService() as sink:  # what cannot be sent now, the next run sends
    began = time.monotonic()
    usage = shutil.disk_usage(sys.argv[1])
    sink.capture("example.nightly", free_bytes=usage.free, seconds=round(time.monotonic() - began, 3))
    print("done", sink.counts)
