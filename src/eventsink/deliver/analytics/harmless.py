"""Whether a text may be shown to strangers: what looks as if it named a person, a machine or a key may not.

Of what an allow-list lets through the values are looked at, too: senders put anything anywhere.
"""

import re

from eventsink.redact import hide_secrets

__all__ = ["has_address", "is_harmless"]

_IPV4 = re.compile(r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
_IPV6 = re.compile(r"(?i)(?<![0-9a-z])(?:[0-9a-f]{1,4}:){2,7}[0-9a-f]{0,4}|::[0-9a-f]")
_LONG = re.compile(r"(?=[A-Za-z+/_=-]*\d)[A-Za-z0-9+/_=-]{28,}")  # as keys are, and hashes, and no word of a person


def has_address(text: str) -> bool:
    """Whether a text holds what looks like an IP address."""
    return bool(_IPV4.search(text) or _IPV6.search(text))


def is_harmless(text: str) -> bool:
    """Whether a text holds no e-mail address, no address on the net, no IP address and no key."""
    return (
        "@" not in text
        and "%40" not in text
        and "://" not in text
        and not has_address(text)
        and not _LONG.search(text)
        and hide_secrets(text) == text
    )
