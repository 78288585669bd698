"""A file on its way to a client has the only turn, but not for ever."""

import gc
import io

import pytest
from structlog.testing import capture_logs

from eventsink.collect import sending as module
from eventsink.collect.sending import SENT_AT_ONCE, Sending
from eventsink.collect.turns import Turns
from eventsink.store import Export

PARTS = 3


async def made(turns: Turns) -> tuple[Sending, io.BytesIO]:
    """A file of some parts that has the turn."""
    file = io.BytesIO(bytes(PARTS * SENT_AT_ONCE))
    return Sending(Export(file, 1, PARTS * SENT_AT_ONCE), await turns.take()), file


async def test_who_reads_too_slowly_loses_the_turn_and_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AHEAD", 0.0)
    monkeypatch.setattr(module, "SLOWEST", 1 << 40)
    turns = Turns(30.0, "Another export runs")
    with capture_logs() as logs:
        sending, file = await made(turns)
        (await turns.take()).give_back()
        assert file.closed and [part async for part in sending] == []
    (line,) = logs
    assert (line["event"], line["sent"], line["of"]) == ("collect.read_too_slowly", 0, PARTS * SENT_AT_ONCE)


async def test_who_keeps_pace_has_it_whole_and_each_part_gives_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AHEAD", 3600.0)
    monkeypatch.setattr(module, "SLOWEST", SENT_AT_ONCE)
    turns = Turns(30.0, "Another export runs")
    sending, file = await made(turns)
    patience = []
    async for part in sending:
        assert len(part) == SENT_AT_ONCE
        patience.append(round(sending._alarm.when() - sending._begun))
    assert patience == [3601, 3602, 3602] and file.closed and sending._alarm.cancelled()
    (await turns.take()).give_back()


async def test_one_that_nobody_waits_for_any_more_gives_the_turn_back_at_once() -> None:
    turns = Turns(30.0, "Another export runs")
    sending, file = await made(turns)
    await anext(sending)
    del sending
    gc.collect()
    assert file.closed
    (await turns.take()).give_back()
