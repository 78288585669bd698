"""Who lives in the made-up Clowder, and what they work with."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from eventsink.event import Event

DAYS = 30
HOST = "clowder.example.org"
SPAN = timedelta(days=1)


PEOPLE = (
    "Alice Okafor", "Bob Lindqvist", "Carmen Ruiz", "Daniel Weiss", "Elif Kaya", "Farid Haddad", "Grace Kim",
    "Hugo Martin", "Ines Carvalho", "Jonas Berg", "Kavita Rao", "Liam Murphy", "Mei Chen", "Nadia Petrova",
    "Omar Farouk", "Paula Novak", "Quentin Dubois", "Rosa Bianchi", "Samuel Osei", "Tara Singh", "Uma Patel",
    "Viktor Horvath",
)  # fmt: skip
NEWCOMERS = ("Wei Zhang", "Ximena Flores", "Yusuf Demir", "Zoe Papadakis", "Adam Nowak", "Bianca Costa", "Dora Kiss")
SPACES = ("Prairie Lab", "Soil Observatory", "River Chemistry", "Urban Heat", "Crop Imaging")
TOPICS = (
    "Soil cores",
    "Drone flights",
    "Weather stations",
    "Water samples",
    "Leaf scans",
    "Thermal survey",
    "Yield maps",
)
OFFSETS = (-6, 1)  # hours from UTC: Illinois, and a partner in Europe
# Where visitors are, with what they look at pages, and from where they come; the first are the most frequent.
COUNTRIES = ("US", "US", "US", "DE", "NL", "FR", "GB", "IN", "BR", "CN", "KE", "AU")
BROWSERS = (
    ("Chrome", "Windows", "desktop"), ("Firefox", "Linux", "desktop"), ("Safari", "Mac OS X", "desktop"),
    ("Edge", "Windows", "desktop"), ("Mobile Safari", "iOS", "mobile"), ("Chrome Mobile", "Android", "mobile"),
)  # fmt: skip
REFERRERS = ("https://www.google.com/", "https://doi.org/", "https://scholar.google.com/", "https://github.com/")
REGIONS = {"urbana": 4.0, "amsterdam": 104.0}  # the monitors, and the milliseconds from there


@dataclass(frozen=True)
class Kind:
    """A kind of file: its name, its median size in bytes, and the extractors that read it."""

    name: str
    mime_type: str
    size: float
    extractors: tuple[str, ...]


KINDS = (
    Kind("DJI_{n:04}.JPG", "image/jpeg", 4.5e6, ("ncsa.image.preview", "ncsa.image.metadata")),
    Kind("orthomosaic_{d}.tif", "image/tiff", 1.8e8, ("ncsa.image.preview", "terra.geotiff")),
    Kind("soil-moisture_site{k:02}_{d}.csv", "text/csv", 3e5, ("ncsa.csv.stats",)),
    Kind("station{k:02}_{d}.csv", "text/csv", 9e4, ("ncsa.csv.stats",)),
    Kind("run{n:04}.nc", "application/x-netcdf", 6e7, ("siteA.netcdf.metadata",)),
    Kind("plot-{k:02}.png", "image/png", 1.8e6, ("ncsa.image.preview",)),
    Kind("lidar_tile_{k:02}.laz", "application/octet-stream", 2.4e8, ("ncsa.lidar.preview",)),
    Kind("field notes {d}.pdf", "application/pdf", 1.2e6, ("ncsa.wordcount", "ncsa.pdf.preview")),
    Kind("README_{n:04}.txt", "text/plain", 8e3, ("ncsa.wordcount",)),
)
QUEUES = ("ncsa.image.preview", "ncsa.csv.stats", "ncsa.wordcount")
FAILURES = ("Out of memory while reading the file.", "The file is truncated.", "No space left on device.")


@dataclass(frozen=True)
class Person:
    """A user with habits."""

    id: str
    name: str
    offset: int
    space: int
    zeal: float


@dataclass(frozen=True)
class File:
    """A file that was uploaded, and to where."""

    id: str
    name: str
    kind: Kind
    bytes: int
    dataset: str
    dataset_name: str
    space: str
    space_name: str
    person: Person
    time: datetime
    first: bool


@dataclass(frozen=True)
class Scene:
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
class Outage:
    """A time in which the service did not answer, from some regions or all."""

    start: datetime
    end: datetime
    regions: tuple[str, ...]


def bustle(moment: datetime) -> float:
    """How busy the service is, from 0 to 1: most in the afternoon of UTC, when both continents work."""
    hour = moment.hour + moment.minute / 60
    return max(0.0, 1 - abs(hour - 16) / 8) * (0.25 if moment.weekday() >= 5 else 1.0)


def midnight(day: date) -> datetime:
    """The beginning of a day, in UTC."""
    return datetime.combine(day, time(), UTC)


def new_id(chance: random.Random) -> str:
    """An id as MongoDB makes them: 24 hexadecimal digits."""
    return f"{chance.getrandbits(96):024x}"
