"""How each kind of value is read, so that nothing is in it but what its kind can say. In: a value. Out: one, or None.

None is what is not sent: it is not there, or it is of another kind.
"""

import math
import mimetypes
import re
from collections.abc import Callable, Mapping
from typing import Any

from eventsink.deliver.analytics import addresses
from eventsink.deliver.analytics.harmless import is_harmless
from eventsink.deliver.analytics.pseudonyms import Pseudonyms
from eventsink.event import Event

__all__ = ["CHOICES", "KINDS", "Plain", "instance_of", "read"]

Plain = str | int | float | bool

CHOICES = frozenset(
    (
        *("file", "dataset", "collection", "space", "folder"),
        *("queued", "working", "done", "skipped", "retried", "failed", "cancelled"),
        *("regular", "machine", "user", "key", "extractor", "anonymous"),
        *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
    )
)
"""What fields have that can have a few values only: words of the catalogue, and methods of HTTP."""


# Of a name as `Survey of Dr.Smith` the end is no extension, so it must be one that is known.
def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EXTENSIONS = _words("""
    7z aac ai avi avif bam bed bib bin bmp bz2 c cdf conf cpp cr2 csv czi dat dbf dcm dicom doc docx dwg dxf eps epub fa
    fasta fastq fits flac flv gb geojson gif gml gpx grb grib gz h5 hdf hdf4 hdf5 hdr heic htm html ico img ini ipynb
    iso jar java jp2 jpeg jpg js json jsonl kml kmz las laz lif log m4a m4v mat md mdb mid mkv mov mp3 mp4 mpeg mpg nc
    nd2 netcdf nii npy npz obj odp ods odt ogg opus parquet pcap pdf php pkl ply png ppt pptx ps psd py r rar raw rdf
    rds rst rtf sam sav shp shx sql sqlite step stl stp svg svs tar tex tgz tif tiff toml tsv ttl txt vcf vtk wav webm
    webp wkt wma wmv xls xlsx xml xz yaml yml zarr zip zst
    """)
# Those of Python itself, and not those of this machine; and what data have besides.
_MEDIA_TYPES = frozenset(mimetypes.MimeTypes().types_map[1].values()) | _words("""
    application/gzip application/x-gzip application/x-bzip2 application/x-xz application/zstd
    application/vnd.rar application/x-rar-compressed application/x-7z-compressed application/x-zip-compressed
    application/x-zip application/xml application/geo+json application/ld+json application/rdf+xml
    application/yaml application/x-yaml application/x-ndjson application/jsonl application/x-netcdf
    application/netcdf application/x-hdf application/x-hdf5 application/dicom application/fits
    application/vnd.apache.parquet application/vnd.las application/x-ipynb+json application/epub+zip
    application/vnd.google-earth.kml+xml application/vnd.google-earth.kmz application/x-sqlite3
    application/msword application/vnd.openxmlformats-officedocument.wordprocessingml.document
    application/vnd.openxmlformats-officedocument.spreadsheetml.sheet
    application/vnd.openxmlformats-officedocument.presentationml.presentation
    application/vnd.oasis.opendocument.text application/vnd.oasis.opendocument.spreadsheet application/toml
    application/x-shapefile application/octet-stream binary/octet-stream multipart/form-data audio/flac
    audio/ogg audio/mp4 audio/wav audio/webm audio/midi font/woff font/woff2 font/ttf font/otf image/webp
    image/avif image/heic image/jp2 image/svg+xml image/geotiff image/fits image/x-adobe-dng model/gltf+json
    model/gltf-binary model/obj model/stl text/markdown text/x-r text/x-python text/yaml text/x-log text/xml
    text/turtle text/javascript video/ogg video/x-matroska video/x-flv
    """)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,99}")
LONGEST = 1000  # characters of a text


def read(kind: str, value: Any, pseudonyms: Pseudonyms) -> Plain | None:
    """A value of a kind, as it may be sent."""
    if kind == "id":
        return _identifier(value, pseudonyms)
    return KINDS[kind](value)


def instance_of(event: Event) -> str | None:
    """Where an event comes from: its source where that is a word; of an address, as that of a site, the host."""
    return _word(event.source) or addresses.host(event.source) or None


def _identifier(value: Any, pseudonyms: Pseudonyms) -> str | None:
    """An id as it is, if it looks like one of Clowder's; of another the keyed hash, for it may hold anything."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not text:
        return None
    return text if addresses.is_id(text) else pseudonyms.thing(text)


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) and abs(value) < 2**63 else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _choice(value: Any) -> str | None:
    return value if isinstance(value, str) and value in CHOICES else None


def _word(value: Any) -> str | None:
    fits = isinstance(value, str) and _WORD.fullmatch(value) is not None and is_harmless(value)
    return value if fits else None


def _media_type(value: Any) -> str | None:
    text = value.partition(";")[0].strip().lower() if isinstance(value, str) else ""
    return text if text in _MEDIA_TYPES else None


def _extension(value: Any) -> str | None:
    """The end of a file's name: of the name itself nothing is seen."""
    end = value.rpartition(".")[2].strip().lower() if isinstance(value, str) and "." in value else ""
    return end if end in _EXTENSIONS else None


def _text(value: Any) -> Plain | None:
    """What an operator has allowed by name, unless it holds what nobody should have allowed."""
    if isinstance(value, str):
        text = value.strip()[:LONGEST]
        return text if text and is_harmless(text) else None
    return value if isinstance(value, bool) else _number(value)


def _address(change: Callable[[str], str]) -> Callable[[Any], str | None]:
    return lambda value: (change(value) or None) if isinstance(value, str) else None


KINDS: Mapping[str, Callable[[Any], Plain | None]] = {
    "number": _number,
    "flag": _flag,
    "choice": _choice,
    "word": _word,
    "media type": _media_type,
    "extension": _extension,
    "page": _address(addresses.scrubbed),
    "path": _address(addresses.path),
    "host": _address(addresses.host),
    "origin": _address(addresses.origin),
    "route": _address(addresses.route),
    "text": _text,
}
"""Readers by kind, but for `id`, which needs a key."""
