"""All reports by their names, in the order in which they are listed: one file a report or family."""

from eventsink.look.numbers.report import Report
from eventsink.look.numbers.reports.api import API
from eventsink.look.numbers.reports.extractors import EXTRACTORS
from eventsink.look.numbers.reports.resources import COLLECTIONS, DATASETS, FILES, RESOURCES
from eventsink.look.numbers.reports.spaces import SPACES
from eventsink.look.numbers.reports.storage import STORAGE
from eventsink.look.numbers.reports.uptime import UPTIME
from eventsink.look.numbers.reports.usage import USAGE
from eventsink.look.numbers.reports.users import USERS_REPORT

__all__ = ["REPORTS"]

REPORTS: dict[str, Report] = {
    report.name: report
    for report in (
        USAGE, STORAGE, EXTRACTORS, RESOURCES, FILES, DATASETS, COLLECTIONS, SPACES, USERS_REPORT, API, UPTIME,
    )
}  # fmt: skip
