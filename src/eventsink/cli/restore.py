"""`eventsink restore`: a data directory made of a backup."""

from pathlib import Path
from typing import Annotated

import typer

from eventsink.assemble import backup
from eventsink.cli.backup_view import bar, print_manifest
from eventsink.cli.options import Form, Format, configured, new_app
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def restore(
    settings: Settings,
    file: Annotated[Path, typer.Argument(help="As `eventsink backup` has written it.", metavar="FILE")],
    check: Annotated[
        bool, typer.Option("--check", help="Only read it through and compare checksums; nothing is written.")
    ] = False,
    format: Format = Form.table,  # noqa: A002
) -> None:
    """Make a data directory of a backup. The directory (--data) must not be there, or be empty."""
    total = file.stat().st_size if file.is_file() else None
    with bar("restore", total=total) as told:
        manifest = backup.check(file, told) if check else backup.restore(settings, file, told)
    done = f"{file} is whole" if check else f"{settings.directory} is restored"
    print_manifest(manifest, done, format)
