"""Users, with Clowder's columns in its order."""

from datetime import UTC, timedelta

from eventsink.look.numbers.footnotes import counted, naive
from eventsink.look.numbers.report import Column, Report, Sources, Table, Wanted
from eventsink.store.facts.compile import narrowed

__all__ = ["USERS_REPORT"]

_COLUMNS = (
    Column("type", "Type"),
    Column("id", "Id"),
    Column("name", "Name"),
    Column("email", "Address"),
    Column("provider", "Provider"),
    Column("last_login", "Last login", "time"),
    Column("days_since_last_login", "Days since", "count"),
    Column("active", "Active", "flag"),
    Column("admin", "Admin", "flag"),
    Column("admin_spaces", "Admin of spaces", "count"),
    Column("member_spaces", "Member of spaces", "count"),
)
_ANONYMOUS = ("user", "0" * 24, "Anonymous User", "", "", None, None, None, None, None, None)
_DAY = timedelta(days=1)


async def _make(sources: Sources, wanted: Wanted) -> Table:
    where, values = narrowed(wanted.asked.filters)
    period = wanted.asked.period
    values |= {"since": naive(period.since), "until": naive(period.until), "committed": sources.committed}
    found = await sources.store.rows("report_users", values | {"limit": wanted.limit + 1}, where=where)
    rows = found[: wanted.limit]
    await sources.known.meet(user for user, _, _ in rows)
    names = await sources.known.names("user", (user for user, _, _ in rows))
    last_known = min(period.until, sources.newest or period.until)
    end = naive(last_known)
    listed: list[tuple[object, ...]] = [_ANONYMOUS]
    for user, last, provider in rows:
        person = sources.known.person(user)
        since = (end - last) // _DAY if last is not None else None
        name = names.get(user)
        listed.append(("user", user, name, person.email, provider or "", last, since, None, None, None, None))
    notes = ["Events do not carry active, admin, admin_spaces and member_spaces: empty."]
    if not sources.known.of_people:
        notes.append("Events carry no addresses: email is empty unless reports.people has it.")
    notes.append(f"Days since the last login are counted to {last_known.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")
    if len(found) > len(rows):
        notes.append(f"These are the first {counted(wanted.limit)} users; there are more.")
    return Table(columns=_COLUMNS, rows=listed, footnotes=tuple(notes))


USERS_REPORT = Report(
    name="users",
    title="Users",
    about=(
        "Columns and their order are those of Clowder's report, with its row for whoever has no login. A row is a user"
        " who did something; with a period: in it. The days since the last login are counted to the end of the period,"
        " or to the newest event."
    ),
    make=_make,
    period="all",
    filters=("user", "space", "dataset", "source", "type"),
    columns=_COLUMNS,
)
