"""The tables of a month's file, and how a file of an earlier version of the event sink gets them."""

import duckdb

from eventsink.errors import StoreUnavailable
from eventsink.store.sql import statement

__all__ = ["prepare"]

# In order, never changed once released: the n-th brings a file to version n. A new file goes through all of them.
MIGRATIONS = ("migration_1",)


def prepare(connection: duckdb.DuckDBPyConnection, month: str) -> None:
    """Bring the attached file of a month to the present version, in one transaction.

    Args:
        connection: to which it is attached.
        month: the name under which it is attached.

    Raises:
        StoreUnavailable: the file is of a later version.
    """
    version = _version(connection, month)
    if version > len(MIGRATIONS):
        name = month.strip('"')
        raise StoreUnavailable(
            f"The store's file {name}.duckdb was written by a later version of the event sink (its form is {version},"
            f" this one knows {len(MIGRATIONS)}): install that version, or move the file away."
        )
    if version == len(MIGRATIONS):
        return
    connection.execute("BEGIN")
    try:
        for number, name in enumerate(MIGRATIONS[version:], version + 1):
            connection.execute(statement(name, month=month))
            connection.execute(statement("record_version", month=month), {"version": number})
        connection.execute("COMMIT")
    except duckdb.Error:
        connection.rollback()
        raise
    connection.execute(statement("checkpoint", month=month))  # changes of tables must not wait in the WAL for a crash


def _version(connection: duckdb.DuckDBPyConnection, month: str) -> int:
    try:
        rows = connection.execute(statement("version", month=month)).fetchall()
    except duckdb.CatalogException:  # no such table: the file is new
        return 0
    return rows[0][0] or 0 if rows else 0
