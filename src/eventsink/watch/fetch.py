"""Small answers over HTTP, for checks that ask a service about itself. What measures a page is `http_probe`."""

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from eventsink.causes import why_unreachable
from eventsink.dialects.health import without_secrets
from eventsink.watch.check import Down

__all__ = ["Answer", "fetch", "fetch_json"]

MOST_BYTES = 4 << 20


class Answer(msgspec.Struct, frozen=True):
    """What a server answered."""

    status: int
    body: bytes


async def fetch(url: str, within: float, headers: Mapping[str, str] | None = None) -> Answer:
    """Ask for an address.

    Args:
        within: seconds for the whole of it.

    Raises:
        Down: no answer came, or one of more than 4 MB.
    """
    where = without_secrets(url)
    try:
        limit = aiohttp.ClientTimeout(total=within)
        async with (
            aiohttp.ClientSession(timeout=limit, trust_env=False) as session,
            session.get(url, headers=headers, allow_redirects=False) as answer,
        ):
            body = bytearray()
            async for part in answer.content.iter_chunked(1 << 16):
                body += part
                if len(body) > MOST_BYTES:
                    raise Down("too_large", f"{where} answers with more than {MOST_BYTES >> 20} MB.")
            return Answer(answer.status, bytes(body))
    except TimeoutError as error:
        raise Down("timeout", f"{where} did not answer within {within:g} seconds.") from error
    except (aiohttp.ClientError, ValueError, OSError) as error:
        raise _explained(error, where) from error


async def fetch_json(url: str, within: float, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Ask for a JSON object.

    Raises:
        Down: it did not come.
    """
    answer = await fetch(url, within, headers)
    where = without_secrets(url)
    if answer.status in {401, 403}:
        raise Down("rights", f"{where} answers {answer.status}: the key is missing, wrong, or has not the scope.")
    if answer.status >= 300:
        raise Down("status", f"{where} answers {answer.status}.")
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Down("content", f"{where} answers with something else than a JSON object.") from error


def _explained(error: Exception, where: str) -> Down:
    words = why_unreachable(error) or "it does not answer in HTTP"
    reasons = {
        "nothing listens at this address": "refused",
        "there is no host of this name": "name",
        "the name of the host cannot be looked up": "name",
        "it hung up": "reset",
        "it does not answer in HTTP": "protocol",
    }
    reason = reasons.get(words, "certificate" if "certificate" in words else "tls" if "TLS" in words else "unreachable")
    return Down(reason, f"{where} cannot be asked: {words}.")
