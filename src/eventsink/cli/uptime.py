"""`eventsink uptime`: how long checks were up, and the incidents."""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.text import Text

from eventsink.cli.options import Form, Format, Since, Until, new_app, talks
from eventsink.cli.screen import count, new_table, output, plain, print_json, say
from eventsink.cli.times import clock, span
from eventsink.client.sink import Sink

MOST_INCIDENTS = 20  # in the table; JSON has all

app = new_app()


class By(StrEnum):
    """What has a row."""

    check = "check"
    region = "region"
    hour = "hour"
    day = "day"
    month = "month"


@app.command()
@talks
def uptime(
    sink: Sink,
    check: Annotated[str | None, typer.Argument(help="One check alone.", metavar="CHECK")] = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[By, typer.Option(help="A row for each of these.")] = By.check,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Show how long checks were up, from intervals; by default of the last 30 days.

    Uptime is the time up by the time of which it is known that it was up or down.
    """
    found = sink.get("/v1/reports/uptime", since=since, until=until, by=by.value, check=check)
    if format is Form.json:
        print_json(found)
        return
    if not found["rows"]:
        say("Nothing was checked in this time." if check is None else f"{plain(check)} was not checked in this time.")
        return
    _print_rows(found["rows"], by)
    _print_incidents(found["incidents"])
    say(f"From {clock(found['since'])} to {clock(found['until'])} UTC.")


def _print_rows(rows: list[dict[str, Any]], by: By) -> None:
    extra = {By.check: "Target", By.region: "Region"}.get(by, "From (UTC)")
    figures = ("Uptime", "Down", "Unknown", "Maintenance", "Incidents", "Average")
    table = new_table("Check", extra, *figures, right=figures)
    for row in rows:
        second = {By.check: row.get("target", ""), By.region: row.get("region", "")}.get(
            by, clock(row.get("begin") or "")
        )
        lengths = [span(row[name]) if row[name] else "-" for name in ("down_s", "unknown_s", "maintenance_s")]
        average = row.get("average_ms")
        table.add_row(
            plain(row["check"]),
            plain(second),
            _percent(row["uptime_percent"]),
            *lengths,
            count(row.get("incidents", 0)),
            "-" if average is None else f"{average:,.1f} ms",
        )
    output().print(table)


def _percent(value: float | None) -> Text:
    """Never rounded up to 100: what was down for a second in a year was down."""
    if value is None:
        return Text("-")
    text = f"{value:.3f} %" if value < 99.9995 or value == 100 else f"{int(value * 1e6) / 1e6:.6f} %"
    return Text(text, style="green" if value >= 99.9 else "yellow" if value >= 99 else "red")


def _print_incidents(incidents: list[dict[str, Any]]) -> None:
    if not incidents:
        return
    table = new_table("Check", "Down from (UTC)", "until", "Down", "Regions", "Cause", right=("Down",))
    for incident in incidents[-MOST_INCIDENTS:]:
        table.add_row(
            plain(incident["check"]),
            clock(incident["start"]),
            clock(incident["end"]) if incident["end"] else Text("lasts", style="red"),
            span(incident["down_s"]),
            plain(", ".join(incident["regions"])),
            plain(incident["message"] or incident["reason"]),
        )
    output().print("\nIncidents", style="bold")
    output().print(table)
    if len(incidents) > MOST_INCIDENTS:
        say(f"… and {count(len(incidents) - MOST_INCIDENTS)} before: --format json shows all.")
