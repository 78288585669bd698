"""What people and programs do, one scene after the other: an upload and its extractions, a visit, a round of checks."""

import dataclasses
import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from eventsink.demo.cast import (
    BROWSERS,
    COUNTRIES,
    FAILURES,
    HOST,
    QUEUES,
    REFERRERS,
    REGIONS,
    File,
    Outage,
    Person,
    Scene,
    bustle,
    midnight,
    new_id,
)

__all__ = ["checks", "robot", "round_of_checks", "session", "upload"]


def upload(file: File, chance: random.Random) -> Iterator[Scene]:
    """A file comes, with its dataset if that is new, and the extractors do their work."""
    user, place = file.person.id, {"dataset_id": file.dataset, "space_id": file.space}
    if file.first:
        data = {"resource_type": "dataset", "resource_id": file.dataset, "resource_name": file.dataset_name}
        created = file.time - timedelta(seconds=30)
        yield Scene(
            created, "storage.resource_created", data | {"space_id": file.space}, user, f"datasets/{file.dataset}"
        )
    stored = {
        "file_id": file.id,
        "file_name": file.name,
        "mime_type": file.kind.mime_type,
        "bytes": file.bytes,
        **place,
    }
    named = stored | {"dataset_name": file.dataset_name}
    yield Scene(file.time, "storage.file_uploaded", named, user, f"files/{file.id}")
    yield _api(file.time, "POST", "/api/datasets/{id}/files", chance, user)
    for extractor in file.kind.extractors:
        yield from _job(extractor, file, chance)
    if chance.random() < 0.02:
        later = file.time + timedelta(minutes=chance.expovariate(1 / 90))
        yield Scene(later, "storage.file_deleted", stored, user, f"files/{file.id}")


def _job(extractor: str, file: File, chance: random.Random) -> Iterator[Scene]:
    about = {
        "extractor": extractor,
        "job_id": new_id(chance),
        "resource_type": "file",
        "resource_id": file.id,
        "resource_name": file.name,
        "dataset_id": file.dataset,
        "space_id": file.space,
    }

    def state(status: str, moment: datetime, **more: Any) -> Scene:
        data = {"status": status, **about, **more}
        return Scene(moment, "extractions.extraction_event", data, file.person.id, f"files/{file.id}")

    queued = file.time + timedelta(seconds=chance.uniform(0.2, 2))
    waited = chance.lognormvariate(1.0, 1.2)
    ran = chance.lognormvariate(0.5, 0.6) + file.bytes / 4e7
    started = queued + timedelta(seconds=waited)
    ended = started + timedelta(seconds=ran)
    times = {"queue_ms": round(waited * 1e3, 1), "run_ms": round(ran * 1e3, 1)}
    yield state("queued", queued)
    yield state("working", started, queue_ms=times["queue_ms"])
    luck = chance.random()
    if luck < 0.01:
        yield state("retried", ended, message="The connection to Clowder was lost.", **times)
        yield state("done", ended + timedelta(seconds=ran), bytes=file.bytes, **times)
    elif luck < 0.05:
        yield state("failed", ended, message=chance.choice(FAILURES), **times)
    elif luck < 0.08:
        yield state("skipped", ended, message="Skipped in check_message", **times)
    else:
        yield state("done", ended, bytes=file.bytes, **times)


def session(person: Person | None, start: datetime, shelf: list[File], chance: random.Random) -> Iterator[Scene]:
    """Somebody comes, looks around, and fetches a file or a dataset."""
    user, moment = (person.id if person else None), start
    visit = _visit(person, chance)
    if person:
        login = {"method": "cilogon" if person.offset < 0 else "userpass", "user_name": person.name}
        yield Scene(moment, "users.login", login, user)
    home = {"url": f"https://{HOST}/", "title": "Clowder", **visit}
    if chance.random() < (0.1 if person else 0.7):
        home["referrer"] = chance.choice(REFERRERS)
    yield Scene(moment, "traffic.page_view", home, user)
    if chance.random() < 0.15:
        moment += timedelta(seconds=5 + chance.expovariate(1 / 10))
        yield from _look("space", chance.choice(shelf), moment, visit, user)
    for _ in range(1 + int(chance.expovariate(0.35 if person else 1.2))):
        moment += timedelta(seconds=5 + chance.expovariate(1 / 40))
        file = chance.choice(shelf)
        yield from _look("dataset", file, moment, visit, user)
        yield _api(moment, "GET", "/api/datasets/{id}/files", chance, user)
        if chance.random() < 0.5:
            moment += timedelta(seconds=3 + chance.expovariate(1 / 25))
            yield from _look("file", file, moment, visit, user)
            if chance.random() < 0.45:
                yield _download(file, moment + timedelta(seconds=4), user, "regular", chance)
        elif chance.random() < 0.08:
            yield _fetch_dataset(file, moment + timedelta(seconds=6), user, chance)


def _visit(person: Person | None, chance: random.Random) -> dict[str, Any]:
    """What the collector finds out of a browser. Who has an account has one browser, at home in one country."""
    settled = random.Random(person.id) if person else chance  # noqa: S311 - a play, not a secret
    browser, system, device = settled.choice(BROWSERS[:4] if person else BROWSERS)
    country = (
        settled.choice(("US",) if person.offset < 0 else ("DE", "NL", "FR")) if person else chance.choice(COUNTRIES)
    )
    return {
        "session": f"{chance.getrandbits(64):016x}",
        "visitor": f"{chance.getrandbits(64):016x}",
        "language": "de" if country == "DE" else "en-US",
        "country": country,
        "browser": browser,
        "os": system,
        "device": device,
    }


def _look(kind: str, file: File, moment: datetime, visit: dict[str, Any], user: str | None) -> Iterator[Scene]:
    """The page of a file, of its dataset or of its space."""
    resource, name = {
        "file": (file.id, file.name),
        "dataset": (file.dataset, file.dataset_name),
        "space": (file.space, file.space_name),
    }[kind]
    about = {"resource_type": kind, "resource_id": resource}
    page = {"url": f"https://{HOST}/{kind}s/{resource}", "title": name, **about, **visit}
    yield Scene(moment, "traffic.page_view", page, user)
    where = {"dataset_id": file.dataset, "bytes": file.bytes} if kind == "file" else {}
    data = {**about, "resource_name": name, "space_id": file.space, **where, "access_method": "regular"}
    later = moment + timedelta(milliseconds=80)
    yield Scene(later, "traffic.resource_viewed", data, user, f"{kind}s/{resource}")


def _download(file: File, moment: datetime, user: str | None, method: str, chance: random.Random) -> Scene:
    data = {
        "resource_type": "file",
        "resource_id": file.id,
        "resource_name": file.name,
        "dataset_id": file.dataset,
        "space_id": file.space,
        "bytes": file.bytes,
        "http_status": 404 if chance.random() < 0.01 else 200,
        "access_method": method,
    }
    return Scene(moment, "traffic.resource_downloaded", data, user, f"files/{file.id}")


def _fetch_dataset(file: File, moment: datetime, user: str | None, chance: random.Random) -> Scene:
    about = {"resource_type": "dataset", "resource_id": file.dataset, "resource_name": file.dataset_name}
    data = {**about, "space_id": file.space, "items": chance.randrange(1, 60), "access_method": "regular"}
    return Scene(moment, "traffic.resource_downloaded", data, user, f"datasets/{file.dataset}")


def robot(start: datetime, shelf: list[File], chance: random.Random) -> Iterator[Scene]:
    """A program takes all that it finds, several files a second."""
    moment = start
    for _ in range(chance.randrange(400, 900)):
        moment += timedelta(seconds=chance.expovariate(3))
        fetched = _download(chance.choice(shelf), moment, None, "machine", chance)
        yield dataclasses.replace(fetched, data=fetched.data | {"robot": True, "device": "robot"})


def _api(moment: datetime, method: str, route: str, chance: random.Random, user: str | None) -> Scene:
    data = {
        "method": method,
        "route": route,
        "status": 500 if chance.random() < 0.003 else 200,
        "duration_ms": round(chance.lognormvariate(3.6, 0.7), 1),
        "bytes": int(chance.lognormvariate(7.5, 1)),
        "identity": "user" if user else "anonymous",
    }
    return Scene(moment, "traffic.api_request", data, user)


# --- whether it is well ----------------------------------------------------------------------------------------------


def checks(day: date, outages: list[Outage], chance: random.Random) -> Iterator[Scene]:
    """Every five minutes of a day, and what changes by an outage."""
    for number in range(288):
        moment = midnight(day) + timedelta(minutes=5 * number, seconds=chance.uniform(0, 2))
        away = tuple(region for outage in outages if outage.start <= moment <= outage.end for region in outage.regions)
        scenes = list(round_of_checks(moment, away, chance))
        # Pings every time, the rest every second time: it is enough for a curve.
        yield from scenes if number % 2 else scenes[: len(REGIONS)]
    for outage in outages:
        yield from (_changed(outage, region, up=up) for region in outage.regions for up in (False, True))


def round_of_checks(moment: datetime, away: tuple[str, ...], chance: random.Random) -> Iterator[Scene]:
    """All checks at one moment; the pings first."""
    load = bustle(moment)
    for region, distance in REGIONS.items():
        yield _ping(moment, region, distance * (1 + 0.3 * load), chance, up=region not in away)
    for region, distance in REGIONS.items():
        yield _homepage(moment, region, distance, chance, up=region not in away)
    for queue in QUEUES[:2]:
        ready = int(chance.expovariate(1 / (0.5 + 12 * load)))
        data = {"queue": queue, "ready": ready, "unacknowledged": min(ready, 2), "consumers": 2, "region": "urbana"}
        yield Scene(moment, "health.queue_update", data, source="monitor/urbana")
    requests = int(chance.gauss(300 + 4000 * load, 60)) if len(away) < len(REGIONS) else 0
    data = {"target": HOST, "region": "urbana", "interval_s": 600.0, "requests": max(0, requests)}
    data |= {"clients": max(0, requests // 40), "bytes": max(0, requests) * 84_000, "active": max(1, requests // 200)}
    yield Scene(moment, "health.connection_update", data, source="monitor/urbana")


def _ping(moment: datetime, region: str, distance: float, chance: random.Random, *, up: bool) -> Scene:
    data: dict[str, Any] = {"target": HOST, "region": region, "check": "clowder", "up": up, "sent": 10}
    if up:
        trips = sorted(distance * (1 + chance.expovariate(12)) for _ in range(3))
        data |= {"loss_percent": 10.0 if chance.random() < 0.01 else 0.0}
        data |= {name: round(value, 2) for name, value in zip(("min_ms", "avg_ms", "max_ms"), trips, strict=True)}
    else:
        data |= {"loss_percent": 100.0, "message": "No answer to 10 packets."}
    return Scene(moment, "health.ping_update", data, source=f"monitor/{region}")


def _homepage(moment: datetime, region: str, distance: float, chance: random.Random, *, up: bool) -> Scene:
    data: dict[str, Any] = {"url": f"https://{HOST}/", "target": HOST, "region": region, "check": "homepage", "up": up}
    if up:
        phases = {
            "dns_ms": 2.0,
            "connect_ms": distance,
            "tls_ms": 2 * distance,
            "first_byte_ms": 60 + 220 * bustle(moment),
        }
        phases |= {"transfer_ms": 2 * distance + 15}
        phases = {name: round(value * (1 + chance.expovariate(6)), 1) for name, value in phases.items()}
        data |= phases | {"elapsed_ms": round(sum(phases.values()), 1)}
        size = 48_211
        data |= {"status": 200, "bytes": size, "bytes_per_second": round(size / data["transfer_ms"] * 1e3)}
    else:
        data |= {"message": "No connection within 10 seconds.", "elapsed_ms": 10_000.0}
    return Scene(moment, "health.download_update", data, source=f"monitor/{region}")


def _changed(outage: Outage, region: str, *, up: bool) -> Scene:
    moment = outage.end if up else outage.start
    data = {"target": HOST, "region": region, "check": "clowder", "up": up}
    data |= {"message": "Answers again." if up else "No answer to 10 packets."}
    if up:
        data |= {"since": outage.start.isoformat(timespec="seconds")}
    return Scene(moment, "health.status_changed", data, source=f"monitor/{region}")
