"""The recipe of docs/browser-nginx.md as it stands there, in a real NGINX in front of what behaves like Clowder."""

import gzip
import http.client
import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser_nginx.clowder import ALICE, BOB, Clowder, Recorder, serving
from tests.servers.nginx import NGINX
from tests.servers.process import free_ports

RECIPE = Path(__file__).parents[2] / "docs/browser-nginx.md"
TAG = re.compile(rb'<script defer src="/insights/t\.1\.js"[^>]* data-user="([^"]*)"></script>')
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Recipe(NGINX):
    """NGINX with nothing but the recipe."""

    def __init__(self, folder: Path, clowder: int, sink: int) -> None:
        super().__init__(folder)
        (found,) = re.findall(r"```nginx\n(upstream.*?)```", RECIPE.read_text(), re.DOTALL)
        self.users = folder / "users"
        for written, ours in (
            ("listen 80;", f"listen 127.0.0.1:{self.port};"),
            ("127.0.0.1:9000", f"127.0.0.1:{clowder}"),
            ("127.0.0.1:8750", f"127.0.0.1:{sink}"),
            ("/dev/shm/eventsink-users", str(self.users)),
        ):
            assert found.count(written) == 1
            found = found.replace(written, ours)
        given = self.conf.read_text()
        begin, end = given.index("    server {"), given.rindex("}")
        self.conf.write_text(given[:begin] + found + given[end:])

    def answers(self) -> bool:
        """Whether it answers."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Site:
    """What a browser sees."""

    def __init__(self, nginx: Recipe, clowder: Clowder, recorder: Recorder) -> None:
        self.nginx, self.clowder, self.recorder = nginx, clowder, recorder

    def ask(
        self, path: str, cookie: str = "", method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request, as a browser makes it that opens a page."""
        given = {"Accept": BROWSER} | {name.replace("_", "-"): value for name, value in headers.items()}
        if cookie:
            given["Cookie"] = cookie
        connection = http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=20)
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def user(self, path: str, cookie: str = "") -> str:
        """Who a page says that it is for; it has the tag once."""
        body = self.ask(path, cookie)[2]
        (user,) = TAG.findall(body)
        assert body.count(b"/insights/") == 1 and body.index(b"/insights/") < body.index(b"</head>")
        return str(user, "ascii")

    def times_asked(self) -> int:
        """How often Clowder was asked who it is."""
        return self.clowder.asked.count("/api/me")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    clowder, recorder = Clowder(), Recorder()
    with (
        serving(clowder) as behind,
        serving(recorder) as sink,
        Recipe(tmp_path_factory.mktemp("nginx"), behind, sink).running() as nginx,
    ):
        yield Site(nginx, clowder, recorder)


@pytest.fixture(autouse=True)
def _well(site: Site) -> Iterator[None]:
    yield
    site.clowder.mood = "well"


@pytest.mark.parametrize("path", ["/", "/datasets/5f3b", "/files/5f3b?dataset=1", "/missing", "/broken", "/spaces/1"])
def test_a_page_has_the_tag_once_with_its_user(site: Site, path: str) -> None:
    assert site.user(path, "id=alice; other=1") == ALICE
    assert site.user(path, "id=bob") == BOB
    assert site.user(path) == ""
    status, headers, body = site.ask(path, "id=alice", Accept_Encoding="gzip, br")
    assert status == {"/missing": 404, "/broken": 500}.get(path, 200)
    assert headers["Content-Encoding"] == (None if status == 500 else "gzip")  # NGINX compresses 200, 403 and 404
    assert TAG.findall(body if status == 500 else gzip.decompress(body)) == [ALICE.encode()]
    assert headers.get_all("Cache-Control") == ["private, no-cache"] and "ETag" not in headers
    assert not [name for name in headers if name.lower().startswith("x-user")]


@pytest.mark.parametrize("cookie", ["", "id=wrong", "id=nobody", "id=evil", "id=capital", "id=long", "garbage", "id="])
def test_who_is_nobody_gets_the_page_without_a_user(site: Site, cookie: str) -> None:
    assert site.user("/", cookie) == ""
    status, headers, body = site.ask("/datasets/1", cookie)
    assert status == 200 and "WWW-Authenticate" not in headers and b"alert" not in body
    assert headers.get_all("Set-Cookie") == ["PLAY_SESSION=x; Path=/"], "that of the page, and none of /api/me"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/api/datasets",
            "/api/files/1/blob",
            "/files/1/blob",
            "/files/1/download/csv/download",
            "/datasets/1/download",
        ),
        *("/assets/x.js", "/fileThumbnail/1/blob", "/api/me"),
    ],
)
def test_nothing_else_has_it(site: Site, path: str) -> None:
    before = site.times_asked()
    _, headers, body = site.ask(path, f"id=alice.{path}", Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip" if path != "/api/me" else body, "as Clowder compresses it"
    plain = site.ask(path, f"id=alice.{path}")[2]
    assert not TAG.search(plain) and b"insights" not in plain
    assert site.times_asked() - before == (2 if path == "/api/me" else 0)
    if path.startswith("/assets"):
        assert headers["Cache-Control"] == "public, max-age=3600"


def test_clowder_is_asked_once_for_a_session(site: Site) -> None:
    before = site.times_asked()
    for number in range(5):
        assert site.user(f"/datasets/{number}", "id=alice.once") == ALICE
    assert site.user("/", "id=bob.once") == BOB
    assert site.times_asked() - before == 2
    for _ in range(3):
        assert site.user("/", "id=stranger.once") == ""
    assert site.times_asked() - before == 3, "that it is nobody is remembered too"
    for _ in range(3):
        assert site.user("/") == ""
    assert site.times_asked() - before == 3, "without a session there is nothing to ask"


def test_only_what_is_opened_as_a_page_is_worth_a_question(site: Site) -> None:
    before = site.times_asked()
    assert site.ask("/x.json", "id=alice.xhr", Accept="application/json")[0] == 200
    assert site.ask("/authenticate/userpass", "id=alice.post", "POST", b"x=y")[0] == 200
    assert site.ask("/", "id=alice.head", "HEAD")[0] == 200
    assert site.times_asked() == before
    assert TAG.findall(site.ask("/authenticate/userpass", "", "POST", b"x=y")[2]) == [b""]


def test_what_a_page_says_of_caches_is_kept_or_made_stricter(site: Site) -> None:
    _, headers, _ = site.ask("/secret", "id=alice")
    assert headers.get_all("Cache-Control") == ["private, no-store"] and "ETag" not in headers
    status, headers, _ = site.ask("/moved", "id=alice")
    assert status == 303 and headers["Location"].endswith("/login")


@pytest.mark.parametrize("path", ["/dataset/submit?folderId=", "/api/uploadToDataset/1", "/authenticate/anything"])
def test_uploads_of_megabytes_arrive(site: Site, path: str) -> None:
    status, _, body = site.ask(path, "id=alice", "POST", b"x" * 5_000_000)
    assert status == 200 and b"5000000" in body and site.clowder.uploaded[-1] == 5_000_000


@pytest.mark.parametrize("mood", ["slow", "silent", "moved", "broken"])
def test_pages_come_while_nobody_can_say_who_it_is(site: Site, mood: str) -> None:
    site.clowder.mood = mood
    before, waits = site.times_asked(), []
    for number in range(4):
        begun = time.monotonic()
        assert site.user(f"/files/{number}", f"id=alice.{mood}") == ""
        waits.append(time.monotonic() - begun)
    assert min(waits[1:]) < 0.5, "the wait is not repeated: each would be as long as that"
    assert site.times_asked() - before <= 2  # a connection that breaks is tried again
    assert site.user("/", f"id=bob.{mood}") == "", "each session for itself"


def test_the_tracker_and_what_it_sends_go_to_the_sink(site: Site) -> None:
    site.recorder.received.clear()
    secrets = {"Authorization": "Basic eDp5", "X_API_Key": "k", "X_Forwarded_For": "10.0.0.1"}
    status, headers, body = site.ask("/insights/t.1.js", "id=alice", **secrets)
    assert (status, body) == (200, b"/* the tracker */") and "Set-Cookie" not in headers
    sent = b'{"x":1}' * 9000
    status, _, _ = site.ask("/insights/v1/browser", "id=alice", "POST", sent, Origin="http://x", **secrets)
    assert status == 202 and [(one[0], one[1]) for one in site.recorder.received] == [
        ("GET", "/t.1.js"),
        ("POST", "/v1/browser"),
    ]
    for _, _, seen, _ in site.recorder.received:
        assert not {"Cookie", "Authorization", "X-API-Key"}.intersection(seen)
        assert seen["X-Forwarded-For"] == "127.0.0.1" and seen["Host"] == f"127.0.0.1:{site.nginx.port}"
    assert site.recorder.received[1][2]["Origin"] == "http://x" and site.recorder.received[1][3] == sent
    assert site.ask("/insights/v1/browser", "", "POST", b"x" * 70_000)[0] == 413


@pytest.mark.parametrize("path", ["/", "/v1/events", "/t.1.js/..%2fmetrics", "/t.js.map", "/v1/browser/x", "/t.1.jsx"])
def test_nothing_else_of_the_sink_can_be_reached(site: Site, path: str) -> None:
    site.recorder.received.clear()
    assert site.ask(f"/insights{path}")[0] in {404, 405} and not site.recorder.received
    status, headers, body = site.ask("/_eventsink_user", "id=alice")
    assert status in {204, 404} and ALICE not in str(headers.items()) and ALICE.encode() not in body


def test_what_is_kept_of_sessions_is_for_nginx_alone(site: Site) -> None:
    site.user("/", "id=alice.kept")
    assert [*site.nginx.users.rglob("*")]
    assert stat.S_IMODE(os.stat(site.nginx.users).st_mode) & 0o077 == 0  # noqa: PTH116


def test_pages_come_while_the_sink_is_away(tmp_path: Path) -> None:
    clowder, (unused,) = Clowder(), free_ports(1)
    with serving(clowder) as behind, Recipe(tmp_path / "nginx", behind, unused).running() as nginx:
        site = Site(nginx, clowder, Recorder())
        assert site.user("/", "id=alice") == ALICE
        assert site.ask("/insights/t.1.js")[0] in {502, 504}
        assert site.ask("/insights/v1/browser", "", "POST", b"{}")[0] in {502, 504}
        site.recorder.server_close()
