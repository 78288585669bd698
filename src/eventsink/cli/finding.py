"""What one check of `eventsink doctor` found."""

import msgspec

__all__ = ["Finding"]


class Finding(msgspec.Struct, frozen=True):
    """What one check found; `remedy` says what to do when it is not well."""

    check: str
    ok: bool
    found: str
    remedy: str = ""
