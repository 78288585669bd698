"""Writes the methods of `SinkService`, one for each type of the catalogue, for editors and type checkers."""

import keyword
import re
import subprocess
import sys
from pathlib import Path
from textwrap import fill

from msgspec import inspect

from eventsink.catalogue import CATALOGUE, EventType

TARGET = Path(__file__).parents[1] / "src/eventsink/client/catalogued.py"
WIDTH = 120
RESERVED = {"user", "time", "subject"}

HEAD = '''"""A method for each type of the catalogue: `sink.storage.file_uploaded(file_id=…, bytes=…)`.

Written by scripts/docs from the catalogue; `make check` says whether it is up to date.
"""

# ruff: noqa: A002, PLR0913 - a method has the names of its type, as many as there are, and its words

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

__all__ = ["Catalogued"]

Capture = Callable[[str, str | None, datetime | str | float | None, str | None, dict[str, Any]], None]


def _given(data: dict[str, Any]) -> dict[str, Any]:
    """What was given of data."""
    return {name: value for name, value in data.items() if value is not None}


class _Component:
    """The types of one component."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

'''


def main() -> int:
    """Write the file, or say whether it is as it should be."""
    text = HEAD + "".join(_component(name) for name in _components()) + _root()
    text = _formatted(text)
    if "--check" in sys.argv[1:]:
        if TARGET.exists() and TARGET.read_text() == text:
            return 0
        sys.stderr.write(f"{TARGET.name} is not what the catalogue says: run scripts/docs\n")
        return 1
    TARGET.write_text(text)
    return 0


def _components() -> list[str]:
    return list(dict.fromkeys(name.partition(".")[0] for name in CATALOGUE))


def _component(component: str) -> str:
    entries = [entry for name, entry in CATALOGUE.items() if name.startswith(f"{component}.")]
    methods = "\n".join(_method(entry) for entry in entries)
    return f'\nclass {component.title()}(_Component):\n    """The types of `{component}`."""\n\n{methods}\n'


def _method(entry: EventType) -> str:
    fields = list(inspect.type_info(entry.data).fields)  # type: ignore[attr-defined]
    name = entry.name.partition(".")[2]
    arguments: list[str] = []
    texts: list[tuple[str, str]] = []
    needed: list[str] = []
    items: list[str] = []
    for field in sorted(fields, key=lambda field: not field.required):
        parameter = field.encode_name + (
            "_" if keyword.iskeyword(field.encode_name) or field.encode_name in RESERVED else ""
        )
        kind = _kind(field.type)
        optional = not field.required
        annotation = kind if not optional or "None" in kind else f"{kind} | None"
        arguments.append(f"        {parameter}: {annotation}{' = None' if optional else ''},")
        (needed if field.required else items).append(f'"{field.encode_name}": {parameter}')
        texts.append((parameter, _description(field.type)))
    described = "\n".join(
        fill(f"{parameter}: {text}", WIDTH, initial_indent=" " * 12, subsequent_indent=" " * 16)
        for parameter, text in texts
    )
    data = f"_given({{{', '.join(items)}}})" if items else "{}"
    if needed:
        data = f"{{{', '.join(needed)}}} | {data}" if items else f"{{{', '.join(needed)}}}"
    return (
        f"    def {name}(\n        self,\n        *,\n" + "\n".join(arguments) + "\n"
        "        user: str | None = None,\n        time: datetime | str | float | None = None,\n"
        "        subject: str | None = None,\n    ) -> None:\n"
        f'        """{entry.summary}\n\n        Args:\n{described}\n'
        "            user: who did it.\n            time: when it happened; by default now.\n"
        '            subject: what it is about.\n        """\n'
        f'        self._capture("{entry.name}", user, time, subject, {data})\n'
    )


def _kind(found: inspect.Type) -> str:
    match found:
        case inspect.Metadata(type=inner):
            return _kind(inner)
        case inspect.UnionType(types=types):
            return " | ".join(sorted({_kind(one) for one in types}, key=lambda kind: (kind == "None", kind)))
        case inspect.LiteralType(values=values):
            return f"Literal[{', '.join(repr(value) for value in values)}]".replace("'", '"')
        case inspect.ListType(item_type=item):
            return f"list[{_kind(item)}]"
        case inspect.DictType():
            return "dict[str, Any]"
    names = {
        inspect.StrType: "str",
        inspect.IntType: "int",
        inspect.FloatType: "float",
        inspect.BoolType: "bool",
        inspect.NoneType: "None",
    }
    return names.get(type(found), "Any")


def _description(found: inspect.Type) -> str:
    match found:
        case inspect.Metadata(type=inner, extra_json_schema=schema):
            return str((schema or {}).get("description") or _description(inner))
        case inspect.UnionType(types=types):
            return next((text for one in types if (text := _description(one))), "")
    return ""


def _root() -> str:
    parts = _components()
    properties = "".join(
        f'\n    @property\n    def {part}(self) -> {part.title()}:\n        """The types of `{part}`."""\n'
        f"        return {part.title()}(self._capture)\n"
        for part in parts
    )
    return f'''

class Catalogued:
    """The components of the catalogue; what reports events is one of these."""
{properties}
    def _capture(
        self,
        kind: str,
        user: str | None,
        time: datetime | str | float | None,
        subject: str | None,
        data: dict[str, Any],
    ) -> None:
        raise NotImplementedError
'''


def _formatted(text: str) -> str:
    text = re.sub(r"\n{4,}", "\n\n\n", text)
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "format", "--stdin-filename", str(TARGET), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60).stdout


if __name__ == "__main__":
    sys.exit(main())
