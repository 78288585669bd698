"""Every variable and every file of settings in deploy/ is one that this version takes."""

import re

import pytest
from typer.testing import CliRunner

from eventsink.cli import app
from eventsink.settings import Settings, load
from tests.deploy.manifests import DEPLOY, ROOT, started

# What belongs beside a file, and is a secret.
SECRETS = {
    "EVENTSINK_WORKERS__INFLUXDB__USERNAME": "eventsink",
    "EVENTSINK_WORKERS__INFLUXDB__PASSWORD": "hunter2",
    "EVENTSINK_MONITOR__KEY": "clw_0",
}
FILES = [*DEPLOY.glob("examples/*.toml"), DEPLOY / "compose.toml", *DEPLOY.glob("kubernetes/**/*.toml")]
NOT_SETTINGS = {"EVENTSINK_CONFIG", "EVENTSINK_DATA", "EVENTSINK_URL", "EVENTSINK_KEY"}  # options of commands
OF_GRAFANA = re.compile(r"EVENTSINK_INFLUXDB_(URL|DATABASE|USERNAME|PASSWORD)")


@pytest.mark.parametrize("process", started(), ids=str)
def test_every_variable_is_a_setting(process, tmp_path):
    environment = {}
    for name, value in process.environment.items():
        if name.endswith("_FILE"):
            (tmp_path / name).write_text("amqp://user:password@host/vhost")
            environment[name] = str(tmp_path / name)
        elif "__" in name:
            environment[name] = value
    settings = load(environment=environment, path=_empty(tmp_path))
    assert isinstance(settings, Settings)
    if process.words[0] == "worker":
        assert set(settings.workers) <= {process.words[1]}, "a worker has no secrets but its own"


def test_no_variable_is_misspelt_anywhere():
    for file in DEPLOY.rglob("*"):
        if file.is_file() and "secrets" not in file.parts[-2:] and "grafana" not in file.parts:
            for name in re.findall(r"\bEVENTSINK_[A-Z0-9_]*[A-Z0-9]", file.read_text("utf-8", "replace")):
                section = name.removeprefix("EVENTSINK_").partition("__")[0].lower()
                fine = name in NOT_SETTINGS or OF_GRAFANA.fullmatch(name)
                assert fine or section in Settings.__struct_fields__, f"{file.relative_to(ROOT)}: {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(DEPLOY)))
def test_a_file_of_settings_is_well(file):
    mongodb = (
        {"EVENTSINK_WORKERS__MONGODB__URL": "mongodb://mongodb"} if "[workers.mongodb]" in file.read_text() else {}
    )
    influxdb = SECRETS if "[workers.influxdb]" in file.read_text() else {}
    done = CliRunner().invoke(app, ["config", "check", "--config", str(file)], env={**influxdb, **mongodb})
    assert done.exit_code == 0, done.stderr
    assert "The settings are well." in done.stdout


def _empty(folder):
    (folder / "empty.toml").touch()
    return folder / "empty.toml"
