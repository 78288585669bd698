"""The configuration that produced a report, as names and values: it stands in every report."""

from collections.abc import Iterator

from eventsink import __version__
from eventsink.store.counter import Rules

__all__ = ["configuration"]


def configuration(rules: Rules) -> Iterator[tuple[str, str]]:
    """Name and value of all that decides on the counts. Of internal users only the number: they are people."""
    yield "Counted_By", f"clowder-eventsink {__version__}"
    yield "Time_Zone", rules.zone
    yield "Status_Codes", "200|304|206 of first parts" if rules.partial == "first" else "200|304"
    yield "Double_Click_Seconds", "30"
    yield "Session_Slice", rules.session_slice
    yield "Visitor_Id", rules.visitor
    yield "Anonymous", rules.anonymous
    yield "Robots", "excluded as marked on arrival, by the lists of counter-robots"
    yield "Views_Of", rules.views
    yield "Downloads_Of", rules.downloads
    yield "Sources", "|".join(rules.sources) if rules.sources else "all"
    yield "Internal_Users", str(len(rules.internal_users))
    yield "Extractor_Downloads", rules.extractor_downloads
    if rules.extractor_downloads != "count":
        yield "Extraction_Seconds", f"{rules.extraction_s:g}"
