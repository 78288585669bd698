"""`eventsink snippet`: the tag of a site, with its key, and what is served for it."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eventsink.cli import app
from eventsink.collect.tracker_files import published
from eventsink.keys import KeyFile
from tests.sink_process import SinkProcess

SITE = "https://clowder.example.org"


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["snippet", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_tag_of_a_site_is_the_same_each_time(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    first = run(SITE, *data)
    assert run(f"{SITE}/datasets?x", *data) == first, "a page of it is as good"
    assert run("https://other.example.org", *data) != first
    keys = KeyFile(tmp_path / "keys.db")
    assert [(key.scopes, key.origins) for key in keys.list()] == [
        (("browser",), (SITE,)),
        (("browser",), ("https://other.example.org",)),
    ]
    (key,) = re.findall(r'data-key="(clw_\w+_[\w-]+)"', first)
    assert keys.public(SITE) == key
    keys.revoke(keys.list()[0].id)
    assert run(SITE, *data) != first, "one that is revoked is not handed out again"


def test_a_sink_that_listens_everywhere_is_found_at_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTSINK_COLLECT__HOST", "0.0.0.0")
    assert 'src="http://127.0.0.1:8750/t.1.js"' in run(SITE, "--data", str(tmp_path))


def test_options_become_attributes_and_are_escaped(tmp_path: Path) -> None:
    words = ["--at", "/insights/", "--me", '/api/me?"><x', "--prefix", "/c", "--hash", "--only", "page_view"]
    tag = run(SITE, "--data", str(tmp_path), *words, "--only", "browser.x", "--write-key", f"clw_01234567_{'x' * 43}")
    assert 'src="/insights/t.1.js"' in tag and 'data-me="/api/me?&quot;&gt;&lt;x"' in tag
    assert (
        'data-prefix="/c"' in tag
        and 'data-only="page_view browser.x"' in tag
        and tag.endswith(" data-hash></script>\n")
    )
    assert not (tmp_path / "keys.db").exists(), "the key of a sink elsewhere"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["clowder.example.org"], "is no site"),
        ([SITE, "--only", "pageview"], "Trackers report no 'pageview'"),
        ([SITE, "--at", "insights"], "neither an address nor a path"),
        ([SITE, "--at", "//evil.example"], "neither an address nor a path"),
        ([SITE, "--at", "https://u:p@h/x"], "neither an address nor a path"),
        ([SITE, "--at", "/insights?x=1"], "neither an address nor a path"),
        ([SITE, "--me", "https://evil.example/x"], "no path of the site"),
        ([SITE, "--prefix", "clowder"], "no path of the site"),
        ([SITE, "--write-key", "nonsense"], "That is no write key."),
        (["https://*.example.org"], "is no site"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, words: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["snippet", *words, "--data", str(tmp_path)])
    assert result.exit_code == 1 and says in result.output


def test_a_key_that_may_more_is_kept_out_of_pages(tmp_path: Path) -> None:
    admin = KeyFile(tmp_path / "keys.db").create(["admin"]).key
    result = CliRunner().invoke(app, ["snippet", SITE, "--data", str(tmp_path), "--write-key", admin])
    assert result.exit_code == 1 and "must not stand in a page" in result.output


def test_official_tags_come_along_where_they_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTSINK_BROWSER__AMPLITUDE", "0123456789abcdef0123456789abcdef")
    monkeypatch.setenv("EVENTSINK_BROWSER__GOOGLE_ANALYTICS", "G-AB12CD34EF")
    found = json.loads(run(SITE, "--data", str(tmp_path), "--format", "json"))
    assert found["html"].count("<script") == 5 and found["html"].count("G-AB12CD34EF") == 2
    assert 'src="https://cdn.amplitude.com/script/0123456789abcdef0123456789abcdef.js"' in found["html"]
    for name, value in (("AMPLITUDE", '"><script>'), ("GOOGLE_ANALYTICS", "UA-1234-5")):
        monkeypatch.setenv(f"EVENTSINK_BROWSER__{name}", value)
        result = CliRunner().invoke(app, ["snippet", SITE, "--data", str(tmp_path)])
        assert result.exit_code == 1 and f"browser.{name.lower()}" in result.output
        monkeypatch.delenv(f"EVENTSINK_BROWSER__{name}")


def test_a_sink_that_starts_after_it_has_first_keys_all_the_same(tmp_path: Path) -> None:
    run(SITE, "--data", str(tmp_path))
    with KeyFile(tmp_path / "keys.db").first() as made:
        assert [key.scopes for key in made] == [("admin",), ("ingest",)]


def test_scripts_are_served_with_their_hash_for_ever(tmp_path: Path) -> None:
    sink = SinkProcess(tmp_path / "var")
    try:
        sink.start()
        for number, version in published().items():
            status, content = sink.request("GET", f"/t.{number}.js", key="")
            assert status == 200 and content.encode() == version.content
            digest = base64.b64encode(hashlib.sha384(content.encode()).digest()).decode()
            assert version.integrity == f"sha384-{digest}"
            assert sink.last_headers["cache-control"] == "public, max-age=31536000, immutable"
            assert sink.last_headers["access-control-allow-origin"] == "*"
            assert sink.last_headers["content-type"].startswith("text/javascript")
            etag = sink.last_headers["etag"]
            assert sink.request("GET", f"/t.{number}.js", key="", headers={"If-None-Match": etag})[0] == 304
        connection = sink.connect()
        connection.request("GET", "/t.js", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        assert gzip.decompress(answer.read()) == version.content and answer.headers["content-encoding"] == "gzip"
        connection.close()
        assert sink.request("GET", "/t.99.js", key="")[0] == 404
    finally:
        sink.close()
