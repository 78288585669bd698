"""What the system and libraries say of a failure, for the person who has to act: no class names, no numbers."""

import errno
import http.client
import os
import re
import socket
import ssl
from collections.abc import Iterator

__all__ = ["remedy", "why", "why_unreachable"]

_ERRNO = re.compile(r"\[Errno (-?\d+)\]\s*")
# What libraries leave of the system's errors, where they have only a text of it.
_WORDS = (
    ("connection refused", "nothing listens at this address"),
    ("name or service not known", "there is no host of this name"),
    ("nodename nor servname", "there is no host of this name"),
    ("temporary failure in name resolution", "the name of the host cannot be looked up"),
    ("no address associated", "there is no host of this name"),
    ("getaddrinfo failed", "there is no host of this name"),
    ("no route to host", "no way leads to this host"),
    ("network is unreachable", "no way leads to this host"),
    ("certificate has expired", "its certificate has expired"),
    ("hostname mismatch", "its certificate is for another host"),
    ("self-signed", "nobody whom we trust has signed its certificate"),
    ("self signed", "nobody whom we trust has signed its certificate"),
    ("unable to get local issuer", "nobody whom we trust has signed its certificate"),
    ("certificate verify failed", "its certificate is not trusted"),
    ("wrong version number", "it does not speak TLS at this address"),
    ("record layer failure", "it does not speak TLS at this address"),
    ("ssl handshake failed", "no TLS could be agreed on; perhaps it speaks none at this address"),
    ("connection reset", "it hung up"),
    ("connection closed", "it hung up"),
    ("broken pipe", "it hung up"),
    ("remote end closed", "it hung up"),
    ("timed out", "no answer came in time"),
)


def why_unreachable(error: BaseException) -> str | None:
    """Why something on the network cannot be reached; None if that is not what the error is about."""
    for cause in _chain(error):
        match cause:
            case ConnectionRefusedError():
                return "nothing listens at this address"
            case ssl.SSLError() | socket.gaierror():
                tls = isinstance(cause, ssl.SSLError)
                return _in_words(str(cause)) or (
                    "no TLS could be agreed on" if tls else "there is no host of this name"
                )
            case TimeoutError():
                return "no answer came in time"
            case ConnectionError() | http.client.IncompleteRead():
                return "it hung up"
            case http.client.HTTPException():
                return "its answer is no HTTP"
    return _in_words(" ".join(map(str, _chain(error))))


def why(error: BaseException) -> str:
    """Why a file could not be used, a library refused, or a server not be reached."""
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError | socket.gaierror):
        if error.errno and (error.strerror or "").startswith("Connect call failed"):  # asyncio's own words
            return (_in_words(os.strerror(error.errno)) or os.strerror(error.errno)).rstrip(".")
        return (error.strerror or _ERRNO.sub("", str(error)) or "the system gives no reason").rstrip(".")
    return why_unreachable(error) or _ERRNO.sub("", str(error)).rstrip(".") or "it gives no reason"


def remedy(error: BaseException, option: str = "--data") -> str:
    """A sentence on what to do about a file or folder that cannot be used, with a blank before it; or nothing.

    Args:
        option: what gives another place.
    """
    code = error.errno if isinstance(error, OSError) else None
    text = str(error)
    if code in (errno.ENOSPC, errno.EDQUOT) or "disk is full" in text:
        return " Free some space on that disk."
    if code == errno.EROFS or "readonly" in text:
        return f" Make that disk writable, or give another place with {option}."
    if code in (errno.EACCES, errno.EPERM):
        return f" Let this user write there (chown, chmod), or give another place with {option}."
    if code in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST):
        return f" Give a place in which a folder can be made, with {option}."
    if "file is not a database" in text or "disk image is malformed" in text:
        return " It is damaged: put that of a backup in its place, or move it away, and begin without what was in it."
    return ""


def _in_words(text: str) -> str | None:
    low = _ERRNO.sub(lambda found: f"{os.strerror(int(found[1]))}: ", text).lower()
    return next((words for mark, words in _WORDS if mark in low), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it stands for: libraries wrap the system's."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__
