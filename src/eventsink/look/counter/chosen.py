"""What the settings say of COUNTER's report: how usage is counted, and who publishes."""

from eventsink.errors import SettingsError
from eventsink.look.counter.about import Platform
from eventsink.mistakes import is_address
from eventsink.settings import Counter
from eventsink.store.counter import Rules
from eventsink.store.zones import zone_of

__all__ = ["check_counter", "platform_of", "rules_of"]


def check_counter(chosen: Counter) -> None:
    """Find what is wrong in the settings of the report, before anything is counted.

    Raises:
        SettingsError: a sentence that names the setting.
    """
    rules_of(chosen)
    platform_of(chosen)


def rules_of(chosen: Counter) -> Rules:
    """How usage is counted.

    Raises:
        SettingsError: there is no such time zone.
    """
    try:
        zone_of(chosen.zone)
    except SettingsError:  # which repeats the value, and people put keys into wrong places
        raise SettingsError("counter.zone is no time zone: write one as UTC or America/Chicago.") from None
    return Rules(
        zone=chosen.zone,
        sources=tuple(chosen.sources),
        views=chosen.views,
        downloads=chosen.downloads,
        visitor=chosen.visitor,
        session_slice=chosen.session_slice,
        anonymous=chosen.anonymous,
        partial=chosen.partial,
        internal_users=tuple(chosen.internal_users),
        extractor_downloads=chosen.extractor_downloads,
        extraction_s=chosen.extraction_s,
    )


def platform_of(chosen: Counter) -> Platform:
    """The installation whose usage is reported.

    Raises:
        SettingsError: a name is one that DataCite refuses, or an address is none.
    """
    for name in ("address", "help_url"):
        value = getattr(chosen, name)
        if value and not is_address(value):
            raise SettingsError(f"counter.{name} must be an address, as https://clowder.example.org.")
    return Platform(
        name=chosen.platform,
        created_by=chosen.created_by or chosen.platform,
        publisher=chosen.publisher,
        publisher_id=chosen.publisher_id,
        publisher_id_type=chosen.publisher_id_type,
        address=chosen.address,
        volume=chosen.volume,
        help_url=chosen.help_url,
    )
