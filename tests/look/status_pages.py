"""Pages to be rendered: one of everything, and one of hostile texts."""

from datetime import UTC, datetime, timedelta

from eventsink.look.status.contract import Note, Planned, Said, StatusPage, Update
from eventsink.look.status.page import compose
from eventsink.store.uptime import CheckView, Day, Outage, Overview, RegionView, State, Took

__all__ = ["HOSTILE", "NOW", "hostile", "overview", "page", "view"]

NOW = datetime(2026, 11, 29, 13, 5, 7, tzinfo=UTC)
HOSTILE = (
    "</title></style><script>alert(1)</script>",
    "\"' onmouseover='alert(1)' x=\"",
    "&lt;b&gt; &amp; ]]> <!-- -->",
    "\u202egnp.exe\u202c \u2066x",
    "نظام المراقبة",
    "a\x00b\x1b[31m\x7f\u0085c\ud800",
    "x" * 5000,
)


def view(name: str, state: State = "up", *, days: int = 90, regions: tuple[str, ...] = ("urbana",)) -> CheckView:
    """A check with a history."""
    made = [
        Day(
            date=(NOW - timedelta(days=ago)).date(),
            up_s=86_400.0 - (ago == 20) * 600 - (ago == 50) * 80_000 - (ago == 7) * 7200,
            down_s=(ago == 20) * 600.0 + (ago == 50) * 80_000.0,
            maintenance_s=(ago == 7) * 7200.0,
            percent=100 - (ago == 20) * 0.7 - (ago == 50) * 92.5 if ago < 70 else None,
            average_ms=20.0 + ago % 7,
        )
        for ago in range(days - 1, -1, -1)
    ]
    return CheckView(
        name=name,
        state=state,
        since=None if state == "up" else NOW - timedelta(minutes=17),
        regions=[RegionView(name=region, state=state) for region in regions],
        uptime={"24h": 100.0, "7d": 99.99999, "30d": 99.9766, "90d": None},
        days=made,
        hours=[Took(NOW.replace(minute=0, second=0) - timedelta(hours=hour), 5.0 + hour) for hour in range(47, -1, -1)],
    )


def overview(*checks: CheckView, incidents: tuple[Outage, ...] = ()) -> Overview:
    return Overview(checks=[*checks], incidents=[*incidents], read_at=NOW - timedelta(seconds=20))


def page() -> StatusPage:
    """One of everything."""
    checks = [view("homepage"), view("clowder", "down", regions=("urbana", "chicago")), view("db", "maintenance")]
    outages = (
        Outage(
            check="clowder",
            start=NOW - timedelta(minutes=17),
            end=None,
            down_s=1020,
            reason="timeout",
            regions=["urbana"],
        ),
        Outage(
            check="homepage",
            start=NOW - timedelta(days=20),
            end=NOW - timedelta(days=20, minutes=-10),
            down_s=600,
            reason="refused",
        ),
    )
    notes = [
        Note(
            id="n1",
            title="Uploads fail",
            checks=["clowder"],
            opened=NOW - timedelta(minutes=15),
            updates=[
                Update(NOW - timedelta(minutes=15), "We are looking."),
                Update(NOW - timedelta(minutes=5), "A disk is full.\nMore in an hour."),
            ],
        ),
        Note(
            id="n0",
            title="Slow pages",
            checks=[],
            opened=NOW - timedelta(days=3),
            closed=NOW - timedelta(days=2),
            updates=[Update(NOW - timedelta(days=2), "Over.")],
        ),
    ]
    planned = [
        Planned(begin=NOW - timedelta(hours=1), end=NOW + timedelta(hours=1), checks=["db"], reason="New disks"),
        Planned(
            begin=NOW + timedelta(days=1), end=NOW + timedelta(days=1, hours=2), checks=["*"], reason="A new version"
        ),
    ]
    said = Said(title="Clowder at NCSA", public=["homepage", "clowder", "db"], notes=notes, maintenance=planned)
    return compose(said, overview(*checks, incidents=outages), NOW)


def hostile() -> StatusPage:
    """Every text is somebody's attack."""
    names = [*HOSTILE]
    checks = [
        view(name, state) for name, state in zip(names, ("up", "down", "unknown", "maintenance") * 2, strict=False)
    ]
    checks = [
        CheckView(
            **{f: getattr(one, f) for f in one.__struct_fields__}
            | {"regions": [RegionView(name=text, state="up") for text in HOSTILE]}
        )
        for one in checks
    ]
    outages = tuple(
        Outage(check=name, start=NOW - timedelta(days=1), end=NOW, down_s=5, reason="status", regions=names)
        for name in names
    )
    notes = [
        Note(
            id=f"{text} {closed}",
            title=text,
            checks=[],
            opened=NOW,
            closed=closed,
            updates=[Update(NOW, f"{text}\n{text}")],
        )
        for text in HOSTILE
        for closed in (None, NOW)
    ]
    planned = [Planned(begin=NOW, end=NOW + timedelta(hours=1), checks=[], reason=text) for text in HOSTILE]
    said = Said(title=HOSTILE[0] + HOSTILE[1] + HOSTILE[3], public=names, notes=notes, maintenance=planned)
    return compose(said, overview(*checks, incidents=outages), NOW)
