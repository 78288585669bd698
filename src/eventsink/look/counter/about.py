"""Who publishes, and what is known of datasets beside their usage: not from events, but from settings and Clowder."""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from eventsink.errors import SettingsError

__all__ = ["About", "DatasetAbout", "Platform"]

UNKNOWN_YEAR = "0001"  # of a dataset whose year nobody knows
_CREATED_BY = re.compile(r".*[-._;()/:a-zA-Z0-9*~$=]", re.DOTALL)  # what DataCite's hub takes


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """The installation whose usage is reported; from the settings.

    Args:
        name: of the platform, as "Clowder NCSA".
        created_by: who makes the report: organisation or system. DataCite tells reports apart by it: never change it.
        publisher: of datasets that name none of their own.
        publisher_id: its id, of the type `publisher_id_type`; empty for none. A GRID id is written in full.
        address: where Clowder is, as "https://clowder.example.org"; makes the addresses of datasets; empty for none.
        volume: add bytes to the requests, which DataCite does not take.
        help_url: of a page about our exceptions; empty for none.

    Raises:
        SettingsError: a name is missing, or is one that DataCite refuses.
    """

    name: str
    created_by: str
    publisher: str = ""
    publisher_id: str = ""
    publisher_id_type: Literal["isni", "orcid", "grid", "urn", "client-id"] = "grid"
    address: str = ""
    volume: bool = False
    help_url: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise SettingsError("counter.platform is empty: COUNTER's reports name the platform, as 'Clowder NCSA'.")
        if not _CREATED_BY.fullmatch(self.created_by):
            raise SettingsError(
                "counter.created_by, or counter.platform in its place, names who makes the reports: it must end in a"
                " letter of ASCII, a digit, or one of - . _ ; ( ) / : * ~ $ =."
            )


class DatasetAbout(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a dataset. What is empty is left out of the report.

    Args:
        title: real text; without one the name in its events stands for it.
        published: date, as "2021-05-21".
        year: of publication, as "2021"; without one that of `published`.
        uri: without one it is made of the platform's address.
    """

    title: str = ""
    doi: str = ""
    creators: tuple[str, ...] = ()
    published: str = ""
    year: str = ""
    version: str = ""
    publisher: str = ""
    uri: str = ""

    @property
    def year_of_publication(self) -> str:
        """Its year; 0001 where nobody knows it."""
        return self.year or self.published[:4] or UNKNOWN_YEAR


class About(msgspec.Struct, frozen=True):
    """What is known of datasets, by their ids."""

    datasets: Mapping[str, DatasetAbout] = {}

    def of(self, dataset: str) -> DatasetAbout:
        """What is known of one; nothing, of one that is not known."""
        return self.datasets.get(dataset) or DatasetAbout()
