"""The files as Grafana reads them: by its own models, and by rules that its schema does not tell."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.alerting import Rule
from typer.testing import CliRunner

from eventsink.cli import app
from eventsink.look.grafana.yaml import to_yaml
from tests.look.grafana.asking import load, read_yaml
from tests.look.grafana.conftest import Export

BOARDS = ("overview", "storage", "extractions", "traffic", "health", "sink")
UNITS = {"short", "decbytes", "ms", "s", "d", "percent"}  # of Grafana's list
PLAIN = "[workers.influxdb]\n"
SECRET = "a$ecret-that-n0body-sees"


@pytest.fixture(scope="module")
def folder(export: Export) -> Path:
    """An export with what is left alone."""
    return export(PLAIN)


def _lost(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """What of ours did not come through the models of Grafana."""
    if isinstance(ours, dict):
        for name, value in ours.items():
            if name in theirs:
                yield from _lost(value, theirs[name], f"{path}.{name}")
            elif value not in (None, "", [], {}, False):
                yield f"{path}.{name}"
    elif isinstance(ours, list):
        if len(ours) != len(theirs):
            yield path
        for place, pair in enumerate(zip(ours, theirs, strict=False)):
            yield from _lost(*pair, f"{path}[{place}]")
    elif ours != theirs:
        yield path


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.filterwarnings("ignore:Prefer using dashboardv2:DeprecationWarning")  # Grafana 11 reads no other form
def test_grafanas_own_models_know_all_that_is_in_a_dashboard(folder: Path, name: str) -> None:
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415 - it warns when it is imported

    ours = load(folder, name)
    theirs = json.loads(json.dumps(Dashboard.from_json(ours), cls=JSONEncoder))
    assert [*_lost(ours, theirs)] == []


def test_grafanas_own_models_know_all_that_is_in_a_rule(folder: Path) -> None:
    (group,) = read_yaml(folder / "provisioning/alerting/eventsink.yaml")["groups"]
    assert len(group["rules"]) >= 7
    for ours in group["rules"]:
        theirs = json.loads(json.dumps(Rule.from_json(ours), cls=JSONEncoder))
        assert [*_lost(ours, theirs)] == []


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_well_formed(folder: Path, name: str) -> None:
    board = load(folder, name)
    assert board["id"] is None
    assert "__inputs" not in board
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    (source,) = read_yaml(folder / "provisioning/datasources/eventsink.yaml")["datasources"]
    reference = {"type": source["type"], "uid": source["uid"]}
    variables = {variable["name"] for variable in board["templating"]["list"]}
    for panel in panels:
        if panel["type"] == "text":
            continue
        assert panel["title"]
        assert panel["datasource"] == reference
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        properties = [entry for override in panel["fieldConfig"]["overrides"] for entry in override["properties"]]
        units = [panel["fieldConfig"]["defaults"]["unit"], *(p["value"] for p in properties if p["id"] == "unit")]
        assert set(units) <= UNITS
        for target in panel["targets"]:
            assert target["datasource"] == reference
            used = set(re.findall(r"\$\{?([A-Za-z_]+)", target["query"]))
            assert used <= variables | {"timeFilter", "__interval"}, "each variable is there"
    for variable in board["templating"]["list"]:
        assert "SELECT" not in variable["query"] or "$timeFilter" in variable["query"], "of the period alone"
        assert variable.get("datasource", reference) == reference
        assert re.search(rf"\$\{{?{variable['name']}\b", json.dumps(panels)), "each variable is of some use"


@pytest.mark.parametrize("name", BOARDS)
def test_panels_stand_side_by_side(folder: Path, name: str) -> None:
    places = [panel["gridPos"] for panel in load(folder, name)["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["w"] > 0 for place in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


def test_addresses_are_those_of_all_boards(folder: Path) -> None:
    boards = [load(folder, name) for name in BOARDS]
    assert len({board["uid"] for board in boards}) == len(boards)
    assert all(len(board["uid"]) <= 40 and re.fullmatch(r"[a-zA-Z0-9_-]+", board["uid"]) for board in boards)
    (provider,) = read_yaml(folder / "provisioning/dashboards/eventsink.yaml")["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards/eventsink"
    (group,) = read_yaml(folder / "provisioning/alerting/eventsink.yaml")["groups"]
    assert all(len(rule["uid"]) <= 40 for rule in group["rules"])
    assert len({rule["uid"] for rule in group["rules"]}) == len(group["rules"])


def test_an_alert_leads_to_what_is_to_be_done(folder: Path) -> None:
    text = Path("docs/operations/runbooks.md").read_text("utf-8")
    sections = {line.removeprefix("## ").strip() for line in text.splitlines() if line.startswith("## ")}
    (group,) = read_yaml(folder / "provisioning/alerting/eventsink.yaml")["groups"]
    for rule in group["rules"]:
        assert rule["annotations"]["runbook_url"].partition("#")[2] in sections, rule["title"]
        assert rule["for"]
        assert rule["labels"]["severity"] in ("warning", "critical")


VERSIONS: dict[int, tuple[str, dict[str, Any], dict[str, Any]]] = {
    1: (
        f'url = "http://influx:8086"\ndatabase = "a$b"\nusername = "reader"\npassword = "{SECRET}"\n',
        {"user": "reader"},
        {"dbName": "a$b"},
    ),
    2: (
        f'url = "https://influx.example.org"\norg = "ncsa"\nbucket = "b1"\ntoken = "{SECRET}"\n',
        {"secureJsonData": {"httpHeaderValue1": "Token "}},
        {"dbName": "b1", "httpHeaderName1": "Authorization"},
    ),
    3: (
        f'url = "http://influx:8181"\ndatabase = "d3"\ntoken = "{SECRET}"\n',
        {"secureJsonData": {"httpHeaderValue1": "Bearer "}},
        {"dbName": "d3", "httpHeaderName1": "Authorization"},
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_datasource_is_of_the_version_and_holds_no_secret(export: Export, version: int) -> None:
    settings, own, data = VERSIONS[version]
    folder = export(f"{PLAIN}{settings}")
    (source,) = read_yaml(folder / "provisioning/datasources/eventsink.yaml")["datasources"]
    assert own.items() <= source.items()
    assert data.items() <= source["jsonData"].items()
    assert source["jsonData"]["version"] == "InfluxQL"
    assert source["url"] in settings
    assert not [path for path in folder.rglob("*.*") if path.suffix != ".toml" and SECRET in path.read_text("utf-8")]


def test_the_same_settings_give_the_same_files(export: Export, folder: Path) -> None:
    again = export(PLAIN)
    files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
    assert files == {path.relative_to(again): path.read_bytes() for path in again.rglob("*.*")}


@pytest.mark.parametrize("version", [1, 2])
def test_secrets_of_the_worker_are_not_needed(export: Export, version: int) -> None:
    settings, own, _ = VERSIONS[version]
    folder = export(PLAIN + re.sub(r"(password|token) = .*\n", "", settings))
    (source,) = read_yaml(folder / "provisioning/datasources/eventsink.yaml")["datasources"]
    assert own.items() <= source.items()


WRONG = {
    "no influxdb": ("[collect]\n", "There is no section [workers.influxdb]"),
    "the schema of others": ('[workers.influxdb]\nschema = "upstream"\n', "workers.influxdb.schema"),
    "a zone that there is not": ('[workers.influxdb]\n[reports]\nzone = "Mars/Olympus"\n', "is no time zone"),
    "a wrong option": ("[workers.influxdb]\nport = 8086\n", "port"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_said_in_one_sentence(tmp_path: Path, name: str) -> None:
    settings, sentence = WRONG[name]
    (tmp_path / "eventsink.toml").write_text(settings)
    arguments = ["grafana", "export", "--config", str(tmp_path / "eventsink.toml"), "--out", str(tmp_path / "out")]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 1
    assert sentence in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "eventsink.toml").write_text(PLAIN)
    (tmp_path / "out").write_text("a file")
    arguments = ["grafana", "export", "--config", str(tmp_path / "eventsink.toml"), "--out", str(tmp_path / "out")]
    said = CliRunner().invoke(app, arguments)
    assert said.exit_code == 1
    assert "cannot be written" in said.stderr
    assert "--out" in said.stderr


def test_characters_that_yaml_would_not_read_come_through(tmp_path: Path) -> None:
    text = "a\x7f\x85\x9b\u2028\u2029\ufeff\ufffeé\U0001f600"
    (tmp_path / "file.yaml").write_text(to_yaml({"name": text, "list": [text]}, "about"), "utf-8")
    assert read_yaml(tmp_path / "file.yaml") == {"name": text, "list": [text]}
