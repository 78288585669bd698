"""`eventsink report`: numbers of a time for people who were not there: a table, CSV, JSON or a page to be printed."""

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from eventsink.cli.options import new_app, talks
from eventsink.cli.report_asking import ask, decoded, notes_of
from eventsink.cli.report_files import COUNTER, Every, go_on, write
from eventsink.cli.report_table import print_list, print_report
from eventsink.cli.screen import note, plain, print_json, say
from eventsink.cli.times import moment
from eventsink.client.sink import Sink

_LOCAL = re.compile(r"\d{4}-\d{2}(-\d{2})?")
_OURS = ("period", "since", "until", "zone", "by", "limit", "format")

SHOWN = 200  # rows of a table, where nobody says how many

app = new_app()


class ReportForm(StrEnum):
    """What a report is printed as."""

    table = "table"
    csv = "csv"
    json = "json"
    html = "html"
    tsv = "tsv"


def _time(text: str) -> str:
    """A day or month as it stands, for the sink knows the zone; else a moment."""
    return text.strip() if _LOCAL.fullmatch(text.strip()) else moment(text)


def _filter(text: str) -> str:
    column, equals, _ = text.partition("=")
    if not equals or not column.strip():
        raise typer.BadParameter(f"{text!r} is no filter: give one as space=64d000000000000000000003.")
    if column.strip() in _OURS:
        raise typer.BadParameter(f"{column.strip()} is an option of its own: --{column.strip()}.")
    return text


@app.command()
@talks
def report(
    sink: Sink,
    name: Annotated[
        str | None,
        typer.Argument(help="Of the report; without it all are listed.", metavar="[NAME]", show_default=False),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="From this time on: 2026-10, 2026-10-05, 7d or a moment.", metavar="TIME"),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Before this moment, or to the end of this day or month.", metavar="TIME"),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(help="In their place: 12m, month, this-month, year, this-year, all, 7d …", metavar="NAME"),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option(help="Of days and months, as America/Chicago.  [default: that of the sink]", metavar="ZONE"),
    ] = None,
    by: Annotated[str | None, typer.Option(help="What has a row, as month or month,space.", metavar="GROUP,…")] = None,
    filter: Annotated[  # noqa: A002
        list[str] | None,
        typer.Option(help="Only of this, as space=64d…; again for more.", parser=_filter, metavar="COLUMN=VALUE"),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows at most.", metavar="NUMBER")] = None,
    format: Annotated[  # noqa: A002
        ReportForm | None,
        typer.Option(
            "--format",
            help="How it is printed; counter has tsv and no html.  [default: table, or what --out ends with]",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it there: a file, or a folder.", metavar="PATH")
    ] = None,
    every: Annotated[
        Every | None, typer.Option(help="Write it to the folder --out when each of these is over, until Ctrl-C.")
    ] = None,
) -> None:
    """Show a report, or write it to a file; without a name, show which there are.

    What is left out, and of which time there are no events, stands below it; of CSV it goes to standard error.
    """
    if name is None:
        _list(sink, format)
        return
    if out is not None and (format is None or every is not None):
        _check_name(out, every)
    if name != COUNTER:  # whose periods are months
        since, until = (_time(text) if text is not None else None for text in (since, until))
    query: dict[str, Any] = {"period": period, "since": since, "until": until, "zone": zone, "by": by, "limit": limit}
    for text in filter or ():
        column, _, value = text.partition("=")
        query.setdefault(column.strip(), []).append(value)
    if every is not None:
        if out is None or format is not None or any((since, until, period)):
            raise typer.BadParameter("--every needs --out DIR, writes all forms, and chooses the period itself.")
        go_on(sink, name, query, out, every)
    form = format or _form_of(name, out)
    _check_form(name, form)
    if out is None:
        _print(sink, name, form, query)
        return
    if form is ReportForm.table:
        raise typer.BadParameter("A table is for a terminal: give --format csv, json or html with --out.")
    content, headers = ask(sink, name, form, query)
    target = write(out, name, form.value, content)
    for text in notes_of(headers):
        note(plain(text))
    say(f"Written to {target}.")


def _check_name(out: Path, every: Every | None) -> None:
    """Refuse a file of a kind that no report is."""
    ending = out.suffix.removeprefix(".")
    if every is not None and ending in ("csv", "json", "html", "tsv"):
        raise typer.BadParameter(f"--out {out} is to be a folder: one file is written for each {every}.")
    if every is None and ending and not out.is_dir() and ending not in ("csv", "json", "html", "tsv"):
        raise typer.BadParameter(
            f"No report is written as .{ending}: it may be .html, .csv or .json, or give --format."
        )


def _list(sink: Sink, form: ReportForm | None) -> None:
    found = decoded(sink, sink.fetch("/v1/reports")[0])
    if form is ReportForm.json:
        print_json(found)
    else:
        print_list(found)


def _check_form(name: str, form: ReportForm) -> None:
    """Refuse what a report is not made as, in the words of this command: the sink knows no table."""
    if name == COUNTER and form is ReportForm.html:
        raise typer.BadParameter("COUNTER knows no page: give --format json, as DataCite takes it, tsv or csv.")
    if name != COUNTER and form is ReportForm.tsv:
        raise typer.BadParameter("Only counter is written as tsv: give --format csv, json or html.")


def _form_of(name: str, out: Path | None) -> ReportForm:
    """What the name of a file ends with; a folder gets a page, or of COUNTER, that knows none, what DataCite takes."""
    ending = out.suffix.removeprefix(".") if out else ""
    if ending in ("csv", "json", "html", "tsv"):
        return ReportForm(ending)
    if out is None:
        return ReportForm.table
    return ReportForm.json if name == COUNTER else ReportForm.html


def _print(sink: Sink, name: str, form: ReportForm, query: dict[str, Any]) -> None:
    if form is not ReportForm.table:
        content, headers = ask(sink, name, form, query)
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        if form is ReportForm.json:
            sys.stdout.buffer.write(b"\n")
        sys.stdout.buffer.flush()
        for text in notes_of(headers):
            note(plain(text))
        return
    found = decoded(sink, ask(sink, name, ReportForm.table, _with_limit(name, query))[0])
    if isinstance(found, dict) and {"columns", "rows"} <= set(found):
        print_report(found)
    else:  # a report of another form has no table
        print_json(found)


def _with_limit(name: str, query: dict[str, Any]) -> dict[str, Any]:
    return _given(query) if name == COUNTER else {"limit": SHOWN, **_given(query)}  # which has no limit of rows


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in query.items() if value is not None}
