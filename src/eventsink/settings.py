"""Settings: one TOML file, overridden by the environment, checked before anything starts.

`EVENTSINK_SECTION__KEY` overrides a key, `EVENTSINK_SECTION__KEY_FILE` reads its value from a file, as for secrets.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from eventsink.causes import why
from eventsink.errors import SettingsError
from eventsink.mistakes import filled
from eventsink.redact import hidden, hide_in_address
from eventsink.trust import read_found

__all__ = [
    "Alerts",
    "Browser",
    "Collect",
    "Counter",
    "Exchange",
    "Extractors",
    "Grafana",
    "Monitor",
    "Reports",
    "Route",
    "Settings",
    "StatusPage",
    "Store",
    "Telemetry",
    "Window",
    "load",
    "redacted",
]

PREFIX = "EVENTSINK_"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - who listens on all addresses is found on this machine
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://")


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One section of the file."""


class Exchange(_Section, frozen=True, kw_only=True):
    """Where events wait."""

    url: Annotated[
        str,
        Meta(
            description="amqp://user:password@host:5672/vhost for RabbitMQ, several hosts with commas between them;"
            " sqlite:///FILE for the embedded one; empty for exchange.db in the data directory."
        ),
    ] = ""
    name: Annotated[str, Meta(description="Name of the fanout exchange.", min_length=1, max_length=200)] = (
        "clowder.metrics"
    )
    format: Annotated[
        Literal["batch", "single"],
        Meta(description="On RabbitMQ: events of one type share a message, or each has its own."),
    ] = "batch"
    management: Annotated[
        str, Meta(description="RabbitMQ's management API; empty for port 15672 of the first host.")
    ] = ""
    max_bytes: Annotated[
        int, Meta(description="Waiting events beyond this size are refused.", ge=1 << 16, le=1 << 50)
    ] = 10 << 30

    @property
    def on_rabbitmq(self) -> bool:
        """Whether events wait in RabbitMQ."""
        return self.url.startswith(("amqp://", "amqps://"))


class Collect(_Section, frozen=True, kw_only=True):
    """The front door."""

    host: Annotated[str, Meta(description="Address to listen on.", min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port to listen on; 0 takes a free one.", ge=0, le=65535)] = 8750
    source: Annotated[str, Meta(description="Source of events that name none.", min_length=1)] = "clowder"
    strict: Annotated[bool, Meta(description="Refuse types that the catalogue does not know.")] = False
    max_body: Annotated[int, Meta(description="Largest body, bytes as sent.", ge=1024, le=1 << 40)] = 8 << 20
    max_inflated: Annotated[int, Meta(description="Largest body, bytes after inflating.", ge=1024, le=1 << 40)] = (
        8 << 20
    )
    max_event: Annotated[int, Meta(description="Largest single event, bytes.", ge=1024, le=1 << 40)] = 256 << 10
    memory: Annotated[
        int, Meta(description="Bytes of all large bodies at once; of one key, half.", ge=2048, le=1 << 50)
    ] = 64 << 20
    hide: Annotated[
        bool, Meta(description="Hide what its name calls a secret or a network address, in data of no known type.")
    ] = True
    rate: Annotated[float, Meta(description="Events per second and key, 0 for no limit.", ge=0, le=1e9)] = 0.0
    keys: Annotated[
        str,
        Meta(
            description="File of the API keys, where doors with data directories of their own share it; empty for"
            " keys.db in the data directory."
        ),
    ] = ""

    @property
    def address(self) -> str:
        """Where programs of this machine find it, unless its port is one that is free."""
        return _address(self.host, self.port)


class Browser(_Section, frozen=True, kw_only=True):
    """What browsers report to /v1/browser, and what pages load for it."""

    rate: Annotated[float, Meta(description="Events per second of one write key, 0 for no limit.", ge=0, le=1e9)] = (
        500.0
    )
    visitor_rate: Annotated[
        float, Meta(description="Events per minute of one address, 0 for no limit.", ge=0, le=1e9)
    ] = 240.0
    honour_opt_out: Annotated[
        bool, Meta(description="Take nothing from browsers that say Global Privacy Control or Do Not Track.")
    ] = True
    robots: Annotated[
        Literal["mark", "drop"], Meta(description="Events of robots are marked as theirs, or not taken.")
    ] = "mark"
    proxies: Annotated[
        list[str], Meta(description="Networks of proxies whose X-Forwarded-For is believed, as 10.0.0.0/8.")
    ] = msgspec.field(default_factory=lambda: ["127.0.0.0/8", "::1"])
    geoip: Annotated[
        str, Meta(description="File of countries by address (.mmdb); empty for the lists of registered addresses.")
    ] = ""
    country_header: Annotated[
        str,
        Meta(
            description="Header in which such a proxy says the country, as CF-IPCountry; empty for none.",
            pattern=r"^[A-Za-z0-9-]*$",
            title="the name of a header, as CF-IPCountry",
        ),
    ] = ""
    amplitude: Annotated[str, Meta(description="Key of Amplitude, for its own script in `eventsink snippet`.")] = ""
    google_analytics: Annotated[
        str, Meta(description="Measurement id (G-…), for Google's own script in `eventsink snippet`.")
    ] = ""


class Store(_Section, frozen=True, kw_only=True):
    """The store: dashboard, reports, status page."""

    path: Annotated[str, Meta(description="Its folder; empty for store in the data directory.")] = ""
    memory: Annotated[
        str,
        Meta(
            description="Memory that its engine may use, as 512MB; auto is a quarter of what this process may have,"
            " from 64MB to 4GB.",
            pattern=r"^(auto|\d+(MB|GB)|)$",
            title="auto, or a size as 512MB or 2GB",
        ),
    ] = "auto"
    threads: Annotated[
        int,
        Meta(
            description="Threads of its engine; 0 for one for each CPU and 125MB that it may use, at most 8.",
            ge=0,
            le=256,
        ),
    ] = 0
    query_seconds: Annotated[
        float, Meta(description="Seconds that a query of `eventsink sql` may take.", gt=0, le=86_400)
    ] = 30.0
    keep_months: Annotated[int, Meta(description="Months of events to keep, 0 for all.", ge=0, le=1200)] = 0


class Extractors(_Section, frozen=True, kw_only=True):
    """Jobs of extractors, their statuses, and who of them is alive. On when its section is there."""

    url: Annotated[str, Meta(description="RabbitMQ of the extractors; empty for that of the exchange.")] = ""
    management: Annotated[str, Meta(description="Its management API; empty for port 15672 of the first host.")] = ""
    reply_queue: Annotated[
        str, Meta(description="Queue for what extractors say of our jobs. Never Clowder's own.", min_length=1)
    ] = "eventsink.replies"
    forward_to: Annotated[str, Meta(description="Clowder's reply queue, to copy statuses to; empty for none.")] = ""
    every: Annotated[float, Meta(description="Seconds between two looks at queue lengths.", ge=1, le=86_400)] = 60.0
    announce: Annotated[bool, Meta(description="Let Clowder list our workers like extractors.")] = False


class Monitor(_Section, frozen=True, kw_only=True):
    """Who runs the checks, and where their results go."""

    url: Annotated[str, Meta(description="Address of the sink; `up` needs none.")] = ""
    key: Annotated[str, Meta(description="API key with the scope ingest; read as well for checks of the sink.")] = ""
    region: Annotated[str, Meta(description="Where it stands; empty for its name.", max_length=100)] = ""
    name: Annotated[str, Meta(description="Its name, which no other has; empty for that of the host.")] = ""
    references: Annotated[
        list[str],
        Meta(description="host:port that nearly always answer: if none does, the monitor's own network is down."),
    ] = []
    max_bytes: Annotated[
        int, Meta(description="Results that wait for the sink, bytes at most.", ge=1 << 16, le=1 << 50)
    ] = 1 << 30


class Route(_Section, frozen=True, kw_only=True):
    """Who is told of some alerts. What a route takes, `alerts.notify` does not get."""

    notify: Annotated[list[str], Meta(description="Addresses, as of alerts.notify.", min_length=1)]
    checks: Annotated[list[str], Meta(description="Alerts by name, as clowder, sink/* or db-*.", min_length=1)] = (
        msgspec.field(default_factory=lambda: ["*"])
    )
    severity: Annotated[
        Literal["info", "warning", "critical"], Meta(description="Those that are at least so severe.")
    ] = "info"
    hours: Annotated[str, Meta(description="Within these hours, as 08:00-18:00 or 22:00-06:00; empty for all.")] = ""
    days: Annotated[
        list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Meta(description="On these days; none: all.")
    ] = []
    timezone: Annotated[str, Meta(description="Of hours and days, as America/Chicago.")] = "UTC"


class Window(_Section, frozen=True, kw_only=True):
    """A time of maintenance, once (`begin` and `end`) or again and again (`cron` and `minutes`)."""

    checks: Annotated[list[str], Meta(description="Checks by name, as clowder or db-*; * is for all.", min_length=1)]
    begin: Annotated[str, Meta(description="As 2026-12-01T02:00, in the time zone.")] = ""
    end: Annotated[str, Meta(description="As 2026-12-01T04:00.")] = ""
    cron: Annotated[str, Meta(description="When it begins, as 0 3 * * SUN.")] = ""
    minutes: Annotated[int, Meta(description="How long it lasts, with cron.", ge=0, le=10_080)] = 0
    timezone: Annotated[str, Meta(description="As America/Chicago.")] = "UTC"
    reason: Annotated[str, Meta(description="For people: it stands on the status page.", max_length=500)] = ""


class Alerts(_Section, frozen=True, kw_only=True):
    """Who is told when something is not well, and when it is well again."""

    notify: Annotated[
        list[str],
        Meta(
            description="Where to: addresses of Apprise (mailto://, slack://, json://, …), https:// of a webhook, or"
            " console:// for the log."
        ),
    ] = []
    on: Annotated[list[Literal["firing", "resolved", "reminder"]], Meta(description="What is told.")] = msgspec.field(
        default_factory=lambda: ["firing", "resolved", "reminder"]
    )
    reminder: Annotated[
        float, Meta(description="Seconds after which what is not well is told again, 0: never.", ge=0, le=366 * 86_400)
    ] = 86_400.0
    severity: Annotated[Literal["info", "warning", "critical"], Meta(description="Of checks that name none.")] = (
        "critical"
    )
    failures: Annotated[int, Meta(description="Of a check in a row, before it fires.", ge=1, le=1000)] = 3
    successes: Annotated[int, Meta(description="Of a check in a row, before it is well again.", ge=1, le=1000)] = 2
    silent: Annotated[
        float,
        Meta(
            description="Seconds in which nothing is heard of a check or monitor, before that is told.",
            ge=30,
            le=366 * 86_400,
        ),
    ] = 600.0
    flaps: Annotated[
        int, Meta(description="Times that it may fire in an hour, before that is told once only.", ge=2, le=1000)
    ] = 5
    group: Annotated[float, Meta(description="Seconds in which what happens is told together.", ge=0, le=600)] = 5.0
    give_up: Annotated[
        float, Meta(description="Seconds after which a notice that nobody takes is given up.", ge=60, le=366 * 86_400)
    ] = 86_400.0
    link: Annotated[str, Meta(description="Address of this sink in notices; empty for where it listens.")] = ""
    title: Annotated[str, Meta(description="First line of a notice, with $title, $state, $severity, …")] = ""
    body: Annotated[str, Meta(description="Text of a notice, with $message, $since, $regions, $link, …")] = ""
    lag: Annotated[float, Meta(description="Seconds that a worker may be behind.", ge=1, le=366 * 86_400)] = 900.0
    paused: Annotated[
        float, Meta(description="Seconds that a worker may wait for its destination.", ge=1, le=366 * 86_400)
    ] = 600.0
    spool: Annotated[float, Meta(description="Seconds in which events may wait in a spool.", ge=1, le=366 * 86_400)] = (
        600.0
    )
    free_percent: Annotated[float, Meta(description="Of the disk of the data directory.", ge=0, le=100)] = 5.0
    certificate_days: Annotated[float, Meta(description="That a certificate must be valid still.", ge=0, le=36_500)] = (
        14.0
    )
    ignore: Annotated[list[str], Meta(description="Alerts that are none, as sink/dead/* or monitor/*.")] = []
    routes: dict[str, Route] = {}
    maintenance: dict[str, Window] = {}


class StatusPage(_Section, frozen=True, kw_only=True):
    """The page at /status, which everybody may see. On it are the checks with `public = true` in their sections."""

    title: Annotated[str, Meta(description="What stands above it.", min_length=1, max_length=200)] = "Clowder status"


class Counter(_Section, frozen=True, kw_only=True):
    """COUNTER's report of usage: who publishes, and how it is counted where the Code of Practice leaves it open."""

    platform: Annotated[str, Meta(description="Name of the installation, as Clowder NCSA.", min_length=1)] = "Clowder"
    created_by: Annotated[
        str, Meta(description="Who makes the reports, which DataCite tells apart by it; empty for the platform.")
    ] = ""
    publisher: Annotated[str, Meta(description="Publisher of the datasets; empty where there is none.")] = ""
    publisher_id: Annotated[str, Meta(description="Its id, as grid.35403.31; empty for none.")] = ""
    publisher_id_type: Annotated[
        Literal["isni", "orcid", "grid", "urn", "client-id"], Meta(description="Of what kind that id is.")
    ] = "grid"
    address: Annotated[
        str, Meta(description="Where Clowder is, as https://clowder.example.org, for the addresses of datasets.")
    ] = ""
    volume: Annotated[bool, Meta(description="Add the bytes of requests, which DataCite does not take.")] = False
    help_url: Annotated[str, Meta(description="Page about the exceptions of our reports; empty for none.")] = ""
    zone: Annotated[str, Meta(description="Time zone of months and hours, as America/Chicago.")] = "UTC"
    sources: Annotated[
        list[str], Meta(description="Events of these sources alone, where two report the same; none: of all.")
    ] = []
    views: Annotated[Literal["server", "tracker"], Meta(description="Who is believed on views.")] = "server"
    downloads: Annotated[Literal["server", "tracker"], Meta(description="Who is believed on downloads.")] = "server"
    visitor: Annotated[
        Literal["hash", "cookie"], Meta(description="What `visitor` is in events that are not our tracker's.")
    ] = "hash"
    session_slice: Annotated[
        Literal["hour", "day"], Meta(description="Whether a session id is one session an hour, or a day.")
    ] = "hour"
    anonymous: Annotated[
        Literal["merge", "separate", "exclude"],
        Meta(description="Events of nobody known: one session for a source and hour, one for each, or not counted."),
    ] = "merge"
    partial: Annotated[
        Literal["none", "first"], Meta(description="Whether downloads with status 206 count: those of access logs.")
    ] = "none"
    internal_users: Annotated[list[str], Meta(description="Ids of users whose use is none: tests, backups.")] = []
    extractor_downloads: Annotated[
        Literal["exclude", "machine", "count"],
        Meta(description="Downloads by extractors: not counted, as machine, or as what they are."),
    ] = "exclude"
    extraction_s: Annotated[
        float, Meta(description="Seconds that a job counts as running whose end nobody reported.", ge=0, le=31_536_000)
    ] = 3600.0


class Reports(_Section, frozen=True, kw_only=True):
    """Reports and the pages of numbers."""

    zone: Annotated[str, Meta(description="Time zone of days and months where nobody names one.", min_length=1)] = "UTC"
    people: Annotated[
        str, Meta(description="CSV file of users: id, and any of name, email and institution; empty for none.")
    ] = ""
    clowder_url: Annotated[
        str,
        Meta(
            description="Clowder that is asked for the names of users, datasets and spaces; empty: none.",
            max_length=500,
        ),
    ] = ""
    clowder_key: Annotated[str, Meta(description="API key of that Clowder.")] = ""


class Telemetry(_Section, frozen=True, kw_only=True):
    """What the sink says of itself."""

    every: Annotated[
        float,
        Meta(
            description="Seconds between two canaries, and reports of the sink on itself; 0 for none.", ge=0, le=86_400
        ),
    ] = 0.0
    host: Annotated[
        str, Meta(description="Address at which workers and monitors answer probes and scrapes.", min_length=1)
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(description="Their port; 0 for none. A front door answers at its own.", ge=0, le=65535),
    ] = 0
    traces: Annotated[
        str,
        Meta(
            description="OTLP/HTTP endpoint for OpenTelemetry traces, as http://localhost:4318; empty for none.",
            pattern=r"^(https?://.+)?$",
            title="an address, as http://localhost:4318, or empty",
        ),
    ] = ""

    @property
    def address(self) -> str:
        """Where programs of this machine find what answers there."""
        return _address(self.host, self.port)


class Grafana(_Section, frozen=True, kw_only=True):
    """Grafana, for `eventsink doctor` alone, which asks whether the datasource is there and works."""

    url: Annotated[str, Meta(description="Its address, as https://grafana.example.org; empty: it is not asked.")] = ""
    token: Annotated[str, Meta(description="Token of a service account that may read and query datasources.")] = ""
    datasource: Annotated[str, Meta(description="uid of the datasource of the dashboards.", min_length=1)] = (
        "eventsink-influxdb"
    )


class Settings(_Section, frozen=True, kw_only=True):
    """All settings. A section under `workers` or `checks` switches its destination or check on."""

    data: Annotated[str, Meta(description="The data directory.", min_length=1)] = "var"
    exchange: Exchange = Exchange()
    collect: Collect = Collect()
    browser: Browser = Browser()
    store: Store = Store()
    extractors: Extractors | None = None
    workers: dict[str, dict[str, Any]] = {}
    monitor: Monitor = Monitor()
    checks: dict[str, dict[str, Any]] = {}
    alerts: Alerts = Alerts()
    status_page: StatusPage = StatusPage()
    counter: Counter = Counter()
    reports: Reports = Reports()
    telemetry: Telemetry = Telemetry()

    grafana: Grafana = Grafana()

    @property
    def extractors_url(self) -> str:
        """Where RabbitMQ of the extractors is.

        Raises:
            SettingsError: no section names it.
        """
        own = self.extractors.url if self.extractors else ""
        if not own and not self.exchange.on_rabbitmq:
            raise SettingsError("extractors.url is missing: give amqp://user:password@host/vhost of RabbitMQ.")
        return own or self.exchange.url

    @property
    def jobs_path(self) -> Path:
        """The file of extractor jobs."""
        return self.directory / "jobs.db"

    @property
    def directory(self) -> Path:
        """The data directory."""
        return Path(self.data)

    @property
    def exchange_path(self) -> Path:
        """The file of the embedded exchange.

        Raises:
            SettingsError: the URL is of another kind of exchange.
        """
        if not self.exchange.url:
            return self.directory / "exchange.db"
        scheme, slashes, rest = self.exchange.url.partition("://")
        if scheme != "sqlite" or not rest.startswith("/"):
            # Nothing of it is repeated: where people forget the scheme, it begins with user and password.
            found = "has a scheme that is not known here" if slashes else "has no scheme"
            raise SettingsError(
                f"exchange.url {found}: give amqp://user:password@host/vhost for RabbitMQ, or sqlite:///FILE."
            )
        return Path(rest[1:])

    @property
    def monitor_spool_path(self) -> Path:
        """The file of results that wait for the sink."""
        return self.directory / "monitor-spool.db"

    @property
    def monitor_states_path(self) -> Path:
        """The file of what is known of each check."""
        return self.directory / "monitor-states.json"

    @property
    def checks_path(self) -> Path:
        """The folder in which each check may have one of its own."""
        return self.directory / "checks"

    @property
    def alerts_path(self) -> Path:
        """The file of alerts."""
        return self.directory / "alerts.db"

    @property
    def accounts_path(self) -> Path:
        """The file of the accounts of workers on RabbitMQ."""
        return self.directory / "accounts.db"

    @property
    def spool_path(self) -> Path:
        """The file of the spool; one for each port, for several front doors of a machine may share a directory."""
        return self.directory / f"spool-{self.collect.port}.db"

    @property
    def store_path(self) -> Path:
        """The folder of the store."""
        return Path(self.store.path) if self.store.path else self.directory / "store"

    @property
    def names_path(self) -> Path:
        """The file of names that Clowder was asked for."""
        return self.directory / "names.json"

    @property
    def keys_path(self) -> Path:
        """The file of the API keys."""
        return Path(self.collect.keys) if self.collect.keys else self.directory / "keys.db"


def load(path: Path | None = None, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Read the settings.

    Args:
        path: the file; by default the one that EVENTSINK_CONFIG names, else eventsink.toml if it is there.
        environment: in place of the process's own.
        given: values that win over all else, as `data="…"` or `collect={"port": 1}`; None says nothing.

    Raises:
        SettingsError: a sentence that names the setting that is wrong.
        NotTrusted: nobody named the file, and another user may have written it.
    """
    environment = os.environ if environment is None else environment
    tree = _read_file(path, environment)
    for keys, value, name in _overrides(environment):
        _put(tree, keys, value, name)
    for section, value in given.items():
        values = {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value
        if isinstance(values, dict) and isinstance(tree.get(section, {}), dict):
            tree[section] = {**tree.get(section, {}), **values}
        elif values is not None and not isinstance(values, dict):
            tree[section] = values
    for room in ("workers", "checks"):
        for name, section in tree[room].items() if isinstance(tree.get(room), dict) else ():
            if not isinstance(section, dict):
                raise SettingsError(f"{room}.{name} must be a section, as [{room}.{name}].")
    try:
        settings: Settings = filled(tree, Settings, "")
    except ValueError as error:
        raise SettingsError(str(error)) from None
    return settings


def redacted(settings: Settings) -> dict[str, Any]:
    """The settings as plain values, with secrets hidden; a section that is not there is left out."""
    values = msgspec.to_builtins(settings)
    rooms = {
        room: {name: hidden(_quiet(section), text=hide_in_address) for name, section in values.pop(room).items()}
        for room in ("workers", "checks")
    }
    values["alerts"] = _without_addresses(values["alerts"])
    shown = {name: hidden(value, name, text=hide_in_address) for name, value in values.items() if value is not None}
    return shown | {room: sections for room, sections in rooms.items() if sections}


def _without_addresses(alerts: dict[str, Any]) -> dict[str, Any]:
    """Alerts without the addresses that they go to: of those of many services, every part is a secret."""

    def quiet(section: dict[str, Any]) -> dict[str, Any]:
        schemes = [found[0] if (found := _SCHEME.match(address)) else "" for address in section["notify"]]
        return section | {"notify": [f"{scheme}…" for scheme in schemes]}

    shown = quiet(alerts) | {"routes": {name: quiet(route) for name, route in alerts["routes"].items()}}
    return {name: value for name, value in shown.items() if value not in ({}, [])}


def _quiet(section: dict[str, Any]) -> dict[str, Any]:
    """A section without what is sent to others as it stands: what of it is a secret, only they know."""
    quiet = dict(section)
    if isinstance(headers := quiet.get("headers"), dict):
        quiet["headers"] = dict.fromkeys(headers, "…")
    return quiet | ({"send": "…"} if quiet.get("send") else {})


def _read_file(path: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    named = path or (Path(environment[PREFIX + "CONFIG"]) if environment.get(PREFIX + "CONFIG") else None)
    file = named or Path("eventsink.toml")
    try:
        content = file.read_bytes() if named else read_found(file, naming=f"--config {file}")
        return tomllib.loads(content.decode("utf-8"))
    except FileNotFoundError:
        if named is None:
            return {}
        raise SettingsError(f"There is no settings file {file}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}.") from None
    except RecursionError:
        raise SettingsError(f"{file} is nested too deeply: no setting is.") from None
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}.") from None


def _overrides(environment: Mapping[str, str]) -> list[tuple[list[str], str | list[Any], str]]:
    found = []
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or "__" not in name:
            continue
        keys = name.removeprefix(PREFIX).lower().split("__")
        if keys[-1].endswith("_file"):
            if (plain := name.removesuffix("_FILE")) in environment:
                raise SettingsError(f"{plain} and {name} are both set, and only one can be meant: take one away.")
            found.append(([*keys[:-1], keys[-1].removesuffix("_file")], _value(_read_secret(name, Path(value))), name))
        else:
            found.append((keys, _value(value), name))
    return found


def _value(text: str) -> str | list[Any]:
    """A value of the environment: a list is written as in the file, all else as it is."""
    if not text.startswith("["):
        return text
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, list) else text


def _read_secret(name: str, path: Path) -> str:
    try:
        secret = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} names a file that cannot be read: {why(error)}.") from None
    if not secret:  # half an installation: without it, what is meant for RabbitMQ would go into an embedded exchange
        raise SettingsError(f"{name} names a file that is empty: put the value into it, or take {name} away.")
    return secret


def _put(tree: dict[str, Any], keys: list[str], value: str | list[Any], name: str) -> None:
    for key in keys[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise SettingsError(f"{name}: {key!r} is a value, not a section.")
    tree[keys[-1]] = value


def _address(host: str, port: int) -> str:
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
