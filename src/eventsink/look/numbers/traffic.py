"""Who comes, from where, what they look at, and how the API answers."""

from eventsink.look.numbers.measures import (
    API_REQUESTS,
    DOWNLOADED,
    DOWNLOADS,
    PAGE_VIEWS,
    VIEWS,
    VISITORS,
    VISITS,
)
from eventsink.look.numbers.panel import Page, Panel, of, of_type, people
from eventsink.store.facts import Filter, Measure

__all__ = ["TRAFFIC"]

_SHOWN = (*of_type("traffic.page_view"), *people())
_RESOURCES = (*of_type("traffic.resource_viewed", "traffic.resource_downloaded"), *people())
_API = of_type("traffic.api_request")
_TITLES = {
    "page_views": "Page views",
    "visits": "Visits",
    "visitors": "Visitors by the day",
    "views": "Views of resources",
    "downloads": "Downloads",
    "downloaded": "Bytes downloaded",
    "requests": "API requests",
    "errors": "Errors (5xx)",
    "median": "Median",
    "p95": "95 %",
}
_NO_BYTES = "Downloads of whole datasets say no number of bytes."  # or 0 bytes would be read as one
_ERRORS = Measure("errors", where=(*_API, *of("status_class", 5)))
_MEDIAN = Measure("median", "median", "duration_ms", where=_API)
_P95 = Measure("p95", "p95", "duration_ms", where=_API)


def _ranking(name: str, title: str, column: str, about: str = "") -> Panel:
    """Pages and visits by a column of page views."""
    return Panel(
        name=name,
        title=title,
        chart="ranking",
        measures=(PAGE_VIEWS, VISITS),
        titles=_TITLES,
        by=(column,),
        where=_SHOWN,
        order="page_views",
        about=about,
    )


TRAFFIC = Page(
    "traffic",
    "Traffic",
    (
        Panel(
            name="totals",
            title="In this period",
            chart="figures",
            measures=(PAGE_VIEWS, VISITS, VISITORS, VIEWS, DOWNLOADS, DOWNLOADED, API_REQUESTS, _ERRORS),
            titles=_TITLES,
            units={"downloaded": "bytes"},
            about=f"Robots and failed requests are left out. Who comes on two days is two visitors. {_NO_BYTES}",
        ),
        Panel(
            name="pages_over_time",
            title="Page views, views and downloads",
            chart="lines",
            measures=(PAGE_VIEWS, VIEWS, DOWNLOADS),
            titles=_TITLES,
        ),
        _ranking("pages", "Pages", "page"),
        Panel(
            name="resources",
            title="Resources",
            chart="ranking",
            measures=(VIEWS, DOWNLOADS, DOWNLOADED),
            titles=_TITLES,
            units={"downloaded": "bytes"},
            by=("resource_type", "resource"),
            where=(*_RESOURCES, Filter("resource")),
            order="views",
            about=_NO_BYTES,
        ),
        _ranking("referrers", "Where visitors come from", "referrer"),
        _ranking("countries", "Countries", "country"),
        _ranking("devices", "Devices", "device"),
        _ranking("browsers", "Browsers", "browser"),
        Panel(
            name="routes",
            title="API",
            chart="table",
            measures=(API_REQUESTS, _ERRORS, _MEDIAN, _P95),
            titles=_TITLES,
            units={"median": "ms", "p95": "ms"},
            by=("method", "route"),
            where=_API,
            order="requests",
            limit=50,
        ),
        Panel(
            name="latency",
            title="How long the API takes",
            chart="lines",
            measures=(_MEDIAN, _P95),
            titles=_TITLES,
            units={"median": "ms", "p95": "ms"},
            where=_API,
        ),
    ),
)
