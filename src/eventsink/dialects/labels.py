"""What a sender says that a body is, and what its first bytes say. Labels are hints: the first bytes decide.

In: the bytes that came, with media type, charset and encoding. Out: the text as UTF-8, where it is that. Called by the
front door and by the exchange, before anything is read of an event.
"""

import codecs
import functools
import re
import zlib
from dataclasses import dataclass
from encodings.aliases import aliases

from eventsink.errors import BodyTooLarge, MalformedBody, UnreadableBody

__all__ = ["COMPRESSED", "Text", "inflated", "is_compressed", "text_of"]

COMPRESSED = ("gzip", "x-gzip", "deflate")
PIECE = 4096  # bytes inflated at a time: what follows a member is copied, and a body may have many members

_LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-seq"})
# Of these no first byte is asked for: what is no JSON in them is answered with the place where it is not.
_READ = _LINES | {"", "application/json", "text/json", "application/x-www-form-urlencoded", "text/plain"}
_READ |= {"application/octet-stream"}
_JSON = re.compile(rb'[\s\x1e]*(?:\{\s*["}]|\[\s*(?:["\[\]{\-\d]|true|false|null)|\x1e)|[\s\x1e]*\Z')
_MARK = "\udc80"  # no text has it
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
# Byte order marks, and the zeros beside the first character where there is none; the wider first, as they begin alike.
_WIDE = (
    ("utf-32", re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff")),
    ("utf-16", re.compile(rb"\xff\xfe|\xfe\xff")),
    ("utf-32-le", re.compile(rb"[{\[]\0\0\0")),
    ("utf-32-be", re.compile(rb"\0\0\0[{\[]")),
    ("utf-16-le", re.compile(rb"[{\[]\0")),
    ("utf-16-be", re.compile(rb"\0[{\[]")),
)

# The charsets that are read, by the names of their modules in Python. It has others that are none, of which one needs
# hours for a body of some megabytes, and remembers every name that it was ever asked for: it is asked for these alone.
_CHARSETS = frozenset(
    """ascii big5 big5hkscs cp037 cp437 cp500 cp850 cp852 cp855 cp858 cp866 cp874 cp932 cp949 cp950 cp1026 cp1140 cp1250
    cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 euc_jp euc_kr gb18030 gb2312 gbk iso2022_jp iso2022_kr
    iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 iso8859_10 iso8859_11 iso8859_13
    iso8859_14 iso8859_15 iso8859_16 johab koi8_r koi8_u latin_1 mac_cyrillic mac_greek mac_latin2 mac_roman mac_turkish
    shift_jis tis_620 utf_7 utf_8 utf_8_sig utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le""".split()  # noqa: SIM905
)
_NO_NAME = re.compile(r"[^a-z0-9]+")
LONGEST_NAME = 100  # characters of a charset, and of a Content-Type that is remembered
AT_ONCE = 64 << 10  # bytes recoded at a time, between which others may go on
MOST_MARKS = 1000  # bytes that are not in the charset, before it is none that the body is in


@dataclass(frozen=True)
class Text:
    """A body as far as its labels and first bytes go.

    Args:
        content: as UTF-8 without a byte order mark, where it is in its charset; else with bytes that are no UTF-8.
        lines: whether the sender says that it holds one event a line.
        charset: that the sender has named, if any, so that no other is guessed.
    """

    content: bytes
    lines: bool = False
    charset: str = ""


def text_of(body: bytes, content_type: str, *, charset: str = "", strict: bool = False) -> Text:
    """The text of a body that is no longer compressed.

    Args:
        content_type: the media type, and the charset if that is named in it.
        charset: that was named elsewhere; it gives way to the one in the content type.
        strict: a charset that is not known, or that the body is not in, is an error and not a mistaken label.

    Raises:
        UnreadableBody: for a charset that is not known, or a media type of which the first bytes are no JSON.
    """
    media, named = _media_type(content_type)
    charset = _marked(body) or named or charset.lower()
    content = body.removeprefix(_BOM)
    if content is not body:
        charset = ""  # it says that it is UTF-8
    elif charset not in ("", "utf-8", "utf8"):
        recoded = _recoded(body, charset)
        if recoded is None and strict:
            raise UnreadableBody(
                f"The body is not in the charset {charset[:40]!r}, or that is not known: send UTF-8, which needs none."
            )
        if recoded is None or (_JSON.match(body) and not _JSON.match(recoded)):
            charset = ""
        else:
            content = recoded.removeprefix(_BOM)
    if media not in _READ and not media.endswith("+json") and not _JSON.match(content):
        raise UnreadableBody(
            f"{media[:80]!r} is not read here, and the body is no JSON: send application/json or application/x-ndjson."
        )
    return Text(content, media in _LINES, charset)


def is_compressed(body: bytes, encoding: str) -> bool:
    """Whether a body says so, or begins like one that is."""
    return encoding in COMPRESSED or body.startswith(_GZIP)


def inflated(body: bytes, encoding: str, most: int, *, strict: bool = False) -> bytes:
    """A body without its compression, and as it is where it has none, whatever it is said to be.

    What is read is gzip of any number of members, zlib, and deflate alone, in no more memory than the body may have.

    Args:
        encoding: as the sender names it, in small letters.
        most: bytes that it may have.
        strict: another encoding is an error, where the body is no JSON.

    Raises:
        BodyTooLarge: it inflates beyond `most` bytes.
        MalformedBody: it is damaged or ends too early.
        UnreadableBody: for another encoding.
    """
    if not is_compressed(body, encoding):
        if strict and encoding not in ("", "identity") and not _JSON.match(body):
            raise UnreadableBody(f"The encoding {encoding[:40]!r} is not read here: send gzip, deflate, or none.")
        return body
    if _JSON.match(body):
        return body
    name = "gzip" if body.startswith(_GZIP) or encoding != "deflate" else "deflate"
    parts, left, at, whole = [], most, 0, memoryview(body)
    inflater = None
    try:
        while at < len(body):
            if inflater is None and at and not whole[at]:  # some pad with zeros
                at += 1
                continue
            inflater = inflater or zlib.decompressobj(_window(whole[at : at + 2], name))
            piece = whole[at : at + PIECE]
            part = inflater.decompress(piece, left + 1)
            left -= len(part)
            if left < 0:
                raise BodyTooLarge(f"The body inflates to more than {most} bytes.")
            parts.append(part)
            at += len(piece) - len(inflater.unused_data)
            inflater = None if inflater.eof else inflater
    except zlib.error as error:
        raise MalformedBody(f"The {name} body is damaged: {error}.") from None
    if inflater is not None:
        raise MalformedBody(f"The {name} body ends too early.")
    return b"".join(parts)


def _marked(body: bytes) -> str:
    """UTF-16, as Windows PowerShell and Java write it, or UTF-32, told by the first bytes."""
    if b"\0" not in body[:4] and body[:1] not in (b"\xff", b"\xfe"):  # nearly always
        return ""
    return next((charset for charset, begin in _WIDE if begin.match(body)), "")


def _window(begin: memoryview, name: str) -> int:
    """What zlib is to expect, by the first two bytes (RFC 1950 §2.2): gzip, zlib, or deflate alone."""
    if name == "gzip":
        return 31
    is_zlib = len(begin) == 2 and begin[0] & 15 == 8 and (begin[0] << 8 | begin[1]) % 31 == 0
    return 15 if is_zlib else -15


def _media_type(content_type: str) -> tuple[str, str]:
    """The media type and the charset of a Content-Type, in small letters."""
    return _known_media_type(content_type) if len(content_type) <= LONGEST_NAME else _split_media_type(content_type)


def _split_media_type(content_type: str) -> tuple[str, str]:
    media, _, parameters = content_type.lower().partition(";")
    return media.strip(), parameters.partition("charset=")[2].partition(";")[0].strip().strip('"')


# Clients send few different ones, and all the time.
_known_media_type = functools.lru_cache(maxsize=256)(_split_media_type)


def _recoded(body: bytes, charset: str) -> bytes | None:
    """The body as UTF-8, with bytes that are none for what is not in this charset: the item that has them is refused.

    None: there is no charset of the name, or the body is in another.
    """
    name = _NO_NAME.sub("_", charset[: LONGEST_NAME + 1].lower()).strip("_")
    codec = aliases.get(name, name)
    if codec not in _CHARSETS or len(charset) > LONGEST_NAME:
        return None
    if codec in ("utf_16", "utf_32") and not _marked(body):
        codec += "_le"  # as most machines have it
    codecs.register_error("eventsink.marked", _mark)
    decoder, parts, marks = codecs.getincrementaldecoder(codec)("eventsink.marked"), [], 0
    for at in range(0, len(body), AT_ONCE):
        text = decoder.decode(body[at : at + AT_ONCE], at + AT_ONCE >= len(body))
        parts.append(text.encode("utf-8", "surrogatepass"))
        marks += text.count(_MARK)
        if marks > MOST_MARKS:
            return None
    return b"".join(parts)


def _mark(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return _MARK, error.end
    raise error
