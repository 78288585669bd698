"""`eventsink backup`: all that a data directory holds in one file, while its sink runs or when it does not."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from eventsink.assemble.backup import back_up
from eventsink.cli.backup_view import bar, print_manifest
from eventsink.cli.locate import connect
from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def backup(
    settings: Settings,
    out: Annotated[
        Path, typer.Option("--out", help="The file; it must not be there. For this user alone.", metavar="FILE")
    ],
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Write all data into one file. A sink that runs on it goes on; what it had accepted before is in the file.

    Salts of visitors, and what is made again by itself, are left out: see docs/operations/backup.md.
    """
    with bar("backup", total=None) as told:
        manifest = back_up(settings, out, partial(connect, settings), told)
    print_manifest(manifest, f"{out} is written", format)
