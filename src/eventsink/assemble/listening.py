"""Why a port cannot be listened on, and what to do about it, in one sentence for every process that listens."""

import errno
import os

from eventsink.errors import SettingsError

__all__ = ["cannot_listen"]


def cannot_listen(error: OSError, host: str, port: int, *, of_port: str, of_host: str) -> SettingsError:
    """What to raise.

    Args:
        error: that came when it was tried.
        of_port: what gives another port, as `--port`.
        of_host: what gives another host, as `--host`.
    """
    if error.errno == errno.EADDRINUSE:
        reason = f"{os.strerror(error.errno)}. Give another {of_port}, or end what uses it."
    elif isinstance(error, PermissionError):
        reason = f"{os.strerror(errno.EACCES)}. Give a {of_port} from 1024 on, and a proxy in front."
    else:  # a name that is none, an address of another machine
        reason = f"this machine has no such address. Give another {of_host}, as 127.0.0.1."
    return SettingsError(f"Cannot listen on {host}:{port}: {reason}")
