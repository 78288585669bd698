"""Installations that are broken, each for real: what the doctor finds stands in tests/fixtures/doctor."""

import http.client
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import pytest
from pymongo.write_concern import WriteConcern
from typer.testing import CliRunner

from eventsink.cli import app
from eventsink.cli.doctoring.files import files, holder
from eventsink.cli.doctoring.web import places
from eventsink.exchange.rabbitmq import checkup
from eventsink.keys import KeyFile
from eventsink.settings import Settings
from tests import processes
from tests.amqp.foreign import channel
from tests.doctor.answering import answering, grafana
from tests.doctor.conftest import Declare, Patient
from tests.doctor.disks import apart
from tests.doctor.golden import compare
from tests.servers import amplitude, google_analytics
from tests.servers.faults import Authority
from tests.servers.influxdb import InfluxDB
from tests.servers.mongodb import MongoDB
from tests.servers.process import eventually, free_ports
from tests.servers.rabbitmq import RabbitMQ
from tests.sink_process import SinkProcess
from tests.users import MALLORY, needs_root

NOBODY = "http://127.0.0.1:9"  # where nothing listens


# --- one machine -----------------------------------------------------------------------------------------------------


def test_all_is_well(patient: Patient, make_sink: Callable[..., SinkProcess]) -> None:
    sink = make_sink().start()
    assert patient.judge("well", "--data", sink.data) == {}
    table = CliRunner().invoke(app, ["doctor", "--data", str(sink.data)])
    assert table.exit_code == 0
    compare("well", table.stdout, patient.folder, "txt")


def test_no_sink_runs(patient: Patient) -> None:
    assert patient.judge("sink-down").keys() == {"running sink"}


def test_the_port_is_in_use_by_another_program(patient: Patient) -> None:
    with answering({}) as url:
        patient.set(COLLECT__PORT=url.rpartition(":")[2])
        assert patient.judge("port-in-use").keys() == {"running sink", "collect.port"}


def test_keys_that_others_can_read(patient: Patient) -> None:
    var = patient.folder / "var"
    var.mkdir(0o700)
    KeyFile(var / "keys.db").create(["ingest"])
    (var / "keys.db").chmod(0o644)
    found = patient.judge("keys-open-to-others")
    assert found.keys() == {"secrecy of keys", "secrecy of data", "keys with the scope admin", "running sink"}


def test_a_damaged_exchange(patient: Patient) -> None:
    var = patient.folder / "var"
    var.mkdir(0o700)
    (var / "exchange.db").touch(0o600)
    (var / "exchange.db").write_bytes(b"this is no database" * 300)
    assert patient.judge("exchange-damaged").keys() == {"exchange", "running sink"}


def test_damaged_keys_are_no_start_to_mend(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))
    settings.keys_path.write_bytes(b"this is no database" * 300)
    (found,) = [one for one in files(settings) if one.check == "keys"]
    assert not found.ok and "backup" in found.remedy and "next start" not in found.remedy


def test_the_data_directory_is_a_file(patient: Patient) -> None:
    (patient.folder / "var").write_text("a file")
    assert patient.judge("data-directory-is-a-file").keys() == {"data directory", "running sink"}


@needs_root
def test_a_data_directory_that_this_user_may_not_enter(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "var"))
    KeyFile(settings.keys_path).create(["ingest"])
    os.setresuid(MALLORY, MALLORY, 0)
    try:
        found, process = {one.check: one for one in files(settings)}, holder(settings)
    finally:
        os.setresuid(0, 0, 0)
    assert not found["data directory"].ok and "cannot be written" in found["data directory"].found
    assert process is None


_LOCK = """
import pathlib, sys, time
from eventsink.files import hold
hold(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_another_process_has_the_data_directory(patient: Patient) -> None:
    var = patient.folder / "var"
    var.mkdir(0o700)
    command = [sys.executable, "-c", _LOCK, var / "exchange.lock"]
    holding = processes.start(command, stdout=-1)
    try:
        assert holding.stdout is not None and holding.stdout.readline()
        found = patient.judge("data-directory-in-use")
        assert found["data directory in use"]["found"].startswith(f"process {holding.pid} has var")
    finally:
        holding.kill()
        processes.end(holding)


@pytest.mark.parametrize(("file", "needed"), [("alerts", True), ("spool-1", False), ("monitor-spool", False)])
def test_who_waits_for_a_lock_and_who_is_in_nobodys_way(patient: Patient, file: str, needed: bool) -> None:
    var = patient.folder / "var"
    var.mkdir(0o700)
    lock = var / f"{file}.lock"
    holding = processes.start([sys.executable, "-c", _LOCK, lock], stdout=-1)
    started = [holding]
    try:
        assert holding.stdout is not None and holding.stdout.readline()
        started.append(processes.start(["flock", lock, "true"]))
        eventually(lambda: _is_waited_for(lock), "somebody waits for the lock")
        held = [finding["found"] for finding in patient.ask() if finding["check"] == "data directory in use"]
        assert [text.startswith(f"process {holding.pid} has var") for text in held] == [True] * needed
    finally:
        for process in started:
            process.kill()
            processes.end(process)


def _is_waited_for(lock: Path) -> bool:
    """Whether somebody waits for this lock: other tests have locks of their own."""
    waiting = [line for line in Path("/proc/locks").read_text().splitlines() if " -> FLOCK" in line]
    return any(f":{lock.stat().st_ino} " in line for line in waiting)


def test_a_monitor_needs_no_sink_beside_it(patient: Patient) -> None:
    patient.settle(f'[monitor]\nurl = "http://127.0.0.1:{patient.port}"\nkey = "clw_00000000_x"\n')
    found = {finding["check"]: finding for finding in patient.ask()}
    assert found["running sink"]["ok"] and not found["monitor.url"]["ok"]


@pytest.mark.parametrize(
    ("name", "url"),
    [("EXCHANGE__URL", "amqp://guest:guest@[::1/"), ("WORKERS__INFLUXDB__URL", "http://user:secret@[::1:8086")],
)
def test_an_address_that_cannot_be_one_is_a_finding(patient: Patient, name: str, url: str) -> None:
    patient.set(**{"WORKERS__INFLUXDB__DATABASE": "eventsink", "WORKERS__INFLUXDB__URL": NOBODY, name: url})
    found = [finding for finding in patient.ask() if not finding["ok"]]
    assert any("exchange" in finding["check"] or "influxdb" in finding["check"] for finding in found)
    assert url not in patient.lines and "secret" not in patient.lines


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://sink.example.org/path", [("sink.example.org", None)]),
        (
            "amqps://user:a,b@one.example.org,two.example.org:5672/vhost",
            [("one.example.org", None), ("two.example.org", 5672)],
        ),
        ("amqp://[::1]:5672", [("::1", 5672)]),
        ("http://[::1", []),
        ("http://host:port", []),
        ("", []),
    ],
)
def test_places_of_an_address(url: str, found: list[tuple[str, int | None]]) -> None:
    assert places(url) == found


@pytest.mark.parametrize(
    ("name", "script", "check"),
    [
        (
            "disk-full",
            "mount -t tmpfs -o size=2m,mode=700 small var && head -c 2m /dev/zero > var/ballast || true",
            "disk space",
        ),
        ("no-room-for-files", "mount -t tmpfs -o size=2g,nr_inodes=20,mode=700 small var", "disk space"),
        ("read-only", "mount -t tmpfs -o mode=700 small var && mount -o remount,ro var", "data directory"),
    ],
)
def test_a_disk_that_takes_nothing(patient: Patient, name: str, script: str, check: str) -> None:
    (patient.folder / "var").mkdir(0o700)
    prefix = apart(f"{{ {script}; }}")
    words = [*prefix, sys.executable, "-m", "eventsink", "doctor", "--data", patient.folder / "var"]
    done = processes.run(words, capture_output=True, text=True)
    assert done.returncode == 1 and not done.stderr
    compare(name, done.stdout, patient.folder, "txt")
    assert f"{check}" in done.stdout


def test_settings_that_nobody_means(patient: Patient) -> None:
    patient.settle(
        'host = "0.0.0.0"\nmax_body = 16777216\nmax_event = 16777216\nmemory = 8388608\n'
        '[exchange]\nurl = "sqlite:///var/exchange.db"\n'
        '[browser]\nproxies = ["0.0.0.0/0"]\n[monitor]\nurl = "http://127.0.0.1:9"\n'
        '[workers.echo]\npath = "a.ndjson"\n[workers.other]\nuse = "echo"\npath = "a.ndjson"\n'
        '[checks.disk]\nkind = "disk"\npath = "."\n'
    )
    found = patient.judge("unwise")
    assert not found["worker other"]["ok"] and found["collect.host"]["ok"]
    assert {"collect.max_body", "collect.memory", "browser.proxies", "monitor.key", "alerts.notify"} <= found.keys()


def test_settings_that_are_wrong(patient: Patient) -> None:
    patient.settle(
        '[exchange]\nurl = "postgres://me:hunter2@host/"\n[monitor]\nurl = "sink"\nreferences = ["here"]\n'
        '[browser]\nproxies = ["hunter2"]\n[workers.influxdb]\nbucket = "b"\n[workers.nobody]\n'
        '[checks.x]\nkind = "pong"\n'
    )
    found = patient.judge("settings-wrong")
    assert {"settings", "worker influxdb", "worker nobody"} <= found.keys()
    assert "hunter2" not in str(found)


# --- clocks, certificates, Grafana -----------------------------------------------------------------------------------


def test_a_clock_that_is_wrong(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    now = Mock(wraps=time, time=Mock(return_value=time.time()))  # no second goes by between a question and its answer
    monkeypatch.setattr("eventsink.cli.doctoring.web.time", now)
    monkeypatch.setattr("tests.doctor.answering.time", now)
    with answering({}, ahead=3600) as far, answering({}, ahead=-12) as near:
        patient.set(MONITOR__URL=far, MONITOR__KEY="clw_00000000_x", GRAFANA__URL=near)
        found = [finding for finding in patient.ask() if finding["check"] == "clock"]
        assert [finding["ok"] for finding in found] == [False, True]
        assert "seconds behind that of the sink of monitor.url" in found[0]["found"]
        assert found[1]["found"].endswith("seconds ahead of that of Grafana")
        patient.judge("clock-wrong")


@pytest.fixture
def authority(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that this machine trusts."""
    made = Authority(tmp_path_factory.mktemp("authority"))
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


def test_certificates_that_end_or_have_ended(patient: Patient, authority: Authority) -> None:
    names = ("IP:127.0.0.1",)
    with (
        answering({}, tls=authority.context(*names, days=-3)) as ended,
        answering({}, tls=authority.context(*names, days=5)) as ending,
        answering({}, tls=authority.context("DNS:other.example.org")) as foreign,
        answering({}, tls=authority.context(*names, days=300)) as good,
    ):
        patient.set(MONITOR__URL=ended, REPORTS__CLOWDER_URL=ending, GRAFANA__URL=foreign, EXCHANGE__MANAGEMENT=good)
        patient.set(MONITOR__KEY="clw_00000000_x")
        patient.judge("certificates")
        found = {
            one["check"].rpartition(":")[2]: one for one in patient.ask() if one["check"].startswith("certificate")
        }
        told = [found[url.rpartition(":")[2]] for url in (ended, ending, foreign, good)]
        assert [(one["ok"], bool(one["remedy"])) for one in told] == [
            (False, True), (True, True), (False, True), (True, False),
        ]  # fmt: skip
        assert "ended 3 days ago" in told[0]["found"] and "another" in told[2]["found"]


@pytest.mark.parametrize(
    ("name", "datasource", "health", "ok"),
    [
        ("well", (200, {}), (200, {"status": "OK", "message": "datasource is working. 8 measurements found"}), True),
        ("no-datasource", None, None, False),
        ("another-datasource", (200, {"type": "prometheus"}), None, False),
        ("wrong-token", (401, {"message": "Invalid API key"}), None, False),
        ("viewer", (403, {"message": "Access denied"}), (200, {"status": "OK", "message": ""}), True),
        ("influxdb-away", (200, {}), (400, {"status": "ERROR", "message": "error reading influxDB"}), False),
    ],
)
def test_grafana(patient: Patient, name: str, datasource, health, ok: bool) -> None:
    with answering(grafana(datasource=datasource, health=health)) as url:
        patient.set(GRAFANA__URL=url, GRAFANA__TOKEN="glsa_hush")
        found = patient.judge(f"grafana-{name}")
    assert ("Grafana's datasource" not in found) is ok
    assert "glsa_hush" not in str(found)


def test_what_answers_in_the_place_of_grafana_is_another(patient: Patient) -> None:
    with answering({"/api/health": (200, {"status": "up"})}) as url:
        patient.set(GRAFANA__URL=url)
        assert patient.judge("grafana-another")["Grafana"]["remedy"] == "See grafana.url."


# --- RabbitMQ --------------------------------------------------------------------------------------------------------


def test_rabbitmq_without_anything(on_rabbitmq: Patient) -> None:
    found = on_rabbitmq.judge("rabbitmq-empty")
    assert found.keys() - {"RabbitMQ"} == {"queue events.store", "policy", "running sink"}


def test_the_doctor_leaves_nothing_behind(on_rabbitmq: Patient, rabbitmq: RabbitMQ, vhost: str) -> None:
    before = [
        sorted(one["name"] for one in rabbitmq.manage("GET", f"/api/{kind}/{vhost}")[1])
        for kind in ("exchanges", "queues")
    ]
    on_rabbitmq.ask()
    after = [
        sorted(one["name"] for one in rabbitmq.manage("GET", f"/api/{kind}/{vhost}")[1])
        for kind in ("exchanges", "queues")
    ]
    assert before == after
    assert sorted(path.name for path in on_rabbitmq.folder.iterdir()) == ["eventsink.toml"]


def test_whoever_takes_from_a_queue_may_be_starting(
    laid_out: Patient, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup, "STARTING", 120.0)
    seen = threading.Event()

    def take() -> None:
        with channel(broker) as other:
            other.basic_consume("events.store", lambda *_: None)
            seen.wait(120)

    starting = threading.Timer(2.0, take)
    starting.start()
    try:
        found = {finding["check"]: finding for finding in laid_out.ask()}
    finally:
        seen.set()
        starting.join()
    assert found["queue events.store"]["ok"] and "1 process" in found["queue events.store"]["found"]


def test_a_classic_queue(laid_out: Patient, declare: Declare) -> None:
    laid_out.settle('[workers.echo]\npath = "echo.ndjson"\n')
    declare.queue("events.echo", "classic")
    found = laid_out.judge("rabbitmq-classic-queue")
    assert "declared differently" in found["queue events.echo"]["found"]


def test_a_queue_to_which_nothing_goes_and_one_that_nobody_wants(laid_out: Patient, declare: Declare) -> None:
    laid_out.settle('[workers.echo]\npath = "echo.ndjson"\n')
    declare.queue("events.echo", bound=False)
    declare.queue("events.former")
    found = laid_out.judge("rabbitmq-binding-missing")
    assert found["binding events.echo"]["found"] == "nothing goes from clowder.metrics to it: it misses all events"
    assert found["queue events.former"]["ok"], "nothing waits in it"


def test_what_stands_behind_the_queues_is_missing(on_rabbitmq: Patient, declare: Declare) -> None:
    declare("exchanges", "clowder.metrics", {"type": "fanout", "durable": True})
    declare.queue("events.store")
    declare.queue("events.dead", bound=False)
    found = on_rabbitmq.judge("rabbitmq-nothing-behind")
    assert {"queue events.settlements", "binding events.dead"} <= found.keys()


def test_an_exchange_of_another_type(on_rabbitmq: Patient, declare: Declare) -> None:
    declare("exchanges", "clowder.metrics", {"type": "topic", "durable": True})
    found = on_rabbitmq.judge("rabbitmq-exchange-topic")
    assert "declared differently" in found["exchange"]["found"]


@pytest.mark.parametrize(
    ("name", "rights", "ok", "said"),
    [
        ("no-configure", ("^$", ".*", ".*"), True, "may not configure events.…"),
        ("no-write", (".*", r"^events\.", ".*"), False, "may not write clowder.metrics"),
        ("no-read", (".*", ".*", "^$"), False, "may not read events.…"),
    ],
)
def test_a_user_who_may_not(
    laid_out: Patient, user: Callable[..., str], name: str, rights, ok: bool, said: str
) -> None:
    laid_out.set(EXCHANGE__URL=user("limited", *rights))
    found = laid_out.judge(f"rabbitmq-{name}")
    assert found["permissions"]["ok"] is ok and said in found["permissions"]["found"]
    assert "rabbitmqctl set_permissions" in found["permissions"]["remedy"]


def test_a_name_that_the_permissions_leave_out(laid_out: Patient, user: Callable[..., str]) -> None:
    laid_out.set(EXCHANGE__URL=user("narrow", ".*", ".*", r"^(clowder|events\.(doctor|s))", "administrator"))
    laid_out.settle('[workers.echo]\npath = "echo.ndjson"\n')
    found = laid_out.ask()
    (by_name,) = [finding for finding in found if finding["check"] == "permissions by name"]
    assert not by_name["ok"] and by_name["found"] == "user 'narrow' may not read events.dead"


def test_a_wrong_password(on_rabbitmq: Patient, broker: str) -> None:
    on_rabbitmq.set(EXCHANGE__URL=broker.replace("guest:guest", "guest:hunter2"))
    found = on_rabbitmq.judge("rabbitmq-wrong-password")
    assert "hunter2" not in str(found) and "refuses user 'guest'" in found["exchange"]["found"]


def test_rabbitmq_that_does_not_answer(patient: Patient) -> None:
    patient.set(EXCHANGE__URL="amqp://guest:guest@127.0.0.1:9/")
    assert "nothing listens" in patient.judge("rabbitmq-down")["exchange"]["found"]


# --- destinations ----------------------------------------------------------------------------------------------------


def test_influxdb_that_does_not_answer(patient: Patient) -> None:
    patient.set(WORKERS__INFLUXDB__URL=NOBODY)
    assert "nothing listens" in patient.judge("influxdb-down")["worker influxdb"]["found"]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    """An InfluxDB that asks for users: `root` may do all, `reader` and `writer` one thing each on `guarded`."""
    with InfluxDB(tmp_path_factory.mktemp("guarded"), http="auth-enabled = true").running() as server:
        for statement in (
            "CREATE USER root WITH PASSWORD 'right' WITH ALL PRIVILEGES",
            "CREATE DATABASE guarded",
            "CREATE USER reader WITH PASSWORD 'right'",
            "CREATE USER writer WITH PASSWORD 'right'",
            "GRANT READ ON guarded TO reader",
            "GRANT WRITE ON guarded TO writer",
        ):
            _query(server, statement)
        yield server


def _query(server: InfluxDB, statement: str) -> bytes:
    from base64 import b64encode  # noqa: PLC0415
    from urllib.parse import urlencode  # noqa: PLC0415

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "authorization": f"Basic {b64encode(b'root:right').decode()}",
    }
    with closing(connection):
        connection.request("POST", "/query", urlencode({"q": statement}), headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200 and b"error" not in content, content
        return content


@pytest.mark.parametrize(
    ("name", "who", "database", "said"),
    [
        ("wrong-password", "writer:hunter2", "guarded", "authorization failed"),
        ("no-write", "reader:right", "guarded", "we may not write"),
        ("no-database", "writer:right", "absent", "it is not there, and we may not make it"),
        ("well", "writer:right", "guarded", None),
        ("new-database", "root:right", "absent", None),
    ],
)
def test_influxdb_with_users(
    patient: Patient, guarded: InfluxDB, name: str, who: str, database: str, said: str | None
) -> None:
    user, _, password = who.partition(":")
    prefix = "WORKERS__INFLUXDB__"
    patient.set(
        **{
            prefix + "URL": guarded.url,
            prefix + "DATABASE": database,
            prefix + "USERNAME": user,
            prefix + "PASSWORD": password,
        }
    )
    found = patient.judge(f"influxdb-{name}")
    wrong = [one["found"] for check, one in found.items() if check.startswith("worker influxdb")]
    assert not wrong if said is None else (said in wrong[0] and "hunter2" not in str(found))
    assert b"absent" not in _query(guarded, "SHOW DATABASES"), "nothing is made for it"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoDB]:
    """A MongoDB that asks for users."""
    server = MongoDB(tmp_path_factory.mktemp("vault"))
    with server.running():
        with server.connect() as client:
            journalled = WriteConcern("majority", j=True)  # which createUser alone does not wait for
            for name in ("read", "readWrite"):
                client["guarded"].command("createUser", name, pwd="right", roles=[{"role": name, "db": "guarded"}])
            client["guarded"].get_collection("events", write_concern=journalled).insert_one({})
        server.kill()
        server._options = ("--auth",)
        server.start()
        yield server


@pytest.mark.parametrize(
    ("name", "who", "said"),
    [
        ("no-rights", "read:right", "we may not"),
        ("wrong-password", "readWrite:hunter2", "does not let us in"),
        ("well", "readWrite:right", None),
    ],
)
def test_mongodb_with_users(patient: Patient, vault: MongoDB, name: str, who: str, said: str | None) -> None:
    prefix = "WORKERS__MONGODB__"
    url = vault.url.replace("//", f"//{who}@") + "?authSource=guarded"
    patient.set(**{prefix + "URL": url, prefix + "DATABASE": "guarded"})
    found = patient.judge(f"mongodb-{name}")
    wrong = [one["found"] for check, one in found.items() if check.startswith("worker mongodb")]
    assert not wrong if said is None else said in wrong[0]
    assert "hunter2" not in str(found)


def test_mongodb_gets_neither_collection_nor_document(patient: Patient, mongodb: MongoDB, vhost: str) -> None:
    patient.set(WORKERS__MONGODB__URL=mongodb.url, WORKERS__MONGODB__DATABASE=vhost)
    found = patient.ask()
    (permission,) = [one for one in found if one["check"] == "worker mongodb permission"]
    assert permission["found"] == "we may insert; the indexes are made at the start"
    with mongodb.connect() as client:
        assert vhost not in client.list_database_names()


def test_an_amplitude_that_does_not_know_the_key(patient: Patient) -> None:
    with amplitude.serve("a" * 32) as server:
        patient.set(WORKERS__AMPLITUDE__ENDPOINT=server.url, WORKERS__AMPLITUDE__API_KEY="b" * 32)
        found = patient.judge("amplitude-wrong-key")
        assert "does not know the API key" in found["worker amplitude"]["found"]
        patient.set(WORKERS__AMPLITUDE__API_KEY="a" * 32)
        (key,) = [one for one in patient.ask() if one["check"] == "worker amplitude key"]
        assert key["ok"] and key["found"] == "it answers, and knows the key"
        assert server.stored == []


def test_a_google_analytics_that_refuses(patient: Patient) -> None:
    prefix = "WORKERS__GOOGLE_ANALYTICS__"
    with google_analytics.serve("G-AB12CD34EF", "secret") as server:
        patient.set(
            **{
                prefix + "ENDPOINT": server.url,
                prefix + "MEASUREMENT_ID": "G-AB12CD34EF",
                prefix + "API_SECRET": "secret",
            }
        )
        (well,) = [one for one in patient.ask() if one["check"] == "worker google_analytics validator"]
        assert well["ok"] and server.stored == []
        told = {"description": "Event has too many params.", "validationCode": "EXCEEDED_MAX_ENTITIES"}
        server.fail_next(200, times=4, body={"validationMessages": [told]})
        found = patient.judge("google-analytics-refuses")
        assert "too many params" in found["worker google_analytics validator"]["found"]
        server.clear()
        server.fail_next(403, times=4)
        assert "403" in patient.judge("google-analytics-shut-out")["worker google_analytics"]["found"]


# --- the given key ---------------------------------------------------------------------------------------------------


def test_the_given_key(patient: Patient, sink: SinkProcess) -> None:
    def told(key: str, *words: object) -> tuple[bool, str]:
        (found,) = [one for one in patient.ask("--key", key, *words) if one["check"] == "given key"]
        return found["ok"], found["found"]

    file = KeyFile(sink.data / "keys.db")
    made = file.create(["ingest", "read"])
    assert told(made.key, "--data", sink.data) == (True, f"key {made.id} is good, with ingest, read")
    assert told("clw", "--url", sink.url) == (False, "it has not the form of a key")
    foreign = KeyFile(patient.folder / "other.db").create(["read"]).key
    assert told(foreign, "--url", sink.url) == (False, f"the sink at {sink.url} does not know it")
    assert told(sink.key, "--url", sink.url) == (True, "the sink knows it, with the scope read")
    (port,) = free_ports(1)
    assert told(foreign, "--url", f"http://127.0.0.1:{port}")[0] is True
    with closing(sqlite3.connect(sink.data / "keys.db")) as connection:
        connection.execute("UPDATE keys SET expires = 1 WHERE id = ?", (made.id,))
        connection.commit()
    assert told(made.key, "--data", sink.data) == (False, f"key {made.id} has ended on 1970-01-01")
