"""Whether the process of this container is alive: exit code 0 or 1. The image has no curl.

A worker or a monitor answers on telemetry.port, a front door on its own.
"""

import http.client
import os
import sys

port = os.environ.get("EVENTSINK_TELEMETRY__PORT") or os.environ.get("EVENTSINK_COLLECT__PORT") or "8750"
try:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
except (OSError, http.client.HTTPException) as error:
    sys.exit(f"Nothing answers on port {port}: {error}")
sys.exit(0 if status == 200 else f"/healthz on port {port} answers {status}.")
