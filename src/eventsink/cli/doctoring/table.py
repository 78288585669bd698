"""Findings as a table for a person."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from eventsink.cli.finding import Finding
from eventsink.cli.screen import new_table, plain

__all__ = ["table"]


def table(findings: Sequence[Finding]) -> Table:
    """A row a finding: `ok`, `no`, or `look` where there is advice."""
    made = new_table("Check", "", "Found", "What to do")
    for finding in findings:
        made.add_row(finding.check, _mark(finding), plain(finding.found), plain(finding.remedy))
    return made


def _mark(finding: Finding) -> Text:
    if not finding.ok:
        return Text("no", style="bold red")
    return Text("look", style="yellow") if finding.remedy else Text("ok", style="green")
