"""What a person must know of the numbers, in sentences: beneath a table, or on a page."""

from collections.abc import Iterator

from eventsink.store.counter import Usage

__all__ = ["footnotes"]

_EXCLUDED = {
    "double_click": "followed by the same of the same user within 30 seconds",
    "robot": "of robots",
    "unsuccessful": "not answered with success",
    "internal": "of users whose use is internal",
    "extractor": "downloads by extractors",
    "other_teller": "told a second time, by the server or by pages",
    "other_resource": "of what is no dataset: collections, spaces and other pages",
    "no_dataset": "of files of which no dataset is known",
    "anonymous": "of nobody known",
}


def footnotes(usage: Usage, *, volume: bool) -> Iterator[str]:
    """Sentences on what was counted, what was not, and what is a lower bound.

    Args:
        volume: whether the report has bytes, of which there may be something to say.
    """
    noted = {name: sum(getattr(month.noted, name) for month in usage.months) for name in _NOTED}
    yield (
        f"{noted['counted']:,} of {noted['accesses']:,} views and downloads were counted, by months and hours of"
        f" {usage.rules.zone}."
    )
    if usage.first is not None and usage.months[0].begin < usage.first:
        yield f"The first event is of {usage.first:%Y-%m-%d %H:%M} UTC: what was before it is not known."
    excluded = {name: sum(getattr(month.excluded, name) for month in usage.months) for name in _EXCLUDED}
    told = [f"{number:,} {_EXCLUDED[name]}" for name, number in excluded.items() if number]
    if told:
        yield f"Not counted: {'; '.join(told)}."
    if number := noted["nobody"]:
        yield f"{number:,} came with neither user, session nor visitor: unique counts are lower bounds."
    if number := noted["unclassified"]:
        yield f"Of {number:,} nothing tells whether a person or a program asked: they count as regular."
    if volume and (number := noted["sizes_unknown"]):
        yield f"Of {number:,} downloads the size is unknown: the volume is a lower bound."


_NOTED = ("accesses", "counted", "nobody", "unclassified", "sizes_unknown")
