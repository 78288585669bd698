"""`eventsink nginx`: what an access log says."""

import gc
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from eventsink.browsers.robots import Robots
from eventsink.cli.nginx_report import Report, Reporter
from eventsink.cli.nginx_view import View
from eventsink.cli.options import Since, Until, configured, new_app
from eventsink.cli.screen import count, note, plain
from eventsink.errors import SettingsError
from eventsink.settings import Settings
from eventsink.watch.nginx import tally, views
from eventsink.watch.nginx.blocks import Block, LogFile, Unreadable
from eventsink.watch.nginx.example import shape
from eventsink.watch.nginx.log_format import PRESETS, LogFormat, detect, from_conf, given
from eventsink.watch.nginx.parser import Parsed, Parser
from eventsink.watch.nginx.people import people
from eventsink.watch.nginx.summary import Summary

MOST_OPEN = 16  # intervals that wait for lines that come late
FIRST_LINES = 20  # by which a format is known
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_EVERY = re.compile(r"(\d{1,7})\s*([smhd]?)")

app = new_app()


def _every(text: object) -> int:
    found = _EVERY.fullmatch(str(text).strip().lower())
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 1 <= seconds <= 31 * 86_400:
        raise typer.BadParameter(f"{text!r} is no length: give it as 60, 1m, 1h or 1d.")
    return seconds


@app.command()
@configured
def nginx(
    settings: Settings,
    files: Annotated[list[str], typer.Argument(help="Access logs, also .gz; - is standard input.", metavar="FILE")],
    log_format: Annotated[
        str | None,
        typer.Option(help="combined, main, json, or the text of a log_format.  [default: what fits]", metavar="FORMAT"),
    ] = None,
    conf: Annotated[Path | None, typer.Option(help="An nginx.conf that has the log_format.", metavar="FILE")] = None,
    format_name: Annotated[
        str, typer.Option(help="Name of the format in it, if it has several.", metavar="NAME", show_default=False)
    ] = "",
    every: Annotated[
        int,
        typer.Option(
            help="Length of the intervals: 60, 1m, 1h, 1d.  [default: 1h]",
            parser=_every,
            metavar="LENGTH",
            show_default=False,
        ),
    ] = 3600,
    since: Since = None,
    until: Until = None,
    format: Annotated[  # noqa: A002
        Report, typer.Option("--format", help="A table for people, JSON or CSV for programs.")
    ] = Report.table,
    events: Annotated[
        bool, typer.Option("--events", help="Print the views and downloads of Clowder's resources, for `send -`.")
    ] = False,
    robots: Annotated[
        bool, typer.Option("--robots", help="With --events: those of robots, too, marked as theirs.")
    ] = False,
    prefix: Annotated[
        str, typer.Option(help="With --events: the path under which Clowder is.", metavar="PATH", show_default=False)
    ] = "",
    source: Annotated[str, typer.Option(help="With --events: their source.", metavar="NAME", show_default=False)] = "",
) -> None:
    """Show what access logs of NGINX say: requests, clients, bytes and times to answer of each interval.

    Rotated files are read in the order of their first lines. Intervals begin at whole multiples of their length, in
    UTC. No address is kept or shown.

    Which format a file has is found by its first lines, for each by itself.

    Exit code 1 if most lines could not be read.
    """
    gc.set_threshold(100_000)  # lines make many small objects, and no cycles
    with ExitStack() as stack:
        logs = [LogFile(path) for path in dict.fromkeys(files)]
        for log in logs:
            stack.callback(log.close)
        wanted = views.WANTED if events else tally.WANTED
        # Each its own, for a format that is changed is changed from one file to the next.
        parsers = {id(log): Parser(_chosen(log_format, conf, format_name, log), wanted) for log in logs}
        sizes = [log.size for log in logs]
        view = stack.enter_context(View(None if None in sizes else sum(filter(None, sizes))))
        run = _Run(_in_order(logs, parsers), parsers, view)
        begin, end = _seconds(since, 0.0), _seconds(until, float("inf"))
        if events:
            run.print_events(
                views.Views(
                    Robots(),
                    people(settings),
                    with_robots=robots,
                    prefix=prefix,
                    source=source,
                    since=begin,
                    until=end,
                )
            )
        else:
            summary: Summary[None] = Summary(every, Robots(), since=begin, until=end)
            run.print_intervals(summary, Reporter(format, every))
    run.conclude()


class _Run:
    """Reads logs once.

    Args:
        logs: in the order of their times.
        parsers: of each, by its `id`.
        view: is told how far it is.
    """

    def __init__(self, logs: list[LogFile], parsers: dict[int, Parser], view: View) -> None:
        self._logs, self._parsers, self._view = logs, parsers, view
        self._readable = self._unreadable = self._passed = 0
        self._example = self._place = self._misfit = ""
        self._trouble = list[str]()

    def print_intervals(self, summary: Summary[None], reporter: Reporter) -> None:
        """Print the numbers of each interval, and of all of them."""
        whole = tally.Tally(Robots())

        def report(closed: list[tuple[int, tally.Tally]]) -> None:
            for start, one in closed:
                whole.merge(one)
                if start:  # else lines of which not even the time could be read
                    reporter.interval(start, one.numbers())

        for parsed in self._parsed():
            summary.add(parsed)
            while summary.open > MOST_OPEN:
                report(summary.close((summary.oldest() or 0) + summary.every))
        report(summary.close_all())
        reporter.total(whole.numbers())

    def print_events(self, made: views.Views) -> None:
        """Print events, one a line."""
        encode, printed = msgspec.json.Encoder().encode, 0
        for parsed in self._parsed():
            lines = [encode(event).decode() for event in made.events(parsed)]
            if lines:
                sys.stdout.write("\n".join(lines) + "\n")
                printed += len(lines)
        sys.stdout.flush()
        left = ", ".join(f"{count(number)} {reason}" for reason, number in made.left_out.most_common())
        note(f"{count(printed)} events of {count(self._readable)} lines.{f' Left out: {left}.' if left else ''}")

    def conclude(self) -> None:
        """Say what went wrong; it is a failure if most of the lines could not be read, or there is none."""
        if self._unreadable:
            note(
                f"{count(self._unreadable)} lines do not fit the format ({plain(self._misfit)}); the first, in"
                f" {plain(self._place)}: {self._example}",
                "yellow",
            )
        for sentence in self._trouble:
            note(plain(sentence), "red")
        if not self._readable:
            note("No line could be read." if self._unreadable else "There is no line.", "red")
        if self._trouble or self._unreadable > self._readable or not self._readable:
            raise typer.Exit(1)

    def _parsed(self) -> Iterator[Parsed]:
        for log in self._logs:
            self._passed = 0
            try:
                for block in log.blocks():
                    yield self._read(block, log)
                    self._view.show(log, self._readable)
            except Unreadable as error:
                self._trouble.append(str(error))

    def _read(self, block: Block, log: LogFile) -> Parsed:
        too_long, parser = ((0, block.too_long),), self._parsers[id(log)]
        parsed = Parsed(0, (), {}, too_long) if block.too_long else parser.parse(block.lines)
        self._readable += parsed.count
        self._unreadable += len(parsed.unreadable)
        if parsed.unreadable and not self._example:
            before, line = parsed.unreadable[0]
            self._example = shape(line)
            self._place = f"{log.name} after {count(self._passed + before)} others"
            self._misfit = parser.format.name
        self._passed += parsed.count
        return parsed


def _chosen(log_format: str | None, conf: Path | None, name: str, log: LogFile) -> LogFormat:
    if conf is not None and log_format is not None:
        raise typer.BadParameter("Give --log-format or --conf, not both.")
    if conf is not None:
        return from_conf(conf, name)
    if log_format is None:
        return PRESETS[detect(log.first_lines(FIRST_LINES)) or "combined"]
    try:
        return given(log_format)
    except SettingsError as error:
        raise typer.BadParameter(str(error), param_hint="--log-format") from None


def _in_order(logs: list[LogFile], parsers: dict[int, Parser]) -> list[LogFile]:
    """Logs in the order of their first lines, each file once, whatever names it was given by."""
    once = {log.identity or id(log): log for log in reversed(logs)}
    ordered = [*once.values()][::-1]
    return sorted(ordered, key=_first_time(parsers)) if len(ordered) > 1 else ordered


def _first_time(parsers: dict[int, Parser]) -> Callable[[LogFile], float]:
    def first(log: LogFile) -> float:
        if log.identity is None:
            return float("inf")
        lines = b"".join(line + b"\n" for line in log.first_lines(FIRST_LINES))
        return next(iter(parsers[id(log)].parse(lines).seconds), float("inf"))

    return first


def _seconds(moment: str | None, otherwise: float) -> float:
    return otherwise if moment is None else datetime.fromisoformat(moment).timestamp()
