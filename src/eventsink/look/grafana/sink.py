"""The dashboard of the sink itself: what it says of each worker, as `telemetry.every` has it do."""

from eventsink.look.grafana.dashboard import Dashboard
from eventsink.look.grafana.drawn import Drawn
from eventsink.look.grafana.series import INTERVAL, Series, text
from eventsink.look.numbers.units import Unit

__all__ = ["REPORTS", "SINK"]

REPORTS = f'"type" = {text("health.sink_update")}'
_BY = ("worker",)


def _of(title: str, select: str, *, unit: Unit = "count", every: str = INTERVAL) -> Series:
    return Series(title=title, select=select, measurement='"health"', where=(REPORTS,), by=_BY, unit=unit, every=every)


SINK = Dashboard(
    name="sink",
    title="Clowder: Event sink",
    periods=False,
    panels=(
        Drawn(
            title="Accounts",
            form="table",
            series=(
                _of("Accepted", 'last("accepted")', every=""),
                _of("Delivered", 'last("delivered")', every=""),
                _of("Waiting", 'last("waiting")', every=""),
                _of("Dead", 'last("dead")', every=""),
                _of("Missing", 'last("missing")', every=""),
                _of("Behind", 'last("lag_s")', every="", unit="s"),
            ),
            about="For each worker: accepted = delivered + waiting + dead + missing.",
            width=24,
            height=8,
        ),
        Drawn(title="Waiting", form="lines", series=(_of("Waiting", 'max("waiting")'),)),
        Drawn(title="Behind", form="lines", series=(_of("Behind", 'max("lag_s")', unit="s"),)),
        Drawn(title="Dead letters", form="lines", series=(_of("Dead", 'max("dead")'),)),
        Drawn(
            title="Accepted",
            form="bars",
            series=(_of("Accepted", 'non_negative_difference(last("accepted"))'),),
            about="Events accepted in each interval.",
        ),
        Drawn(
            title="Canaries",
            form="lines",
            series=(_of("On its way", 'max("canary_s")', unit="s"),),
            about="How long the last event was on its way that is only there to be seen arriving.",
        ),
        Drawn(title="Missing", form="lines", series=(_of("Missing", 'max("missing")'),)),
        Drawn(title="Events in the spool", form="lines", series=(_of("In the spool", 'max("spool_events")'),)),
    ),
)
