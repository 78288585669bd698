"""`eventsink status`: the accounts of each worker."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from eventsink.cli.options import Form, Format, new_app, talks
from eventsink.cli.screen import count, events, flush, new_table, output, plain, print_json, size
from eventsink.cli.times import age, clock
from eventsink.client.sink import Sink
from eventsink.worker_state import brief, is_missing, pause_of

EVERY = 1.0  # seconds between two looks of --watch
STALE = 5.0  # seconds after which the age of what is shown is worth a word
PATIENCE = 4.0  # seconds for a look that takes longer than the sink waits for it
STATES = ("up", "down", "maintenance", "unknown")
MOST_DOWN = 5  # checks that are named
LATE = 60.0  # seconds after which a waiting event is worth a word

app = new_app()


@app.command()
@talks
def status(
    sink: Sink,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Show the accounts of each worker, and whether anything needs attention.

    Accepted is always delivered + waiting + dead + missing; what is missing is nowhere any more.
    """
    found = status_of(sink)
    try:
        if format is Form.json:
            _print_lines(sink, found, again=watch)
        elif watch:
            _watch(sink, found)
        else:
            output().print(_page(found))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def status_of(sink: Sink) -> dict[str, Any]:
    """How it is now: it is asked again where it tells how it was when somebody asked last.

    It does so where a look takes its time, as while a worker's process has just gone.
    """
    end = time.monotonic() + PATIENCE
    while True:
        found: dict[str, Any] = sink.get("/v1/status")
        if found.get("age_seconds", 0.0) <= STALE or time.monotonic() > end:
            return found
        time.sleep(0.3)


def _print_lines(sink: Sink, found: dict[str, Any], *, again: bool) -> None:
    print_json(found)
    while again:
        flush()
        time.sleep(EVERY)
        print_json(sink.get("/v1/status"))


def _watch(sink: Sink, found: dict[str, Any]) -> None:
    screen = output()
    while not screen.is_terminal:  # where nothing can be drawn over, one look follows the other
        screen.print(_page(found), "")
        flush()
        time.sleep(EVERY)
        found = sink.get("/v1/status")
    with Live(_page(found), console=screen, auto_refresh=False) as live:
        while True:
            time.sleep(EVERY)
            live.update(_page(sink.get("/v1/status")), refresh=True)


def _page(found: dict[str, Any]) -> Group:
    table = new_table(*_COLUMNS, right=_COLUMNS[1:7])
    for name, account in found["workers"].items():
        figures = [count(account[column.lower()]) for column in _COLUMNS[1:6]]
        lag = age(account["lag_seconds"]) if account["waiting"] else "-"
        table.add_row(plain(name), *figures, lag, Text(brief(plain(account.get("state", ""))), overflow="fold"))
    needs = concerns(found)
    attention = [Text(f"! {sentence}", style="yellow") for sentence in needs]
    return Group(table, Text(""), *_lines(found), Text(""), *(attention or [Text("All is well.", style="green")]))


_COLUMNS = ("Worker", "Accepted", "Delivered", "Waiting", "Dead", "Missing", "Lag", "State")


def _lines(found: dict[str, Any]) -> list[Text]:
    spool, store = found["spool"], found.get("store")
    lines = [f"Spool   {events(spool['events'])}, {size(spool['bytes'])}"]
    if store:
        lines.append(f"Store   {events(store['events'])}, {size(store['bytes'])}{_kept(store)}")
    lines += _canaries(found["workers"])
    if (checks := found.get("checks")) and any(checks[state] for state in STATES):
        lines.append("Checks  " + ", ".join(f"{count(checks[state])} {state}" for state in STATES if checks[state]))
    if (alerts := found.get("alerts")) and any(alerts.values()):
        said = [f"{count(alerts[state])} {state}" for state in ("firing", "recovering", "pending") if alerts[state]]
        quiet = alerts["silences"]
        said += [f"{count(quiet)} silenced or in maintenance"] if quiet else []
        lines.append("Alerts  " + ", ".join(said) + ": see `eventsink alerts list`")
    for monitor in found.get("monitors", ()):
        kept = f", {events(monitor['waiting'])} wait on its disk" if monitor["waiting"] else ""
        region = f" in {plain(monitor['region'])}" if monitor["region"] not in {"", monitor["name"]} else ""
        checks = f"{count(monitor['checks'])} check{'' if monitor['checks'] == 1 else 's'}"
        lines.append(
            f"Monitor {plain(monitor['name'])}{region}: {checks}{kept}, heard {clock(monitor['last_heard'])} UTC"
        )
    lines.append(f"Sink    version {found['version']}, up since {clock(found['started'])} UTC")
    return [Text(line) for line in lines]


def _canaries(workers: Mapping[str, Any]) -> list[str]:
    """How long the last canary took to each worker that has had one."""
    last = {name: account["canary"] for name, account in workers.items() if account.get("canary")}
    took = [f"{plain(name)} {canary['delay_seconds']:.2f} s at {clock(canary['at'])}" for name, canary in last.items()]
    return [f"Canary  {', '.join(took)} UTC"] if took else []


def concerns(found: Mapping[str, Any]) -> list[str]:
    """What needs attention, each with what to do about it."""
    needs = []
    if found.get("refuses"):
        needs.append(f"Events are refused: {plain(found['refuses'])}")
    if found.get("age_seconds", 0.0) > STALE:
        needs.append(f"This is {age(found['age_seconds'])} old: the exchange does not answer.")
    kept = f"the spool keeps {events(found['spool']['events'])} for it"
    if found.get("exchange") == "away":
        needs.append(f"The exchange is away: {kept}.")
    elif found["spool"]["events"]:
        needs.append(f"No queue of the exchange takes some events: {kept}. Start the worker that wants them.")
    needs += [plain(sentence) for sentence in found.get("concerns", ())]
    if trouble := (found.get("store") or {}).get("trouble"):
        needs.append(f"The store could not answer a question of the last ten minutes: {plain(trouble)}")
    for name, account in found["workers"].items():
        needs += _concerns_of(plain(name), account)
    if firing := (found.get("alerts") or {}).get("firing"):
        fire = "alert fires" if firing == 1 else "alerts fire"
        needs.append(f"{count(firing)} {fire}: `eventsink alerts list` says which, and who was told.")
    return needs + _down(found.get("checks") or {})


def _down(checks: Mapping[str, Any]) -> list[str]:
    """The checks that are down."""
    lasting = checks.get("lasting", [])
    named = [
        f"{plain(one['check'])} is down since {clock(one['start'])} UTC: {plain(one['message'] or one['reason'])}"
        for one in lasting[:MOST_DOWN]
    ]
    more = len(lasting) - MOST_DOWN
    return named + ([f"{count(more)} more checks are down: `eventsink uptime` shows all."] if more > 0 else [])


def _concerns_of(name: str, account: Mapping[str, Any]) -> list[str]:
    needs = []
    dead = account["dead"] - account.get("dropped", 0)
    state = plain(account.get("state", ""))
    if dead:
        needs.append(f"{name} could not deliver {events(dead)}: see `eventsink dead list --worker {name}`.")
    if (since := account.get("missing_since")) and account.get("configured", True):
        misses = f"misses {events(account['missing'])}" if account["missing"] else "may miss events"
        needs.append(
            f"{name} {misses}: accepted, and nowhere since {clock(since)} UTC."
            " Somebody purged or deleted its queue, or the disk is damaged: see the log."
            f" `eventsink replay --to {name} --since TIME` delivers again what the store has."
        )
    if pause := pause_of(state):
        needs.append(f"{name} is {pause} Its events wait, and are delivered when that is mended.")
    elif not account.get("configured", True) and account["waiting"]:
        gone = f", and {events(account['missing'])} were let go to keep room for others" if account["missing"] else ""
        needs.append(
            f"{name} is in no settings, and {events(account['waiting'])} wait for it{gone}:"
            f" `eventsink workers forget {name}` throws them away."
        )
    elif account["waiting"] and account["lag_seconds"] > LATE:
        why = "no process runs it" if is_missing(state) else "it does not keep up"
        needs.append(f"{name} is {age(account['lag_seconds'])} behind: {why}.")
    if account["accepted"] != account["delivered"] + account["waiting"] + account["dead"] + account["missing"]:
        needs.append(f"The account of {name} does not add up: this is a bug, please report it with this output.")
    return needs


def _kept(store: dict[str, Any]) -> str:
    """For how long events are kept, where that is not for ever."""
    months = store.get("keep_months")
    return f", kept for {count(months)} month{'' if months == 1 else 's'} and the present one" if months else ""
