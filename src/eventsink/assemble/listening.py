"""Why a port cannot be listened on, and what to do about it, in one sentence for every process that listens."""

import errno
import os

from eventsink.causes import why
from eventsink.errors import SettingsError

__all__ = ["cannot_listen"]

# An address of another machine, and one of IPv6 where there is none. What looks up names has numbers of its own, which
# are none of the system's; asyncio gives none where a name has several addresses.
_NO_ADDRESS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


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
    elif error.errno in _NO_ADDRESS or error.errno not in errno.errorcode:
        reason = f"this machine has no such address. Give another {of_host}, as 127.0.0.1."
    elif error.errno in (errno.EMFILE, errno.ENFILE):
        reason = f"{os.strerror(error.errno)}. Allow more of them (`ulimit -n`, LimitNOFILE of systemd)."
    else:
        reason = f"{why(error)}. If that is of this address, give another {of_host} or {of_port}."
    return SettingsError(f"Cannot listen on {host}:{port}: {reason}")
