"""`eventsink worker`: deliver to destinations."""

from typing import Annotated

import typer

from eventsink import assemble
from eventsink.cli.options import configured, new_app
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def worker(
    settings: Settings,
    names: Annotated[list[str], typer.Argument(help="Destinations, by the names of their sections.", metavar="NAME")],
) -> None:
    """Deliver to destinations, until Ctrl-C. Several processes of one name share its queue."""
    assemble.work(settings, names)
