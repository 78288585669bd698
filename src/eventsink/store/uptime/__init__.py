"""How long what is checked was up: from intervals, not from the share of good samples.

In: the events of checks, as the store has them, in whatever order they came. Out: seconds up, down, in maintenance and
unknown, by check and region, by hour and day, and the incidents. `timeline` knows what a sample says of the time after
it, `file` keeps what follows from it for years, `book` keeps that up to date. `report` answers questions
about a span, `overview` shows checks at a glance, `glance` all of them in little.
"""

from eventsink.store.uptime.book import UptimeBook
from eventsink.store.uptime.overview import CheckView, Day, Outage, Overview, RegionView, State, Took
from eventsink.store.uptime.report import By, Incident, Question, Row, TooManyRows, Uptime

__all__ = [
    "By",
    "CheckView",
    "Day",
    "Incident",
    "Outage",
    "Overview",
    "Question",
    "RegionView",
    "Row",
    "State",
    "TooManyRows",
    "Took",
    "Uptime",
    "UptimeBook",
]
