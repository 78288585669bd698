"""`eventsink config`: the settings as they are, secrets hidden."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from eventsink.assemble.alerting import check_alerts
from eventsink.assemble.monitoring import online, planned
from eventsink.browsers.countries import Countries
from eventsink.browsers.peers import Proxies
from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.cli.screen import as_json, print_json, say
from eventsink.collect.snippet import vendor_tags
from eventsink.deliver import loading
from eventsink.look.counter.chosen import check_counter
from eventsink.look.numbers.configured import check_reports
from eventsink.settings import Settings, redacted
from eventsink.watch.alerts.rule import split

app = new_app("Show or check the settings.")


@app.command()
@configured
def show(settings: Settings, format: Format = Form.table) -> None:  # noqa: A002
    """Print all settings, from the file, the environment and the defaults. Secrets are hidden."""
    if format is Form.json:
        print_json(redacted(settings))
        return
    for line in _toml(redacted(settings)):
        say(line)


@app.command()
@configured
def check(settings: Settings) -> None:
    """Check all settings, those of workers and checks included. Says what is wrong, and starts nothing."""
    if settings.exchange.on_rabbitmq:
        from eventsink.amqp import Address  # noqa: PLC0415 - needs RabbitMQ's client, which else is not needed

        Address.parse(settings.exchange.url)
    else:
        _ = settings.exchange_path
    Proxies(settings.browser.proxies)
    if settings.browser.geoip:
        Countries(Path(settings.browser.geoip))
    vendor_tags(settings.browser)
    if settings.extractors is not None:
        from eventsink.amqp import Address  # noqa: PLC0415

        Address.parse(settings.extractors_url)
    for name, section in settings.workers.items():
        loading.load(name, section)
        loading.types(name, section)
    checks = planned(_run_here(settings), keeps=False)
    online(settings)
    check_alerts(settings)
    check_counter(settings.counter)
    check_reports(settings)
    names = ", ".join(settings.workers) or "none but the store"
    say(f"The settings are well. Destinations: {names}. Checks: {', '.join(one.name for one in checks) or 'none'}.")
    elsewhere = settings.checks.keys() - {one.name for one in checks}
    if elsewhere:
        say(f"Run elsewhere, for they have no kind: {', '.join(sorted(elsewhere))}; `up` and `monitor` need one.")


def _run_here(settings: Settings) -> Settings:
    """The settings without checks that run elsewhere: of those, `serve` needs no more than when they are an alert."""
    return msgspec.structs.replace(
        settings, checks={n: section for n, section in settings.checks.items() if split(section)[0]}
    )


def _toml(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Plain values as TOML, one key a line."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _toml(value, f"{prefix}{_key(name)}.")
        elif value is not None:
            yield f"{prefix}{_key(name)} = {as_json(value)}"


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else as_json(name)
