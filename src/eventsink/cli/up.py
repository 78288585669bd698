"""`eventsink up`: everything in one process."""

from typing import Annotated

import msgspec
import typer

from eventsink import assemble
from eventsink.cli.options import configured, new_app
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def up(
    settings: Settings,
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, 0 for a free one.  [default: 8750]")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Play a month of Clowder life, then a trickle.")] = False,
) -> None:
    """Run the whole event sink in this process, until Ctrl-C: no other server is needed.

    Every destination that the settings name is delivered to.
    """
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    collect = msgspec.structs.replace(settings.collect, **given)
    assemble.up(msgspec.structs.replace(settings, collect=collect), demo=demo)
