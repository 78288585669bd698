"""A believable month of Clowder life, and a trickle to go on with: for a first look, and for tests of scale.

In: a seed and a time. Out: events, the same for the same seed. Each day of the calendar is made on its own, so that two
months that overlap share their events, ids included, and playing them both doubles nothing.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from eventsink.event import Event, content_id, new_ids

__all__ = ["live", "month"]

DAYS = 30
BATCH = 500
HOST = "clowder.example.org"
SPAN = timedelta(days=1)


def month(seed: int, end: datetime) -> Iterator[list[Event]]:
    """The events of the 30 days before `end`, in the order of time, in batches.

    Args:
        seed: of all chance in it.
        end: the time of playing; no event is later, and all say that they were received then.
    """
    life = _Life(seed)
    end = end.astimezone(UTC)
    start = end - timedelta(days=DAYS)
    events = (event for event in life.events(start.date(), end) if start <= event.time <= end)
    while batch := list(islice(events, BATCH)):
        yield batch


def live(seed: int) -> Iterator[Event]:
    """Events that happen now, without end. Between two of them the caller waits for as long as he likes."""
    life = _Life(seed)
    chance = random.Random(f"{seed}/live")  # noqa: S311 - a play, not a secret
    acts: list[Iterator[_Scene]] = []
    while True:
        now = datetime.now(UTC)
        while len(acts) < 4:
            acts.append(life.act(now, chance))
        act = chance.choice(acts)
        scene = next(act, None)
        if scene is None:
            acts.remove(act)
        else:
            yield scene.event(new_ids(1, now)[0], now, now)


# --- who and what ----------------------------------------------------------------------------------------------------

_PEOPLE = (
    "Alice Okafor", "Bob Lindqvist", "Carmen Ruiz", "Daniel Weiss", "Elif Kaya", "Farid Haddad", "Grace Kim",
    "Hugo Martin", "Ines Carvalho", "Jonas Berg", "Kavita Rao", "Liam Murphy", "Mei Chen", "Nadia Petrova",
    "Omar Farouk", "Paula Novak", "Quentin Dubois", "Rosa Bianchi", "Samuel Osei", "Tara Singh", "Uma Patel",
    "Viktor Horvath",
)  # fmt: skip
_NEWCOMERS = ("Wei Zhang", "Ximena Flores", "Yusuf Demir", "Zoe Papadakis", "Adam Nowak", "Bianca Costa", "Dora Kiss")
_SPACES = ("Prairie Lab", "Soil Observatory", "River Chemistry", "Urban Heat", "Crop Imaging")
_TOPICS = (
    "Soil cores",
    "Drone flights",
    "Weather stations",
    "Water samples",
    "Leaf scans",
    "Thermal survey",
    "Yield maps",
)
_OFFSETS = (-6, 1)  # hours from UTC: Illinois, and a partner in Europe
_REGIONS = {"urbana": 4.0, "amsterdam": 104.0}  # the monitors, and the milliseconds from there


@dataclass(frozen=True)
class _Kind:
    """A kind of file: its name, its median size in bytes, and the extractors that read it."""

    name: str
    mime_type: str
    size: float
    extractors: tuple[str, ...]


_KINDS = (
    _Kind("DJI_{n:04}.JPG", "image/jpeg", 4.5e6, ("ncsa.image.preview", "ncsa.image.metadata")),
    _Kind("orthomosaic_{d}.tif", "image/tiff", 1.8e8, ("ncsa.image.preview", "terra.geotiff")),
    _Kind("soil-moisture_site{k:02}_{d}.csv", "text/csv", 3e5, ("ncsa.csv.stats",)),
    _Kind("station{k:02}_{d}.csv", "text/csv", 9e4, ("ncsa.csv.stats",)),
    _Kind("run{n:04}.nc", "application/x-netcdf", 6e7, ("siteA.netcdf.metadata",)),
    _Kind("plot-{k:02}.png", "image/png", 1.8e6, ("ncsa.image.preview",)),
    _Kind("lidar_tile_{k:02}.laz", "application/octet-stream", 2.4e8, ("ncsa.lidar.preview",)),
    _Kind("field notes {d}.pdf", "application/pdf", 1.2e6, ("ncsa.wordcount", "ncsa.pdf.preview")),
    _Kind("README_{n:04}.txt", "text/plain", 8e3, ("ncsa.wordcount",)),
)
_QUEUES = ("ncsa.image.preview", "ncsa.csv.stats", "ncsa.wordcount")
_FAILURES = ("Out of memory while reading the file.", "The file is truncated.", "No space left on device.")


@dataclass(frozen=True)
class _Person:
    """A user with habits."""

    id: str
    name: str
    offset: int
    space: int
    zeal: float


@dataclass(frozen=True)
class _File:
    """A file that was uploaded, and to where."""

    id: str
    name: str
    kind: _Kind
    bytes: int
    dataset: str
    dataset_name: str
    space: str
    person: _Person
    time: datetime
    first: bool


@dataclass(frozen=True)
class _Scene:
    """An event that has no id yet."""

    time: datetime
    type: str
    data: dict[str, Any]
    user: str | None = None
    subject: str | None = None
    source: str = HOST

    def event(self, event_id: str, when: datetime, received: datetime) -> Event:
        """The event."""
        return Event(
            id=event_id,
            source=self.source,
            type=self.type,
            time=when,
            received=received,
            data=self.data,
            user=self.user,
            subject=self.subject,
        )


@dataclass(frozen=True)
class _Outage:
    """A time in which the service did not answer, from some regions or all."""

    start: datetime
    end: datetime
    regions: tuple[str, ...]


class _Life:
    """What happens on each day of the calendar, for one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._files: dict[date, list[_File]] = {}
        chance = self._chance("people")
        self._spaces = [_id(chance) for _ in _SPACES]
        self._people = [self._person(name, chance) for name in _PEOPLE]

    def events(self, first: date, end: datetime) -> Iterator[Event]:
        """All events from a day on to a time, and some beyond them, in the order of time."""
        ahead: list[Event] = []
        day = first - SPAN  # evenings in Illinois belong to the next day of UTC
        while day <= end.date():
            ahead += [self._event(day, number, scene, end) for number, scene in enumerate(self._day(day))]
            ahead.sort(key=lambda event: event.time)
            day += SPAN
            midnight = _at(day)
            yield from (event for event in ahead if event.time < midnight)
            ahead = [event for event in ahead if event.time >= midnight]

    def act(self, now: datetime, chance: random.Random) -> Iterator[_Scene]:
        """Something that somebody does, or a round of checks."""
        shelf = self._shelf(now.date())
        if chance.random() < 0.15:
            return _round(now, (), chance)
        if chance.random() < 0.3:
            return _upload(chance.choice(shelf), chance)
        person = chance.choice([*self._at(now.date()), None, None, None])
        return _session(person, now, shelf, chance)

    def _chance(self, *topic: object) -> random.Random:
        return random.Random("/".join(map(str, (self._seed, *topic))))  # noqa: S311 - a play, not a secret

    def _event(self, day: date, number: int, scene: _Scene, received: datetime) -> Event:
        event_id = content_id({"demo": self._seed, "day": day.isoformat(), "number": number}, scene.time)
        return scene.event(event_id, scene.time, received)

    def _day(self, day: date) -> Iterator[_Scene]:
        outages = self._outages(day)
        down = [outage for outage in outages if len(outage.regions) == len(_REGIONS)]
        for scene in (*self._work(day), *self._visits(day), *self._upkeep(day)):
            if not any(outage.start <= scene.time <= outage.end for outage in down):
                yield scene
        yield from _checks(day, outages, self._chance(day, "checks"))

    # --- who is there ------------------------------------------------------------------------------------------------

    def _person(self, name: str, chance: random.Random) -> _Person:
        offset = chance.choice(_OFFSETS)
        return _Person(_id(chance), name, offset, chance.randrange(len(_SPACES)), chance.lognormvariate(0, 0.5))

    def _newcomer(self, day: date) -> _Person | None:
        chance = self._chance(day, "newcomer")
        return self._person(chance.choice(_NEWCOMERS), chance) if chance.random() < 0.12 else None

    def _at(self, day: date) -> list[_Person]:
        """The regular users, and those who came within a month."""
        recent = (self._newcomer(day - SPAN * ago) for ago in range(DAYS))
        return self._people + [person for person in recent if person]

    def _hours(self, person: _Person, day: date) -> tuple[datetime, timedelta] | None:
        """When somebody begins on a day, and how long it takes; most do not come on weekends."""
        chance = self._chance(day, person.id)
        if chance.random() > (0.12 if day.weekday() >= 5 else 0.8):
            return None
        begin = _at(day) + timedelta(hours=chance.gauss(9, 1) - person.offset)
        return begin, timedelta(hours=max(1.0, chance.gauss(8, 2)))

    def _outages(self, day: date) -> list[_Outage]:
        """One in ten days, on a day that nobody knows before."""
        block, place = divmod(day.toordinal(), 10)
        chance = self._chance(block, "outage")
        if place != chance.randrange(10):
            return []
        start = _at(day) + timedelta(minutes=chance.randrange(6 * 60, 22 * 60), seconds=chance.randrange(60))
        everywhere = chance.random() < 0.6
        regions = tuple(_REGIONS) if everywhere else (chance.choice(list(_REGIONS)),)
        return [_Outage(start, start + timedelta(minutes=chance.uniform(12, 90)), regions)]

    # --- what they do ------------------------------------------------------------------------------------------------

    def _shelf(self, day: date) -> list[_File]:
        """The files of the last days: what people look at."""
        return [file for ago in range(10) for file in self._uploaded(day - SPAN * ago)]

    def _uploaded(self, day: date) -> list[_File]:
        if day not in self._files:
            self._files[day] = [file for person in self._at(day) for file in self._uploads(person, day)]
        return self._files[day]

    def _uploads(self, person: _Person, day: date) -> Iterator[_File]:
        hours = self._hours(person, day)
        if hours is None:
            return
        chance = self._chance(day, person.id, "uploads")
        begin, length = hours
        while chance.random() < 0.4 * min(1.5, person.zeal):
            moment = begin + length * chance.random()
            space = person.space if chance.random() < 0.8 else chance.randrange(len(_SPACES))
            new = chance.random() < 0.35
            topic = chance.choice(_TOPICS)
            # A dataset that is there is one of a few of its space; a new one has a name and an id of its own.
            name = f"{topic} {day:%B %d}" if new else f"{topic} {day.year}"
            dataset = _id(chance) if new else _id(self._chance(space, name))
            kind = chance.choice(_KINDS)
            for number in range(1 + min(40, int(chance.expovariate(0.25)))):
                moment += timedelta(seconds=chance.uniform(2, 20))
                size = int(chance.lognormvariate(0, 0.8) * kind.size)
                file = kind.name.format(n=chance.randrange(10_000), k=chance.randrange(1, 49), d=day)
                first = new and number == 0
                yield _File(_id(chance), file, kind, size, dataset, name, self._spaces[space], person, moment, first)

    def _work(self, day: date) -> Iterator[_Scene]:
        for file in self._uploaded(day):
            yield from _upload(file, self._chance(day, file.id))
        shelf = self._shelf(day)
        for person in self._at(day):
            hours = self._hours(person, day)
            if hours is None:
                continue
            chance = self._chance(day, person.id, "sessions")
            for _ in range(1 + int(chance.expovariate(0.6 / person.zeal))):
                yield from _session(person, hours[0] + hours[1] * chance.random(), shelf, chance)

    def _visits(self, day: date) -> Iterator[_Scene]:
        """People without an account, somebody who makes one, and now and then a robot."""
        chance, shelf = self._chance(day, "visits"), self._shelf(day)
        for _ in range(int(chance.gauss(60, 12) * (0.6 if day.weekday() >= 5 else 1))):
            start = _at(day) + timedelta(hours=min(23.0, max(0.0, chance.gauss(16, 5))))
            yield from _session(None, start, shelf, chance)
        newcomer = self._newcomer(day)
        if newcomer:
            start = _at(day) + timedelta(hours=chance.uniform(8, 20))
            yield _Scene(start, "users.signup", {"method": "cilogon", "user_name": newcomer.name}, newcomer.id)
            yield from _session(newcomer, start + timedelta(minutes=1), shelf, chance)
        if day.toordinal() % 10 == self._seed % 10:
            yield from _robot(_at(day) + timedelta(hours=chance.uniform(1, 22)), shelf, chance)

    def _upkeep(self, day: date) -> Iterator[_Scene]:
        """What happens seldom: collections and spaces are made, files go to the archive and come back."""
        chance, shelf = self._chance(day, "upkeep"), self._shelf(day)
        noon = _at(day) + timedelta(hours=chance.uniform(14, 20))
        person = chance.choice(self._people)
        if chance.random() < 0.2:
            kind = "space" if chance.random() < 0.15 else "collection"
            made, name = _id(chance), f"{chance.choice(_TOPICS)} {day.year}"
            about = {"resource_type": kind, "resource_id": made, "resource_name": name}
            yield _Scene(noon, "storage.resource_created", about, person.id, f"{kind}s/{made}")
        night = _at(day) + timedelta(hours=3)
        for number, file in enumerate(chance.sample(shelf, min(len(shelf), 12)) if day.weekday() == 6 else ()):
            data = {"resource_type": "file", "resource_id": file.id, "resource_name": file.name, "bytes": file.bytes}
            yield _Scene(night + timedelta(seconds=number), "storage.resource_archived", data, None, f"files/{file.id}")
            if number == 0:
                yield _Scene(noon, "storage.resource_unarchived", data, person.id, f"files/{file.id}")


def _upload(file: _File, chance: random.Random) -> Iterator[_Scene]:
    """A file comes, with its dataset if that is new, and the extractors do their work."""
    user, place = file.person.id, {"dataset_id": file.dataset, "space_id": file.space}
    if file.first:
        data = {"resource_type": "dataset", "resource_id": file.dataset, "resource_name": file.dataset_name}
        created = file.time - timedelta(seconds=30)
        yield _Scene(
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
    yield _Scene(file.time, "storage.file_uploaded", named, user, f"files/{file.id}")
    yield _api(file.time, "POST", "/api/datasets/{id}/files", chance, user)
    for extractor in file.kind.extractors:
        yield from _job(extractor, file, chance)
    if chance.random() < 0.02:
        later = file.time + timedelta(minutes=chance.expovariate(1 / 90))
        yield _Scene(later, "storage.file_deleted", stored, user, f"files/{file.id}")


def _job(extractor: str, file: _File, chance: random.Random) -> Iterator[_Scene]:
    about = {
        "extractor": extractor,
        "job_id": _id(chance),
        "resource_type": "file",
        "resource_id": file.id,
        "resource_name": file.name,
        "dataset_id": file.dataset,
        "space_id": file.space,
    }

    def state(status: str, moment: datetime, **more: Any) -> _Scene:
        data = {"status": status, **about, **more}
        return _Scene(moment, "extractions.extraction_event", data, file.person.id, f"files/{file.id}")

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
        yield state("failed", ended, message=chance.choice(_FAILURES), **times)
    elif luck < 0.08:
        yield state("skipped", ended, message="Skipped in check_message", **times)
    else:
        yield state("done", ended, bytes=file.bytes, **times)


def _session(person: _Person | None, start: datetime, shelf: list[_File], chance: random.Random) -> Iterator[_Scene]:
    """Somebody comes, looks around, and fetches a file or a dataset."""
    user, moment = (person.id if person else None), start
    visit = {"session": f"{chance.getrandbits(64):016x}", "language": "de" if person and person.offset > 0 else "en-US"}
    if person:
        yield _Scene(moment, "users.login", {"method": "cilogon" if person.offset < 0 else "userpass"}, user)
    yield _Scene(moment, "traffic.page_view", {"url": f"https://{HOST}/", "title": "Clowder", **visit}, user)
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


def _look(kind: str, file: _File, moment: datetime, visit: dict[str, Any], user: str | None) -> Iterator[_Scene]:
    """The page of a file, or of its dataset."""
    resource, name = (file.id, file.name) if kind == "file" else (file.dataset, file.dataset_name)
    about = {"resource_type": kind, "resource_id": resource}
    page = {"url": f"https://{HOST}/{kind}s/{resource}", "title": name, **about, **visit}
    yield _Scene(moment, "traffic.page_view", page, user)
    where = {"dataset_id": file.dataset, "bytes": file.bytes} if kind == "file" else {}
    data = {**about, "resource_name": name, "space_id": file.space, **where, "access_method": "regular"}
    later = moment + timedelta(milliseconds=80)
    yield _Scene(later, "traffic.resource_viewed", data, user, f"{kind}s/{resource}")


def _download(file: _File, moment: datetime, user: str | None, method: str, chance: random.Random) -> _Scene:
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
    return _Scene(moment, "traffic.resource_downloaded", data, user, f"files/{file.id}")


def _fetch_dataset(file: _File, moment: datetime, user: str | None, chance: random.Random) -> _Scene:
    about = {"resource_type": "dataset", "resource_id": file.dataset, "resource_name": file.dataset_name}
    data = {**about, "space_id": file.space, "items": chance.randrange(1, 60), "access_method": "regular"}
    return _Scene(moment, "traffic.resource_downloaded", data, user, f"datasets/{file.dataset}")


def _robot(start: datetime, shelf: list[_File], chance: random.Random) -> Iterator[_Scene]:
    """A program that nobody knows takes all that it finds, several files a second."""
    moment = start
    for _ in range(chance.randrange(400, 900)):
        moment += timedelta(seconds=chance.expovariate(3))
        yield _download(chance.choice(shelf), moment, None, "machine", chance)


def _api(moment: datetime, method: str, route: str, chance: random.Random, user: str | None) -> _Scene:
    data = {
        "method": method,
        "route": route,
        "status": 500 if chance.random() < 0.003 else 200,
        "duration_ms": round(chance.lognormvariate(3.6, 0.7), 1),
        "bytes": int(chance.lognormvariate(7.5, 1)),
        "identity": "user" if user else "anonymous",
    }
    return _Scene(moment, "traffic.api_request", data, user)


# --- whether it is well ----------------------------------------------------------------------------------------------


def _checks(day: date, outages: list[_Outage], chance: random.Random) -> Iterator[_Scene]:
    """Every five minutes of a day, and what changes by an outage."""
    for number in range(288):
        moment = _at(day) + timedelta(minutes=5 * number, seconds=chance.uniform(0, 2))
        away = tuple(region for outage in outages if outage.start <= moment <= outage.end for region in outage.regions)
        scenes = list(_round(moment, away, chance))
        # Pings every time, the rest every second time: it is enough for a curve.
        yield from scenes if number % 2 else scenes[: len(_REGIONS)]
    for outage in outages:
        yield from (_changed(outage, region, up=up) for region in outage.regions for up in (False, True))


def _round(moment: datetime, away: tuple[str, ...], chance: random.Random) -> Iterator[_Scene]:
    """All checks at one moment; the pings first."""
    bustle = _bustle(moment)
    for region, distance in _REGIONS.items():
        yield _ping(moment, region, distance * (1 + 0.3 * bustle), chance, up=region not in away)
    for region, distance in _REGIONS.items():
        yield _homepage(moment, region, distance, chance, up=region not in away)
    for queue in _QUEUES[:2]:
        ready = int(chance.expovariate(1 / (0.5 + 12 * bustle)))
        data = {"queue": queue, "ready": ready, "unacknowledged": min(ready, 2), "consumers": 2, "region": "urbana"}
        yield _Scene(moment, "health.queue_update", data, source="monitor/urbana")
    requests = int(chance.gauss(300 + 4000 * bustle, 60)) if len(away) < len(_REGIONS) else 0
    data = {"target": HOST, "region": "urbana", "interval_s": 600.0, "requests": max(0, requests)}
    data |= {"clients": max(0, requests // 40), "bytes": max(0, requests) * 84_000, "active": max(1, requests // 200)}
    yield _Scene(moment, "health.connection_update", data, source="monitor/urbana")


def _ping(moment: datetime, region: str, distance: float, chance: random.Random, *, up: bool) -> _Scene:
    data: dict[str, Any] = {"target": HOST, "region": region, "check": "clowder", "up": up, "sent": 10}
    if up:
        trips = sorted(distance * (1 + chance.expovariate(12)) for _ in range(3))
        data |= {"loss_percent": 10.0 if chance.random() < 0.01 else 0.0}
        data |= {name: round(value, 2) for name, value in zip(("min_ms", "avg_ms", "max_ms"), trips, strict=True)}
    else:
        data |= {"loss_percent": 100.0, "message": "No answer to 10 packets."}
    return _Scene(moment, "health.ping_update", data, source=f"monitor/{region}")


def _homepage(moment: datetime, region: str, distance: float, chance: random.Random, *, up: bool) -> _Scene:
    data: dict[str, Any] = {"url": f"https://{HOST}/", "target": HOST, "region": region, "check": "homepage", "up": up}
    if up:
        phases = {
            "dns_ms": 2.0,
            "connect_ms": distance,
            "tls_ms": 2 * distance,
            "first_byte_ms": 60 + 220 * _bustle(moment),
        }
        phases |= {"transfer_ms": 2 * distance + 15}
        data |= {name: round(value * (1 + chance.expovariate(6)), 1) for name, value in phases.items()}
        size = 48_211
        data |= {"status": 200, "bytes": size, "bytes_per_second": round(size / data["transfer_ms"] * 1e3)}
    else:
        data |= {"message": "No connection within 10 seconds."}
    return _Scene(moment, "health.download_update", data, source=f"monitor/{region}")


def _changed(outage: _Outage, region: str, *, up: bool) -> _Scene:
    moment = outage.end if up else outage.start
    data = {"target": HOST, "region": region, "check": "clowder", "up": up}
    data |= {"message": "Answers again." if up else "No answer to 10 packets."}
    if up:
        data |= {"since": outage.start.isoformat(timespec="seconds")}
    return _Scene(moment, "health.status_changed", data, source=f"monitor/{region}")


def _bustle(moment: datetime) -> float:
    """How busy the service is, from 0 to 1: most in the afternoon of UTC, when both continents work."""
    hour = moment.hour + moment.minute / 60
    return max(0.0, 1 - abs(hour - 16) / 8) * (0.25 if moment.weekday() >= 5 else 1.0)


def _at(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _id(chance: random.Random) -> str:
    """An id as MongoDB makes them: 24 hexadecimal digits."""
    return f"{chance.getrandbits(96):024x}"
