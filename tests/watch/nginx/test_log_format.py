"""Formats by name, by text and from an nginx.conf; lines are read as they were written."""

import time
from pathlib import Path

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from eventsink.errors import SettingsError
from eventsink.watch.nginx.log_format import PRESETS, LogFormat, detect, from_conf, given
from eventsink.watch.nginx.parser import Parser
from eventsink.watch.nginx.values import milliseconds, text
from tests.watch.nginx.lines import combined, local, rendered

CONF = """
http {
    # log_format wrong '$nothing';
    log_format timed '$remote_addr [$time_local] "$request" $status '
                     "$body_bytes_sent $request_time "   # here goes on
                     '"$http_user_agent" $upstream_response_time';
    log_format machine escape=json '{"msec":$msec,"ip":"$remote_addr","code":"$status",'
        '"sent":$bytes_sent,"agent":"$http_user_agent","took":${request_time}}';
    access_log /var/log/nginx/access.log timed;
}
"""
NUMBERS = ("status", "body_bytes_sent", "bytes_sent", "connection", "request_time", "msec")
TEXTS = ("request", "http_user_agent", "http_referer")

tame = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs"]), max_size=40)
any_text = st.text(max_size=40)
values = st.fixed_dictionaries({
    "remote_addr": st.ip_addresses().map(str),
    "remote_user": st.text(st.sampled_from("abc-_."), min_size=1, max_size=8),
    "time_local": st.integers(0, 4_000_000_000).map(local),
    "time_iso8601": st.datetimes(min_value=__import__("datetime").datetime(1971, 1, 1)).map(
        lambda time: time.strftime("%Y-%m-%dT%H:%M:%S+00:00").rjust(25, "0")
    ),
    "msec": st.integers(0, 4_000_000_000_000).map(lambda ms: f"{ms // 1000}.{ms % 1000:03d}"),
    "status": st.integers(100, 599).map(str),
    "body_bytes_sent": st.integers(0, 2**50).map(str),
    "bytes_sent": st.integers(0, 2**50).map(str),
    "connection": st.integers(1, 2**40).map(str),
    "request_time": st.integers(0, 10**7).map(lambda ms: f"{ms / 1000:.3f}"),
    "upstream_response_time": st.sampled_from(["-", "0.001", "0.001, 0.002", "0.1 : 0.2", "0.1, - : 3.000"]),
    "request": any_text,
    "http_user_agent": any_text,
    "http_referer": any_text,
    "http_x_forwarded_for": any_text,
})  # fmt: skip


@generated(values=values, order=st.permutations([*NUMBERS, *TEXTS, "remote_addr", "upstream_response_time"]))
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("escape", ["default", "json"])
def test_what_was_written_by_a_format_is_read_by_it(values: dict[str, str], order: list[str], escape: str) -> None:
    parts = [f'"${name}"' if name in TEXTS else f"${name}" for name in order]
    log_format = LogFormat(" ".join(parts), escape)
    line = rendered(log_format.text, values, escape)
    parsed = Parser(log_format, order).parse(line)
    assert parsed.count == 1, line
    assert parsed.seconds[0] == pytest.approx(float(values["msec"]))
    for name in order:
        assert parsed.columns[name][0] == rendered(f"${name}", values, escape)[:-1]


@generated(values=values)
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("name", ["combined", "main"])
def test_the_known_formats_read_whatever_strangers_send(values: dict[str, str], name: str) -> None:
    parsed = Parser(PRESETS[name], ("remote_addr", "status", "request", "http_user_agent")).parse(
        rendered(PRESETS[name].text, values) * 3
    )
    assert parsed.count == 3
    assert [*parsed.columns["status"]] == [values["status"].encode()] * 3
    assert parsed.columns["request"][2] == rendered("$request", values)[:-1]


@generated(values=values)
@settings(max_examples=200, deadline=None)
def test_json_is_read_whatever_strangers_send(values: dict[str, str]) -> None:
    text_ = (
        '{"t":"$time_iso8601","ip":"$remote_addr","code":"$status","n":$body_bytes_sent,"took":$request_time,'
        '"up":"$upstream_response_time","agent":"$http_user_agent","c":$connection}'
    )
    names = ("remote_addr", "status", "body_bytes_sent", "request_time", "http_user_agent", "connection")
    parsed = Parser(given(text_), names).parse(rendered(text_, values, "json") * 2)
    assert parsed.count == 2
    assert parsed.columns["http_user_agent"][1] == values["http_user_agent"]
    assert int(parsed.columns["status"][0]) == int(values["status"])
    assert float(parsed.columns["request_time"][0]) == float(values["request_time"])
    assert parsed.columns["connection"][0] == int(values["connection"])


def test_formats_come_from_a_configuration(tmp_path: Path) -> None:
    conf = tmp_path / "nginx.conf"
    conf.write_text(CONF)
    timed = from_conf(conf, "timed")
    assert timed.text.endswith('$status $body_bytes_sent $request_time "$http_user_agent" $upstream_response_time')
    assert from_conf(conf, "machine") == LogFormat(
        '{"msec":$msec,"ip":"$remote_addr","code":"$status","sent":$bytes_sent,"agent":"$http_user_agent",'
        '"took":${request_time}}',
        "json",
        "machine",
    )
    parsed = Parser(from_conf(conf, "machine"), ("remote_addr", "status", "request_time")).parse(
        b'{"msec":1800000000.123,"ip":"192.0.2.1","code":"404","sent":7,"agent":"x","took":0.250}\n'
    )
    assert (parsed.seconds[0], dict(parsed.columns)["status"]) == (1_800_000_000.123, ("404",))
    with pytest.raises(SettingsError, match="several formats: say which; known are combined, timed, machine"):
        from_conf(conf)
    with pytest.raises(SettingsError, match="has no log_format 'other'"):
        from_conf(conf, "other")
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        from_conf(tmp_path / "none")


def test_the_only_format_of_a_configuration_needs_no_name(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("log_format only '$msec \\'$status\\' $request';")
    assert from_conf(tmp_path / "c").text == "$msec '$status' $request"


def test_a_statement_may_be_given_as_it_is() -> None:
    assert given("log_format x escape=none '$msec ' '$status';") == LogFormat("$msec $status", "none", "x")
    assert given("combined") is PRESETS["combined"]
    with pytest.raises(SettingsError, match="give combined, main, json"):
        given("combinded")
    with pytest.raises(SettingsError, match="NGINX knows default, json and none"):
        given("log_format x escape=xml '$msec';")


@pytest.mark.parametrize(
    ("text_", "message"),
    [
        ("$remote_addr $status", "holds no time"),
        ("$msec $status\n$request", "line breaks"),
        ('{"a":"$status"}', "time"),
    ],
)
def test_a_format_that_cannot_be_counted_by_is_refused(text_: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Parser(given(text_), ("status",))


def test_variables_side_by_side_are_passed_over() -> None:
    parser = Parser(given("$msec $scheme://$host$request_uri $status"), ("host", "request_uri", "status"))
    parsed = parser.parse(b"1800000000.001 https://x.example/a?b=c d 200\n")
    assert dict(parsed.columns) == {"msec": (b"1800000000.001",), "status": (b"200",)}


def test_the_format_of_some_lines_is_known() -> None:
    json = b'{"time_local":"%s","status":200,"remote_addr":"192.0.2.1"}\n' % local(1_800_000_000).encode()
    assert detect([combined()] * 3 + [b"junk"]) == "combined"
    assert detect([combined().replace(b"\n", b' "-"\r\n')] * 3) == "main"
    assert detect([json]) == "json"
    assert detect([b"2026/11/28 10:00:00 [error] 7#7: *1 open() failed"]) is None
    assert detect([]) is None


def test_keys_of_json_may_have_other_names() -> None:
    line = b'{"@timestamp":"2026-11-28T10:00:00+00:00","client_ip":"192.0.2.1","status":"200","size":5,"agent":"x"}\n'
    parsed = Parser(PRESETS["json"], ("remote_addr", "body_bytes_sent", "http_user_agent")).parse(line)
    assert (parsed.columns["remote_addr"], parsed.columns["body_bytes_sent"]) == (("192.0.2.1",), (5,))


def test_json_with_bytes_that_are_no_utf_8_is_read() -> None:
    line = b'{"msec":1800000000.1,"status":200,"http_user_agent":"caf\xe9"}\n'
    parsed = Parser(PRESETS["json"], ("status", "http_user_agent")).parse(line + line)
    assert parsed.count == 2
    assert text(parsed.columns["http_user_agent"][0]) == "caf\ufffd"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("-", None), (b"-", None), ("", None), (None, None), ("0.001", 1), (b"0.001, 0.002", 3), ("0.1 : 0.2", 300),
        ("0.1, - : 3.000", 3100), (0.25, 250), ("1e400", None), ("nan", None),
    ],
)  # fmt: skip
def test_durations_of_several_tries_are_added(written: object, expected: int | None) -> None:
    assert milliseconds(written) == expected


def test_lines_that_do_not_fit_are_told_apart() -> None:
    block = combined(1_800_000_000) + b"junk\n\n" + combined(1_800_000_001) + b"\xff\x00more junk\n"
    parsed = Parser(PRESETS["combined"], ("status",)).parse(block)
    assert (parsed.count, [*parsed.seconds]) == (2, [1_800_000_000, 1_800_000_001])
    assert [*parsed.unreadable] == [(1, b"junk"), (2, b"\xff\x00more junk")]


def test_a_time_that_is_none_makes_a_line_unreadable() -> None:
    bad = combined().replace(b"/Jan/", b"/Foo/")
    parsed = Parser(PRESETS["combined"], ("status",)).parse(combined() + bad)
    assert (parsed.count, len(parsed.unreadable)) == (1, 1)


def test_nested_json_is_read_as_text() -> None:
    parser = Parser(
        given('{"http":{"status":$status,"agent":"$http_user_agent"},"t":"$msec"}'), ("status", "http_user_agent")
    )
    parsed = parser.parse(b'{"http":{"status":404,"agent":"a \\"b\\" }"},"t":"1800000000.5"}\n')
    assert (parsed.count, parsed.columns["http_user_agent"][0]) == (1, b'a \\"b\\" }')


@pytest.mark.parametrize("text_", [
    "$remote_addr $http_a $http_b $http_c $request $status [$time_local]",
    '$http_a - $http_b "$request" "$http_c" $msec x',
    '{"a":{"b":"$http_a"},"c":"$http_b","d":"$http_c","t":$msec}',
])  # fmt: skip
@pytest.mark.parametrize("unit", [b"a ", b'" ', b"1 ", b"[", b'\\"', b'","', b" - "])
def test_no_line_takes_longer_than_its_length(text_: str, unit: bytes) -> None:
    parser = Parser(given(text_), ("status", "http_a", "http_b", "http_c", "request"))
    begun = time.process_time()
    parser.parse(unit * (900_000 // len(unit)) + b"\n")
    assert time.process_time() - begun < 2
