"""What stands in deploy/, read as those read it who use it: Compose, Kustomize and systemd."""

import functools
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import processes

__all__ = [
    "DEPLOY",
    "OVERLAYS",
    "ROOT",
    "Started",
    "compose",
    "kustomized",
    "program",
    "started",
    "units_in",
    "without_settings",
]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OVERLAYS = ("base", "overlays/production", "overlays/monitor-region")


@dataclass(frozen=True)
class Started:
    """One process of ours that a manifest starts.

    Args:
        where: for a person.
        words: after `eventsink`.
        environment: as the manifest and the image set it.
        files: content of mounted files, by path; secrets are not known, and have none.
        folders: that it may write to.
    """

    where: str
    words: Sequence[str]
    environment: Mapping[str, str]
    files: Mapping[str, Path | str] = field(default_factory=dict)
    folders: Sequence[str] = ()

    def __str__(self) -> str:
        return f"{self.where}: {' '.join(self.words)}"


def program(name: str) -> str:
    """A program of the environment that runs the tests."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or name


@functools.cache
def compose() -> dict[str, Any]:
    """compose.yaml, with its merges made."""
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


@functools.cache
def kustomized(overlay: str) -> list[dict[str, Any]]:
    """The objects that `kubectl apply -k` would send."""
    command = [program("kubectl"), "kustomize", DEPLOY / "kubernetes" / overlay]
    made = processes.run(command, check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(made.stdout))


def units_in(folder: Path) -> Path:
    """The units and drop-ins as deploy/install.sh lays them out, but for the program, which is that of the tests."""
    source = DEPLOY / "systemd"
    for unit in (*source.glob("*.service"), *source.glob("*.target")):
        (folder / unit.name).write_text(unit.read_text().replace("/opt/eventsink/bin/eventsink", program("eventsink")))
    for drop_in in ("eventsink.service.d/10-hardening.conf", "eventsink-.service.d/10-hardening.conf"):
        _copy(source / "10-hardening.conf", folder / drop_in)
    _copy(source / "20-ping.conf", folder / "eventsink-monitor.service.d/20-ping.conf")
    secrets = "eventsink-worker@influxdb.service.d/secrets.conf"
    _copy(source / secrets, folder / secrets)
    return folder


def started() -> list[Started]:
    """Every process of ours in every manifest."""
    return [*_of_compose(), *_of_kubernetes(), *_of_units()]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.copy(source, target)


def _of_image() -> dict[str, str]:
    """What the Dockerfile sets."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.removeprefix("ENV ") for line in text.splitlines() if line.startswith("ENV ")]
    pairs = [word.partition("=") for line in lines for word in shlex.split(line)]
    return {name: value for name, _, value in pairs if name.startswith("EVENTSINK_")}


def _of_compose() -> Iterator[Started]:
    whole = compose()
    for name, service in whole["services"].items():
        if not service["image"].startswith("eventsink:"):
            continue
        files = {each["target"]: DEPLOY / whole["configs"][each["source"]]["file"] for each in service["configs"]}
        folders = [text.split(":")[1] if ":" in text else text for text in service.get("volumes", ())]
        environment = {**_of_image(), **service["environment"]}
        yield Started(f"compose {name}", service["command"], environment, files, folders)


def _of_kubernetes() -> Iterator[Started]:
    for overlay in OVERLAYS:
        settings = {
            each["metadata"]["name"]: each["data"] for each in kustomized(overlay) if each["kind"] == "ConfigMap"
        }
        for each in kustomized(overlay):
            if each["kind"] not in ("StatefulSet", "Deployment"):
                continue
            pod = each["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            files: dict[str, Path | str] = {}
            for mount in container["volumeMounts"]:
                for volume in pod["volumes"]:
                    if volume["name"] == mount["name"] and "configMap" in volume:
                        data = settings.get(volume["configMap"]["name"], {})
                        files |= {f"{mount['mountPath']}/{name}": text for name, text in data.items()}
            environment = {**_of_image(), **{one["name"]: one["value"] for one in container["env"]}}
            where = f"kubernetes/{overlay} {each['metadata']['name']}"
            yield Started(where, container["args"], environment, files, ["/data", "/tmp"])


def _of_units() -> Iterator[Started]:
    source = DEPLOY / "systemd"
    instances = {"eventsink-api@.service": "8751", "eventsink-worker@.service": "influxdb"}
    for unit in sorted(source.glob("*.service")):
        instance = instances.get(unit.name, "")
        text = unit.read_text()
        for drop_in in (source / unit.name.replace("@.", f"@{instance}.")).with_suffix(".service.d").glob("*.conf"):
            text += drop_in.read_text()
        text = text.replace("%i", instance).replace("%d", "/etc/eventsink/secrets")
        values = [line.partition("=")[::2] for line in text.splitlines()]
        environment = dict(value.split("=", 1) for name, value in values if name == "Environment")
        words = next(value.split()[1:] for name, value in values if name == "ExecStart")
        files = {"/etc/eventsink/monitor.toml": DEPLOY / "examples/monitor.toml"}
        if "EnvironmentFile=/etc/eventsink/environment\n" in text:
            environment |= {"EVENTSINK_CONFIG": "/etc/eventsink/eventsink.toml", "EVENTSINK_DATA": "/var/lib/eventsink"}
            example = "embedded" if words == ["up"] else "one-machine"
            files = {"/etc/eventsink/eventsink.toml": DEPLOY / f"examples/{example}.toml"}
        folders = [f"/var/lib/{value}" for name, value in values if name == "StateDirectory"]
        yield Started(unit.name.replace("@", f"@{instance}"), words, environment, files, folders)


def without_settings() -> dict[str, str]:
    """The environment of the tests, without settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("EVENTSINK_")}
