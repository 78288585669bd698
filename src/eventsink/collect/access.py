"""Who is asking, and may they: API keys in headers, never in addresses."""

from collections.abc import Mapping

from eventsink.collect.problems import Problem
from eventsink.errors import KeysNotRead
from eventsink.keyring import Keyring
from eventsink.keys import Key

__all__ = ["authorize"]


async def authorize(headers: Mapping[bytes, bytes], scope: str, keys: Keyring) -> Key:
    """The key of a request, if it has the scope.

    Raises:
        Problem: 401 without a valid key, 403 without the scope, 503 while it is not known which keys there are.
    """
    text = headers.get(b"x-api-key", b"").decode("latin-1").strip()
    if not text:
        kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        text = token.strip() if kind.lower() == "bearer" else ""
    try:
        key = await keys.check(text) if text else None
    except KeysNotRead as error:
        raise Problem(503, str(error), headers={"retry-after": "1"}) from None
    if key is None:
        given = "This key is unknown, revoked or expired." if text else "A key is needed."
        raise Problem(
            401,
            f"{given} Send one as `X-API-Key: …` or `Authorization: Bearer …`; `eventsink keys create` makes them.",
            headers={"www-authenticate": "Bearer"},
        )
    if not key.may(scope):
        raise Problem(403, f"Key {key.id} has no scope {scope!r}; it has {', '.join(key.scopes)}.")
    return key
