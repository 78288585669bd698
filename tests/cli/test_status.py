import pytest

from eventsink.cli.status import concerns

WELL = {
    "accepted": 10,
    "delivered": 8,
    "waiting": 1,
    "dead": 1,
    "dropped": 1,
    "missing": 0,
    "lag_seconds": 0.5,
    "state": "delivering",
}


def found(account: dict, spooled: int = 0, exchange: str = "ready") -> list[str]:
    spool = {"events": spooled, "bytes": 0}
    return concerns({"workers": {"mongodb": WELL | account}, "exchange": exchange, "spool": spool})


AWAY = "MongoDB at mongodb:27017 cannot be reached: nothing listens at this address."


def test_a_worker_that_does_its_work_needs_nothing():
    assert found({}) == []


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        ({"dead": 2, "delivered": 7}, "could not deliver 1 event: see `eventsink dead list --worker mongodb`."),
        (
            {"missing": 3, "accepted": 13, "missing_since": "2026-11-20T09:05:07.123Z"},
            "misses 3 events: accepted, and nowhere since 2026-11-20 09:05:07 UTC",
        ),
        ({"state": f"paused since 2026-11-27 10:00 UTC: {AWAY}"}, f"2026-11-27 10:00 UTC: {AWAY} Its events wait, and"),
        ({"state": f"idle; paused since 2026-11-27 10:00 UTC: {AWAY}"}, "mongodb is paused since 2026-11-27 10:00"),
        ({"lag_seconds": 600.0}, "is 10m behind: it does not keep up."),
        ({"lag_seconds": 600.0, "state": "not running"}, "is 10m behind: no process runs it."),
        ({"accepted": 11}, "does not add up"),
    ],
)
def test_what_needs_attention_is_said_with_what_to_do(account: dict, sentence: str):
    (said,) = found(account)
    assert sentence in said


def test_events_in_the_spool_say_that_the_exchange_is_away():
    assert found({}, spooled=1200, exchange="away") == ["The exchange is away: the spool keeps 1,200 events for it."]
    assert "Start the worker that wants them." in found({}, spooled=1)[0]
