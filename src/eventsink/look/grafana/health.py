"""The dashboard of checks: what is up, how fast it answers, what waits in queues."""

from dataclasses import replace

from eventsink.look.grafana.dashboard import Dashboard
from eventsink.look.grafana.drawn import Drawn
from eventsink.look.grafana.series import INTERVAL, Series
from eventsink.look.grafana.variables import REGION, condition
from eventsink.look.numbers.units import Unit

__all__ = ["CHECKED", "HEALTH"]

CHECKED = '"type" =~ /^health\\.(ping|download|connection|queue|check)_update$/'
"""Results of checks: all but what follows from them, and what the sink says of itself."""

_WHAT = ("check", "target", "region")


_WORDS = (("100", "up"), ("0", "down"))


def _of(title: str, select: str, *, by: tuple[str, ...], unit: Unit = "count", every: str = INTERVAL) -> Series:
    where = (CHECKED, condition(REGION))
    return Series(title=title, select=select, measurement='"health"', where=where, by=by, unit=unit, every=every)


def _state(*, by: tuple[str, ...]) -> Series:
    found = _of("Up", 'last("up_percent")', by=by, every="")
    return replace(found, words=_WORDS)


HEALTH = Dashboard(
    name="health",
    title="Clowder: Health",
    periods=False,
    variables=(REGION,),
    panels=(
        Drawn(
            title="Now",
            form="table",
            series=(
                _state(by=_WHAT),
                _of("Availability", 'mean("up_percent")', by=_WHAT, unit="percent", every=""),
                _of("Duration, 95 %", 'percentile("elapsed_ms", 95)', by=_WHAT, unit="ms", every=""),
            ),
            about="Availability is the share of checks that were well; one that could not tell is in neither.",
            width=24,
            height=9,
        ),
        Drawn(
            title="Availability",
            form="lines",
            series=(_of("Availability", 'mean("up_percent")', by=_WHAT, unit="percent"),),
        ),
        Drawn(
            title="How long checks take",
            form="lines",
            series=(_of("Duration", 'mean("elapsed_ms")', by=_WHAT, unit="ms"),),
        ),
        Drawn(
            title="Round trips",
            form="lines",
            series=(_of("Round trip", 'mean("avg_ms")', by=("target", "region"), unit="ms"),),
        ),
        Drawn(
            title="Packets lost",
            form="lines",
            series=(_of("Lost", 'mean("loss_percent")', by=("target", "region"), unit="percent"),),
        ),
        Drawn(
            title="Downloads: until the first byte",
            form="lines",
            series=(_of("First byte", 'mean("first_byte_ms")', by=("check", "region"), unit="ms"),),
        ),
        Drawn(
            title="Downloads: bytes per second",
            form="lines",
            series=(_of("Rate", 'mean("bytes_per_second")', by=("check", "region"), unit="bytes"),),
        ),
        Drawn(
            title="Days until certificates end",
            form="table",
            series=(_of("Days", 'last("certificate_days")', by=("check", "target"), every=""),),
        ),
        Drawn(
            title="Queues",
            form="lines",
            series=(_of("Ready", 'max("ready")', by=("queue",)),),
            about="The most that was ready in each interval.",
        ),
        Drawn(
            title="Connections to NGINX",
            form="lines",
            series=(_of("Active", 'max("active")', by=("check",)),),
        ),
        Drawn(
            title="Answers of NGINX with 5xx",
            form="bars",
            series=(_of("5xx", 'sum("status_5xx")', by=("check",)),),
        ),
    ),
)
