"""Lines of logs, made of known values."""

import re
import time
from collections.abc import Mapping

__all__ = ["COMBINED", "combined", "local", "rendered"]

COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def local(seconds: float) -> str:
    """A time as $time_local has it."""
    return time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(seconds))


def combined(
    seconds: float = 1_800_000_000,
    *,
    address: str = "192.0.2.7",
    user: str = "-",
    request: str = "GET / HTTP/1.1",
    status: int = 200,
    size: int = 10,
    agent: str = FIREFOX,
) -> bytes:
    """A line of the combined format."""
    return f'{address} - {user} [{local(seconds)}] "{request}" {status} {size} "-" "{agent}"\n'.encode()


def rendered(text: str, values: Mapping[str, str], escape: str = "default") -> bytes:
    """A line as NGINX writes it."""

    def value(found: re.Match[str]) -> str:
        return _escaped(values[found[1] or found[2]], escape)

    return re.sub(r"\$\{(\w+)\}|\$(\w+)", value, text).encode("utf-8", "surrogateescape") + b"\n"


def _escaped(value: str, escape: str) -> str:
    if escape == "none":
        return value
    if escape == "json":
        names = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", '"': '\\"', "\\": "\\\\"}
        return "".join(names.get(c, f"\\u{ord(c):04x}" if c < " " else c) for c in value)
    if not value:
        return "-"
    raw = value.encode("utf-8", "surrogateescape")
    return "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02X}" for b in raw)
