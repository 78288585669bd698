"""COUNTER counted once more by the rules of docs/counter.md, in plain Python over a list of events, without SQL."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from eventsink.event import Event
from eventsink.store.counter import Rules
from eventsink.store.counter.period import bounds

NOBODY = {"", "anonymous", "0" * 24}
ENDS = ("done", "skipped", "failed", "cancelled")


class Access(NamedTuple):
    time: datetime
    place: int
    who: tuple[Any, ...]
    session: tuple[Any, ...]
    link: tuple[Any, ...]
    dataset: str
    method: str
    request: bool
    country: str
    bytes: int | None
    nobody: bool


def count(
    events: Iterable[Event], month: str, rules: Rules, datasets: Mapping[str, str]
) -> tuple[dict[tuple[str, str], dict[str, Any]], Counter[str]]:
    """The metrics by dataset and access method, and how many events were excluded, by the reason."""
    ordered = list(events)
    zone = ZoneInfo(rules.zone)
    excluded: Counter[str] = Counter()
    groups: defaultdict[tuple[Any, ...], list[Access]] = defaultdict(list)
    homes = first_datasets(ordered, month, rules, datasets)
    jobs = runs(ordered, month, rules)
    for place, event in enumerate(ordered):
        if rules.sources and event.source not in rules.sources:
            continue
        if event.type not in ("traffic.resource_viewed", "traffic.resource_downloaded", "traffic.page_view"):
            continue
        found = judged(place, event, rules, zone, homes, jobs)
        if isinstance(found, Access):
            groups[found.who, found.link].append(found)
        elif month_of(event.time, zone) == month:
            excluded[found] += 1
    kept = []
    for group in groups.values():
        group.sort(key=lambda access: (access.time, access.place))
        for access, after in zip(group, [*group[1:], None], strict=True):
            within = timedelta(seconds=1 if access.nobody and rules.anonymous == "separate" else 30)
            repeated = after is not None and after.time - access.time <= within
            if month_of(access.time, zone) == month:
                if repeated:
                    excluded["double_click"] += 1
                else:
                    kept.append(access)
    return metrics(kept), excluded


def judged(  # noqa: C901 - one rule after the other, as they are written
    place: int, event: Event, rules: Rules, zone: ZoneInfo, homes: Mapping[str, str], jobs: list[tuple[Any, ...]]
) -> Access | str:
    """The access that an event is, or why it is none."""
    data = event.data
    kind, request = data.get("resource_type"), event.type == "traffic.resource_downloaded"
    of_a_site = bool(data.get("visitor")) and event.source.startswith("http") and data.get("http_status") is None
    tracked = event.type == "traffic.page_view" or of_a_site
    if kind not in ("dataset", "file", "folder"):
        return "other_resource"
    if request:
        believed = tracked == (rules.downloads == "tracker")
    elif rules.views == "tracker":
        believed = event.type == "traffic.page_view"
    else:
        believed = not tracked
    if not believed:
        return "other_teller"
    good = (200, 304, 206) if rules.partial == "first" and request else (200, 304)
    if data.get("http_status", 200) not in good:
        return "unsuccessful"
    user = event.user if event.user and event.user.lower() not in NOBODY else None
    if user in rules.internal_users:
        return "internal"
    if data.get("robot") or data.get("device") == "robot":
        return "robot"
    local = event.time.astimezone(zone)
    hour = (local.date(), local.hour, local.utcoffset())
    who: tuple[Any, ...]
    session: tuple[Any, ...]
    visitor, sid = data.get("visitor"), data.get("session")
    if user:
        who, session = ("user", user), hour
    elif visitor and rules.visitor == "cookie" and not tracked:
        who, session = ("cookie", visitor), hour
    elif sid and not tracked:
        who, session = ("session", sid), (local.date(),) if rules.session_slice == "day" else hour
    elif visitor or sid:
        who, session = ("hash", visitor or sid, hour), hour
    elif rules.anonymous == "exclude":
        return "anonymous"
    elif rules.anonymous == "separate":
        who, session = ("nobody", event.source), (place,)
    else:
        who, session = ("nobody", event.source, hour), hour
    resource = data.get("resource_id")
    method = data.get("access_method") or ("machine" if data.get("device") == "tool" else "regular")
    if request and any(
        run[0] == (kind, resource) and run[1] == user and run[2] <= event.time <= run[3] for run in jobs
    ):
        if rules.extractor_downloads == "exclude":
            return "extractor"
        method = "machine"
    dataset = data.get("dataset_id")
    if kind == "dataset":
        dataset = resource or dataset
    elif kind == "file" and not dataset:
        dataset = homes.get(resource)
    if not dataset:
        return "no_dataset"
    url = data.get("url", "").split("?")[0] if event.type == "traffic.page_view" else ""
    link = (request, kind, resource or data.get("resource_name"), url)
    country = data.get("country", "").upper()
    size = data.get("bytes")
    return Access(
        event.time, place, who, (who, session), link, dataset, method, request, country, size, who[0] == "nobody"
    )


def metrics(kept: list[Access]) -> dict[tuple[str, str], dict[str, Any]]:
    """The numbers of each dataset and access method."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for key in sorted({(access.dataset, access.method) for access in kept}):
        here = sorted((a for a in kept if (a.dataset, a.method) == key), key=lambda a: (a.time, a.place))
        requests = [access for access in here if access.request]
        last = {access.session: access.country for access in here}
        last_request = {access.session: access.country for access in requests}
        found[key] = {
            "counts": [len(here), len(last), len(requests), len(last_request), sum(a.bytes or 0 for a in requests)],
            "unique_volume": sum(size or 0 for _, _, size in {(a.session, a.link, a.bytes) for a in requests}),
            "countries": (
                known(Counter(access.country for access in here)),
                known(Counter(last.values())),
                known(Counter(access.country for access in requests)),
                known(Counter(last_request.values())),
            ),
        }
    return found


def known(countries: Counter[str]) -> dict[str, int]:
    return {country: number for country, number in sorted(countries.items()) if country not in ("", "XX")}


def first_datasets(events: list[Event], month: str, rules: Rules, datasets: Mapping[str, str]) -> dict[str, str]:
    """The dataset of each file: as the caller knows it, else as the earliest event says."""
    zone = ZoneInfo(rules.zone)
    homes: dict[str, str] = {}
    for event in sorted(events, key=lambda event: event.time):  # which leaves those of one moment in their order
        of_month = month_of(event.time, zone) == month or month_of(event.time - timedelta(seconds=30), zone) == month
        if event.type == "storage.file_uploaded":
            file = event.data.get("file_id")
        elif event.type.startswith("traffic.") and of_month and event.data.get("resource_type") == "file":
            file = event.data.get("resource_id") if not rules.sources or event.source in rules.sources else None
        else:
            continue
        if file and event.data.get("dataset_id"):
            homes.setdefault(file, event.data["dataset_id"])
    return homes | dict(datasets)


def runs(events: list[Event], month: str, rules: Rules) -> list[tuple[Any, ...]]:
    """For each job of an extractor its resource, its user, its begin and its end."""
    if rules.extractor_downloads == "count":
        return []
    zone = ZoneInfo(rules.zone)
    begin, end = bounds(month, zone)
    since = begin - timedelta(seconds=max(7 * 86_400, rules.extraction_s))
    until = end + timedelta(days=7, seconds=30)
    jobs: defaultdict[Any, list[Event]] = defaultdict(list)
    for place, event in enumerate(events):
        if event.type == "extractions.extraction_event" and since <= event.time < until:
            jobs[event.data.get("job_id", place)].append(event)
    found = []
    for steps in jobs.values():
        ends = [step.time for step in steps if step.data["status"] in ENDS]
        by_what: defaultdict[Any, list[datetime]] = defaultdict(list)
        for step in steps:
            if step.data["status"] not in ENDS and step.user and step.data.get("resource_id"):
                by_what[(step.data["resource_type"], step.data["resource_id"]), step.user].append(step.time)
        for (resource, user), times in by_what.items():
            last = max(ends) + timedelta(seconds=5) if ends else min(times) + timedelta(seconds=rules.extraction_s)
            found.append((resource, user, min(times), last))
    return found


def month_of(time: datetime, zone: ZoneInfo) -> str:
    return time.astimezone(zone).strftime("%Y-%m")
