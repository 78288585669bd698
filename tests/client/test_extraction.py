"""Runs of extractors are told with their end, whatever kind of function they are."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import Any

import pytest

from eventsink.testing import RecordingSink


def _told(sink: RecordingSink) -> list[tuple[str, str]]:
    return [(event["data"]["status"], event["data"].get("message", "")) for event in sink.events]


def _plain(sink: RecordingSink, *, fails: bool) -> None:
    @sink.extraction("demo")
    def run() -> None:
        if fails:
            raise ValueError("no")

    run()


def _later(sink: RecordingSink, *, fails: bool) -> None:
    @sink.extraction("demo")
    async def run() -> None:
        if fails:
            raise ValueError("no")

    asyncio.run(run())


def _pieces(sink: RecordingSink, *, fails: bool) -> None:
    @sink.extraction("demo")
    def run() -> Iterator[int]:
        yield 1
        if fails:
            raise ValueError("no")

    list(run())


def _pieces_later(sink: RecordingSink, *, fails: bool) -> None:
    @sink.extraction("demo")
    async def run() -> AsyncIterator[int]:
        yield 1
        if fails:
            raise ValueError("no")

    async def read() -> list[int]:
        return [piece async for piece in run()]

    asyncio.run(read())


def _within(sink: RecordingSink, *, fails: bool) -> None:
    async def run() -> None:
        async with sink.extraction("demo"):
            if fails:
                raise ValueError("no")

    asyncio.run(run())


@pytest.mark.parametrize("run", [_plain, _later, _pieces, _pieces_later, _within])
def test_a_run_is_told_with_its_end(run: Callable[..., None]) -> None:
    sink = RecordingSink()
    run(sink, fails=False)
    assert _told(sink) == [("working", ""), ("done", "")]
    sink = RecordingSink()
    with pytest.raises(ValueError, match="no"):
        run(sink, fails=True)
    assert _told(sink) == [("working", ""), ("failed", "ValueError: no")]


def test_whatever_is_said_of_a_run_it_raises_nothing_of_its_own() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    sink = RecordingSink()
    message: Any = 3
    with sink.extraction("demo", status="odd", run_ms=1) as run:
        run.message = message
    with pytest.raises(Mute), sink.extraction("demo"):
        raise Mute
    assert _told(sink) == [("working", ""), ("done", "3"), ("working", ""), ("failed", "Mute")]


def test_a_run_that_is_ended_is_not_one_that_failed() -> None:
    for error, status in (
        (SystemExit(0), "done"),
        (SystemExit(3), "failed"),
        (asyncio.CancelledError(), "cancelled"),
        (KeyboardInterrupt(), "failed"),
    ):
        sink = RecordingSink()
        with pytest.raises(type(error)), sink.extraction("x"):
            raise error
        assert sink.events[-1]["data"]["status"] == status


async def test_what_is_closed_early_has_ended_within() -> None:
    sink, ended = RecordingSink(), []

    @sink.extraction("demo")
    async def run() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            ended.append("within")

    async with contextlib.aclosing(run()) as pieces:
        assert await anext(pieces) == 1
    assert ended == ["within"]
    assert sink.events[-1]["data"]["status"] == "done" and "message" not in sink.events[-1]["data"]


def test_a_generator_that_is_closed_early_is_no_failure() -> None:
    sink = RecordingSink()

    @sink.extraction("demo")
    def run() -> Generator[int, None, None]:
        yield 1
        yield 2

    pieces = run()
    assert next(pieces) == 1
    pieces.close()
    assert sink.events[-1]["data"]["status"] == "done" and "message" not in sink.events[-1]["data"]


def test_a_generator_that_fails_while_it_is_closed_has_failed() -> None:
    sink = RecordingSink()

    @sink.extraction("demo")
    def run() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            raise OSError("the disk is full")

    pieces = run()
    assert next(pieces) == 1
    with pytest.raises(OSError, match="full"):
        pieces.close()
    assert sink.events[-1]["data"]["message"] == "OSError: the disk is full"
