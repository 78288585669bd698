"""Puts the rooms together: which exchange, which workers, which front door run in one process; and takes them down.

In: settings. Out: a running process, until it is told to stop. Called by the commands.
"""

from eventsink.assemble.process import api, monitor, serve, up, work

__all__ = ["api", "monitor", "serve", "up", "work"]
