"""What is wrong in settings, as sentences that name each setting and say what it must be.

In: plain values, and the struct or dataclass that they are to fill. Out: the sentences, made from the types and their
bounds, so that no setting needs words of its own. The wrong value is never repeated: it may be a secret that was put
into the wrong place.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import inspect

from eventsink.catalogue import nearest

__all__ = ["filled", "is_address", "must_be", "unknown"]


def filled(values: Any, form: type[Any], place: str) -> Any:
    """A struct or dataclass from plain values, as they are in a file or, all of them texts, in the environment.

    Args:
        place: of the values in the settings, as `workers.influxdb`; empty for all of them.

    Raises:
        ValueError: settings are wrong; a sentence about each.
    """
    try:
        made = msgspec.convert(values, form, strict=False)
    except msgspec.ValidationError as error:
        said = " ".join(_mistakes(values, form, place))
        raise ValueError(said or f"{place or 'The settings'} cannot be read: {error}.") from None
    if said := " ".join(_unfit(msgspec.to_builtins(made), place)):
        raise ValueError(said)
    return made


def is_address(value: str) -> bool:
    """Whether a text is an address of the web, with a host and a port that can be ones."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:  # a bracket too many, a port that is none
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not any(map(str.isspace, value))


def must_be(kind: inspect.Type) -> str:
    """What a value of a type must be, as `a whole number from 0 to 65,535`."""
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra_json_schema or {}).get("title") or must_be(kind.type))
    if isinstance(kind, inspect.UnionType):
        return " or ".join(must_be(one) for one in kind.types if not isinstance(one, inspect.NoneType))
    return next((words(kind) for form, words in _WORDS if isinstance(kind, form)), "of another form")


def _mistakes(value: Any, hint: Any, place: str) -> Iterator[str]:
    """What is wrong with a value, as deep within as that can be said."""
    if found := [*_within(value, hint, place)]:
        yield from found
        return
    try:
        msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError:
        yield f"{place or 'the settings'} must be {must_be(inspect.type_info(hint))}."


def _within(value: Any, hint: Any, place: str) -> Iterator[str]:
    """What is wrong with what is in a section, a table or a list."""
    kind = _bare(inspect.type_info(hint))
    match kind:
        case inspect.StructType() | inspect.DataclassType() if isinstance(value, Mapping):
            yield from _in_section(value, kind, place)
        case inspect.DictType() if isinstance(value, Mapping):
            for name, item in value.items():
                yield from _mistakes(name, _inner(kind.key_type, hint, 0), f"{place}: a name in it")
                yield from _mistakes(item, _inner(kind.value_type, hint, 1), f"{place}.{name}")
        case inspect.ListType() | inspect.VarTupleType() if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _mistakes(item, _inner(kind.item_type, hint, 0), f"{place}[{index}]")


def _in_section(
    values: Mapping[str, Any], kind: "inspect.StructType | inspect.DataclassType", place: str
) -> Iterator[str]:
    fields = {field.encode_name: field for field in kind.fields}
    hints = get_type_hints(kind.cls, include_extras=True)
    for name in values:
        if name not in fields:
            yield unknown(name, list(fields), place)
    for name, field in fields.items():
        if name in values:
            yield from _mistakes(values[name], hints[field.name], f"{place}.{name}" if place else name)
    for name, field in fields.items():
        if field.required and name not in values:
            yield f"{place}.{name} is missing: it must be {must_be(field.type)}."


def unknown(name: str, known: list[str], place: str) -> str:
    """The sentence about a setting that there is not."""
    close = nearest(name, known)
    hint = f"Did you mean {close!r}?" if close else f"Known are {', '.join(known) or 'none'}."
    return f"There is no setting {name!r} in {place or 'the settings'}. {hint}"


def _bare(kind: inspect.Type) -> inspect.Type:
    """A type without its descriptions, and of one that may be None the other."""
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        others = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        return _bare(others[0]) if len(others) == 1 else kind
    return kind


def _inner(kind: inspect.Type, hint: Any, number: int) -> Any:
    """The type within a list or a table: a class for a section, else as it was written."""
    bare = _bare(kind)
    if isinstance(bare, inspect.StructType | inspect.DataclassType):
        return bare.cls
    while get_origin(hint) is not None and hasattr(hint, "__metadata__"):
        hint = hint.__origin__
    arguments = getattr(hint, "__args__", ())
    return arguments[number] if number < len(arguments) else Any


def _unfit(value: Any, place: str) -> Iterator[str]:
    """What no setting may be: a number without an end, and a character with which the system ends a text."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _unfit(item, f"{place}.{name}" if place else name)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _unfit(item, f"{place}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{place} must be a number that has an end."
    elif isinstance(value, str) and "\0" in value:
        yield f"{place} must be text without the character NUL (\\u0000)."


def _range(kind: Any) -> str:
    """The bounds of a number, in words."""
    least, most, above, below = kind.ge, kind.le, kind.gt, kind.lt
    if least is not None and most is not None:
        return f" from {_number(least)} to {_number(most)}"
    bounds = (("at least", least), ("more than", above), ("at most", most), ("less than", below))
    said = [f"{words} {_number(bound)}" for words, bound in bounds if bound is not None]
    return f", {' and '.join(said)}" if said else ""


def _number(number: float) -> str:
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:g}"


def _length(kind: Any) -> str:
    if kind.pattern is not None:
        return f" that matches {kind.pattern}"
    if kind.max_length is not None:
        least = f"from {kind.min_length} to" if kind.min_length else "of at most"
        return f" {least} {kind.max_length:,} characters"
    return " that is not empty" if kind.min_length else ""


def _choices(kind: Any) -> str:
    found = kind.values if isinstance(kind, inspect.LiteralType) else [one.value for one in kind.cls]
    *others, last = map(str, found)
    return f"{', '.join(others)} or {last}" if others else last


def _list(kind: Any) -> str:
    least = " that is not empty" if getattr(kind, "min_length", None) else ""
    return f"a list{least}, each item {must_be(kind.item_type)}"


_WORDS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (inspect.IntType, lambda kind: f"a whole number{_range(kind)}"),
    (inspect.FloatType, lambda kind: f"a number{_range(kind)}"),
    (inspect.BoolType, lambda _: "true or false"),
    (inspect.StrType, lambda kind: f"text{_length(kind)}"),
    (inspect.LiteralType | inspect.EnumType, _choices),
    (inspect.CollectionType | inspect.VarTupleType, _list),
    (inspect.DictType | inspect.StructType | inspect.DataclassType, lambda _: "a section"),
)
