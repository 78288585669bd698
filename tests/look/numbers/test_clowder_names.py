"""Names that a Clowder is asked for: kept for a day, bounded, and never a reason to have no report."""

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from eventsink.errors import SettingsError
from eventsink.look.numbers import clowder_names
from eventsink.look.numbers.clowder_names import ClowderNames
from tests.look.numbers.asking import opened, upload

ALICE, SPACE = "5f8a1c2e4f0c9a2b7d3e1a01", "60a7d3b1e4b0c1f2a3b4c5e1"


class _Clowder:
    """Answers as Clowder does."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.answer = 200
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, request.headers.get("X-API-Key")))
        if self.answer == 302:
            raise web.HTTPFound("/elsewhere")
        if self.answer != 200:
            return web.Response(status=self.answer)
        if "/spaces/" in request.path:
            return web.json_response({"id": SPACE, "name": "=Prairie Lab"})
        if request.path.endswith(ALICE):
            return web.json_response(
                {"fullName": "Alice <b>Okafor</b>", "email": "a@example.org", "profile": {"institution": "NCSA"}}
            )
        return web.Response(status=404)


@pytest.fixture
async def clowder() -> AsyncIterator[_Clowder]:
    """A Clowder."""
    one = _Clowder()
    app = web.Application()
    app.router.add_get("/{tail:.*}", one.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield one
    await runner.cleanup()


def _events() -> list:
    return [
        upload("2026-10-01T10:00:00", ALICE, space_id=SPACE),
        upload("2026-10-02T10:00:00", "../../admin", space_id="x/y?z", file_id="f2"),
        upload("2026-10-03T10:00:00", "5f8a1c2e4f0c9a2b7d3e1aff", file_id="f3", space_id=SPACE),
    ]


async def test_reports_have_the_names_and_ask_once_a_day(clowder: _Clowder, tmp_path: Path) -> None:
    now = [1_000_000.0]
    names = ClowderNames(clowder.url + "/", "s3cret", tmp_path / "names.json", now=lambda: now[0])
    asked = await opened(tmp_path / "store", _events(), clowder=names)
    of = {"since": "2026-10", "until": "2026-10"}
    users = {row["user"]: row["user_name"] for row in await asked.rows("usage", by="user", **of)}
    assert users == {ALICE: "Alice <b>Okafor</b>", "../../admin": None, "5f8a1c2e4f0c9a2b7d3e1aff": None}
    rows = await asked.rows("usage", by="institution", **of)
    assert [(row["institution"], row["uploads"]) for row in rows] == [("NCSA", 1), ("not known", 2)]
    assert (await asked.table("storage", by="space", **of))[1][1] == "'=Prairie Lab"
    assert b"Alice &lt;b&gt;Okafor" in await asked.body("usage", by="user", format="html", **of)
    assert sorted(clowder.asked) == [
        (f"/api/spaces/{SPACE}", "s3cret"),
        (f"/api/users/{ALICE}", "s3cret"),
        ("/api/users/5f8a1c2e4f0c9a2b7d3e1aff", "s3cret"),
    ]
    assert (tmp_path / "names.json").stat().st_mode & 0o077 == 0
    again = ClowderNames(clowder.url, "s3cret", tmp_path / "names.json", now=lambda: now[0])
    assert (await again.learn("user", [ALICE]))[0][ALICE].email == "a@example.org"
    assert len(clowder.asked) == 3, "it was in the file"
    now[0] += 86_401
    await again.learn("user", [ALICE])
    assert len(clowder.asked) == 4
    await asked.store.close()


@pytest.mark.parametrize("answer", [401, 500, 302])
async def test_a_clowder_that_says_no_is_a_note(clowder: _Clowder, tmp_path: Path, answer: int) -> None:
    clowder.answer = answer
    asked = await opened(tmp_path / "store", _events(), clowder=ClowderNames(clowder.url, "k", tmp_path / "n.json"))
    found = await asked.json("usage", by="user", since="2026-10")
    assert f"Clowder did not say what some users are called: it answers {answer}." in found["footnotes"]
    assert all("elsewhere" not in path for path, _ in clowder.asked)
    before = len(clowder.asked)
    await asked.json("usage", by="user", since="2026-10")
    assert len(clowder.asked) == before, "it is left alone for a while"
    await asked.store.close()


async def test_a_clowder_that_is_away_or_slow_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = ClowderNames("http://127.0.0.1:9", "", tmp_path / "a.json")
    assert "it cannot be reached" in (await away.learn("user", [ALICE]))[1]
    monkeypatch.setattr(clowder_names, "WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        slow = ClowderNames(f"http://127.0.0.1:{deaf.getsockname()[1]}", "", tmp_path / "b.json")
        assert "it did not answer in time" in (await slow.learn("user", [ALICE]))[1]


async def test_only_so_many_are_asked_for_at_once(clowder: _Clowder, tmp_path: Path) -> None:
    names = ClowderNames(clowder.url, "", tmp_path / "n.json")
    ids = [f"{number:024x}" for number in range(250)]
    found, note = await names.learn("user", ids)
    assert (len(found), len(clowder.asked)) == (200, 200)
    assert "not yet for 50 more" in note
    assert (await names.learn("user", ids))[1] == ""
    assert len(clowder.asked) == 250


async def test_a_file_that_is_no_use_is_as_none(clowder: _Clowder, tmp_path: Path) -> None:
    (tmp_path / "n.json").write_text(json.dumps({"users": {ALICE: 3}}))
    found, note = await ClowderNames(clowder.url, "", tmp_path / "n.json").learn("user", [ALICE])
    assert (found[ALICE].institution, note) == ("NCSA", "")


def test_what_is_no_address_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"reports\.clowder_url"):
        ClowderNames("clowder.example.org", "", tmp_path / "n.json")
