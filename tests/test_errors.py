"""The tree of errors that a reader sees is the one that there is."""

import re

import pytest

from eventsink import errors

CLASSES = [found for found in vars(errors).values() if isinstance(found, type) and found.__module__ == errors.__name__]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_stands_under_its_parent(error: type) -> None:
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ([│├└─ ]*)(\w+)", line):
            del parents[len(found[1]) // 4 :]
            parents.append(found[2])
            if found[2] == error.__name__:
                break
    assert parents[-2:] == ([error.__base__.__name__, error.__name__] if len(parents) > 1 else [error.__name__])
    assert parents[-1] == error.__name__
