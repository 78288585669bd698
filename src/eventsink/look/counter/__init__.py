"""COUNTER's Dataset Master Report, release RD1 of the Code of Practice for Research Data: official JSON and table.

In: what `store/counter` counted, what is known of the datasets, and who publishes them. Out: bytes, the same for the
same events. `report` puts together what both forms share: header, filters, exceptions and the configuration. Nothing is
counted here: a later release of the Code is another package beside this one.
"""

from eventsink.look.counter.about import About, DatasetAbout, Platform
from eventsink.look.counter.as_json import render_json
from eventsink.look.counter.as_table import render_table, render_tsv
from eventsink.look.counter.filters import Filters
from eventsink.look.counter.footnotes import footnotes
from eventsink.look.counter.report import Report, monthly

__all__ = [
    "About",
    "DatasetAbout",
    "Filters",
    "Platform",
    "Report",
    "footnotes",
    "monthly",
    "render_json",
    "render_table",
    "render_tsv",
]
