"""The files of the status page: a reader never sees half of one, and what is not ours stays as it is."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

import msgspec

from eventsink.causes import why
from eventsink.cli.screen import plain
from eventsink.errors import EventSinkError
from eventsink.files import clear_drafts
from eventsink.look.status.badge import badge, file_name
from eventsink.look.status.contract import MARK, StatusPage
from eventsink.look.status.feed import feed
from eventsink.look.status.html import html

__all__ = ["last_page", "write_page"]

READABLE = 0o644  # it is public, whatever the umask says
FOLDER = 0o755
MARKED_WITHIN = 2000  # bytes
DRAFT = ".eventsink-"


def write_page(out: Path, page: StatusPage, *, every: float | None = None) -> None:
    """Write all forms of a page, the page itself last; badges of checks that it has no more are removed.

    Args:
        out: folder; it is made.
        every: seconds after which that is done again; None where nobody knows.

    Raises:
        EventSinkError: the disk takes nothing, or another page is there.
    """
    known = page.unreachable_since is None
    badges = {f"{file_name(check.name)}.svg": badge(check, known=known) for check in page.checks}
    files = {
        "status.json": msgspec.json.encode(page),
        "feed.atom": feed(page, home="index.html").encode(),
        "index.html": html(page, copy=True, reload_s=every).encode(),
    }
    try:
        for name in files:
            _refuse_foreign(out / name)
        for folder in (out, out / "badge"):
            _make_folder(folder)
            clear_drafts(folder, DRAFT)
        for name, drawn in badges.items():
            _write(out / "badge" / name, drawn.encode())
        for name, content in files.items():
            _write(out / name, content)
        for path in (out / "badge").glob("*.svg"):
            if path.name not in badges and _is_ours(path):
                path.unlink(missing_ok=True)
    except OSError as error:
        raise EventSinkError(f"The status page cannot be written to {plain(out)}: {why(error)}.") from error


def last_page(out: Path) -> StatusPage | None:
    """The page that was written there before; None where none was."""
    try:
        return msgspec.json.decode((out / "status.json").read_bytes(), type=StatusPage)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _write(path: Path, content: bytes) -> None:
    """Beside it first, then in its place."""
    if path.suffix == ".svg" and os.path.lexists(path) and not _is_ours(path):
        return
    handle, draft = tempfile.mkstemp(prefix=DRAFT, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), READABLE)
        Path(draft).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(FOLDER)


def _refuse_foreign(path: Path) -> None:
    if os.path.lexists(path) and not _is_ours(path):
        raise EventSinkError(
            f"{plain(path)} is there already, and no status page of the event sink: give another folder, or remove it."
        )


def _is_ours(path: Path) -> bool:
    """Whether we wrote it: a link, or what hangs when it is read, is none of ours."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return False
    with path.open("rb") as file:
        return MARK.encode() in file.read(MARKED_WITHIN)
