"""Settings: a file, the environment over it, and a sentence for everything that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from eventsink.errors import SettingsError
from eventsink.settings import Settings, load, redacted


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No eventsink.toml of whoever runs the tests is read."""
    monkeypatch.chdir(tmp_path)


def from_text(text: str, environment: dict[str, str] | None = None, **given: Any) -> Settings:
    """The settings of a file with this text."""
    file = Path("some.toml")
    file.write_text(text, "utf-8")
    return load(file, environment or {}, **given)


def sentence(text: str = "", environment: dict[str, str] | None = None, **given: Any) -> str:
    """What is said about wrong settings."""
    with pytest.raises(SettingsError) as error:
        from_text(text, environment, **given)
    return str(error.value)


# --- where values come from ------------------------------------------------------------------------------------------


def test_without_a_file_the_defaults_hold() -> None:
    settings = load(None, {})
    assert settings == Settings()
    assert (settings.collect.host, settings.collect.port, settings.exchange.name) == (
        "127.0.0.1",
        8750,
        "clowder.metrics",
    )


def test_the_file_of_the_folder_is_read_and_a_named_one_goes_before(tmp_path: Path) -> None:
    Path("eventsink.toml").write_text("[collect]\nport = 1\n")
    Path("named.toml").write_text("[collect]\nport = 2\n")
    assert load(None, {}).collect.port == 1
    assert load(None, {"EVENTSINK_CONFIG": "named.toml"}).collect.port == 2
    assert load(tmp_path / "eventsink.toml", {"EVENTSINK_CONFIG": "named.toml"}).collect.port == 1


def test_the_environment_wins_over_the_file_and_the_command_line_over_both() -> None:
    text, environment = "[collect]\nport = 1\nhost = 'a'\n", {"EVENTSINK_COLLECT__PORT": "2"}
    assert from_text(text, environment).collect.port == 2
    assert from_text(text, environment, collect={"port": 3, "host": None}).collect.port == 3
    assert from_text(text, environment, collect={"port": 3, "host": None}).collect.host == "a"
    assert from_text("data = 'x'", data="y").data == "y"
    assert from_text("data = 'x'", data=None).data == "x"


@pytest.mark.parametrize(
    ("name", "text", "section", "key", "value"),
    [
        ("EVENTSINK_COLLECT__PORT", "0", "collect", "port", 0),
        ("EVENTSINK_COLLECT__STRICT", "true", "collect", "strict", True),
        ("EVENTSINK_COLLECT__STRICT", "0", "collect", "strict", False),
        ("EVENTSINK_COLLECT__RATE", "2.5", "collect", "rate", 2.5),
        ("EVENTSINK_EXCHANGE__URL", "sqlite:///x.db", "exchange", "url", "sqlite:///x.db"),
        ("EVENTSINK_EXCHANGE__MAX_BYTES", "65536", "exchange", "max_bytes", 65536),
        ("EVENTSINK_STORE__MEMORY", "1GB", "store", "memory", "1GB"),
        ("EVENTSINK_COUNTER__SOURCES", "['a', 'b']", "counter", "sources", ["a", "b"]),
    ],
)
def test_a_variable_sets_a_key_of_its_section(name: str, text: str, section: str, key: str, value: Any) -> None:
    assert getattr(getattr(load(None, {name: text}), section), key) == value


def test_a_variable_switches_a_destination_on() -> None:
    environment = {"EVENTSINK_WORKERS__INFLUXDB__URL": "http://x", "EVENTSINK_WORKERS__INFLUXDB__TOKEN": "t"}
    assert load(None, environment).workers == {"influxdb": {"url": "http://x", "token": "t"}}


def test_other_variables_are_not_ours() -> None:
    environment = {"EVENTSINK_URL": "x", "EVENTSINK_KEY": "y", "PATH": "z", "eventsink_collect__port": "9", "E__X": "1"}
    assert load(None, environment) == Settings()


def test_a_secret_may_lie_in_a_file() -> None:
    Path("secret").write_text("  hush\n", "utf-8")
    settings = load(None, {"EVENTSINK_WORKERS__INFLUXDB__TOKEN_FILE": "secret"})
    assert settings.workers["influxdb"] == {"token": "hush"}


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_secret_file_that_cannot_be_read_is_named(content: bytes | None) -> None:
    if content is not None:
        Path("secret").write_bytes(content)
    said = sentence(environment={"EVENTSINK_WORKERS__INFLUXDB__TOKEN_FILE": "secret"})
    assert said.startswith("EVENTSINK_WORKERS__INFLUXDB__TOKEN_FILE names a file that cannot be read")


@pytest.mark.parametrize("content", ["", " \n"])
def test_an_empty_secret_file_is_a_mistake_and_no_embedded_exchange(content: str) -> None:
    Path("secret").write_text(content, "utf-8")
    said = sentence(environment={"EVENTSINK_EXCHANGE__URL_FILE": "secret"})
    assert said.startswith("EVENTSINK_EXCHANGE__URL_FILE names a file that is empty")


@pytest.mark.parametrize("value", ["", "amqp://elsewhere/"])
def test_a_setting_and_its_file_are_not_both_given(value: str) -> None:
    Path("secret").write_text("amqp://here/", "utf-8")
    said = sentence(environment={"EVENTSINK_EXCHANGE__URL": value, "EVENTSINK_EXCHANGE__URL_FILE": "secret"})
    assert said.startswith("EVENTSINK_EXCHANGE__URL and EVENTSINK_EXCHANGE__URL_FILE are both set")


# --- what is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[collect]\nport = 65536", "collect.port must be a whole number from 0 to 65,535."),
        ("[collect]\nport = -1", "collect.port must be a whole number from 0 to 65,535."),
        ("[collect]\nport = 'http'", "collect.port must be a whole number from 0 to 65,535."),
        ("[collect]\nhost = ''", "collect.host must be text that is not empty."),
        ("[collect]\nstrict = 'maybe'", "collect.strict must be true or false."),
        ("[collect]\nmax_body = 10", "collect.max_body must be a whole number from 1,024 to "),
        ("[store]\nmemory = 'lots'", "store.memory must be auto, or a size as 512MB or 2GB."),
        ("[store]\nkeep_months = -1", "store.keep_months must be a whole number from 0 to 1,200."),
        ("[counter]\nzones = 'UTC'", "There is no setting 'zones' in counter. Did you mean 'zone'?"),
        ("[counter]\nviews = 'both'", "counter.views must be server or tracker."),
        ("[counter]\nplatform = ''", "counter.platform must be text that is not empty."),
        ("[counter]\nextraction_s = -1", "counter.extraction_s must be a number from 0 to 31,536,000."),
        ("data = ''", "data must be text that is not empty."),
        ("collect = 5", "collect must be a section."),
        ("workers = 5", "workers must be a section."),
        ("[workers]\ninfluxdb = 'http://x'", "workers.influxdb must be a section, as [workers.influxdb]."),
        ("[colect]\nport = 1", "There is no setting 'colect' in the settings. Did you mean 'collect'?"),
        ("[collect]\nprot = 1", "There is no setting 'prot' in collect. Did you mean 'port'?"),
        (
            "[store]\nzzz = 1",
            "There is no setting 'zzz' in store. Known are path, memory, threads, query_seconds, keep_months.",
        ),
        ("[collect", "some.toml is not TOML"),
        ("a = 1\na = 2", "some.toml is not TOML"),
    ],
)
def test_a_wrong_setting_is_named_in_a_sentence(text: str, said: str) -> None:
    assert sentence(text).startswith(said)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"EVENTSINK_COLLECT__PORT": "http"}, "collect.port must be a whole number from 0 to 65,535."),
        ({"EVENTSINK_COLLECT__PROT": "1"}, "There is no setting 'prot' in collect. Did you mean 'port'?"),
        ({"EVENTSINK_COLECT__PORT": "1"}, "There is no setting 'colect' in the settings. Did you mean 'collect'?"),
        ({"EVENTSINK_DATA__X": "1"}, "EVENTSINK_DATA__X: 'data' is a value, not a section."),
        ({"EVENTSINK_WORKERS__X": "secret"}, "workers.x must be a section, as [workers.x]."),
    ],
)
def test_a_wrong_variable_is_named_in_a_sentence(environment: dict[str, str], said: str) -> None:
    assert sentence("data = 'x'", environment) == said


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = "data = 3\n[collect]\nport = 'x'\nhots = 'a'\n[alerts]\nnotify = [3, 'x']\n[store]\nkeep_months = nan"
    assert sentence(text) == (
        "data must be text that is not empty."
        " There is no setting 'hots' in collect. Did you mean 'host'?"
        " collect.port must be a whole number from 0 to 65,535."
        " store.keep_months must be a whole number from 0 to 1,200."
        " alerts.notify[0] must be text."
    )


def test_a_value_where_a_section_belongs_is_named_also_when_the_command_line_gives_one() -> None:
    assert sentence("collect = 5", collect={"port": 1}) == "collect must be a section."


@pytest.mark.parametrize("environment", [{}, {"EVENTSINK_CONFIG": "none.toml"}])
def test_a_named_file_that_is_not_there_is_said_so(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"no settings file none\.toml"):
        load(None if environment else Path("none.toml"), environment)


def test_a_file_that_is_a_folder_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path, {})


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "var/exchange.db"),
        ("data = '/srv/sink'", "/srv/sink/exchange.db"),
        ("[exchange]\nurl = 'sqlite:///var/other.db'", "var/other.db"),
        ("[exchange]\nurl = 'sqlite:////var/other.db'", "/var/other.db"),
    ],
)
def test_the_exchange_lies_in_the_data_directory_or_where_its_url_says(text: str, path: str) -> None:
    assert from_text(text).exchange_path == Path(path)


@pytest.mark.parametrize("url", ["postgres://x/y", "sqlite://x.db", "x.db"])
def test_another_kind_of_exchange_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"exchange\.url"):
        _ = from_text(f"[exchange]\nurl = '{url}'").exchange_path


def test_store_and_keys_lie_in_the_data_directory() -> None:
    settings = from_text("data = '/srv'")
    assert (settings.store_path, settings.keys_path) == (Path("/srv/store"), Path("/srv/keys.db"))
    assert from_text("[collect]\nkeys = '/run/secrets/keys.db'").keys_path == Path("/run/secrets/keys.db")
    assert from_text("[store]\npath = '/else'").store_path == Path("/else")


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "token", "api_key", "api_secret", "password", "secret_key", "key", "webhook_url", "urls", "X-API-Key", "pwd",
        "pass", "sig", "auth", "X-Sig", "Authorization", "Cookie", "credentials",
    ],
)  # fmt: skip
def test_a_secret_is_not_shown(name: str) -> None:
    settings = from_text(f"[workers.x]\n{name} = 'hush'\n[workers.y.deep]\n{name} = 'hush'")
    assert redacted(settings)["workers"] == {"x": {name: "…"}, "y": {"deep": {name: "…"}}}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://localhost:8086", "http://localhost:8086"),
        ("amqp://user:hush@host/vhost", "amqp://…@host/vhost"),
        ("mongodb://user:h@ush@a,b:1/db", "mongodb://…@a,b:1/db"),
        ("mongodb://user:hu?sh#h/ush@a,b/db?tlsCertificateKeyFilePassword=hush", "mongodb://…@a,b/db?…"),
        ("https://hush@host/path", "https://…@host/path"),
        ("user:hush@host:15672", "…@host:15672"),
        ("user@lab:hush@host", "…@host"),
        ("amqp://user:hush@a,amqp://user:hush@b/v", "amqp://…@b/v"),
        ("user:hush@a,amqp://user:hush@b/v", "…@b/v"),
        ("amqp://user:hush", "amqp://…"),
        ("amqp:///user:hush@host", "amqp://…@host"),
        ("http://host:15672/#token=hush", "http://host:15672/#…"),
        ("http://host/?token=a@hush", "http://…"),
        ("http://[::1]:8086,host:8086/", "http://[::1]:8086,host:8086/"),
        ("alice@example.org", "alice@example.org"),
        ("sqlite:////srv/a@b/exchange.db", "sqlite:////srv/a@b/exchange.db"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_credentials(url: str, shown: str) -> None:
    assert redacted(from_text(f"[workers.x]\nurl = '{url}'"))["workers"]["x"]["url"] == shown


def test_an_address_is_shown_without_its_credentials_whatever_the_setting_is_called() -> None:
    shown = redacted(
        from_text(
            "[exchange]\nmanagement = 'http://guest:hush@host:15672'\n[workers.x]\nhosts = ['http://a:hush@b', 'c']"
        )
    )
    assert shown["exchange"]["management"] == "http://…@host:15672"
    assert shown["workers"]["x"]["hosts"] == ["http://…@b", "c"]


def test_what_lies_within_a_secret_is_secret_and_the_name_of_a_worker_makes_none() -> None:
    shown = redacted(from_text("[workers.monkey]\npath = 'a'\n[workers.monkey.tokens]\nalice = ['hush', 5]"))
    assert shown["workers"] == {"monkey": {"path": "a", "tokens": {"alice": ["…", "…"]}}}


def test_an_address_of_the_exchange_that_is_none_is_not_quoted() -> None:
    for url in ("guest:hush@host", "guest:hush@one,amqp://guest:hush@two"):
        with pytest.raises(SettingsError, match=r"exchange\.url has") as wrong:
            _ = from_text(f"[exchange]\nurl = '{url}'").exchange_path
        assert "hush" not in str(wrong.value)


def test_what_is_no_secret_is_shown_as_plain_values() -> None:
    shown = redacted(from_text("[workers.x]\ndatabase = 'events'\ntoken = ''\n[collect]\nport = 5"))
    assert shown["workers"]["x"] == {"database": "events", "token": ""}
    assert json.loads(json.dumps(shown))["collect"]["port"] == 5


def test_where_notices_go_is_a_secret_as_a_whole() -> None:
    addresses = "notify = ['slack://hush/hush/hush', 'hush', 'mailto://u:hush@hush?to=hush']"
    shown = redacted(from_text(f"[alerts]\n{addresses}\n[alerts.routes.night]\n{addresses}"))
    assert shown["alerts"]["notify"] == ["slack://…", "…", "mailto://…"]
    assert shown["alerts"]["routes"]["night"]["notify"] == ["slack://…", "…", "mailto://…"]


def test_a_list_comes_from_the_environment_as_it_stands_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "notify").write_text('["mailto://u:p@example.org"]\n')
    environment = {"EVENTSINK_ALERTS__NOTIFY_FILE": str(tmp_path / "notify"), "EVENTSINK_ALERTS__IGNORE": "['sink/*']"}
    alerts = load(environment=environment).alerts
    assert (alerts.notify, alerts.ignore) == (["mailto://u:p@example.org"], ["sink/*"])
    assert load(environment={"EVENTSINK_MONITOR__KEY": "[a}"}).monitor.key == "[a}"


def test_a_file_that_is_nested_too_deeply_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "eventsink.toml").write_text("data = " + "[" * 20_000)
    with pytest.raises(SettingsError, match="nested too deeply"):
        load(tmp_path / "eventsink.toml")


# --- what follows from them ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8750"),
        ("sink.example.org", "http://sink.example.org:8750"),
        ("0.0.0.0", "http://127.0.0.1:8750"),
        ("::", "http://[::1]:8750"),
        ("fe80::1%eth0", "http://[fe80::1%eth0]:8750"),
    ],
)
def test_a_front_door_is_found_on_this_machine_wherever_it_listens(host: str, address: str) -> None:
    assert load(None, {}, collect={"host": host}).collect.address == address
    assert load(None, {}, telemetry={"host": host, "port": 8750}).telemetry.address == address
