"""Pages and reports as the settings want them."""

from eventsink.errors import SettingsError
from eventsink.look.numbers.clowder_names import ClowderNames
from eventsink.look.numbers.desk import NumbersDesk
from eventsink.look.numbers.people import read_people
from eventsink.look.numbers.report_desk import ReportDesk
from eventsink.settings import Settings
from eventsink.store import Store
from eventsink.store.zones import zone_of

__all__ = ["check_reports", "numbers_desk"]


def numbers_desk(settings: Settings, store: Store) -> NumbersDesk:
    """What answers for pages and reports.

    Raises:
        SettingsError: the zone of reports is none, or the address of Clowder.
    """
    zone = _zone(settings)
    reports = ReportDesk(store, zone, settings.reports.people, _clowder(settings))
    return NumbersDesk(store, zone, reports)


def check_reports(settings: Settings) -> None:
    """Nothing, if the settings of reports are well.

    Raises:
        SettingsError: they are not; also that the file of people cannot be read, which is no reason not to start.
    """
    _zone(settings)
    _clowder(settings)
    if trouble := read_people(settings.reports.people).trouble:
        raise SettingsError(trouble)


def _zone(settings: Settings) -> str:
    try:
        return zone_of(settings.reports.zone).key
    except SettingsError:  # which repeats the value, and people put keys into wrong places
        raise SettingsError("reports.zone is no time zone: write one as UTC or America/Chicago.") from None


def _clowder(settings: Settings) -> ClowderNames | None:
    reports = settings.reports
    if not reports.clowder_url:
        return None
    return ClowderNames(reports.clowder_url, reports.clowder_key, settings.names_path)
