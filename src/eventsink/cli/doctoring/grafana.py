"""Grafana: does it answer, and has it the datasource of the dashboards. Source: Grafana's HTTP API."""

import http.client
from collections.abc import Iterator
from urllib.parse import quote

from eventsink.causes import why, why_unreachable
from eventsink.cli.doctoring.web import Said, ask
from eventsink.cli.finding import Finding
from eventsink.redact import hide_secrets
from eventsink.settings import Grafana

__all__ = ["grafana"]

KIND = "influxdb"  # the type of the datasource, as Grafana calls it
LONGEST = 300  # characters of what Grafana says
_TOKEN = "Set grafana.token to that of a service account that may read and query datasources (role Admin)."  # noqa: S105


def grafana(settings: Grafana) -> Iterator[Finding]:
    """What is missing there; nothing where the settings do not name it."""
    if not settings.url:
        return
    try:
        yield from _ask(settings)
    except (OSError, http.client.HTTPException, ValueError) as error:
        remedy = "See grafana.url, and whether Grafana runs."
        yield Finding("Grafana", False, f"it does not answer: {why_unreachable(error) or why(error)}", remedy)


def _ask(settings: Grafana) -> Iterator[Finding]:
    health = ask(settings.url, "/api/health")
    if health.status != 200 or not isinstance(health.content, dict) or "database" not in health.content:
        yield Finding("Grafana", False, f"what answers {health.status} is not Grafana", "See grafana.url.")
        return
    if health.content["database"] != "ok":
        yield Finding("Grafana", False, "its own database is not well", "See the log of Grafana.")
        return
    yield Finding("Grafana", True, f"version {health.content.get('version', 'unknown')}")
    yield from _datasource(settings)


def _datasource(settings: Grafana) -> Iterator[Finding]:
    path = f"/api/datasources/uid/{quote(settings.datasource, safe='')}"
    headers = {"authorization": f"Bearer {settings.token}"} if settings.token else {}
    found = ask(settings.url, path, headers=headers)
    what = "Grafana's datasource"
    if found.status == 403:  # who may not read it may query it all the same, as a Viewer may
        yield _judged(ask(settings.url, f"{path}/health", headers=headers, within=15.0), what)
    elif found.status == 401:
        yield Finding(what, False, "Grafana does not know the token", _TOKEN)
    elif found.status == 404:
        remedy = f"Make a datasource of InfluxDB with the uid {settings.datasource}, or set grafana.datasource."
        yield Finding(what, False, f"there is none with the uid {settings.datasource}", remedy)
    elif found.status != 200 or not isinstance(found.content, dict):
        yield Finding(what, False, f"Grafana answers {found.status}", "See the log of Grafana.")
    elif found.content.get("type") != KIND:
        remedy = f"Give the uid {settings.datasource} to one of InfluxDB, or set grafana.datasource."
        yield Finding(what, False, "it is not of InfluxDB", remedy)
    else:
        yield _judged(ask(settings.url, f"{path}/health", headers=headers, within=15.0), what)


def _judged(health: Said, what: str) -> Finding:
    """What Grafana says of the datasource when it has asked it."""
    content = health.content if isinstance(health.content, dict) else {}
    if health.status == 200 and content.get("status") == "OK":
        return Finding(what, True, "it is there, and InfluxDB answers Grafana")
    if health.status in (401, 403):
        return Finding(what, False, "Grafana does not let us ask for it", _TOKEN)
    if health.status == 404:
        return Finding(what, True, "it is there; this Grafana cannot be asked whether InfluxDB answers it")
    said = hide_secrets(" ".join(str(content.get("message") or "no reason given").split()))[:LONGEST]
    remedy = "See address, database and user in the settings of the datasource: Grafana asks from its own machine."
    return Finding(what, False, f"InfluxDB does not answer Grafana: {said}", remedy)
