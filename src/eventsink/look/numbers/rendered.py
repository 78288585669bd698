"""What is sent for a page, panel or report."""

import msgspec

__all__ = ["Rendered"]


class Rendered(msgspec.Struct, frozen=True):
    """What is sent.

    Args:
        filename: under which a browser keeps it; empty: it is shown.
        notes: what is to be known of it and does not stand in it, as in CSV.
    """

    body: bytes
    media_type: str = "application/json"
    filename: str = ""
    notes: tuple[str, ...] = ()
