"""Whether a query may be asked: DuckDB parses it, and everything in the tree that it makes of it must be known here.

What is known are forms, tables and functions that may be used, not those that may not: a later DuckDB, which has more
of each, opens nothing by that.
"""

from collections.abc import Collection, Iterator
from typing import Any

import duckdb
import msgspec

from eventsink.catalogue import nearest
from eventsink.store.sandbox.contract import QueryRefused
from eventsink.store.sandbox.functions import FUNCTIONS, TABLE_FUNCTIONS

__all__ = ["Checked", "check"]

LONGEST = 20_000  # bytes of a query
ONLY = "Only one SELECT may be asked"

# What a tree may be made of. Expressions have a class; tables, queries and what changes their order have a type alone.
_CLASSES = frozenset(
    [
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "LAMBDA",
        "LAMBDA_REF",
        "OPERATOR",
        "POSITIONAL_REFERENCE",
        "STAR",
        "SUBQUERY",
        "TYPE",
        "WINDOW",
    ]
)
_TYPES = frozenset(
    [
        "BASE_TABLE",
        "EMPTY",
        "EXPRESSION_LIST",
        "JOIN",
        "SUBQUERY",
        "TABLE_FUNCTION",
        "CTE_NODE",
        "RECURSIVE_CTE_NODE",
        "SELECT_NODE",
        "SET_OPERATION_NODE",
        "DISTINCT_MODIFIER",
        "LIMIT_MODIFIER",
        "LIMIT_PERCENT_MODIFIER",
        "ORDER_MODIFIER",
        "ASCENDING",
        "DESCENDING",
        "ORDER_DEFAULT",
    ]
)
_SUMMARIES = "DESCRIBE, SUMMARIZE and SHOW are not offered: `eventsink sql --tables` shows what there is."


class Checked(msgspec.Struct, frozen=True):
    """What is known of a query that may be asked.

    Args:
        tables: that it names.
        texts: whether the data or the extensions of events may be in its answer.
    """

    tables: frozenset[str]
    texts: bool


def check(text: str, connection: duckdb.DuckDBPyConnection, known: Collection[str]) -> Checked:
    """See whether a query may be asked.

    Args:
        connection: of which the thread is ours.
        known: tables that may be named.

    Raises:
        QueryRefused: it may not; a sentence says why.
    """
    if "\0" in text or not text.strip():
        raise QueryRefused("The query is empty, or has a zero byte in it.")
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST:
        raise QueryRefused(f"The query is longer than {LONGEST:,} bytes: ask in fewer words.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise QueryRefused("The query has half a character in it, which is no text.")
    return _Walk(connection, known).walk(_tree(text, connection))


def _tree(text: str, connection: duckdb.DuckDBPyConnection) -> Any:
    statements = connection.extract_statements(text)
    if len(statements) != 1:
        raise QueryRefused(f"{ONLY}: here are {len(statements)} statements.")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise QueryRefused(f"{ONLY}: {statements[0].type.name.replace('_', ' ')} is none.")
    ((json,),) = connection.execute("SELECT json_serialize_sql($1)", [text]).fetchall()
    try:
        tree = msgspec.json.decode(json)
    except RecursionError:
        raise QueryRefused("The query is nested too deeply.") from None
    except msgspec.DecodeError:  # JSON has no infinity
        raise QueryRefused(
            "The query has a number beyond 1.8e308, which is the largest that there can be: write a smaller one."
        ) from None
    if tree["error"] or len(tree["statements"]) != 1:
        raise QueryRefused(f"{ONLY}, and this one has a form that is not offered, as PIVOT, or changes something.")
    return tree["statements"][0]["node"]


class _Walk:
    """One walk through a tree."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, known: Collection[str]) -> None:
        self._known = known
        self._built_in = _names(connection)
        self._tables: set[str] = set()
        self._aliases: set[str] = set()
        self._texts = False

    def walk(self, tree: Any) -> Checked:
        found = list(_dictionaries(tree))
        own = {name for node in found for name in self._own(node)}
        for node in found:
            self._look_at(node, own)
        whole = any(name in self._aliases for node in found for name in _columns(node))
        return Checked(frozenset(self._tables), self._texts or whole)

    def _own(self, node: dict[str, Any]) -> Iterator[str]:
        """The names that a query gives to parts of itself: none that has a meaning without it."""
        for entry in node["cte_map"]["map"] if isinstance(node.get("cte_map"), dict) else ():
            name = entry["key"]
            if not name.isidentifier() or name.lower() in self._built_in or name.lower() in self._known:
                raise QueryRefused(f"WITH cannot give the name {name[:80]!r}: use another one.")
            yield name.lower()

    def _look_at(self, node: dict[str, Any], own: Collection[str]) -> None:
        kind = node.get("type")
        if "class" in node:
            self._look_at_expression(node)
        elif isinstance(kind, str) and kind not in _TYPES:
            raise QueryRefused(_SUMMARIES if kind == "SHOW_REF" else f"{ONLY}: {kind} is not offered.")
        if node.get("at_clause"):
            raise QueryRefused("AT is not offered: the store has each event once.")
        if "table_name" in node:
            self._look_at_table(node, own)
        if kind == "TABLE_FUNCTION":
            _look_at_function(node["function"], TABLE_FUNCTIONS, "as a table")
        elif "function_name" in node and not node.get("_table"):
            _look_at_function(node, FUNCTIONS, "here")

    def _look_at_expression(self, node: dict[str, Any]) -> None:
        if node["class"] == "PARAMETER":
            raise QueryRefused("A parameter, as $1 or ?, has no value here: write the value itself.")
        if node["class"] not in _CLASSES:
            raise QueryRefused(f"{ONLY}: {str(node['class'])[:80]} is not offered.")
        self._texts |= node["class"] in ("STAR", "POSITIONAL_REFERENCE")
        self._texts |= any(name in ("data", "extensions") for name in _columns(node))

    def _look_at_table(self, node: dict[str, Any], own: Collection[str]) -> None:
        name = str(node["table_name"])
        path = node.get("qualified_name", {}).get("path", [name])
        if node.get("schema_name") or node.get("catalog_name") or path != [name]:
            raise QueryRefused(f"Name a table alone, without what it lies in: {_listed(self._known)}.")
        self._aliases |= {name.lower(), str(node.get("alias", "")).lower()} - {""}
        if name.lower() in own:
            return
        if name.lower() not in self._known:
            close = nearest(name, sorted(self._known))
            hint = f"Did you mean {close}?" if close else f"There is {_listed(self._known)}."
            raise QueryRefused(f"There is no table {name[:80]!r}. {hint}")
        self._tables.add(name.lower())


def _look_at_function(node: dict[str, Any], allowed: Collection[str], where: str) -> None:
    name = str(node["function_name"])
    path = node.get("qualified_name", {}).get("path", [name])
    if node.get("catalog") or path[-1] != name or name.lower() not in allowed:
        close = nearest(name.lower(), [known for known in sorted(allowed) if known[0] == name[:1].lower()])
        hint = f" Did you mean {close}?" if close else ""
        raise QueryRefused(f"The function {name[:80]!r} is not offered {where}.{hint}")


def _columns(node: dict[str, Any]) -> list[str]:
    return [str(name).lower() for name in node.get("column_names", ())] if node.get("class") == "COLUMN_REF" else []


def _dictionaries(tree: Any) -> Iterator[dict[str, Any]]:
    """Every part of a tree but constants, which name nothing, and what a type is made of."""
    left = [tree]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left += part
        elif isinstance(part, dict):
            if part.get("type") == "TABLE_FUNCTION":  # its function is looked at with it
                part["function"]["_table"] = True
            yield part
            if part.get("class") != "CONSTANT":
                left += [value for key, value in part.items() if key != "type_info"]


def _names(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """What a name alone would mean without a query: views and tables of DuckDB itself."""
    rows = connection.execute(
        "SELECT view_name FROM duckdb_views() UNION SELECT table_name FROM duckdb_tables()"
    ).fetchall()
    return frozenset(str(name).lower() for (name,) in rows)


def _listed(names: Collection[str]) -> str:
    return " and ".join(sorted(names))
