"""`eventsink up`: everything in one process."""

from typing import Annotated

import typer

from eventsink import assemble
from eventsink.cli.options import Host, Port, configured, listening, new_app
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def up(
    settings: Settings,
    host: Host = None,
    port: Port = None,
    demo: Annotated[bool, typer.Option("--demo", help="Play a month of Clowder life, then a trickle.")] = False,
) -> None:
    """Run the whole event sink in this process, until Ctrl-C: no other server is needed.

    Every destination that the settings name is delivered to.
    """
    assemble.up(listening(settings, host, port), demo=demo)
