"""What is known of users beside their events: a file that an operator keeps, with names and institutions."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import msgspec

from eventsink.causes import why

__all__ = ["People", "Person", "read_people"]

LARGEST = 64 << 20  # bytes of the file
_KNOWN = ("id", "name", "email", "institution")


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a user; what is not is empty."""

    name: str = ""
    email: str = ""
    institution: str = ""


class People(msgspec.Struct, frozen=True):
    """Users by their ids.

    Args:
        by_id: those that are known.
        trouble: why some are not, a sentence; or nothing.
    """

    by_id: Mapping[str, Person] = {}
    trouble: str = ""


def read_people(path: str) -> People:
    """The people of a CSV file with a column `id` and any of `name`, `email` and `institution`.

    A file that cannot be read is no reason to give no report: its trouble is said in the report.
    """
    if not path:
        return People()
    try:
        return _read(Path(path))
    except UnicodeDecodeError:
        return People(trouble="The file of people (reports.people) is no UTF-8: it is not used.")
    except csv.Error as error:
        return People(trouble=f"The file of people (reports.people) is no CSV: {error}.")
    except (OSError, ValueError) as error:
        return People(trouble=f"The file of people (reports.people) cannot be read: {why(error)}.")


def _read(path: Path) -> People:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        return People(trouble=f"The file of people (reports.people) has more than {LARGEST >> 20} MB: it is not read.")
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), restkey="", restval="")
    if "id" not in (rows.fieldnames or ()):
        return People(trouble="The file of people (reports.people) has no column id: it is not used.")
    return People({row["id"].strip(): _person(row) for row in rows if row["id"].strip()})


def _person(row: Mapping[str, str]) -> Person:
    return Person(**{name: (row.get(name) or "").strip() for name in _KNOWN if name != "id"})
