"""The script tags that are put into pages: with a nonce, and as XML where a page is XML."""

import re
import xml.parsers.expat

__all__ = ["Script", "Snippet"]

_ATTRIBUTE = re.compile(rb"""([^\s=>/"']+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?""")
_SCRIPT = re.compile(rb"""(?is)(<script(?=[\s/>])((?:"[^"]*"|'[^']*'|[^>"'])*?)\s*)(/?>)(.*?)(</script\s*>)""")


class Script:
    """One script tag: where its code is, or the code itself, and the digests of which a page may allow it."""

    def __init__(self, attributes: bytes, code: bytes) -> None:
        found = {name.lower(): value.strip(b"\"'") for name, value in _ATTRIBUTE.findall(attributes)}
        self.source = found[b"src"].decode() if b"src" in found else None
        self.integrity = found.get(b"integrity", b"").decode().split()
        self.code = code
        self.asks = found.get(b"data-me", b"").decode()


class Snippet:
    """What `eventsink snippet` prints.

    Args:
        text: one or more script tags, in ASCII.

    Raises:
        ValueError: it has no script tag, or a character that is not the same byte in every charset.
    """

    def __init__(self, text: str) -> None:
        if not text.isascii():
            raise ValueError("the snippet has a character that is not ASCII: take what `eventsink snippet` prints")
        self._html = text.strip().encode()
        found = [*_SCRIPT.finditer(self._html)]
        if not found:
            raise ValueError(f"no script tag in the snippet {text[:50]!r}: take what `eventsink snippet` prints")
        self.scripts = tuple(Script(one[2], one[4]) for one in found)
        self._xml = _as_xml(self._html)
        self._marks = (_mark(self._html), _mark(self._xml))

    def text(self, nonce: str | None = None, *, xml: bool = False) -> bytes:
        """What to insert; empty if it cannot be told as XML.

        Args:
            nonce: of base64's characters, as a Content-Security-Policy has it.
        """
        text = self._xml if xml else self._html
        if nonce is None:
            return text
        given = b' nonce="' + nonce.encode() + b'"'
        return _SCRIPT.sub(lambda one: one[1] + _unless_there(one[2], given) + one[3] + one[4] + one[5], text)

    def mark(self, *, xml: bool = False) -> bytes:
        """How the tracker's tag in it begins, whatever its nonce: by this it is known in a page."""
        return self._marks[xml]


def _mark(text: bytes) -> bytes:
    tags = [found[1] for found in _SCRIPT.finditer(text)]
    ours = [tag for word in (b" data-key=", b" src=") for tag in tags if word in tag]
    return ours[0] if ours else b""


def _unless_there(attributes: bytes, given: bytes) -> bytes:
    names = {name.lower() for name, _ in _ATTRIBUTE.findall(attributes)}
    return b"" if b"nonce" in names else given


def _as_xml(html: bytes) -> bytes:
    """The same where every attribute needs a value, and code must not look like tags; empty if that does not do."""
    text = _SCRIPT.sub(_script_as_xml, html)
    try:
        xml.parsers.expat.ParserCreate().Parse(b"<x>" + text + b"</x>", True)  # noqa: FBT003
    except xml.parsers.expat.ExpatError:
        return b""
    return text


def _script_as_xml(one: re.Match[bytes]) -> bytes:
    attributes = b"".join(
        b" " + name + b'="' + value.strip(b"\"'").replace(b'"', b"&quot;") + b'"'
        for name, value in _ATTRIBUTE.findall(one[2])
    )
    code = one[4]
    if b"<" in code or b"&" in code:
        code = b"//<![CDATA[\n" + code + b"\n//]]>"
    return b"<script" + attributes + b">" + code + b"</script>"
