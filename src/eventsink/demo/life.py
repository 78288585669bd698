"""What happens on each day of the calendar."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from eventsink.demo.cast import (
    DAYS,
    KINDS,
    NEWCOMERS,
    OFFSETS,
    PEOPLE,
    REGIONS,
    SPACES,
    SPAN,
    TOPICS,
    File,
    Outage,
    Person,
    Scene,
    midnight,
    new_id,
)
from eventsink.demo.scenes import (
    checks,
    robot,
    round_of_checks,
    session,
    upload,
)
from eventsink.event import Event, content_id

__all__ = ["Life"]


class Life:
    """What happens on each day of the calendar, for one seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._files: dict[date, list[File]] = {}
        chance = self._chance("people")
        self._spaces = [new_id(chance) for _ in SPACES]
        self._people = [self._person(name, chance) for name in PEOPLE]

    def events(self, first: date, end: datetime) -> Iterator[Event]:
        """All events from a day on to a time, and some beyond them, in the order of time."""
        ahead: list[Event] = []
        day = first - SPAN  # evenings in Illinois belong to the next day of UTC
        while day <= end.date():
            ahead += [self._event(day, number, scene, end) for number, scene in enumerate(self._day(day))]
            ahead.sort(key=lambda event: event.time)
            day += SPAN
            until = midnight(day)
            yield from (event for event in ahead if event.time < until)
            ahead = [event for event in ahead if event.time >= until]

    def act(self, now: datetime, chance: random.Random) -> Iterator[Scene]:
        """Something that somebody does, or a round of checks."""
        shelf = self._shelf(now.date())
        if chance.random() < 0.15:
            return round_of_checks(now, (), chance)
        if chance.random() < 0.3:
            return upload(chance.choice(shelf), chance)
        person = chance.choice([*self._there(now.date()), None, None, None])
        return session(person, now, shelf, chance)

    def _chance(self, *topic: object) -> random.Random:
        return random.Random("/".join(map(str, (self._seed, *topic))))  # noqa: S311 - a play, not a secret

    def _event(self, day: date, number: int, scene: Scene, received: datetime) -> Event:
        event_id = content_id({"demo": self._seed, "day": day.isoformat(), "number": number}, scene.time)
        return scene.event(event_id, scene.time, received)

    def _day(self, day: date) -> Iterator[Scene]:
        outages = self._outages(day)
        down = [outage for outage in outages if len(outage.regions) == len(REGIONS)]
        for scene in (*self._work(day), *self._visits(day), *self._upkeep(day)):
            if not any(outage.start <= scene.time <= outage.end for outage in down):
                yield scene
        yield from checks(day, outages, self._chance(day, "checks"))

    # --- who is there ------------------------------------------------------------------------------------------------

    def _person(self, name: str, chance: random.Random) -> Person:
        offset = chance.choice(OFFSETS)
        return Person(new_id(chance), name, offset, chance.randrange(len(SPACES)), chance.lognormvariate(0, 0.5))

    def _newcomer(self, day: date) -> Person | None:
        chance = self._chance(day, "newcomer")
        return self._person(chance.choice(NEWCOMERS), chance) if chance.random() < 0.12 else None

    def _there(self, day: date) -> list[Person]:
        """The regular users, and those who came within a month."""
        recent = (self._newcomer(day - SPAN * ago) for ago in range(DAYS))
        return self._people + [person for person in recent if person]

    def _hours(self, person: Person, day: date) -> tuple[datetime, timedelta] | None:
        """When somebody begins on a day, and how long it takes; most do not come on weekends."""
        chance = self._chance(day, person.id)
        if chance.random() > (0.12 if day.weekday() >= 5 else 0.8):
            return None
        begin = midnight(day) + timedelta(hours=chance.gauss(9, 1) - person.offset)
        return begin, timedelta(hours=max(1.0, chance.gauss(8, 2)))

    def _outages(self, day: date) -> list[Outage]:
        """One in ten days, on a day that nobody knows before."""
        block, place = divmod(day.toordinal(), 10)
        chance = self._chance(block, "outage")
        if place != chance.randrange(10):
            return []
        start = midnight(day) + timedelta(minutes=chance.randrange(6 * 60, 22 * 60), seconds=chance.randrange(60))
        everywhere = chance.random() < 0.6
        regions = tuple(REGIONS) if everywhere else (chance.choice(list(REGIONS)),)
        return [Outage(start, start + timedelta(minutes=chance.uniform(12, 90)), regions)]

    # --- what they do ------------------------------------------------------------------------------------------------

    def _shelf(self, day: date) -> list[File]:
        """The files of the last days: what people look at."""
        return [file for ago in range(10) for file in self._uploaded(day - SPAN * ago)]

    def _uploaded(self, day: date) -> list[File]:
        if day not in self._files:
            self._files[day] = [file for person in self._there(day) for file in self._uploads(person, day)]
        return self._files[day]

    def _uploads(self, person: Person, day: date) -> Iterator[File]:
        hours = self._hours(person, day)
        if hours is None:
            return
        chance = self._chance(day, person.id, "uploads")
        begin, length = hours
        while chance.random() < 0.4 * min(1.5, person.zeal):
            moment = begin + length * chance.random()
            space = person.space if chance.random() < 0.8 else chance.randrange(len(SPACES))
            new = chance.random() < 0.35
            topic = chance.choice(TOPICS)
            # A dataset that is there is one of a few of its space; a new one has a name and an id of its own.
            name = f"{topic} {day:%B %d}" if new else f"{topic} {day.year}"
            dataset = new_id(chance) if new else new_id(self._chance(space, name))
            kind = chance.choice(KINDS)
            for number in range(1 + min(40, int(chance.expovariate(0.25)))):
                moment += timedelta(seconds=chance.uniform(2, 20))
                size = int(chance.lognormvariate(0, 0.8) * kind.size)
                file = kind.name.format(n=chance.randrange(10_000), k=chance.randrange(1, 49), d=day)
                first = new and number == 0
                yield File(
                    new_id(chance),
                    file,
                    kind,
                    size,
                    dataset,
                    name,
                    self._spaces[space],
                    SPACES[space],
                    person,
                    moment,
                    first,
                )

    def _work(self, day: date) -> Iterator[Scene]:
        for file in self._uploaded(day):
            yield from upload(file, self._chance(day, file.id))
        shelf = self._shelf(day)
        for person in self._there(day):
            hours = self._hours(person, day)
            if hours is None:
                continue
            chance = self._chance(day, person.id, "sessions")
            for _ in range(1 + int(chance.expovariate(0.6 / person.zeal))):
                yield from session(person, hours[0] + hours[1] * chance.random(), shelf, chance)

    def _visits(self, day: date) -> Iterator[Scene]:
        """People without an account, somebody who makes one, and now and then a robot."""
        chance, shelf = self._chance(day, "visits"), self._shelf(day)
        for _ in range(int(chance.gauss(60, 12) * (0.6 if day.weekday() >= 5 else 1))):
            start = midnight(day) + timedelta(hours=min(23.0, max(0.0, chance.gauss(16, 5))))
            yield from session(None, start, shelf, chance)
        newcomer = self._newcomer(day)
        if newcomer:
            start = midnight(day) + timedelta(hours=chance.uniform(8, 20))
            yield Scene(start, "users.signup", {"method": "cilogon", "user_name": newcomer.name}, newcomer.id)
            yield from session(newcomer, start + timedelta(minutes=1), shelf, chance)
        if day.toordinal() % 10 == self._seed % 10:
            yield from robot(midnight(day) + timedelta(hours=chance.uniform(1, 22)), shelf, chance)

    def _upkeep(self, day: date) -> Iterator[Scene]:
        """What happens seldom: collections and spaces are made, files go to the archive and come back."""
        chance, shelf = self._chance(day, "upkeep"), self._shelf(day)
        noon = midnight(day) + timedelta(hours=chance.uniform(14, 20))
        person = chance.choice(self._people)
        if chance.random() < 0.2:
            kind = "space" if chance.random() < 0.15 else "collection"
            made, name = new_id(chance), f"{chance.choice(TOPICS)} {day.year}"
            about = {"resource_type": kind, "resource_id": made, "resource_name": name}
            yield Scene(noon, "storage.resource_created", about, person.id, f"{kind}s/{made}")
        night = midnight(day) + timedelta(hours=3)
        for number, file in enumerate(chance.sample(shelf, min(len(shelf), 12)) if day.weekday() == 6 else ()):
            data = {"resource_type": "file", "resource_id": file.id, "resource_name": file.name, "bytes": file.bytes}
            yield Scene(night + timedelta(seconds=number), "storage.resource_archived", data, None, f"files/{file.id}")
            if number == 0:
                yield Scene(noon, "storage.resource_unarchived", data, person.id, f"files/{file.id}")
