"""Whether a text may be shown to strangers: what looks as if it named a person, a machine or a key may not.

Of what an allow-list lets through the values are looked at, too: senders put anything anywhere.
"""

import re
import unicodedata

from eventsink.redact import hide_secrets

__all__ = ["has_address", "is_harmless"]

_IPV4 = re.compile(r"(?i)(?<!\d)\d{1,4}([._-])\d{1,4}\1\d{1,4}\1\d{1,4}(?!\d)|(?<![0-9a-z])0x[0-9a-f]{6,8}(?![0-9a-z])")
_IPV6 = re.compile(r"(?i)(?<![0-9a-z])(?:[0-9a-f]{1,4}:){2,7}[0-9a-f]{0,4}|::[0-9a-f]")
_LONG = re.compile(r"(?=[A-Za-z+/_=-]*\d)[A-Za-z0-9+/_=-]{28,}")  # as keys are, and hashes, and no word of a person
_HEX = re.compile(r"[0-9a-fA-F]{20,}")
_AWS = re.compile(r"(?i)(?<![a-z0-9])(?:akia|asia|aida|aroa|agpa|anpa|anva|abia|acca)[a-z0-9]{16}(?![a-z0-9])")
_AT = re.compile(r"(?i)\w\s*(?:\bat\b|\(at\)|\[at\])\s*[\w-]+\s*(?:\.|\(dot\)|\[dot\]|\bdot\b)\s*[a-z]{2}")


def has_address(text: str) -> bool:
    """Whether a text holds what looks like an IP address."""
    return bool(_IPV4.search(text) or _IPV6.search(text))


def is_harmless(text: str) -> bool:
    """Whether a text holds no e-mail address, no address on the net, no IP address and no key, however written."""
    if not text.isascii():
        if any(unicodedata.category(each) == "Cf" for each in text):  # what is not seen hides something
            return False
        text = unicodedata.normalize("NFKC", text)
    return (
        "@" not in text
        and "%40" not in text
        and "&#" not in text
        and "://" not in text
        and not _AT.search(text)
        and not _AWS.search(text)
        and all(len(found) == 24 for found in _HEX.findall(text))
        and not has_address(text)
        and not _LONG.search(text)
        and hide_secrets(text) == text
    )
