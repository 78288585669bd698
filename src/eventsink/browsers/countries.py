"""The country of an address: from a file of the operator, or from the lists of who was given which addresses.

The lists (package iptocc, renewed nightly there) say where an address is registered, which is where it is used in about
95 % of cases. A file in the form of MaxMind (.mmdb: GeoLite2, DB-IP, IPinfo) says more exactly where it is used.
"""

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import structlog

from eventsink.errors import PluginError, SettingsError

__all__ = ["Countries", "is_country"]

Look = Callable[[str], str]
_log = structlog.get_logger(__name__)


def is_country(text: str) -> bool:
    """Whether a text has the form of ISO 3166-1 alpha-2; XX and T1 are what proxies say who do not know."""
    return len(text) == 2 and text.isascii() and text.isalpha() and text.isupper() and text != "XX"


class Countries:
    """Finds the country of an address.

    Args:
        file: in the form of MaxMind; None uses the lists.

    Raises:
        SettingsError: the file cannot be read.
        PluginError: a package is not installed.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._look = _lists() if file is None else _database(file)

    def of(self, address: str) -> str:
        """ISO 3166-1 alpha-2; empty where it is not known, as of a private address."""
        try:
            found = self._look(str(ip_address(address.partition("%")[0])))
        except ValueError:
            return ""
        return found if is_country(found) else ""


def _lists() -> Look:
    try:
        from iptocc import country_code  # noqa: PLC0415 - where countries are asked for
    except ImportError:
        raise PluginError("Countries cannot be told: pip install iptocc, or name a file with browser.geoip.") from None
    return lambda address: country_code(address) or ""


def _database(file: Path) -> Look:
    try:
        import maxminddb  # noqa: PLC0415 - where there is such a file
    except ImportError:
        raise PluginError("browser.geoip cannot be read: pip install maxminddb.") from None
    try:
        reader = maxminddb.open_database(
            file, maxminddb.MODE_MEMORY
        )  # a file that is cut while it is mapped ends the process
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        reason = getattr(error, "strerror", None) or "it is none"
        raise SettingsError(f"browser.geoip cannot be read as a file of countries (.mmdb): {reason}.") from None

    told = False

    def look(address: str) -> str:
        nonlocal told
        try:
            found: Any = reader.get(address)
        except (maxminddb.InvalidDatabaseError, UnicodeDecodeError, TypeError) as error:  # what damage within leads to
            if not told:  # or each request would say it
                told = True
                _log.error("browser.countries_damaged", file=str(file), reason=str(error))
            return ""
        country = found.get("country") if isinstance(found, dict) else None
        if isinstance(country, str):  # as IPinfo has it
            return country
        return str(country.get("iso_code", "")) if isinstance(country, dict) else ""

    return look
