"""The runner settles every event, whatever its worker does."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.deliver import waiting
from eventsink.deliver.retry import Policy
from eventsink.deliver.runner import Outcome, Runner
from eventsink.deliver.suspects import ROUNDS
from eventsink.deliver.worker import Worker
from eventsink.errors import ExchangeUnavailable, NoAnswer, Refused, TryLater
from eventsink.event import Event
from eventsink.exchange.contract import Account
from eventsink.exchange.embedded.queue import EmbeddedQueue
from eventsink.testing import sample_events
from tests.deliver.scripted import SOON, Always, Scripted, Step, bench, raising, refusing, running, until


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


ANYTHING: list[Callable[[], BaseException]] = [
    lambda: ValueError("a bug"),
    lambda: SystemExit(1),
    KeyboardInterrupt,
    GeneratorExit,
    StopIteration,
    StopAsyncIteration,
    asyncio.CancelledError,
    MemoryError,
    RecursionError,
    lambda: ExceptionGroup("several", [ValueError("one"), TryLater("two")]),
    lambda: BaseExceptionGroup("several", [SystemExit(1), asyncio.CancelledError()]),
    lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad start"),
    lambda: FileNotFoundError(2, "no such file", "half a character: \udcff"),
    Unspeakable,
]


def named(error: Callable[[], BaseException]) -> str:
    """The name of an error, for the name of a test."""
    return type(error()).__name__


def books(account: Account) -> tuple[int, int, int]:
    """Delivered, waiting and dead."""
    return account.delivered, account.waiting, account.dead


# --- delivered -------------------------------------------------------------------------------------------------------


async def test_it_hands_over_the_types_that_were_asked_for_and_passes_over_the_others(tmp_path: Path) -> None:
    worker = Scripted()
    async with running(tmp_path, worker, types=["storage.*", "users.login"]) as made:
        kinds = ["storage.file_uploaded", "traffic.page_view", "users.login", "users.signup", "storage.file_deleted"]
        events = [sample_events(1, event_type=kind)[0] for kind in kinds]
        await made.exchange.publish(events)
        account = await made.settled()
        assert books(account) == (5, 0, 0), "what is passed over is not waited for"
        assert worker.delivered == [events[0].id, events[2].id, events[4].id]


async def test_it_delivers_in_order_and_closes_at_the_end(tmp_path: Path) -> None:
    worker = Scripted()
    async with running(tmp_path, worker) as made:
        first, second = await made.publish(3), await made.publish(2)
        assert books(await made.settled()) == (5, 0, 0)
    assert worker.delivered == [event.id for event in first + second]
    assert (worker.opened, worker.closed, made.runner.state, made.tally.deliveries) == (1, 1, "stopped", 5)


async def test_a_batch_is_never_larger_than_the_worker_wants(tmp_path: Path) -> None:
    worker = Scripted()
    worker.batch_size = 7  # type: ignore[misc]
    async with running(tmp_path, worker) as made:
        await made.publish(30)
        await made.settled()
    assert max(worker.calls) == 7
    assert sum(worker.calls) == 30


async def test_events_wait_for_company_until_the_batch_is_full_or_the_time_is_over(tmp_path: Path) -> None:
    patient, hurried = Scripted(), Scripted()
    patient.batch_size, patient.batch_wait = 10, 3600.0  # type: ignore[misc]
    hurried.batch_size, hurried.batch_wait = 10, 0.2  # type: ignore[misc]
    async with bench(tmp_path, patient) as made:
        task = asyncio.create_task(made.runner.run())
        for _ in range(10):  # however long a busy disk takes for each
            await made.publish(1)
        await made.settled()
        task.cancel()
        await asyncio.wait([task])
    async with running(tmp_path, hurried) as made:
        await made.publish(3)
        await made.settled()
    assert (patient.calls, hurried.calls) == ([10], [3])


async def test_deliver_is_never_called_twice_at_once_nor_before_open_nor_after_close(tmp_path: Path) -> None:
    inside: list[int] = []

    async def step() -> None:
        assert not inside
        assert (worker.opened, worker.closed) == (1, 0)
        inside.append(1)
        await asyncio.sleep(0.001)
        inside.clear()

    worker = Always(lambda _: step())
    async with running(tmp_path, worker) as made:
        for _ in range(20):
            await made.publish(2)
        assert books(await made.settled()) == (40, 0, 0)


@pytest.mark.parametrize("again", [0.0, 0.02], ids=["alone", "beside one who is throttled for short, again and again"])
async def test_with_a_full_waiting_room_those_who_wait_for_long_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: float
) -> None:
    """One user who is over the quota of a day must not stop all others, whoever else has to wait."""
    monkeypatch.setattr(waiting, "MOST_WAITING", 20)
    events = sample_events(100)
    long, short = {event.id for event in events[:30]}, {event.id for event in events[30:32]} if again else set()
    tries = Counter[str]()

    def step(batch: Sequence[Event]) -> None:
        for_short = [event for event in batch if event.id in short and tries[event.id] < 5]
        tries.update(event.id for event in for_short)
        for_long = [event for event in batch if event.id in long]
        error = TryLater("too many today", after=7200, events=for_long) if for_long else None
        if for_short:
            raise TryLater("too many", after=again, events=for_short) from error
        if error:
            raise error

    worker = Always(step)
    worker.batch_size = 10  # type: ignore[misc]
    async with running(tmp_path, worker) as made:
        await made.exchange.publish(events)
        await until(lambda: {event.id for event in events[32:]} <= set(worker.delivered))
        await until(lambda: short <= set(worker.delivered))
        letters = await made.letters()
    assert 20 <= len(letters) <= 30 and {letter.body["id"] for letter in letters} <= long
    assert all("retry them later" in letter.reason for letter in letters)


async def test_of_two_events_with_one_id_only_the_one_that_is_refused_is_a_dead_letter(tmp_path: Path) -> None:
    one = sample_events(1)[0]
    events = [msgspec.structs.replace(one, source=source) for source in ("a", "b", "c")]
    taken: list[str] = []

    async def step(part: Sequence[Event]) -> None:
        refused = [event for event in part if event.source == "b"]
        if refused:
            raise Refused("b is not wanted", events=refused)
        taken.extend(event.source for event in part)

    async with running(tmp_path, Always(step)) as made:
        await made.exchange.publish(events)
        assert books(await made.settled()) == (2, 0, 1)
        (letter,) = await made.exchange.dead_letters()
    assert (taken, letter.body["source"]) == (["a", "c"], "b")


# --- try later -------------------------------------------------------------------------------------------------------


async def test_try_later_keeps_the_events_and_offers_the_same_again(tmp_path: Path) -> None:
    worker = Scripted([raising(lambda: TryLater("away"))] * 10)
    async with running(tmp_path, worker) as made:
        events = await made.publish(3)
        assert books(await made.settled()) == (3, 0, 0)
    assert worker.delivered == [event.id for event in events]
    assert worker.calls == [3] * 11
    assert made.tally.outcomes == ["try_later"] * 10


async def test_the_time_that_a_destination_names_is_waited(tmp_path: Path) -> None:
    times: list[float] = []

    def step(_: Sequence[Event]) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 1:
            raise TryLater("busy", after=0.2)

    async with running(tmp_path, Always(step)) as made:
        await made.publish(1)
        await made.settled()
    assert times[1] - times[0] >= 0.2


@pytest.mark.parametrize("after", [-1, 0, float("nan"), "soon", object()])
async def test_a_senseless_time_to_wait_does_no_harm(tmp_path: Path, after: Any) -> None:
    async with running(tmp_path, Scripted([raising(lambda: TryLater("away", after=after))])) as made:
        await made.publish(1)
        assert books(await made.settled()) == (1, 0, 0)


async def test_while_the_destination_is_away_its_state_says_why(tmp_path: Path) -> None:
    async with running(tmp_path, Always(raising(lambda: TryLater("the disk there is full", after=60)))) as made:
        await made.publish(1)
        await until(lambda: made.runner.state.endswith(" UTC: the disk there is full."))
        assert books(await made.account()) == (0, 1, 0)


async def test_a_call_that_hangs_is_cut_off_and_tried_again(tmp_path: Path) -> None:
    worker = Scripted([lambda _: asyncio.sleep(60)])
    worker.timeout = 0.05  # type: ignore[misc]
    async with running(tmp_path, worker) as made:
        events = await made.publish(2)
        assert books(await made.settled()) == (2, 0, 0)
    assert made.tally.outcomes == ["try_later"]
    assert worker.delivered == [event.id for event in events], "what was cut off has not been delivered"


def unanswered(bad: set[str]) -> Step:
    """A step to which no answer comes when one of these events is among those given."""
    return refusing(bad, lambda _: NoAnswer("It did not answer within 5 seconds."))


async def test_an_event_to_which_no_answer_comes_is_given_up_once_others_were_taken(tmp_path: Path) -> None:
    events = sample_events(20)
    worker = Always(unanswered({events[13].id}))
    async with running(tmp_path, worker) as made:
        await made.exchange.publish(events)
        assert books(await made.settled()) == (19, 0, 1)
        (letter,) = await made.letters()
    assert letter.body["id"] == events[13].id
    assert letter.reason == (
        "It did not answer within 5 seconds."
        " So it was each time that it was sent alone, and others were taken meanwhile."
    )
    assert {event.id for event in events} - set(worker.delivered) == {events[13].id}


async def test_an_event_alone_to_which_no_answer_comes_waits_for_company_by_which_it_is_judged(tmp_path: Path) -> None:
    culprit, *others = sample_events(3)
    async with running(tmp_path, Always(unanswered({culprit.id}))) as made:
        await made.exchange.publish([culprit])
        await until(lambda: made.tally.outcomes.count("try_later") > 20)
        assert books(await made.account()) == (0, 1, 0), "the destination may be away"
        await made.exchange.publish(others)
        assert books(await made.settled()) == (2, 0, 1)


async def test_an_event_to_which_no_answer_comes_is_sent_so_often_before_it_is_given_up(tmp_path: Path) -> None:
    async with running(tmp_path, worker := Scripted()) as made:
        await made.publish(1)
        await made.settled()
        silent, away = raising(lambda: NoAnswer("It did not answer.")), raising(lambda: TryLater("away"))
        round_of_it = [*[silent] * SOON.attempts, lambda _: None]  # and then at once another that it takes
        worker.script = [silent, silent, away, *round_of_it * ROUNDS]
        await made.publish(1)
        assert books(await made.settled()) == (1, 0, 1)
        (letter,) = await made.letters()
    assert (worker.script, letter.attempts) == ([], 3 + ROUNDS * SOON.attempts)


async def test_two_events_to_which_no_answer_comes_hold_up_nobody(tmp_path: Path) -> None:
    culprits, others = sample_events(2), sample_events(2)
    async with running(tmp_path, Always(unanswered({event.id for event in culprits}))) as made:
        await made.exchange.publish(culprits)
        await until(lambda: made.tally.outcomes.count("try_later") > 20)
        await made.exchange.publish(others)
        assert books(await made.settled()) == (2, 0, 2)
        await made.exchange.publish([msgspec.structs.replace(culprits[0], id="again")])
        assert books(await made.settled()) == (3, 0, 2)


async def test_a_destination_that_hangs_for_long_costs_no_event_that_it_would_take(tmp_path: Path) -> None:
    worker = Always(raising(lambda: NoAnswer("It did not answer within 5 seconds.")))
    async with running(tmp_path, worker) as made:
        await made.publish(7)
        for _ in range(5):
            before = len(made.tally.outcomes)
            await until(lambda before=before: len(made.tally.outcomes) > before + 100)  # type: ignore[misc]
            step, worker.step = worker.step, lambda _: None
            await made.publish(1)
            await until(lambda: made.runner.state in ("delivering", "idle"))
            worker.step = step
            await made.publish(3)
        worker.step = lambda _: None
        assert books(await made.settled()) == (27, 0, 0)


async def test_a_destination_that_was_long_away_has_not_used_up_the_attempts_of_a_bug(tmp_path: Path) -> None:
    script = [raising(lambda: TryLater("away"))] * 5 + [raising(ValueError)] * 2
    async with running(tmp_path, Scripted(script)) as made:
        await made.publish(1)
        assert books(await made.settled()) == (1, 0, 0)


# --- some wait -------------------------------------------------------------------------------------------------------


def throttling(bad: set[str], after: float | None = None) -> Step:
    """A step that has some events wait, and takes the others."""
    return refusing(bad, lambda found: TryLater("too fast", after=after, events=found))


class Throttling(Scripted):
    """Has the events of one user wait, all for one time, until it is told otherwise; notes what it takes, in order."""

    def __init__(self, user: str, after: float) -> None:
        super().__init__()
        self.user = user
        self.after = after
        self.offered = 0
        self.early = 0  # of those times: before what waits was due
        self.waits: set[str] = set()
        self.until = 0.0

    async def deliver(self, events: Sequence[Event]) -> None:
        found = [event for event in events if event.user == self.user]
        self.delivered += [event.id for event in events if event.user != self.user]
        if found:
            self.offered += 1
            now = asyncio.get_running_loop().time()
            self.early += any(event.id in self.waits for event in found) and now < self.until
            self.waits |= {event.id for event in found}
            self.until = self.until if self.until > now else now + self.after
            raise TryLater("too fast", after=self.until - now, events=found)


async def test_events_that_wait_hold_up_no_others_and_are_delivered_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "GRID", 1.0)  # what a slow machine takes in hand later is due at the same time
    async with running(tmp_path, worker := Throttling("user-3", after=0.05)) as made:
        events = [event for _ in range(5) for event in await made.publish(14)]
        slow = [event.id for event in events if event.user == "user-3"]
        await until(lambda: len(worker.delivered) == 60)
        account = await made.account()
        assert account.waiting >= len(slow), "what waits is not settled"
        await until(lambda: worker.offered > 5)
        worker.user = ""
        assert books(await made.settled()) == (70, 0, 0)
    assert worker.delivered == [event.id for event in events if event.id not in slow] + slow
    assert made.tally.deliveries == 70


async def test_the_time_of_those_that_wait_is_kept_and_they_are_not_offered_before(tmp_path: Path) -> None:
    async with running(tmp_path, worker := Throttling("user-0", after=0.3)) as made:
        await made.publish(2)
        await until(lambda: worker.offered)
        for _ in range(5):
            await made.publish(0)
            await made.exchange.publish([event for event in sample_events(3) if event.user != "user-0"])
            await until(lambda: made.runner.state != "starting")
        await until(lambda: made.runner.state == "1 events wait: too fast")
        await until(lambda: worker.offered >= 2)
        assert worker.early == 0


async def test_one_that_waited_may_be_refused_and_has_its_attempts_and_the_time_of_the_first(tmp_path: Path) -> None:
    async with bench(tmp_path, worker := Scripted()) as made:
        events = await made.publish(4)
        bad = {events[2].id}
        worker.script = [throttling(bad), throttling(bad), raising(lambda: Refused("never"))]
        await _run_until_settled(made)
        (letter,) = await made.letters()
        assert (letter.body["id"], letter.attempts, letter.reason) == (events[2].id, 3, "never")
        assert letter.first_seen < letter.last_seen
        assert worker.calls == [4, 1, 1]
        assert books(await made.account()) == (3, 0, 1)


async def test_events_that_waited_have_not_used_up_the_attempts_of_a_bug(tmp_path: Path) -> None:
    async with bench(tmp_path, worker := Scripted()) as made:
        events = await made.publish(4)
        worker.script = [throttling({events[2].id})] * 5 + [raising(ValueError)] * 2
        await _run_until_settled(made)
        assert books(await made.account()) == (4, 0, 0)


async def test_an_event_that_was_published_twice_waits_twice(tmp_path: Path) -> None:
    event, other = sample_events(2)
    async with bench(tmp_path, worker := Scripted()) as made:
        await made.exchange.publish([event, other, event])
        worker.script = [throttling({event.id}), throttling({event.id})]
        await _run_until_settled(made)
        assert books(await made.account()) == (3, 0, 0)
    assert worker.calls == [3, 2, 2]


async def test_whoever_is_killed_while_some_wait_loses_none(tmp_path: Path) -> None:
    async with bench(tmp_path, first := Throttling("user-0", after=60)) as made:
        task = asyncio.create_task(made.runner.run())
        events = [event for _ in range(3) for event in await made.publish(7)]
        await until(lambda: len(first.delivered) == 18)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with running(tmp_path, second := Scripted()) as again:
        assert books(await again.settled()) == (21, 0, 0)
    assert {*first.delivered, *second.delivered} == {event.id for event in events}


async def test_stopping_gives_those_that_wait_back(tmp_path: Path) -> None:
    async with running(tmp_path, worker := Throttling("user-0", after=60)) as made:
        events = await made.publish(7)
        await until(lambda: len(worker.delivered) == 6)
    async with running(tmp_path, second := Scripted()) as again:
        assert books(await again.settled()) == (7, 0, 0)
    assert second.delivered == [event.id for event in events]


async def test_those_that_were_put_back_may_wait_as_well(tmp_path: Path) -> None:
    async with running(tmp_path, worker := Throttling("user-0", after=0.05)) as made:
        await made.exchange.put_back("scripted", sample_events(7))
        await until(lambda: worker.offered > 1)
        await made.exchange.put_back("scripted", sample_events(7))
        await made.publish(7)
        await until(lambda: len(worker.delivered) == 18)
        worker.user = ""
        assert books(await made.settled()) == (21, 0, 0)
    assert len(worker.delivered) == len(set(worker.delivered)) == 21


async def test_a_destination_that_goes_away_while_some_wait_gets_all(tmp_path: Path) -> None:
    async with running(tmp_path, worker := Throttling("user-0", after=0.01)) as made:
        await made.publish(7)
        await until(lambda: worker.offered)
        worker.script = []
        deliver, away = worker.deliver, Always(raising(lambda: NoAnswer("It did not answer.")))
        worker.deliver = away.deliver  # type: ignore[method-assign]
        await made.publish(1)
        await until(lambda: len(away.calls) > 20)
        worker.user, worker.deliver = "", deliver  # type: ignore[method-assign]
        assert books(await made.settled()) == (8, 0, 0)
    assert len(set(worker.delivered)) == 8


async def test_no_more_wait_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_WAITING", 5)
    worker = Throttling("user-0", after=0.2)
    worker.batch_size = 7  # type: ignore[misc] # with one that waits in each, however many have come meanwhile
    async with running(tmp_path, worker) as made:
        for _ in range(10):
            await made.publish(7)
            await asyncio.sleep(0.005)
        await until(lambda: "events wait, and no more may: too fast." in made.runner.state)
        held = len(made.runner._waiting)
        assert 5 <= held < 10, "no more is taken"
        worker.user = ""
        assert books(await made.settled()) == (70, 0, 0)


@pytest.mark.parametrize("after", [float("inf"), float("nan"), -1, 0, 1e308, "30", True])
async def test_what_is_no_time_to_wait_does_not_hurt(tmp_path: Path, after: Any) -> None:
    def step(events: Sequence[Event]) -> None:
        if found := [event for event in events if event.user == "user-0"]:
            raise TryLater("too fast", after=after, events=found)

    async with running(tmp_path, worker := Always(step)) as made:
        await made.publish(7)
        await until(lambda: len(worker.delivered) == 6 and (len(worker.calls) > 5 or after == 1e308))
        assert made.runner._waiting.seconds(made.runner._now()) < 7 * 3600
        assert made.runner.state != "failed, see the log"
        assert len(set(worker.delivered)) == len(worker.delivered) == 6


async def test_those_that_would_stop_all_others_for_long_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST_TAKEN", 20)
    async with running(tmp_path, Throttling("user-0", after=3600)) as made:
        for _ in range(6):
            await made.publish(7)
            await asyncio.sleep(0.02)
        await until(lambda: made.tally.dead)
        assert all("eventsink dead retry" in letter.reason for letter in await made.letters())
        account = await made.account()
        assert account.delivered + account.waiting + account.dead == 42


async def test_what_a_worker_passes_over_is_counted_by_reason(tmp_path: Path) -> None:
    def step(events: Sequence[Event]) -> None:
        worker.skipped += [(event, "a robot") for event in events[:3]]

    async with running(tmp_path, worker := Scripted([step, step])) as made:
        for _ in range(2):
            await made.publish(5)
            await made.settled()
        assert made.tally.skips == [("a robot", 3), ("a robot", 3)]
        assert books(await made.account()) == (10, 0, 0)


async def test_what_a_worker_passes_over_is_no_sign_that_its_destination_answers(tmp_path: Path) -> None:
    """Else each event to which no answer comes would be given up while the destination is away."""
    robots, people = sample_events(3), sample_events(3)

    def step(events: Sequence[Event]) -> None:
        found = [event for event in events if event in robots]
        worker.skipped += [(event, "a robot") for event in found]
        if len(found) < len(events):
            raise NoAnswer("It did not answer.")

    async with running(tmp_path, worker := Always(step)) as made:
        await made.exchange.publish(robots)
        await made.settled()
        await made.exchange.publish(people)
        await until(lambda: len(made.tally.outcomes) > 200)
        assert books(await made.account()) == (3, 3, 0)
        made.runner._taken = robots[:1]  # as it is of an event that was sent before, and whose user opted out since
        await until(lambda: len(made.tally.outcomes) > 400)
        assert books(await made.account()) == (3, 3, 0)
        worker.step = lambda _: None
        assert books(await made.settled()) == (6, 0, 0)


async def test_a_worker_gets_the_types_that_it_wants_by_itself_unless_others_are_asked_for(tmp_path: Path) -> None:
    worker = Scripted()
    worker.types = ("users.*",)
    async with running(tmp_path, worker) as made:
        await made.exchange.publish([sample_events(1, event_type=kind)[0] for kind in ("users.login", "lab.sample")])
        assert books(await made.settled()) == (2, 0, 0)
    assert len(worker.delivered) == 1


# --- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [[0], [7], [3], [0, 7], [3, 4], [1, 2, 5], range(8)])
async def test_a_refusal_without_names_is_halved_down_to_the_culprits(tmp_path: Path, bad: list[int]) -> None:
    async with bench(tmp_path, worker := Scripted()) as made:
        events = await made.publish(8)
        culprits = {events[index].id for index in bad}
        step = refusing(culprits, lambda _: Refused("do not want"))
        worker.script = [step] * 100
        await _run_until_settled(made)
        assert {letter.body["id"] for letter in await made.letters()} == culprits
        assert set(worker.delivered) == {event.id for event in events} - culprits
        assert len(worker.delivered) == 8 - len(culprits), "no event that was delivered is delivered again"
        assert books(await made.account()) == (8 - len(culprits), 0, len(culprits))


async def test_one_culprit_among_many_is_found_in_few_calls(tmp_path: Path) -> None:
    async with bench(tmp_path, worker := Scripted()) as made:
        events = await made.publish(256)
        worker.script = [refusing({events[200].id}, lambda _: Refused("do not want"))] * 300
        await _run_until_settled(made)
    assert len(worker.calls) == 1 + 2 * 8, "the whole, and both halves at each of eight steps"
    assert len(worker.delivered) == 255


async def test_a_refusal_that_names_events_buries_them_at_once_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path, worker := Scripted()) as made:
        events = await made.publish(8)
        culprits = {events[2].id, events[5].id}
        worker.script = [refusing(culprits, lambda found: Refused("too old", events=found))]
        await _run_until_settled(made)
        letters = await made.letters()
        assert ({letter.body["id"] for letter in letters}, {letter.reason for letter in letters}) == (
            culprits,
            {"too old"},
        )
        assert worker.calls == [8, 6]


@pytest.mark.parametrize("names", [lambda events: [], lambda events: ["x", 5, None], lambda events: [_stranger()]])
async def test_a_refusal_that_names_none_of_the_events_counts_as_one_without_names(tmp_path: Path, names: Any) -> None:
    async with running(tmp_path, Always(lambda events: _raise(Refused("no", events=names(events))))) as made:
        await made.publish(4)
        assert books(await made.settled()) == (0, 0, 4)


async def test_a_dead_letter_tells_reason_attempts_and_times_and_can_be_retried(tmp_path: Path) -> None:
    async with running(tmp_path, worker := Scripted([raising(lambda: Refused("too old"))])) as made:
        (event,) = await made.publish(1)
        await made.settled()
        (letter,) = await made.letters()
        assert (letter.worker, letter.reason, letter.attempts, letter.traceback) == ("scripted", "too old", 1, None)
        assert letter.first_seen <= letter.last_seen
        assert await made.exchange.retry([letter.id]) == 1
        await until(lambda: worker.delivered == [event.id])
        assert books(await made.settled()) == (1, 0, 0)
        assert await made.letters() == []


# --- bugs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ANYTHING, ids=named)
async def test_a_worker_that_raises_anything_once_is_tried_again(
    tmp_path: Path, error: Callable[[], BaseException]
) -> None:
    async with running(tmp_path, worker := Scripted([raising(error)])) as made:
        events = await made.publish(2)
        assert books(await made.settled()) == (2, 0, 0)
    assert worker.delivered == [event.id for event in events]
    assert made.tally.outcomes == ["error"]


@pytest.mark.parametrize("error", ANYTHING, ids=named)
async def test_an_event_on_which_a_worker_always_fails_ends_with_the_traceback(
    tmp_path: Path, error: Callable[[], BaseException]
) -> None:
    async with bench(tmp_path, worker := Scripted()) as made:
        events = await made.publish(4)
        worker.script = [refusing({events[1].id}, lambda _: error())] * 100
        await _run_until_settled(made)
        (letter,) = await made.letters()
        assert letter.body["id"] == events[1].id
        assert letter.attempts >= SOON.attempts
        assert "scripted.py" in (letter.traceback or ""), "it shows the way to what failed"
        assert books(await made.account()) == (3, 0, 1)


@pytest.mark.parametrize("away", [0, 2])
async def test_an_event_on_which_a_worker_fails_is_tried_as_often_as_the_policy_says(tmp_path: Path, away: int) -> None:
    script = [raising(lambda: TryLater("away"))] * away + [raising(ValueError)] * 20
    async with running(tmp_path, worker := Scripted(script)) as made:
        await made.publish(1)
        await made.settled()
        (letter,) = await made.letters()
    assert len(worker.calls) == letter.attempts == away + SOON.attempts


async def test_every_outcome_is_counted_for_its_worker(tmp_path: Path) -> None:
    script = [raising(error) for error in (lambda: TryLater("away"), TimeoutError, ValueError, lambda: Refused("no"))]
    async with running(tmp_path, Scripted(script)) as made:
        await made.publish(1)
        await made.settled()
        await made.publish(1)
        await made.settled()
    outcomes = ["try_later", "try_later", "error", "refused"]
    assert made.tally.told == [("scripted", told) for told in [*outcomes, 1, 1, 0]], "one is buried, one delivered"


async def test_a_worker_without_deliver_loses_nothing(tmp_path: Path) -> None:
    class Idle(Worker[None]):
        batch_wait = 0.001

    async with running(tmp_path, Idle(None)) as made:
        await made.publish(3)
        assert books(await made.settled()) == (0, 0, 3)
        assert {letter.reason for letter in await made.letters()} == {"Idle has no deliver()."}


async def test_a_worker_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    async with running(tmp_path, Always(raising(lambda: SystemExit(1)))) as bad:
        good = Scripted()
        runner = Runner("good", good, await bad.exchange.queue("good"), bad.tally, policy=SOON)
        task = asyncio.create_task(runner.run())
        events = await bad.publish(10)
        await until(lambda: len(good.delivered) == 10)
        assert books(await bad.settled()) == (0, 0, 10)
        runner.stop()
        await task
    assert good.delivered == [event.id for event in events]


async def test_a_batch_that_the_disk_has_lost_is_passed_over_without_calling_the_worker(tmp_path: Path) -> None:
    worker = Always(raising(ValueError))
    async with bench(tmp_path, worker) as made:
        assert await made.runner._deliver_all([]) == Outcome([], [])
    assert worker.calls == []


# --- opening, closing, stopping --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [*ANYTHING, lambda: TryLater("away", after=0.01), TimeoutError], ids=named)
async def test_a_worker_that_does_not_open_at_first_is_opened_again(
    tmp_path: Path, error: Callable[[], BaseException]
) -> None:
    worker = Scripted(opening=[raising(error)] * 3)
    async with running(tmp_path, worker) as made:
        await made.publish(2)
        assert books(await made.settled()) == (2, 0, 0)
    assert (worker.opened, worker.closed) == (4, 1)
    assert made.tally.told == [*[("scripted", "try_later")] * 3, ("scripted", 2), ("scripted", 0)]


async def test_opening_that_hangs_is_cut_off(tmp_path: Path) -> None:
    worker = Scripted(opening=[lambda _: asyncio.sleep(60)])
    worker.timeout = 0.05  # type: ignore[misc]
    async with running(tmp_path, worker) as made:
        await made.publish(1)
        assert books(await made.settled()) == (1, 0, 0)


async def test_while_opening_hangs_its_state_says_so(tmp_path: Path) -> None:
    worker = Scripted(opening=[lambda _: asyncio.sleep(60)] * 10_000)
    worker.timeout = 0.05  # type: ignore[misc]
    async with running(tmp_path, worker) as made:
        await until(lambda: made.runner.state.endswith(" UTC: No answer within 0.05 seconds."))


async def test_a_worker_that_never_opens_keeps_its_events_and_stops_when_told(tmp_path: Path) -> None:
    worker = Scripted(opening=[raising(lambda: TryLater("away", after=60))])
    async with running(tmp_path, worker) as made:
        await made.publish(3)
        await until(lambda: made.runner.state.endswith(" UTC: away."))
    assert (worker.calls, worker.closed) == ([], 1)


@pytest.mark.parametrize("error", ANYTHING, ids=named)
async def test_closing_may_fail_in_any_way(
    tmp_path: Path, error: Callable[[], BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Scripted()

    async def close() -> None:
        raise error()

    monkeypatch.setattr(worker, "close", close)
    async with running(tmp_path, worker) as made:
        await made.publish(1)
        assert books(await made.settled()) == (1, 0, 0)
    assert made.runner.state == "stopped"


async def test_stopping_while_paused_gives_the_batch_back(tmp_path: Path) -> None:
    async with running(tmp_path, Always(raising(lambda: TryLater("away", after=60)))) as made:
        events = await made.publish(5)
        await until(lambda: made.runner.state.endswith(" UTC: away."))
    second = Scripted()
    async with running(tmp_path, second) as again:
        assert books(await again.settled()) == (5, 0, 0)
    assert second.delivered == [event.id for event in events]


async def test_stopping_between_the_attempts_of_a_bug_gives_the_batch_back(tmp_path: Path) -> None:
    slow = Policy(first=1000.0, longest=1000.0)
    async with running(tmp_path, worker := Always(raising(ValueError)), slow) as made:
        await made.publish(5)
        await until(lambda: worker.calls)
    async with bench(tmp_path, Scripted()) as again:
        assert books(await again.account()) == (0, 5, 0)


async def test_stopping_settles_the_batch_in_hand(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def step() -> None:
        entered.set()
        await asyncio.sleep(0.1)

    async with running(tmp_path, Scripted([lambda _: step()])) as made:
        await made.publish(5)
        await entered.wait()
    async with bench(tmp_path, Scripted()) as again:
        assert books(await again.account()) == (5, 0, 0)


async def test_cancelling_ends_the_runner_even_in_a_call_that_hangs(tmp_path: Path) -> None:
    worker = Always(lambda _: asyncio.sleep(60))
    async with bench(tmp_path, worker) as made:
        task = asyncio.create_task(made.runner.run())
        await made.publish(1)
        await until(lambda: worker.calls)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert books(await made.account()) == (0, 1, 0)
    assert worker.closed == 1


async def test_an_exchange_that_cannot_settle_for_a_while_loses_no_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [ExchangeUnavailable("the disk is full")] * 3
    done = EmbeddedQueue.done

    async def sometimes(self: EmbeddedQueue, *given: Any) -> None:
        if failures:
            raise failures.pop()
        await done(self, *given)

    monkeypatch.setattr(EmbeddedQueue, "done", sometimes)
    async with running(tmp_path, worker := Scripted()) as made:
        await made.publish(4)
        assert books(await made.settled()) == (4, 0, 0)
    assert worker.calls == [4], "it is settled again, and not delivered again"


async def test_an_exchange_that_cannot_be_read_for_a_while_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [ExchangeUnavailable("the disk is gone")]
    take = EmbeddedQueue.take

    async def sometimes(self: EmbeddedQueue, *given: Any) -> Any:
        if failures:
            raise failures.pop()
        return await take(self, *given)

    monkeypatch.setattr(EmbeddedQueue, "take", sometimes)
    async with running(tmp_path, Scripted()) as made:
        await until(lambda: made.runner.state.endswith(" UTC: the disk is gone."))
        await until(lambda: made.runner.state == "idle")
        assert made.runner._paused_since is None, "another pause has a time of its own"
        await made.publish(4)
        assert books(await made.settled()) == (4, 0, 0)


async def test_an_exchange_that_cannot_settle_keeps_no_runner_from_stopping_and_offers_the_batch_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(self: EmbeddedQueue, *given: Any) -> None:
        raise ExchangeUnavailable("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(EmbeddedQueue, "done", never)
        async with running(tmp_path, worker := Scripted()) as made:
            events = await made.publish(4)
            await until(lambda: worker.delivered)
        assert (made.runner.state, made.tally.dead) == ("stopped", 0)
    async with running(tmp_path, again := Scripted()) as made:
        assert books(await made.settled()) == (4, 0, 0)
    assert worker.delivered == again.delivered == [event.id for event in events]


async def test_a_bug_of_the_exchange_costs_no_event_and_none_that_come_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bugs = [KeyError("a bug")] * 2
    done = EmbeddedQueue.done

    async def sometimes(self: EmbeddedQueue, *given: Any) -> None:
        if bugs:
            await made.publish(3)  # which come while the batch is in hand
            raise bugs.pop()
        await done(self, *given)

    monkeypatch.setattr(EmbeddedQueue, "done", sometimes)
    async with running(tmp_path, worker := Scripted()) as made:
        await made.publish(4)
        assert books(await made.settled()) == (10, 0, 0)
    assert worker.calls == [4, 7, 10], "what was in hand is delivered again, and first"


async def test_after_a_bug_of_the_exchange_its_state_says_where_to_look_and_it_stops_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(self: EmbeddedQueue, *given: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(EmbeddedQueue, "take", never)
    async with running(tmp_path, Scripted(), Policy(longest=1000.0)) as made:
        await until(lambda: made.runner.state == "failed, see the log")


# --- whatever happens ------------------------------------------------------------------------------------------------

OUTCOMES = ["well", "later", "some", "hang", "refused", "first", "last", "half", "bug", "exit", "cancelled", "stop"]


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(st.sampled_from(OUTCOMES), max_size=30), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5)
)
async def test_whatever_a_worker_does_every_event_ends_once_and_the_books_always_add_up(
    script: list[str], sizes: list[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        worker = Scripted([_step(name) for name in script])
        worker.timeout = 0.01  # type: ignore[misc]
        worker.batch_size = 8  # type: ignore[misc]
        published: list[str] = []
        async with running(Path(folder), worker) as made:
            for size in sizes:
                published += [event.id for event in await made.publish(size)]
                await made.account()
            account = await made.settled()
            dead = [letter.body["id"] for letter in await made.letters()]
    assert (account.accepted, account.missing) == (len(published), 0)
    assert books(account) == (len(published) - len(dead), 0, len(dead))
    assert sorted(worker.delivered + dead) == sorted(published), "each is delivered or dead, and exactly once"
    assert (made.tally.deliveries, made.tally.dead) == (account.delivered, account.dead)


def _step(name: str) -> Any:
    steps: dict[str, Callable[[Sequence[Event]], Any]] = {
        "well": lambda _: None,
        "later": raising(lambda: TryLater("away")),
        "some": lambda events: _raise(TryLater("some", events=events[::3])),
        "hang": lambda _: asyncio.sleep(60),
        "refused": raising(lambda: Refused("all")),
        "first": lambda events: _raise(Refused("the first", events=events[:1])),
        "last": lambda events: _raise(Refused("the last", events=events[-1:])),
        "half": lambda events: _raise(Refused("half", events=events[::2])),
        "bug": raising(ValueError),
        "exit": raising(SystemExit),
        "cancelled": raising(asyncio.CancelledError),
        "stop": raising(StopIteration),
    }
    return steps[name]


def _raise(error: BaseException) -> None:
    raise error


def _stranger() -> Event:
    return sample_events(1)[0]


async def _run_until_settled(made: Any) -> None:
    task = asyncio.create_task(made.runner.run())
    await made.settled()
    made.runner.stop()
    await task
