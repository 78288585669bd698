"""A whole sink with both services of analytics: killed in the middle, it tells each of them all, and nobody's name."""

import time
from collections.abc import Callable

from tests.servers import amplitude, google_analytics
from tests.sink_process import SinkProcess

KEY, STREAM, SECRET = "0123456789abcdef0123456789abcdef", "G-JOURNEY01", "s3cr3t-of-the-stream"


def test_who_is_killed_in_the_middle_tells_each_service_all(make_sink: Callable[..., SinkProcess]) -> None:
    with amplitude.serve(KEY) as first, google_analytics.serve(STREAM, SECRET) as second:
        environment = {
            "EVENTSINK_WORKERS__AMPLITUDE__API_KEY": KEY,
            "EVENTSINK_WORKERS__AMPLITUDE__ENDPOINT": first.url,
            "EVENTSINK_WORKERS__GOOGLE_ANALYTICS__MEASUREMENT_ID": STREAM,
            "EVENTSINK_WORKERS__GOOGLE_ANALYTICS__API_SECRET": SECRET,
            "EVENTSINK_WORKERS__GOOGLE_ANALYTICS__ENDPOINT": second.url,
            "EVENTSINK_WORKERS__GOOGLE_ANALYTICS__VALIDATE": "true",
        }
        sink = make_sink(environment=environment).start()
        first.delay(0.05)
        second.delay(0.02)
        for number in range(4):
            status, _ = sink.request("POST", "/v1/events", [_login(user) for user in range(500)])
            assert status == 202
            if number in {0, 2}:
                time.sleep(0.5)  # so that something of it is on its way
                sink.kill()
                sink.start()

        def told() -> tuple[int, int]:
            return len(first.stored), len({event["params"]["event_uid"] for event in second.stored})

        deadline = time.monotonic() + 60
        while told() != (2000, 2000) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert told() == (2000, 2000), "Amplitude has each once, and Google Analytics each, by its uid"
        assert (first.rejected, second.dropped, second.flagged) == ([], [], [])
        for secret in ("Lovelace", "ada@example.org", "person-"):
            assert not first.holds(secret)
            assert not second.holds(secret)
        log = sink.log.read_text()
        assert not any(secret in log for secret in (KEY, SECRET, "Lovelace", "ada@example.org"))


def _login(user: int) -> dict[str, object]:
    data = {"method": "userpass", "user_name": "Ada Lovelace", "email": "ada@example.org"}
    return {"type": "users.login", "user": f"person-{user % 40}", "data": data}
