"""What is counted of lines: intervals, distinct clients, durations, robots; and nothing that tells who it was."""

import random
import re
import subprocess
import sys
from collections import Counter

import pytest

from eventsink.browsers.robots import Kind, Robots, _list, _needed, _Patterns
from eventsink.watch.nginx.distinct import Distinct, _blake
from eventsink.watch.nginx.durations import MOST, Durations
from eventsink.watch.nginx.example import shape
from eventsink.watch.nginx.log_format import PRESETS, given
from eventsink.watch.nginx.parser import Parser
from eventsink.watch.nginx.summary import Summary
from eventsink.watch.nginx.tally import WANTED
from tests.processes import run
from tests.watch.nginx.lines import combined

START = 1_800_000_000


def summed(*lines: bytes, every: int = 60, parser: Parser | None = None, **more: float) -> dict[int, dict[str, object]]:
    summary: Summary[None] = Summary(every, Robots(), **more)
    summary.add((parser or Parser(PRESETS["combined"], WANTED)).parse(b"".join(lines)))
    return {start - START: tally.numbers() for start, tally in summary.close_all()}


def test_lines_are_counted_in_the_interval_of_their_time() -> None:
    in_order = [combined(START + second) for second in (0, 59, 60, 61, 200)]
    expected = {0: 2, 60: 2, 180: 1}
    assert {start: numbers["requests"] for start, numbers in summed(*in_order).items()} == expected
    assert {start: numbers["requests"] for start, numbers in summed(*in_order[::-1]).items()} == expected


def test_all_numbers_of_an_interval() -> None:
    parser = Parser(
        given(
            '$remote_addr [$time_local] "$request" $status $bytes_sent $request_time $upstream_response_time'
            ' $connection "$http_user_agent"'
        ),
        WANTED,
    )
    row = '192.0.2.{0} [15/Jan/2027:08:00:{0:02d} +0000] "GET / HTTP/1.1" {1} {0} {2} - {3} "{4}"\n'
    agents = ["Mozilla/5.0 Firefox/140.0", "Mozilla/5.0 (compatible; Googlebot/2.1)", "curl/8.5", "-"]
    lines = [row.format(n, 100 * (n % 5 + 1), f"{n / 1000:.3f}", n // 2, agents[n % 4]) for n in range(1, 41)]
    assert summed(*(line.encode() for line in lines), parser=parser) == {
        0: {
            "requests": 40, "robots": 10, "clients": 40, "connections": 21, "bytes": 820, "status_1xx": 8,
            "status_2xx": 8, "status_3xx": 8, "status_4xx": 8, "status_5xx": 8, "p50_ms": 20.0, "p95_ms": 38.0,
            "p99_ms": 40.0, "unreadable": 0,
        }
    }  # fmt: skip


def test_what_a_log_does_not_hold_is_not_told() -> None:
    parser = Parser(given("$msec $status"), WANTED)
    (numbers,) = summed(b"1800000000.250 200\n1800000001.250 502\n", parser=parser).values()
    assert numbers.keys() == {"requests", "unreadable", *(f"status_{digit}xx" for digit in range(1, 6))}


def test_only_the_wanted_times_are_counted() -> None:
    lines = [combined(START + second) for second in range(300)]
    found = summed(*lines, since=START + 70, until=START + 130)
    assert {start: numbers["requests"] for start, numbers in found.items()} == {60: 50, 120: 10}


def test_a_closed_interval_takes_nothing_more() -> None:
    summary: Summary[None] = Summary(60, Robots())
    parser = Parser(PRESETS["combined"], WANTED)
    summary.add(parser.parse(combined(START) + combined(START + 61)))
    assert [start - START for start, _ in summary.close(START + 60)] == [0]
    summary.add(parser.parse(combined(START + 1)))
    assert [(start - START, tally.requests) for start, tally in summary.close_all()] == [(60, 2)]


@pytest.mark.parametrize("count", [0, 1, 5_000, 60_000])
def test_distinct_values_are_counted_exactly(count: int) -> None:
    distinct = Distinct()
    for _ in range(2):
        distinct.add(b"192.0.2.%d" % number for number in range(count))
    assert distinct.count() == count


def test_beyond_its_bounds_the_count_is_a_good_estimate() -> None:
    distinct, others = Distinct(), Distinct()
    distinct.add(b"a%d" % number for number in range(400_000))
    others.add(b"a%d" % number for number in range(300_000, 700_000))
    assert distinct.size <= 1 << 16
    assert distinct.count() == pytest.approx(400_000, rel=0.02)
    distinct.merge(others)
    assert distinct.size <= 1 << 16
    assert distinct.count() == pytest.approx(700_000, rel=0.02)


def test_hashes_have_a_key_of_this_process_alone() -> None:
    code = "from eventsink.watch.nginx.distinct import Distinct\nd = Distinct(); d.add([b'192.0.2.1']); print(*d.kept)"
    for seed in ("random", "0", "7"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        printed = {
            run([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, check=True).stdout
            for _ in range(2)
        }
        assert len(printed) == 2
    assert _blake(b"k" * 16, "a") == _blake(b"k" * 16, b"a") != _blake(b"l" * 16, b"a")


def test_percentiles_are_exact_while_there_are_few_durations() -> None:
    durations, values = Durations(), [random.Random(1).randrange(5000) for _ in range(20_000)]
    durations.add(Counter(f"{value / 1000:.3f}" for value in values))
    values.sort()
    assert durations.percentiles(0.5, 0.95, 0.99) == [values[9999], values[18999], values[19799]]
    assert Durations().percentiles(0.5) is None


def test_many_different_durations_take_no_more_memory() -> None:
    durations, values = Durations(), [random.Random(2).randrange(10**9) for _ in range(50_000)]
    for begin in range(0, len(values), 1000):
        durations.add(Counter(value / 1000 for value in values[begin : begin + 1000]))
    values.sort()
    assert len(durations.counts) <= MOST
    assert durations.percentiles(0.5) == pytest.approx([values[24_999]], rel=0.005)


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Kind.regular),
        ("AppleCoreMedia/1.0.0.21F90 (iPhone; U; CPU OS 17_5_1 like Mac OS X; en_us)", Kind.regular),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Kind.robot),
        ("GPTBot/1.0", Kind.robot), ("ClaudeBot/1.0", Kind.robot), ("facebookexternalhit/1.1", Kind.robot),
        ("kube-probe/1.30", Kind.robot), ("python-requests/2.32", Kind.machine), ("python-httpx/0.27", Kind.machine),
        ("curl/8.5.0", Kind.machine), ("Wget/1.21", Kind.machine), ("pyClowder/3.0.8", Kind.machine),
        ("", Kind.machine), ("-", Kind.machine), (b"R (4.3.1 x86_64-pc-linux-gnu)", Kind.machine),
    ],
)  # fmt: skip
def test_robots_are_told_from_people_and_from_what_people_use(agent: str, kind: Kind) -> None:
    assert Robots()[agent] is kind


@pytest.mark.parametrize("agent", ["Googlebot/2.1 " + "x" * 8000, b"Googlebot/2.1 " + b"x" * 8000])
def test_what_no_browser_says_is_not_remembered(agent: str | bytes) -> None:
    robots = Robots()
    assert robots[agent] is Kind.robot and robots["curl/8.5.0"] is Kind.machine
    assert [*robots] == ["curl/8.5.0"]


def test_of_a_line_that_does_not_fit_nothing_is_shown_but_its_shape() -> None:
    line = b'203.0.113.9 - mallory [28/Nov/2026:10:00:00 +0000] "GET /?key=s3cret \x1b[31m" 2001:db8::beef caf\xc3\xa9'
    shown = shape(line)
    assert shown.startswith('999.9.999.9 - xxxxxxx [99/Nov/9999:99:99:99 +9999] "GET')
    for secret in ("203", "mallory", "s3cret", "\x1b", "beef", "db8"):
        assert secret not in shown
    assert len(shape(b"x" * 10_000)) < 200


def test_every_pattern_of_the_lists_is_looked_for() -> None:
    """That which stands for itself is found, and the word that a pattern cannot be without is in what it finds."""
    for name in ("robot.txt", "machine.txt"):
        for pattern in _list(name):
            example = re.sub(r"\\(.)", lambda found: {"s": " ", "d": "7"}.get(found[1], found[1]), pattern.strip("^$"))
            if re.search(pattern, example, re.IGNORECASE):
                assert _Patterns([pattern]).holds(example.lower()), pattern
    assert _needed("Mozilla[/ ]5?x(a|b)Findlinks{1,2}") == "findlink"
    assert _needed("abc|def") == _needed("a.b.c") == ""
