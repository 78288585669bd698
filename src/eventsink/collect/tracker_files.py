"""The tracker's script, as pages load it: a published version never changes, and pages name it with its hash."""

import base64
import functools
import gzip
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple

from litestar import Request, Response, get
from litestar.handlers import BaseRouteHandler

__all__ = ["Published", "published", "tracker_routes"]

_MEDIA = "text/javascript"
YEAR, HOUR = 365 * 86_400, 3_600  # seconds


class Published(NamedTuple):
    """A version of the script.

    Args:
        name: of its file, as t.1.js.
        integrity: for Subresource Integrity.
    """

    name: str
    content: bytes
    integrity: str


@functools.cache
def published() -> Mapping[int, Published]:
    """All versions, by their numbers."""
    found = {}
    for file in (resources.files("eventsink.collect") / "tracker").iterdir():
        parts = file.name.split(".")
        if len(parts) == 3 and parts[0] == "t" and parts[1].isdecimal():
            content = file.read_bytes()
            digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
            found[int(parts[1])] = Published(file.name, content, f"sha384-{digest}")
    return dict(sorted(found.items()))


def tracker_routes() -> list[BaseRouteHandler]:
    """A route for each version, and /t.js for the newest, which pages load that were made before it."""
    versions = [*published().values()]
    return [_serve("/t.js", versions[-1], HOUR), *(_serve(f"/{one.name}", one, YEAR) for one in versions)]


def _serve(path: str, version: Published, seconds: int) -> BaseRouteHandler:
    packed = gzip.compress(version.content, 9, mtime=0)
    etag = f'"{version.integrity[7:27]}"'
    headers = {
        "cache-control": f"public, max-age={seconds}" + (", immutable" if seconds == YEAR else ""),
        "access-control-allow-origin": "*",  # without which no page of another site can check its hash
        "cross-origin-resource-policy": "cross-origin",
        "etag": etag,
        "vary": "accept-encoding",
    }

    @get(path, include_in_schema=False, name=path)
    async def get_tracker(request: Request[Any, Any, Any]) -> Response[bytes]:
        """The script, or that the browser has it already."""
        if etag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(version.content, media_type=_MEDIA, headers=headers)
        return Response(packed, media_type=_MEDIA, headers={**headers, "content-encoding": "gzip"})

    return get_tracker
