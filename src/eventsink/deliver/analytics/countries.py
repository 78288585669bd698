"""English names of countries, as Amplitude has them. In: ISO 3166-1 alpha-2. Out: a name."""

import functools
from collections.abc import Mapping
from importlib import resources

__all__ = ["name_of"]

# Where the table of the time zones has another name than services that look addresses up.
_NAMES = {
    "AE": "United Arab Emirates",
    "BN": "Brunei",
    "CD": "DR Congo",
    "CG": "Congo Republic",
    "CI": "Ivory Coast",
    "CV": "Cabo Verde",
    "CZ": "Czechia",
    "FM": "Micronesia",
    "GB": "United Kingdom",
    "KP": "North Korea",
    "KR": "South Korea",
    "MK": "North Macedonia",
    "MM": "Myanmar",
    "SZ": "Eswatini",
    "VA": "Vatican City",
    "WS": "Samoa",
    "AS": "American Samoa",
}


def name_of(code: str) -> str:
    """The name of a country, or the code itself where it is not known."""
    return _NAMES.get(code) or _table().get(code, code)


@functools.cache
def _table() -> Mapping[str, str]:
    """The table that comes with the data of the time zones (public domain); empty where that is not installed."""
    try:
        text = resources.files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text("utf-8")
    except (ModuleNotFoundError, OSError):
        return {}
    lines = (line.split("\t") for line in text.splitlines() if not line.startswith("#") and "\t" in line)
    return {code: name for code, name, *_ in lines}
