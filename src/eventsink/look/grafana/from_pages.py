"""The dashboards that have the panels of our own pages."""

from collections.abc import Iterator

from eventsink.look.grafana.dashboard import COLUMNS, Dashboard
from eventsink.look.grafana.drawn import Drawn, Form
from eventsink.look.grafana.from_panel import is_asked_for, series_of
from eventsink.look.grafana.variables import EXTRACTOR, SPACE, Variable
from eventsink.look.numbers.pages import PAGES
from eventsink.look.numbers.panel import Chart, Page, Panel

__all__ = ["from_pages"]

_VARIABLES: dict[str, tuple[Variable, ...]] = {"extractions": (SPACE, EXTRACTOR)}
_FORMS: dict[Chart, Form] = {
    "figures": "figures",
    "bars": "bars",
    "lines": "lines",
    "ranking": "table",
    "table": "table",
}


def from_pages(sink: str) -> list[Dashboard]:
    """One for each page.

    Args:
        sink: the address of our own pages, which have what InfluxDB cannot say.
    """
    return [_from_page(page, sink) for page in PAGES.values()]


def _from_page(page: Page, sink: str) -> Dashboard:
    variables = _VARIABLES.get(page.name, (SPACE,))
    own = [panel.title for panel in page.panels if not is_asked_for(panel)]
    about = "InfluxDB groups by tags, and people, ids and names are none: "
    about += f"the [pages of the sink]({sink}) have {', '.join(own)}."
    return Dashboard(
        name=page.name,
        title=f"Clowder: {page.title}",
        panels=[drawn for panel in page.panels if is_asked_for(panel) for drawn in _drawn(panel, variables)],
        variables=variables,
        about=about if own else "",
    )


def _drawn(panel: Panel, variables: tuple[Variable, ...]) -> Iterator[Drawn]:
    """One panel of Grafana, or two: what it has to count by itself stands alone."""
    found = series_of(panel, variables)
    form = _FORMS[panel.chart]
    for part in ([one for one in found if one.listed], [one for one in found if not one.listed]):
        if not part:
            continue
        alone = form == "figures" and len(part) < len(found)
        yield Drawn(
            title=part[0].title if alone and part[0].listed else panel.title,
            form=form,
            series=part,
            about=panel.about,
            width=_width(panel, len(part), len(found)),
            height=4 if form == "figures" else 8,
        )


def _width(panel: Panel, numbers: int, of: int) -> int:
    if panel.chart == "figures":
        return COLUMNS * numbers // of
    return COLUMNS if panel.chart == "table" else COLUMNS // 2
