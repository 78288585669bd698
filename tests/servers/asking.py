"""What tests of servers ask with: a connection, and any JSON at all."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from hypothesis import strategies as st

__all__ = ["any_json", "connected"]


@contextmanager
def connected(url: str) -> Iterator[http.client.HTTPConnection]:
    """One connection to a server, which is kept open while in the context."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def any_json() -> st.SearchStrategy[object]:
    """Small values of every kind."""
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=8,
    )
