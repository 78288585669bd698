"""The statements of the store, one a file. `{…}` stands for names and parts of statements, `$…` for values."""

from functools import cache
from importlib.resources import files

__all__ = ["statement"]


def statement(name: str, **parts: str) -> str:
    """The statement of a file, with its parts filled in."""
    return _text(name).format(**parts)


@cache
def _text(name: str) -> str:
    return files(__name__).joinpath(f"{name}.sql").read_text("utf-8")
