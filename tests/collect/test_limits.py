"""Bounds on what a client may send."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventsink.collect import limits
from eventsink.collect.limits import Budget, RateLimit, Receive, Share, read_body
from eventsink.collect.problems import Problem

MEGABYTE = 1 << 20


async def _read(receive: Receive, most: int, share: Share | None = None) -> bytes:
    return await read_body(receive, most, b"", share or Budget(64 * MEGABYTE).share("a key"))


# --- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [[b"abc"], [b"a", b"b", b"c"], [b"", b"abc", b""], [b"abc", b""]])
async def test_a_body_is_put_together(parts: list[bytes]) -> None:
    assert await _read(_sender(parts), 3) == b"abc"


async def test_a_request_without_a_body_has_an_empty_one() -> None:
    assert await _read(_messages([{"type": "http.request"}]), 10) == b""


@pytest.mark.parametrize("parts", [[b"x" * 11], [b"x" * 10, b"x"], [b"x"] * 11, [b"x" * 1000]])
async def test_a_body_over_the_limit_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(Problem) as problem:
        await _read(_sender(parts), 10)
    assert problem.value.status == 413
    assert "collect.max_body" in problem.value.detail


async def test_an_endless_body_is_not_read_to_its_end_nor_kept() -> None:
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        assert read < 1000
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    with pytest.raises(Problem):
        await _read(receive, 10_000)
    assert read < 20


async def test_a_client_that_goes_away_in_the_middle_is_no_event() -> None:
    gone = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    with pytest.raises(Problem, match="ended before") as problem:
        await _read(_messages(gone), 10)
    assert problem.value.status == 400


async def test_half_a_body_ends_after_a_stated_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.05)
    parts = [{"type": "http.request", "body": b"[", "more_body": True}]

    async def receive() -> dict[str, Any]:
        return parts.pop() if parts else await asyncio.get_running_loop().create_future()

    with pytest.raises(Problem, match="came too slowly") as refusal:
        await _read(receive, 10)
    assert refusal.value.status == 408


async def test_a_body_that_drips_ends_after_a_stated_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.2)
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    with pytest.raises(Problem, match="came too slowly") as refusal:
        await _read(receive, MEGABYTE)
    assert refusal.value.status == 408
    assert read < 15


async def test_large_bodies_share_a_budget_and_small_ones_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.3)
    budget = Budget(4 * MEGABYTE)
    with budget.share("hers") as one, budget.share("hers") as two, budget.share("his") as three:
        large = [b"x" * (MEGABYTE // 4)] * 8
        assert len(await _read(_sender(large), 2 * MEGABYTE, one)) == one.bytes == 2 * MEGABYTE
        with pytest.raises(Problem, match="Too many large bodies") as refusal:  # half of it is all that a key may have
            await _read(_sender(large), 2 * MEGABYTE, two)
        assert refusal.value.status == 503
        assert len(await _read(_sender(large), 2 * MEGABYTE, three)) == 2 * MEGABYTE
        assert await _read(_sender([b"x" * 1000] * 3), 2 * MEGABYTE, two) == b"x" * 3000
        one.fit(10)
        await two.take(2 * MEGABYTE - 10)
        assert two.bytes == 2 * MEGABYTE - 10
    with budget.share("hers") as again:
        await again.take(8 * MEGABYTE)
        assert again.bytes == 2 * MEGABYTE, "more than a key may have is no reason to wait for ever"


async def test_who_waits_has_his_turn_when_another_gives_back_or_up() -> None:
    budget = Budget(4 * MEGABYTE)
    with budget.share("hers") as one, budget.share("hers") as two:
        await one.take(2 * MEGABYTE)
        given_up = asyncio.create_task(budget.take("hers", MEGABYTE))
        waiting = asyncio.create_task(two.take(MEGABYTE))
        await asyncio.sleep(0)
        given_up.cancel()
        one.fit(MEGABYTE)
        await asyncio.wait_for(waiting, 30)
        assert (one.bytes, two.bytes) == (MEGABYTE, MEGABYTE)


# --- rates -----------------------------------------------------------------------------------------------------------


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_without_a_rate_everything_passes() -> None:
    RateLimit(0.0, Clock()).spend("a", 0.0, 10**9)


def test_a_key_may_send_two_seconds_worth_at_once_and_then_at_its_rate() -> None:
    clock = Clock()
    limit = RateLimit(10.0, clock)
    limit.spend("a", 0.0, 20)
    assert _refused(lambda: limit.spend("a", 0.0, 1)) == 429
    clock.now += 0.5
    limit.spend("a", 0.0, 5)
    assert _refused(lambda: limit.spend("a", 0.0, 1)) == 429


def test_the_bucket_never_holds_more_than_two_seconds_worth() -> None:
    clock = Clock()
    limit = RateLimit(10.0, clock)
    clock.now += 3600
    limit.spend("a", 0.0, 20)
    assert _refused(lambda: limit.spend("a", 0.0, 1)) == 429


def test_a_refusal_says_when_to_come_back_and_then_it_works() -> None:
    clock = Clock()
    limit = RateLimit(10.0, clock)
    limit.spend("a", 0.0, 20)
    with pytest.raises(Problem, match="may send 10 events a second") as problem:
        limit.spend("a", 0.0, 15)
    clock.now += int(problem.value.headers["retry-after"])
    limit.spend("a", 0.0, 15)


def test_a_request_larger_than_the_bucket_passes_when_it_is_full_and_is_paid_off_later() -> None:
    clock = Clock()
    limit = RateLimit(10.0, clock)
    limit.spend("a", 0.0, 100)
    clock.now += 7.9
    assert _refused(lambda: limit.spend("a", 0.0, 1)) == 429
    clock.now += 0.3
    limit.spend("a", 0.0, 1)


def test_keys_have_buckets_and_rates_of_their_own() -> None:
    limit = RateLimit(10.0, Clock())
    limit.spend("a", 0.0, 20)
    limit.spend("b", 0.0, 20)
    limit.spend("c", 100.0, 200)
    assert _refused(lambda: limit.spend("c", 100.0, 1)) == 429


def test_a_rate_below_one_a_second_still_lets_one_pass() -> None:
    clock = Clock()
    limit = RateLimit(0.1, clock)
    limit.spend("a", 0.0, 1)
    assert _refused(lambda: limit.spend("a", 0.0, 1)) == 429
    clock.now += 10.01
    limit.spend("a", 0.0, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 3)), max_size=30))
def test_over_any_time_no_more_passes_than_the_rate_the_bucket_and_one_request(steps: list[tuple[int, float]]) -> None:
    clock, passed = Clock(), 0
    limit = RateLimit(10.0, clock)
    for events, pause in steps:
        clock.now += pause
        try:
            limit.spend("a", 0.0, events)
        except Problem:
            continue
        passed += events
    assert passed <= 10 * (clock.now - 1000) + 20 + 50


# --- how -------------------------------------------------------------------------------------------------------------


def _refused(call: Callable[[], Any]) -> int:
    with pytest.raises(Problem) as problem:
        call()
    return problem.value.status


def _sender(parts: list[bytes]) -> Any:
    last = len(parts) - 1
    bodies = [{"type": "http.request", "body": part, "more_body": n < last} for n, part in enumerate(parts)]
    return _messages(bodies)


def _messages(messages: list[dict[str, Any]]) -> Any:
    waiting = iter(messages)

    async def receive() -> dict[str, Any]:
        return next(waiting)

    return receive
