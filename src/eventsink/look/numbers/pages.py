"""The pages of the dashboard, in the order of their links."""

from eventsink.look.numbers.extractions import EXTRACTIONS
from eventsink.look.numbers.overview import OVERVIEW
from eventsink.look.numbers.panel import Page
from eventsink.look.numbers.storage import STORAGE
from eventsink.look.numbers.traffic import TRAFFIC

__all__ = ["PAGES"]

PAGES: dict[str, Page] = {page.name: page for page in (OVERVIEW, STORAGE, EXTRACTIONS, TRAFFIC)}
