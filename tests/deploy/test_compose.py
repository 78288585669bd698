"""compose.yaml: what the specification of Compose says, and what we promise of each container."""

import re

import check_jsonschema
import jsonschema_rs
import pytest

from tests.deploy.manifests import DEPLOY, compose, started

SERVICES = compose()["services"]


def test_it_is_what_compose_reads():
    path = DEPLOY.__class__(check_jsonschema.__file__).with_name("builtin_schemas") / "vendor/compose-spec.json"
    validator = jsonschema_rs.validator_for(path.read_text("utf-8"))
    assert [str(error) for error in validator.iter_errors(compose())] == []
    broken = {**compose(), "services": {"up": {**SERVICES["up"], "read_only": "perhaps", "imagine": 1}}}
    assert not validator.is_valid(broken), "the schema judges"


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_may_do_little(name):
    service = SERVICES[name]
    uid, gid = map(int, service["user"].split(":"))
    assert uid > 0 and gid >= 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert any(mount.startswith("/tmp:size=") for mount in service["tmpfs"])
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert re.fullmatch(r"[a-z0-9/-]+:\d+\.\d+\.\d+([.-].+)?", service["image"]), "its version is pinned"
    assert set(service["networks"]) <= set(compose()["networks"])


def test_only_nginx_is_reached_from_outside():
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"nginx", "nginx-small"}
    assert compose()["networks"]["back"] == {"internal": True}
    servers = [SERVICES[name] for name in ("rabbitmq", "influxdb", "mongodb")]
    assert all(server["networks"] == ["back"] for server in servers)


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_names_is_there(name):
    service, whole = SERVICES[name], compose()
    for source in [config["source"] for config in service.get("configs", ())]:
        assert (DEPLOY / whole["configs"][source]["file"]).is_file(), source
    assert set(service.get("secrets", ())) <= set(whole["secrets"])
    volumes = [text.split(":")[0] for text in service.get("volumes", ()) if ":" in text and text[0] != "."]
    assert set(volumes) <= set(whole["volumes"])
    for other, wish in service.get("depends_on", {}).items():
        assert wish == {"condition": "service_healthy"}
        assert set(SERVICES[other]["profiles"]) & set(service["profiles"]), "it would never start"
        assert "healthcheck" in SERVICES[other] or SERVICES[other]["image"].startswith("eventsink:")
    read = [name for text in map(str, service.get("environment", {}).values()) for name in _secrets(text)]
    read += [name for word in service.get("entrypoint", ()) for name in _secrets(word)]
    assert set(read) <= set(service.get("secrets", ())), "it reads a secret that it is not given"


def test_every_secret_is_made_by_the_script_or_by_the_sink():
    made = (DEPLOY / "make-secrets").read_text()
    for name, secret in compose()["secrets"].items():
        file = secret["file"].removeprefix("./secrets/")
        assert file in made or name == "monitor_key", file


def test_a_worker_is_told_of_its_own_port_for_the_health_check():
    for process in started():
        if process.where.startswith("compose") and process.words[0] in ("worker", "monitor"):
            assert process.environment["EVENTSINK_TELEMETRY__PORT"] == "8760"
            assert process.environment["EVENTSINK_TELEMETRY__HOST"] == "0.0.0.0"


def _secrets(text: str) -> list[str]:
    return re.findall(r"/run/secrets/(\w+)", text)
