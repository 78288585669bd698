"""`eventsink grafana export`: datasource, dashboards and alert rules as files that Grafana reads."""

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.cli.screen import note, print_json, say
from eventsink.deliver import loading
from eventsink.deliver.workers.influxdb import Options
from eventsink.errors import SettingsError
from eventsink.look.grafana import Exported, export
from eventsink.look.grafana.datasource import Influx
from eventsink.look.grafana.export import DASHBOARDS, RUNBOOKS
from eventsink.look.grafana.rules import Thresholds
from eventsink.settings import Settings
from eventsink.store.zones import zone_of

app = new_app("Dashboards and alert rules for Grafana, on the InfluxDB that the worker `influxdb` writes to.")


@app.callback()
def _grafana() -> None:
    """Have a group, though it has one command."""


@app.command("export")
@configured
def write(
    settings: Settings,
    out: Annotated[Path, typer.Option(help="Folder to write into; made if it is not there.")],
    influxdb: Annotated[
        str | None, typer.Option(help="Address of InfluxDB for Grafana, where it is another than ours.", metavar="URL")
    ] = None,
    username: Annotated[
        str | None, typer.Option(help="User of InfluxDB 1 that Grafana reads by.  [default: that of the worker]")
    ] = None,
    sink: Annotated[
        str | None, typer.Option(help="Address of the pages of the sink, for links to them.", metavar="URL")
    ] = None,
    dashboards: Annotated[str, typer.Option(help="Where Grafana will find the folder `dashboards`.")] = DASHBOARDS,
    runbooks: Annotated[str, typer.Option(help="Address of what to do about alerts.", metavar="URL")] = RUNBOOKS,
    slow_ms: Annotated[float, typer.Option(min=1, help="Milliseconds of a round trip, before it is slow.")] = 1000.0,
    page_ms: Annotated[float, typer.Option(min=1, help="Milliseconds to the first byte of a page.")] = 5000.0,
    queue: Annotated[int, typer.Option(min=0, help="Messages that may be ready in a queue.")] = 10_000,
    silent: Annotated[int, typer.Option(min=1, help="Minutes without any event, before that is told.")] = 15,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Write provisioning files for Grafana 11 to 13: datasource, dashboards, alert rules. No secret stands in them."""
    zone_of(settings.reports.zone)
    limits = Thresholds(
        round_trip_ms=slow_ms,
        first_byte_ms=page_ms,
        certificate_days=settings.alerts.certificate_days,
        queue=queue,
        lag_s=settings.alerts.lag,
        silent_minutes=silent,
    )
    what = Exported(
        influx=_influx(settings, influxdb, username),
        sink=sink or settings.alerts.link or settings.collect.address,
        zone=settings.reports.zone,
        dashboards=dashboards,
        runbooks=runbooks,
        thresholds=limits,
    )
    for path, text in export(what):
        place = out / path
        _write(place, text)
        print_json({"file": str(place)}) if format is Form.json else say(str(place))
    if what.influx.username or what.influx.token:
        secret = "TOKEN" if what.influx.token else "PASSWORD"
        note(f"Grafana needs EVENTSINK_INFLUXDB_{secret} in its environment: it may read, and need not write.")


def _influx(settings: Settings, url: str | None, username: str | None) -> Influx:
    """The InfluxDB of the settings.

    Raises:
        SettingsError: they have none, or one that dashboards cannot read.
    """
    if "influxdb" not in settings.workers:
        raise SettingsError("There is no section [workers.influxdb] in the settings, and Grafana reads from InfluxDB.")
    section = settings.workers["influxdb"]
    # Secrets are the worker's own: Grafana has others, and where this is run there may be none.
    unknown = {"password": "…"} if section.get("username") else {"token": "…"} if section.get("bucket") else {}
    options = cast("Options", loading.load("influxdb", unknown | section).options)
    if options.schema != "events":
        raise SettingsError(
            "The dashboards read what workers.influxdb.schema = 'events' writes: it is 'upstream' here."
        )
    version = _version(options)
    return Influx(
        version=version,
        url=url or options.url,
        database=options.bucket if version == 2 else options.database,
        username=(username or options.username) if version == 1 else "",
        token=bool(options.token) and version != 1,
    )


def _version(options: Options) -> Literal[1, 2, 3]:
    if options.version in (1, 2, 3):
        return cast("Literal[1, 2, 3]", options.version)
    return 2 if options.bucket else 3 if options.token else 1


def _write(place: Path, text: str) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    except OSError as error:
        raise SettingsError(f"{place} cannot be written: {error.strerror}. Name another folder with --out.") from None
