"""COUNTER's Dataset Master Report, release RD1 of the Code of Practice for Research Data: official JSON and table.

In: what `store/counter` counted, what is known of the datasets, and who publishes them. Out: bytes, the same for the
same events. `report` puts together what both forms share: header, filters, exceptions and the configuration. Nothing is
counted here: a later release of the Code is another package beside this one. `reports` does all of it
for those who ask.
"""

from eventsink.look.counter.about import About, DatasetAbout, Platform
from eventsink.look.counter.as_json import render_json
from eventsink.look.counter.as_rows import render_rows
from eventsink.look.counter.as_table import render_csv, render_table, render_tsv
from eventsink.look.counter.chosen import platform_of, rules_of
from eventsink.look.counter.filters import Filters
from eventsink.look.counter.footnotes import footnotes
from eventsink.look.counter.report import Report, monthly
from eventsink.look.counter.reports import CounterReports, Rendered

__all__ = [
    "About",
    "CounterReports",
    "DatasetAbout",
    "Filters",
    "Platform",
    "Rendered",
    "Report",
    "footnotes",
    "monthly",
    "platform_of",
    "render_csv",
    "render_json",
    "render_rows",
    "render_table",
    "render_tsv",
    "rules_of",
]
