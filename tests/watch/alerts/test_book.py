"""Alerts over a real store: what is told of what is heard, and what is not."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from eventsink.errors import DataDirectoryInUse, SettingsError, StoreUnavailable
from eventsink.exchange.contract import Account
from eventsink.settings import Alerts
from eventsink.watch.alerts import book
from eventsink.watch.alerts.conditions import Look
from eventsink.watch.alerts.rule import read_rules
from tests.watch.alerts.world import BEGIN, new_world

FIRING, RESOLVED = [("firing", "check/x")], [("resolved", "check/x")]


async def test_it_fires_after_three_failures_and_is_well_after_two_successes(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert await world.periods(3, "x") == []
        assert await world.periods(2, "x", up=False) == []
        assert await world.state("check/x") == "pending"
        assert await world.periods(1, "x", up=False) == FIRING
        (notice,) = world.told
        assert notice.severity == "critical" and notice.message == "No answer within 10 s." and notice.regions == ["a"]
        assert notice.since == datetime.fromtimestamp(BEGIN + 180, UTC)  # of the first failure, not of the third
        assert await world.periods(1, "x") == []
        assert await world.state("check/x") == "recovering"
        assert await world.periods(1, "x") == RESOLVED
        assert world.told[1].since == notice.since and world.told[1].message == f"It was: {notice.message}"


async def test_three_outages_in_a_row_are_three_alerts_and_three_recoveries(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        told = []
        for _ in range(3):
            told += await world.periods(4, "x", up=False)
            told += await world.periods(4, "x")
        assert told == (FIRING + RESOLVED) * 3


async def test_one_region_alone_fires_nothing_and_two_of_three_do(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        for _ in range(5):
            await world.report("x", region="b")
            await world.report("x", region="c")
            assert await world.periods(1, "x", up=False) == []
        told = []
        for _ in range(4):
            await world.report("x", region="b", up=False)
            await world.report("x", region="c")
            told += await world.periods(1, "x", up=False)
        assert told == FIRING and world.told[0].regions == ["a", "b"]


async def test_a_region_that_is_cut_off_and_tells_later_wakes_nobody(tmp_path: Path) -> None:
    """It saw the target down for a while, as it was cut off itself; what waited on its disk comes all at once."""
    async with new_world(tmp_path) as world:
        await world.periods(3, "x")
        began = world.now
        assert await world.refresh(500) == []
        for number in range(8):
            await world.report("x", up=number >= 5, at=began + 60 * number)
        assert await world.refresh() == []
        assert await world.periods(2, "x") == []


async def test_one_that_is_still_down_when_it_is_heard_of_again_fires_at_once(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        await world.periods(3, "x")
        began = world.now
        await world.refresh(300)
        for number in range(5):
            await world.report("x", up=False, at=began + 60 * number)
        assert await world.periods(1, "x", up=False) == FIRING


@pytest.mark.parametrize("wrong", [-3600.0, 3600.0])
async def test_a_region_whose_clock_is_an_hour_wrong_counts_all_the_same(tmp_path: Path, wrong: float) -> None:
    async with new_world(tmp_path) as world:
        told = []
        for number in range(12):
            await world.report("x", at=world.now + wrong, up=not 4 <= number < 8)
            told += await world.refresh(60.0)
        assert told == FIRING + RESOLVED
        assert abs(world.told[0].since.timestamp() - (BEGIN + 240)) < 60  # by our clock
        for number in range(8):  # somebody sets it right
            told += await world.periods(1, "x", up=number < 4)
        assert told == FIRING + RESOLVED + FIRING


async def test_a_monitor_that_is_silent_is_one_alert_and_not_one_for_each_of_its_checks(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        await world.periods(2, "x", "y", "z")
        assert await world.refresh(400) == []
        assert await world.refresh(400) == [("firing", "monitor/m-a")]
        assert await world.periods(1, "x", "y", "z") == [("resolved", "monitor/m-a")]


async def test_a_check_that_its_monitor_reports_no_more_is_said_and_can_be_forgotten(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        await world.periods(2, "x", "y")
        assert await world.periods(12, "y") == [("firing", "silent/x")]
        assert "eventsink alerts forget x" in world.told[-1].message
        assert world.book is not None and await world.book.forget("x") == 1
        assert await world.periods(1, "y") == [("closed", "silent/x")]
        assert await world.book.forget("x") == 0


async def test_a_check_that_is_removed_while_it_fires_is_over(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert await world.periods(4, "x", up=False) == FIRING
        await world.report("x", up=None, type="health.status_changed", reason="removed")
        assert await world.refresh(20) == [("closed", "check/x")]
        assert world.told[-1].note == "Nobody watches it any more: how it is, is not known."
        assert await world.refresh(1200) == []


async def test_a_check_of_the_settings_that_nobody_runs_is_said(tmp_path: Path) -> None:
    async with new_world(tmp_path, {"x": {"kind": "ping"}}) as world:
        assert await world.refresh(590) == []
        assert await world.refresh(60) == [("firing", "silent/x")]
        assert "eventsink monitor" in world.told[0].message


async def test_what_the_sink_did_not_hear_itself_is_no_silence(tmp_path: Path) -> None:
    """It slept, or the store was behind: nobody was listening."""
    async with new_world(tmp_path) as world:
        await world.periods(2, "x")
        world.now += 3600
        assert await world.refresh(300) == []
        world.look = Look(behind=100.0)
        assert await world.refresh(1200) == []
        world.look = Look()
        assert await world.refresh(590) == []
        assert await world.refresh(60) == [("firing", "monitor/m-a")]


async def test_while_what_it_depends_on_is_not_well_nobody_is_told(tmp_path: Path) -> None:
    checks = {"db": {"kind": "tcp"}, "x": {"kind": "http", "depends": ["db"]}}
    async with new_world(tmp_path, checks) as world:
        await world.periods(3, "db", "x")
        assert await world.periods(5, "x", "db", up=False) == [("firing", "check/db")]
        assert await world.state("check/x") == "firing"
        assert await world.periods(3, "x", "db") == [("resolved", "check/db")]


async def test_what_it_depends_on_is_looked_at_first(tmp_path: Path) -> None:
    """It is measured later: nobody is told of what stands on it before that is known."""
    checks = {"db": {"kind": "tcp"}, "x": {"kind": "http", "depends": ["db"], "failures": 1}}
    async with new_world(tmp_path, checks) as world:
        await world.periods(2, "db", "x")
        await world.report("x", up=False)
        assert await world.refresh(30) == []
        await world.report("db")
        assert await world.refresh() == FIRING


async def test_one_that_does_not_recover_with_what_it_depends_on_is_told_then(tmp_path: Path) -> None:
    checks = {"db": {"kind": "tcp"}, "x": {"kind": "http", "depends": ["db"]}}
    async with new_world(tmp_path, checks) as world:
        await world.periods(2, "db", "x")
        told = []
        for number in range(8):
            await world.report("x", up=False)
            told += await world.periods(1, "db", up=number >= 4)
        assert told == [("firing", "check/db"), ("resolved", "check/db"), *FIRING]
        assert "db is not well, on which it depends" in world.told[-1].note


async def test_a_certificate_that_ends_soon_is_told_while_all_is_well(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert await world.periods(2, "x", certificate_days=20.0) == []
        assert await world.periods(2, "x", certificate_days=13.5) == [("firing", "certificate/x")]
        assert await world.periods(2, "x", certificate_days=90.0) == [("resolved", "certificate/x")]


async def test_alerts_of_the_sink_itself_need_no_settings(tmp_path: Path) -> None:
    account = Account(accepted=10, delivered=7, waiting=1, dead=2, dropped=0, missing=0, lag_seconds=2000.0)
    async with new_world(tmp_path) as world:
        world.look = Look(accounts={"influxdb": account}, free_percent=2.0, free_bytes=10**9)
        told = await world.refresh(20)
        assert sorted(told) == [
            ("firing", "sink/dead/influxdb"),
            ("firing", "sink/disk"),
            ("firing", "sink/lag/influxdb"),
        ]
        mended = msgspec.structs.replace(account, waiting=0, lag_seconds=0.0, dropped=2)
        world.look = Look(accounts={"influxdb": mended})
        assert {kind for kind, _ in await world.refresh(20)} == {"resolved"}
        paused = {"influxdb": "paused since 2026-11-10 12:00:00 UTC: The token is wrong."}
        world.look = Look(accounts={"influxdb": mended}, states=paused, spooled=5, unready="The disk is full.")
        assert await world.refresh(90) == [("firing", "sink/refuses")]
        assert sorted(await world.refresh(700)) == [("firing", "sink/paused/influxdb"), ("firing", "sink/spool")]
        world.look = Look()  # and a worker that is taken out of the settings
        assert len(await world.refresh(20)) == 3


async def test_a_silence_by_command_outlives_a_restart_and_can_be_ended(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert world.book is not None
        begin, end = (datetime.fromtimestamp(world.now + seconds, UTC) for seconds in (0, 7200))
        silence = await world.book.silence(["x"], begin, end, "New disks")
        await world.reopen()
        assert await world.periods(4, "x", up=False) == []
        (shown,) = (await world.book.listed())["alerts"]
        assert shown["muted"].startswith("silenced until") and "New disks" in shown["muted"]
        assert await world.book.lift(silence["id"]) and not await world.book.lift(silence["id"])
        assert await world.periods(1, "x", up=False) == FIRING


async def test_maintenance_of_the_settings_mutes_checks_and_not_the_sink(tmp_path: Path) -> None:
    window = {"checks": ["*"], "cron": "0 12 * * *", "minutes": 60, "reason": "Backup"}
    alerts = msgspec.convert({"maintenance": {"backup": window}}, Alerts)
    async with new_world(tmp_path, maintenance=alerts.maintenance) as world:
        world.look = Look(free_percent=1.0)
        assert await world.periods(4, "x", up=False) == [("firing", "sink/disk")]
        assert list(await world.book.in_maintenance()) == ["x"]
        (first, *_) = await world.book.maintenance()
        assert (first.begin, first.end, first.reason) == (BEGIN, BEGIN + 3600, "Backup")


async def test_a_restart_tells_nothing_twice_and_forgets_nothing(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert await world.periods(3, "x", up=False) == FIRING
        await world.reopen()
        assert await world.periods(3, "x", up=False) == []
        await world.reopen()
        assert await world.periods(2, "x") == RESOLVED


async def test_what_could_not_be_written_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full when it fires: neither the alert nor its notice is there, and both are a moment later."""
    async with new_world(tmp_path) as world:
        await world.periods(2, "x", up=False)
        await world.report("x", up=False)
        post = world.book._post

        def fail(*_: object) -> list[str]:
            raise sqlite3.OperationalError("database or disk is full")

        world.book._post = fail
        with pytest.raises(StoreUnavailable, match="disk is full"):
            await world.refresh()
        world.book._post = post
        assert await world.refresh() == FIRING


async def test_what_was_before_there_were_alerts_wakes_nobody(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        await world.periods(5, "x", up=False)
        await world.close()
        for part in tmp_path.glob("alerts.db*"):
            part.unlink()
        world.open()
        assert await world.refresh(20) == []


async def test_a_store_that_was_emptied_is_read_from_its_end(tmp_path: Path) -> None:
    async with new_world(tmp_path / "one") as world:
        await world.periods(5, "x")
        (tmp_path / "two").mkdir()
        (tmp_path / "one" / "alerts.db").rename(tmp_path / "two" / "alerts.db")
        await world.close()
        world.open()
    async with new_world(tmp_path / "two") as other:
        assert await other.periods(4, "x", up=False) == FIRING


async def test_two_processes_never_have_one_file(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        with pytest.raises(DataDirectoryInUse):
            world.open()


async def test_one_that_is_acknowledged_is_shown_so(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert await world.periods(3, "x", up=False) == FIRING
        assert await world.book.acknowledge("nothing", "Bob") == []
        assert await world.book.acknowledge("x", "Bob looks at it") == ["check/x"]
        assert (await world.book.listed())["alerts"][0]["acknowledged"] == "Bob looks at it"


async def test_a_check_that_is_no_alert_and_one_that_is_ignored_tell_nothing(tmp_path: Path) -> None:
    async with new_world(tmp_path, {"x": {"kind": "ping", "alert": False}}, ignore=["check/y", "monitor/*"]) as world:
        assert await world.periods(5, "x", "y", up=False) == []
        assert await world.refresh(1200) == [("firing", "silent/y")]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"failures": 0}, "checks.x.failures must be a whole number from 1 to 1,000."),
        ({"severity": "bad"}, "checks.x.severity must be critical, info or warning."),
        ({"depends": ["mongdb"]}, "checks.x.depends: there is no section [checks.mongdb]. Did you mean 'mongodb'?"),
        ({"depends": ["x"]}, "checks.x.depends leads back to x itself: one of them must not depend."),
        ({"for": "long"}, "checks.x.for must be a number from 0 to 31,622,400."),
    ],
)
def test_a_rule_that_is_wrong_is_named(section: dict, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_rules({"x": section, "mongodb": {}}, Alerts())
    assert str(caught.value) == expected


async def test_a_clock_of_ours_that_is_set_back_makes_nobody_blind(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert await world.periods(4, "x", up=False) == FIRING
        world.now -= 5 * 3600
        assert await world.periods(3, "x") == RESOLVED
        assert await world.periods(4, "x", up=False) == FIRING
        assert await world.refresh(1200) == [("firing", "monitor/m-a")]


async def test_a_time_in_the_future_mutes_nothing_and_is_told_nowhere(tmp_path: Path) -> None:
    checks = {"db": {"kind": "tcp"}, "x": {"kind": "http", "depends": ["db"]}}
    async with new_world(tmp_path, checks) as world:
        await world.report("x", up=False, at=world.now + 365 * 86_400)
        told = []
        for _ in range(6):
            await world.report("x", up=False)
            told += await world.periods(1, "db")
        assert told == FIRING and world.told[0].since.timestamp() <= world.now


async def test_a_silence_in_the_future_ends_none_that_is_on(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        for begin in (0, 20 * 86_400):
            first, last = (datetime.fromtimestamp(world.now + begin + length, UTC) for length in (0, 7200))
            await world.book.silence(["x"], first, last, "")
        assert len((await world.book.listed())["quiet"]) == 2
        assert await world.periods(4, "x", up=False) == []


async def test_results_of_long_ago_that_come_in_wake_nobody(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        began = world.now - 700 * 86_400
        for number in range(30):
            await world.report("x", up=number < 20, at=began + 60 * number, every_s=None)
            assert await world.refresh(1) == []


async def test_names_that_somebody_makes_up_take_no_place_of_what_is_in_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "MOST_SEEN", 20)
    async with new_world(tmp_path, {"x": {"kind": "tcp"}}) as world:
        await world.report(*(f"made-up-{number}" for number in range(50)))
        await world.refresh()
        assert "of others there are no alerts" in world.book.full
        assert await world.periods(3, "x", up=False) == FIRING
        assert await world.book.forget("made-up-*") == 20
        await world.refresh(20)
        assert world.book.full == ""


async def test_only_its_own_monitor_takes_a_check_away(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert await world.periods(4, "x", up=False) == FIRING
        removed = {"up": None, "type": "health.status_changed", "reason": "removed"}
        await world.report("x", monitor="m-another", **removed)
        await world.report("x", at=BEGIN - 86_400, **removed)
        assert await world.refresh(20) == []


async def test_a_removed_check_is_over_also_if_the_sink_has_a_section_for_it(tmp_path: Path) -> None:
    async with new_world(tmp_path, {"x": {"kind": "tcp"}}) as world:
        assert await world.periods(4, "x", up=False) == FIRING
        await world.report("x", up=None, type="health.status_changed", reason="removed")
        assert await world.refresh(20) == [("closed", "check/x")]


async def test_one_of_two_monitors_of_a_region_that_ends_is_missed(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        for _ in range(3):
            await world.report("x", monitor="m-two")
            await world.periods(1, "x")
        assert await world.periods(12, "x") == [("firing", "monitor/m-two")]


async def test_a_restart_does_not_say_that_what_was_silent_is_well(tmp_path: Path) -> None:
    async with new_world(tmp_path, {"x": {"kind": "ping"}}) as world:
        assert await world.refresh(700) == [("firing", "silent/x")]
        await world.reopen()
        assert await world.refresh(700) == []


async def test_a_name_like_that_of_another_alert_is_none(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert await world.periods(4, "x", "silent/x", "x/silent", up=False) == [
            ("firing", "check/silent/x"),
            ("firing", "check/x"),
            ("firing", "check/x/silent"),
        ]


async def test_a_row_that_is_damaged_costs_itself_alone(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        assert await world.periods(4, "x", "y", up=False) == [*FIRING, ("firing", "check/y")]
        await world.close()
        with sqlite3.connect(tmp_path / "alerts.db") as connection:
            connection.execute("UPDATE alerts SET kept = x'c1' WHERE name = 'check/y'")
        connection.close()
        world.open()
        assert await world.periods(3, "x", "y") == RESOLVED


async def test_a_file_that_was_taken_away_is_said(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        (tmp_path / "alerts.db").rename(tmp_path / "other.db")
        with pytest.raises(StoreUnavailable, match="No such file"):
            await world.refresh()


async def test_while_nothing_changes_nothing_is_written(tmp_path: Path) -> None:
    async with new_world(tmp_path) as world:
        await world.periods(4, "x", up=False)
        before = (tmp_path / "alerts.db-wal").stat().st_size, (tmp_path / "alerts.db-wal").stat().st_mtime_ns
        await world.refresh(60)
        assert ((tmp_path / "alerts.db-wal").stat().st_size, (tmp_path / "alerts.db-wal").stat().st_mtime_ns) == before
