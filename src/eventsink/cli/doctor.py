"""`eventsink doctor`: is everything well configured and reachable."""

import logging
from typing import Annotated

import typer

from eventsink import logs
from eventsink.cli.doctoring.broker import fix as set_policies
from eventsink.cli.doctoring.everything import examine
from eventsink.cli.doctoring.table import table
from eventsink.cli.options import Form, Format, Key, Url, configured, new_app
from eventsink.cli.screen import output, print_json
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def doctor(
    settings: Settings,
    format: Format = Form.table,  # noqa: A002
    url: Url = None,
    key: Key = None,
    fix: Annotated[bool, typer.Option("--fix", help="Set RabbitMQ's policies first, by its management API.")] = False,
) -> None:
    """Check that everything is well configured and reachable. Exit code 1 if anything is not."""
    logs.configure(logging.ERROR)  # what workers say beside their findings is no news here
    if fix:
        set_policies(settings)
    findings = list(examine(settings, url, key))
    if format is Form.json:
        for finding in findings:
            print_json(finding)
    else:
        output().print(table(findings))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
