"""The sender: each notice once, in order, whatever a channel does, and no channel waits for another."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from eventsink.errors import StoreUnavailable
from eventsink.watch.alerts.aside import MANY
from eventsink.watch.alerts.channel import Message, NotTaken
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.patience import Patience
from eventsink.watch.alerts.sender import Sender
from tests.servers import faults
from tests.servers.smtp import MailServer
from tests.watch.alerts.telling import Receiver, Scripted, hush, notice, opened, put, rows, sending, until

AWAY = NotTaken("it is away")


def _tried(channel: Scripted, times: int) -> bool:
    """Whether it was tried more often than so, or all is told."""
    return len(channel.tries) > times or bool(channel.sent and channel.sent[-1].notices[-1].notice.id == f"n{times}")


def _logged(said, event):
    return [line for line in said if line["event"] == event]


async def test_what_is_put_there_is_sent_once(tmp_path):
    one, two = Scripted("one"), Scripted("two")
    async with opened(tmp_path) as file:
        async with sending(file, [one, two]) as sender:
            await put(file, [notice(1)], ["one", "two"])
            sender.wake()
            await until(lambda: one.sent and two.sent)
            await put(file, [notice(1)], ["one", "two"])  # the same transition, found again
            await put(file, [notice(2)], ["one"])
            sender.wake()
            await until(lambda: len(one.sent) == 2)
            await until(lambda: sender.state()["one"].waiting == sender.state()["two"].waiting == 0)
        assert one.ids == [["n1"], ["n2"]] and two.ids == [["n1"]]
        assert await rows(file) == [("done", 3)]
        assert sender.concerns() == []


async def test_what_is_due_later_is_sent_later_by_itself(tmp_path):
    channel = Scripted("one")
    async with opened(tmp_path) as file, sending(file, [channel]) as sender:
        begin = datetime.now(UTC)
        await put(file, [notice(1), notice(2)], ["one"], due=begin + timedelta(seconds=0.3))
        sender.wake()
        await until(lambda: channel.sent)
        assert datetime.now(UTC) - begin >= timedelta(seconds=0.3)
        assert channel.ids == [["n1", "n2"]]


async def test_a_channel_that_is_away_gets_all_in_order_and_at_once(tmp_path):
    channel = Scripted("one", *[AWAY] * 6, None)
    async with opened(tmp_path) as file, sending(file, [channel]) as sender:
        for number in range(1, 9):
            await put(file, [notice(number, "firing" if number % 2 else "resolved")], ["one"])
            sender.wake()
            await until(partial(_tried, channel, len(channel.tries)))
        await until(lambda: sum(map(len, channel.ids)) == 8)
        order = [number for ids in channel.ids for number in ids]
        assert order == [f"n{number}" for number in range(1, 9)]
        assert not any(told.again for message in channel.sent for told in message.notices)


async def test_no_channel_delays_another(tmp_path):
    async def hang() -> None:
        await asyncio.sleep(3600)

    hung, broken, good = Scripted("hung", hang), Scripted("broken", ValueError("a bug")), Scripted("good")
    async with opened(tmp_path) as file, sending(file, [hung, broken, good]) as sender:
        with structlog.testing.capture_logs() as said:
            for number in range(20):
                await put(file, [notice(number)], ["hung", "broken", "good"])
                sender.wake()
                await until(partial(_tried, good, number))
            await until(lambda: len(broken.tries) > 3)
        assert len(hung.tries) == 1
        assert _logged(said, "alerts.channel_failed")[0]["error"] == "ValueError"
        assert "telling.py" in _logged(said, "alerts.channel_failed")[0]["place"]
        assert "it failed by ValueError" in sender.concerns()[0]


async def test_a_service_of_apprise_that_hangs_delays_no_other(tmp_path):
    hung, good, mails = Receiver(hush), Receiver(), MailServer(hang="DATA")
    async with (
        opened(tmp_path) as file,
        faults.serving(hung) as one,
        faults.serving(good) as two,
        faults.serving(mails) as mail,
        sending(
            file,
            notify=[
                f"json://127.0.0.1:{one}/?rto=20",
                f"http://127.0.0.1:{one}/",
                f"mailto://u:p@127.0.0.1:{mail}?mode=insecure&to=a@b.org&from=c@d.org&cto=20",
                f"http://127.0.0.1:{two}/",
            ],
        ) as sender,
    ):
        for number in range(10):
            await put(file, [notice(number)], list(sender.state()))
            sender.wake()
            await until(partial(_has, good, number))
        await until(lambda: len(hung.bodies) >= 2)
        assert len(hung.bodies) == 2 and mails.mails == [], "the others hang still"


def _has(receiver: Receiver, number: int) -> bool:
    return any(f"n{number}" in ids for ids in receiver.ids)


async def test_a_channel_that_is_mended_gets_what_waited(tmp_path):
    channel = Scripted("one", ValueError("a bug"), asyncio.CancelledError(), AWAY, None)
    async with opened(tmp_path) as file, sending(file, [channel]) as sender:
        await put(file, [notice(1)], ["one"])
        sender.wake()
        await until(lambda: channel.sent)
        await until(lambda: not sender.concerns())
        assert len(channel.tries) == 4 and channel.sent[0].notices[0].again  # nobody knows what a bug has done


async def test_as_long_as_the_other_side_asks_for_nothing_is_sent(tmp_path):
    times: list[float] = []
    async with opened(tmp_path) as file:

        async def slow_down() -> None:
            await put(file, [notice(2)], ["one"])
            times.append(time.monotonic())
            raise NotTaken("slow down", 0.5)

        async def take() -> None:
            times.append(time.monotonic())

        channel = Scripted("one", slow_down, take)
        async with sending(file, [channel]) as sender:
            await put(file, [notice(1)], ["one"])
            sender.wake()
            await until(lambda: times)
            for _ in range(10):
                sender.wake()
            await until(lambda: channel.sent)
        begin, end = times
        assert end - begin >= 0.45
        assert channel.ids == [["n1", "n2"]]


async def test_what_nobody_takes_is_given_up_and_kept_with_the_reason(tmp_path):
    channel = Scripted("one", AWAY)
    async with opened(tmp_path) as file, sending(file, [channel], give_up=60) as sender:
        old = datetime.now(UTC) - timedelta(seconds=61)
        with structlog.testing.capture_logs() as said:
            await put(file, [notice(1), notice(2)], ["one"], now=old)
            await put(file, [notice(3)], ["one"])
            sender.wake()
            await until(lambda: sender.state()["one"].dead == 2)
        assert await rows(file, "id, state, reason", "WHERE state = 'dead'") == [
            ("n1", "dead", "it is away"),
            ("n2", "dead", "it is away"),
        ]
        lines = _logged(said, "alerts.given_up")
        assert [(line["notices"], line["reason"]) for line in lines] == [(2, "it is away")]
        (sentence,) = sender.concerns()
        assert sentence.startswith("one did not take 3 notices since ") and "2 of them were given up" in sentence


async def test_what_will_never_be_taken_is_given_up_at_once(tmp_path):
    channel = Scripted("one", NotTaken("it has ended", None, True), None)
    async with opened(tmp_path) as file, sending(file, [channel]) as sender:
        await put(file, [notice(1)], ["one"])
        sender.wake()
        await until(lambda: sender.state()["one"].dead)
        await put(file, [notice(2)], ["one"])
        sender.wake()
        await until(lambda: channel.ids == [["n2"]])


async def test_after_a_long_stop_it_is_tried_before_it_is_given_up(tmp_path):
    channel = Scripted("one")
    async with opened(tmp_path) as file:
        await put(file, [notice(1)], ["one"], now=datetime.now(UTC) - timedelta(days=9))
        async with sending(file, [channel]):
            await until(lambda: channel.sent)


async def test_after_a_long_stop_what_is_too_much_is_tried_in_parts_before_it_is_given_up(tmp_path):
    channel = Scripted("one", NotTaken("413", too_much=True), None)
    async with opened(tmp_path) as file:
        await put(file, [notice(1), notice(2)], ["one"], now=datetime.now(UTC) - timedelta(days=9))
        async with sending(file, [channel]):
            await until(lambda: channel.ids == [["n1"], ["n2"]])


async def test_what_has_no_channel_any_more_is_given_up_with_that_reason(tmp_path):
    async with opened(tmp_path) as file:
        await put(file, [notice(1), notice(2)], ["json-1234"])
        with structlog.testing.capture_logs() as said:
            async with sending(file, [Scripted("one")]) as sender:
                await until(sender.concerns)
        assert "json-1234 is not in alerts.notify or a route any more" in sender.concerns()[0]
        assert [line["notices"] for line in _logged(said, "alerts.given_up")] == [2]
        assert sender.state()["one"].dead == 0 and sender.state()["json-1234"].dead == 2


async def test_what_is_too_much_is_sent_in_parts(tmp_path):
    receiver = Receiver("413 Too much", "413 Too much", "200 OK")
    async with (
        opened(tmp_path) as file,
        faults.serving(receiver) as port,
        sending(file, notify=[f"http://127.0.0.1:{port}/"]) as sender,
    ):
        await put(file, [notice(number) for number in range(40)], list(sender.state()))
        sender.wake()
        await until(lambda: sum(map(len, receiver.ids[2:])) == 40)
    assert [len(ids) for ids in receiver.ids] == [40, 20, 10, 20, 10]


class Picky(Scripted):
    """Refuses messages with some notices in it."""

    def __init__(self, *refused: str) -> None:
        super().__init__("picky")
        self.refused = set(refused)

    async def send(self, message: Message) -> None:
        """Take it, or refuse it."""
        self.tries.append(message)
        ids = [told.notice.id for told in message.notices]
        if self.refused.intersection(ids) or "*" in self.refused:
            raise NotTaken("the server answers 400", 0.2, too_much=True)
        self.sent.append(message)


async def test_one_notice_that_is_refused_holds_up_no_other_but_those_of_its_alert(tmp_path):
    channel = Picky("n3")
    notices = [notice(number) for number in range(10)]
    over = notice(99, "resolved", alert="check/site-3")
    async with opened(tmp_path) as file, sending(file, [channel]) as sender:
        await put(file, [*notices, over], ["picky"])
        sender.wake()
        await until(lambda: sum(map(len, channel.ids)) == 9)
        assert not any({"n3", "n99"} & set(ids) for ids in channel.ids)
        await until(lambda: sender.state()["picky"].waiting == 2)
        channel.refused.clear()
        await _woken_until(sender, lambda: sum(map(len, channel.ids)) == 11)
        assert [number for ids in channel.ids for number in ids][-2:] == ["n3", "n99"]


async def test_some_in_a_row_that_are_refused_hold_up_no_others(tmp_path):
    channel = Picky("n0", "n1", "n2", "n3", "n4")
    async with opened(tmp_path) as file, sending(file, [channel]) as sender:
        await put(file, [notice(number) for number in range(50)], ["picky"])
        sender.wake()
        await _woken_until(sender, lambda: sum(map(len, channel.ids)) == 45)


async def test_a_channel_that_refuses_all_is_not_asked_for_each(tmp_path):
    channel = Picky("*")
    async with opened(tmp_path) as file, sending(file, [channel]) as sender:
        await put(file, [notice(number) for number in range(100)], ["picky"])
        begin = time.monotonic()
        sender.wake()
        # 100, 50, 25, 12, 6, 3 and some alone; then nothing before the wait, which is 0.2 seconds, and so on
        await until(lambda: len(channel.tries) > 6 + 2 * MANY)
        assert [len(message.notices) for message in channel.tries[:8]] == [100, 50, 25, 12, 6, 3, 1, 1]
        assert time.monotonic() - begin > 0.3
        channel.refused.clear()
        await _woken_until(sender, lambda: sum(map(len, channel.ids)) == 100)


async def _woken_until(sender: Sender, condition: Callable[[], bool]) -> None:
    """As a sender wakes up by itself, after a minute."""
    async with asyncio.timeout(30):
        while not condition():
            sender.wake()
            await asyncio.sleep(0.02)


async def test_a_flood_is_few_messages(tmp_path):
    posted, mails = Receiver(), MailServer()
    notices = [notice(number) for number in range(10_000)]
    async with opened(tmp_path) as file, faults.serving(posted) as web, faults.serving(mails) as mail:
        notify = [f"http://127.0.0.1:{web}/", f"mailto://u:p@127.0.0.1:{mail}?mode=insecure&to=a@b.org&from=c@d.org"]
        async with sending(file, notify=notify) as sender:
            await put(file, notices, list(sender.state()))
            sender.wake()
            await until(lambda: mails.mails and sum(map(len, posted.ids)) == 10_000, 60)
    assert [len(ids) for ids in posted.ids] == [500] * 20
    assert [number for ids in posted.ids for number in ids] == [each.id for each in notices]
    assert mails.subjects == ["10,000 down"] and "and 9,980 more" in mails.texts[0]


async def test_a_file_that_cannot_be_used_for_a_while_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("eventsink.watch.alerts.lane.FILE_AWAY", 0.02)
    channel = Scripted("one")
    async with opened(tmp_path) as file:
        real, failing = AlertFile.run, True

        async def run(self, work):
            if failing:
                raise StoreUnavailable("The disk is full.")
            return await real(self, work)

        monkeypatch.setattr(AlertFile, "run", run)
        with structlog.testing.capture_logs() as said:
            async with sending(file, [channel]) as sender:
                await until(lambda: len(said) > 3)
                failing = False
                await put(file, [notice(1)], ["one"])
                sender.wake()
                await until(lambda: channel.sent)
        assert _logged(said, "alerts.file_away")


async def test_if_it_cannot_be_noted_that_it_was_told_it_is_not_told_again(tmp_path, monkeypatch):
    monkeypatch.setattr("eventsink.watch.alerts.lane.FILE_AWAY", 0.02)
    async with opened(tmp_path) as file:
        real, full = AlertFile.run, False

        async def fill() -> None:
            nonlocal full
            full = True

        async def run(self, work):
            if full:
                raise StoreUnavailable("The disk is full.")
            return await real(self, work)

        monkeypatch.setattr(AlertFile, "run", run)
        channel = Scripted("one", fill, None)
        with structlog.testing.capture_logs() as said:
            async with sending(file, [channel]) as sender:
                await put(file, [notice(1)], ["one"])
                sender.wake()
                await until(lambda: len(_logged(said, "alerts.not_noted")) > 2)
                full = False
                await put(file, [notice(2)], ["one"])
                sender.wake()
                await until(lambda: len(channel.sent) == 2)
        assert channel.ids == [["n1"], ["n2"]]


async def test_what_was_on_its_way_when_the_sender_was_stopped_comes_again_with_a_mark(tmp_path):
    receiver = Receiver(hush, "200 OK")
    async with opened(tmp_path) as file, faults.serving(receiver) as port:
        address = f"http://127.0.0.1:{port}/"
        async with sending(file, notify=[address]) as sender:
            await put(file, [notice(1)], list(sender.state()))
            sender.wake()
            await until(lambda: receiver.bodies)
        async with sending(file, notify=[address]) as sender:
            await until(lambda: len(receiver.bodies) == 2)
    first, second = (body["notices"][0] for body in receiver.bodies)
    assert first["id"] == second["id"] == "n1" and not first["again"] and second["again"]
    assert receiver.heads[0]["idempotency-key"] == receiver.heads[1]["idempotency-key"]


async def test_a_test_says_of_each_channel_whether_it_works(tmp_path):
    channels = [Scripted("good"), Scripted("away", AWAY), Scripted("broken", ValueError("a bug"))]
    async with opened(tmp_path) as file, sending(file, channels) as sender:
        outcomes = await sender.test()
        assert outcomes == {"good": "", "away": "it is away", "broken": "it failed by ValueError, see the log"}
        assert await sender.test("good") == {"good": ""}
        assert channels[0].sent[0].title == "Test of alerts: a test" and len(channels[0].sent) == 2
        assert await rows(file) == []


def test_patience_grows_to_its_end():
    patience = Patience()
    for failures, cap in ((1, 5.0), (2, 10.0), (3, 20.0), (7, 300.0), (1000, 300.0)):
        waits = [patience.wait(failures) for _ in range(200)]
        assert cap / 2 <= min(waits) and max(waits) <= cap and max(waits) - min(waits) > cap / 4
    assert patience.wait(1, 3600.0) == 3600.0
