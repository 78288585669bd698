"""What a page's Content-Security-Policy says of a snippet. It is read only: nothing of it is loosened."""

import base64
import hashlib
import re
import urllib.parse
from collections.abc import Iterable, Sequence

from eventsink.client.html_snippet import Script

__all__ = ["find_lacks", "find_nonce"]

Policy = dict[str, list[str]]

_NONCE = re.compile(r"'nonce-([A-Za-z0-9+/_-]+={0,2})'")
_DIGEST = re.compile(r"'(sha256|sha384|sha512)-", re.IGNORECASE)
_OF_SCRIPTS = ("script-src-elem", "script-src", "default-src")
_OF_REQUESTS = ("connect-src", "default-src")


def find_nonce(headers: Iterable[str]) -> str | None:
    """The first nonce that is named for scripts; where none is for scripts alone, that for everything."""
    for policy in _read(headers):
        found = _NONCE.search(" ".join(_sources(policy, _OF_SCRIPTS) or ()))
        if found:
            return found[1]
    return None


def find_lacks(headers: Iterable[str], scripts: Sequence[Script], nonce: str | None) -> list[str]:
    """What must be added so that scripts run and may send: `script-src 'self'`.

    A path is taken for one of the page's own site, which a policy may also name by its host: then this says too much.
    """
    lacks: dict[str, None] = {}
    for policy in _read(headers):
        allowed = _sources(policy, _OF_SCRIPTS)
        reached = _sources(policy, _OF_REQUESTS)
        for script in scripts:
            if allowed is not None and not _may_run(script, allowed, nonce):
                lacks[f"script-src {_origin(script.source) if script.source else 'a nonce'}"] = None
            for address in (script.source, script.asks):
                if address and reached is not None and not _matches(address, reached):
                    lacks[f"connect-src {_origin(address)}"] = None
    return list(lacks)


def _read(headers: Iterable[str]) -> list[Policy]:
    """All policies, each of which must allow what is to be allowed."""
    policies = []
    for text in ",".join(headers).split(","):
        policy: Policy = {}
        for directive in text.split(";"):
            name, *sources = directive.split() or [""]
            policy.setdefault(name.lower(), sources)  # of two, the first counts
        policies.append(policy)
    return policies


def _sources(policy: Policy, names: Sequence[str]) -> list[str] | None:
    return next((policy[name] for name in names if name in policy), None)


def _may_run(script: Script, allowed: list[str], nonce: str | None) -> bool:
    if nonce is not None and f"'nonce-{nonce}'" in allowed:
        return True
    if script.integrity and all(f"'{digest}'" in allowed for digest in script.integrity):
        return True
    words = {word.lower() for word in allowed}
    if script.source is not None:
        return "'strict-dynamic'" not in words and _matches(script.source, allowed)
    if _digests(script.code).intersection(allowed):
        return True
    strict = "'strict-dynamic'" in words or any(_NONCE.match(word) or _DIGEST.match(word) for word in allowed)
    return "'unsafe-inline'" in words and not strict


def _digests(code: bytes) -> set[str]:
    return {
        f"'{name}-{base64.b64encode(hashlib.new(name, code).digest()).decode()}'"
        for name in ("sha256", "sha384", "sha512")
    }


def _matches(address: str, sources: list[str]) -> bool:
    """Whether an address is among sources."""
    url = urllib.parse.urlsplit(address)
    words = [word.lower() for word in sources]
    if not url.netloc:
        return "'self'" in words or "*" in words
    host = (url.hostname or "").lower()
    return any(_names(word, url.scheme or "https", host) for word in words)


def _names(source: str, scheme: str, host: str) -> bool:
    if source in {"*", f"{scheme}:"}:
        return True
    named = source.partition("://")[2] or source
    named = named.partition("/")[0].partition(":")[0]
    return host.endswith(named[1:]) if named.startswith("*.") else host == named


def _origin(address: str) -> str:
    url = urllib.parse.urlsplit(address)
    return f"{url.scheme or 'https'}://{url.netloc}" if url.netloc else "'self'"
