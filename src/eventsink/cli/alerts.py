"""`eventsink alerts`: what is not well, who was told, and who asked for silence."""

import re
from typing import Annotated, Any

import typer
from rich.text import Text

from eventsink.cli.options import Form, Format, new_app, talks
from eventsink.cli.screen import count, new_table, note, output, plain, print_json, say
from eventsink.cli.times import clock
from eventsink.client.sink import Sink

PATIENCE = 60.0  # seconds that a test may take
MOST = 100  # alerts in the table; JSON has all
LONGEST = 366 * 86_400  # seconds of a silence
_PART = re.compile(r"(\d{1,6})\s*([smhdw])")
_LENGTH = re.compile(rf"(?:{_PART.pattern}\s*)+")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_COLOURS = {"firing": "red", "recovering": "yellow", "pending": "yellow", "ok": "green"}

app = new_app("See what is not well and who was told; send a test; take an alert in hand; silence.")

Names = Annotated[list[str], typer.Argument(help="Names or patterns, as clowder, db-* or sink/*.", metavar="NAME...")]
Reason = Annotated[str, typer.Option(help="Why, for others.")]


def _length(text: str) -> float:
    """A length of time in seconds."""
    low = text.strip().lower()
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(low)) if _LENGTH.fullmatch(low) else 0
    if not 0 < seconds <= LONGEST:
        raise typer.BadParameter(f"{text!r} is no length of time up to a year: give it as 30m, 1h30m, 2h, 7d or 2w.")
    return float(seconds)


@app.command("list")
@talks
def list_(
    sink: Sink,
    all: Annotated[bool, typer.Option("--all", help="Those that are well, too.")] = False,  # noqa: A002
    format: Format = Form.table,  # noqa: A002
) -> None:
    """List what is not well, silences and maintenance, and what could not be sent."""
    found = sink.get("/v1/alerts", all="true" if all else None)
    if format is Form.json:
        print_json(found)
        return
    _print_alerts(found["alerts"])
    _print_quiet(found["quiet"])
    _print_channels(found["channels"])


@app.command("test")
@talks
def send_test(
    sink: Sink,
    channel: Annotated[
        str | None, typer.Argument(help="One alone, as `alerts list` names it.", metavar="CHANNEL")
    ] = None,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Send a test to all who are told, or to one; exit code 1 if it does not get out."""
    with sink.twin(PATIENCE) as patient:
        found = patient.post("/v1/alerts/test", {"channel": channel})["channels"]
    if format is Form.json:
        print_json(found)
    elif not found:
        note('Nobody is told of alerts: name somebody in [alerts] notify = ["mailto://…"].', "yellow")
    else:
        for one in found:
            place = f" ({', '.join(one['settings'])})" if one["settings"] else ""
            say(f"{one['channel']}{place}: {'sent' if one['ok'] else 'NOT sent: ' + one['reason']}")
    if not found or not all(one["ok"] for one in found):
        raise typer.Exit(1)


@app.command()
@talks
def ack(
    sink: Sink,
    name: Annotated[str, typer.Argument(help="Name or pattern, as clowder or sink/*.", metavar="NAME")],
    reason: Reason = "acknowledged",
) -> None:
    """Take an alert in hand: no more reminders are sent; that it is well again is told."""
    found = sink.post("/v1/alerts/acknowledge", {"alert": name, "reason": reason})["acknowledged"]
    _need(found, f"No alert fires that {name!r} is for")
    for alert in found:
        say(f"{alert}: no more reminders are sent.")


@app.command()
@talks
def silence(
    sink: Sink,
    names: Names,
    length: Annotated[
        float, typer.Option("--for", help="How long, as 30m, 1h30m, 2h, 7d or 2w.", parser=_length, metavar="LENGTH")
    ],
    begin: Annotated[
        str | None,
        typer.Option("--from", help="When it begins, as 2026-12-01T02:00 (UTC).  [default: now]", metavar="TIME"),
    ] = None,
    reason: Reason = "",
    maintenance: Annotated[
        bool, typer.Option("--maintenance", help="Announce it on the status page; uptime counts it neither way.")
    ] = False,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Tell nobody of some alerts for a time; what is not well after it is told then."""
    asked = {"alerts": names, "seconds": length, "begin": begin, "reason": reason, "maintenance": maintenance}
    found = sink.post("/v1/alerts/silences", {key: value for key, value in asked.items() if value is not None})
    if format is Form.json:
        print_json(found)
        return
    what = "Maintenance" if maintenance else "Silence"
    say(
        f"{what} {found['id']} of {', '.join(names)} from {clock(found['begin'])} to {clock(found['end'])} UTC:"
        f" `eventsink alerts lift {found['id']}` ends it before."
    )
    if maintenance and not found.get("is_public", True):
        note("It is announced nowhere: none of these checks is on the status page.", "yellow")


@app.command()
@talks
def lift(sink: Sink, number: Annotated[str, typer.Argument(help="As `alerts list` shows it.", metavar="ID")]) -> None:
    """End a silence or maintenance before its time."""
    if not number.isdecimal():
        raise typer.BadParameter(
            f"{number!r} is no number: `eventsink alerts list` shows it as Id. What has a name there is in the"
            " settings, and ends when it is taken out of them."
        )
    sink.delete(f"/v1/alerts/silences/{number}")
    say(f"{number} has ended.")


@app.command()
@talks
def forget(
    sink: Sink,
    name: Annotated[str, typer.Argument(help="A check or monitor that will not come again.", metavar="NAME")],
) -> None:
    """Forget a check or monitor that will not come again, and wait for it no longer."""
    gone = sink.post("/v1/alerts/forget", {"name": name})["forgotten"]
    _need(gone, f"No check or monitor {name!r} is known")
    what = "check" if gone == 1 else "checks and regions"
    say(f"{name} is forgotten ({count(gone)} {what}). If something is heard of it, it is known anew.")


@app.command()
@talks
def retry(sink: Sink) -> None:
    """Send again what was given up."""
    again = sink.post("/v1/alerts/retry", {})["retried"]
    _need(again, "Nothing was given up of a channel that is in the settings")
    say(f"{count(again)} notice{'' if again == 1 else 's'} will be sent again.")


@app.command()
@talks
def drop(sink: Sink, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Throw away what was given up."""
    if not yes:
        typer.confirm("Throw all notices away that were given up?", abort=True, err=True)
    gone = sink.post("/v1/alerts/drop", {})["dropped"]
    say(f"{count(gone)} notice{'' if gone == 1 else 's'} thrown away.")


def _need(found: object, sentence: str) -> None:
    """What was asked for must be there."""
    if not found:
        note(f"{plain(sentence)}: `eventsink alerts list` shows all.", "red")
        raise typer.Exit(1)


def _print_alerts(alerts: list[dict[str, Any]]) -> None:
    if not alerts:
        say("All is well.")
        return
    table = new_table("Alert", "State", "Severity", "Since (UTC)", "Regions", "Told", "Cause")
    for alert in alerts[:MOST]:
        table.add_row(
            plain(alert["name"].removeprefix("check/")),
            Text(alert["state"], style=_COLOURS.get(alert["state"], "")),
            alert["severity"],
            clock(alert.get("since") or "-"),
            plain(", ".join(alert.get("regions", ()))),
            _told(alert),
            plain(alert.get("message") or alert.get("reason", "")),
        )
    output().print(table)
    if len(alerts) > MOST:
        say(f"… and {count(len(alerts) - MOST)} more: --format json shows all.")


def _told(alert: dict[str, Any]) -> str:
    said = ["yes" if alert.get("told") else "no"] if alert["state"] != "ok" or alert.get("told") else [""]
    said += [plain(f"muted: {alert['muted']}")] if alert.get("muted") else []
    if taken := alert.get("acknowledged"):
        said.append("acknowledged" if taken == "acknowledged" else plain(f"acknowledged: {taken}"))
    return ", ".join(said + (["changes too often"] if alert.get("flapping") else []))


def _print_quiet(quiet: list[dict[str, Any]]) -> None:
    if not quiet:
        return
    table = new_table("Id", "Kind", "Alerts", "From (UTC)", "until", "Why")
    for one in quiet:
        times = clock(one["begin"]), clock(one["end"])
        table.add_row(one["id"], one["kind"], plain(", ".join(one["alerts"])), *times, plain(one["reason"]))
    output().print("\nSilences and maintenance", style="bold")
    output().print(table)


def _print_channels(channels: list[dict[str, Any]]) -> None:
    trouble = [one for one in channels if one["since"] or one["dead"]]
    if not channels:
        note('\nNobody is told of alerts: name somebody in [alerts] notify = ["mailto://…"].', "yellow")
    if not trouble:
        return
    table = new_table("Channel", "In the settings", "Waiting", "Given up", "Why", right=("Waiting", "Given up"))
    for one in trouble:
        place = ", ".join(one["settings"]) or "no more"
        figures = count(one["waiting"]), count(one["dead"])
        table.add_row(plain(one["channel"]), plain(place), *figures, plain(one["reason"] or ""))
    output().print("\nNot sent", style="bold")
    output().print(table)
    if any(one["dead"] for one in trouble):
        say("`eventsink alerts retry` sends again what was given up, `eventsink alerts drop` throws it away.")
