"""Certificates of servers: how many days they are valid, and what is wrong with them, in words.

The end of a certificate is read from its DER by ourselves: the standard library describes only what it has verified,
and the end of an invalid one is what a person wants to know.
"""

import os
import ssl
import time
from datetime import UTC, datetime
from functools import lru_cache

from eventsink.causes import why_unreachable

__all__ = ["context", "days_left", "failure", "flaw"]

RENEWED = 3600  # seconds: new authorities are believed, and old ones are not, after this time
_VERIFY_CODES = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "it has signed its certificate itself",
    19: "an authority that this machine does not know has signed its certificate",
    20: "an authority that this machine does not know has signed its certificate, or it keeps an intermediate one back",
    21: "it keeps back an intermediate certificate, or its authority is not known to this machine",
    23: "its certificate was revoked",
    62: "its certificate is for another host",
    64: "its certificate is for another address",
}
_SEQUENCE, _VERSION = 0x30, 0xA0
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18


def context(*, verify: bool) -> ssl.SSLContext:
    """How to speak TLS. To read all authorities takes milliseconds, so it is kept for an hour.

    Args:
        verify: chain and name of the host; authorities are those of the system, or of SSL_CERT_FILE and SSL_CERT_DIR.
    """
    places = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    return _context(verify, places, int(time.monotonic() // RENEWED))


@lru_cache(maxsize=4)
def _context(verify: bool, _places: object, _hour: int) -> ssl.SSLContext:  # noqa: FBT001 - a key of the cache
    made = ssl.create_default_context()
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def flaw(error: ssl.SSLCertVerificationError) -> str:
    """What is wrong with a certificate, in words."""
    return _VERIFY_CODES.get(error.verify_code, f"its certificate is not trusted ({error.verify_message})")


def failure(error: ssl.SSLError) -> str:
    """Why TLS has failed, in words."""
    return why_unreachable(error) or "no TLS could be agreed on"


def days_left(der: bytes) -> float | None:
    """Days until a certificate ends, negative if it has; None if it is none that can be read.

    Of a certificate (RFC 5280) that is: sequence, sequence; in it [version], serial number, algorithm, issuer, and the
    validity with its begin and its end.
    """
    try:
        certificate = _Der(der).inner(_SEQUENCE).inner(_SEQUENCE)
        if certificate.tag == _VERSION:
            certificate.skip()
        for _ in ("serial number", "algorithm", "issuer"):
            certificate.skip()
        validity = certificate.inner(_SEQUENCE)
        validity.skip()
        ends = validity.time()
        return round((ends.timestamp() - time.time()) / 86_400, 3)
    except (IndexError, ValueError, OverflowError):
        return None


class _Der:
    """Values of DER, one behind the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def tag(self) -> int:
        """Of the value that comes next."""
        return self._data[self._at]

    def skip(self) -> None:
        """Leave out a value."""
        self._content()

    def inner(self, tag: int) -> "_Der":
        """What is in the next value, which must have this tag."""
        if self.tag != tag:
            raise ValueError(f"Tag {self.tag:#x} in the place of {tag:#x}.")
        return _Der(self._content())

    def time(self) -> datetime:
        """The next value, which must be a time."""
        tag, text = self.tag, self._content().decode("ascii")
        if tag == _UTC_TIME:  # of a year between 1950 and 2049
            text = ("20" if text[:2] < "50" else "19") + text
        elif tag != _GENERALIZED_TIME:
            raise ValueError(f"Tag {tag:#x} in the place of a time.")
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)

    def _content(self) -> bytes:
        length, begin = self._data[self._at + 1], self._at + 2
        if length >= 0x80:  # so many bytes, in which the length stands
            size = length & 0x7F
            length, begin = int.from_bytes(self._data[begin : begin + size], "big"), begin + size
        self._at = begin + length
        if self._at > len(self._data):
            raise ValueError("It is cut off.")
        return self._data[begin : self._at]
