"""Questions to the sink itself, for the checks that look at its numbers."""

from typing import Any
from urllib.parse import urlencode

from eventsink.watch.check import Down, Site, Unknown
from eventsink.watch.fetch import fetch_json

__all__ = ["ask"]


async def ask(site: Site, path: str, **query: Any) -> dict[str, Any]:
    """What the sink answers.

    Raises:
        Unknown: nobody has said which sink, or it does not answer: that says nothing of what is asked about.
    """
    if not site.sink:
        raise Unknown("rights", "It is not known which sink to ask: monitor.url names it.")
    address = f"{site.sink.rstrip('/')}{path}?{urlencode({k: v for k, v in query.items() if v is not None})}"
    try:
        return await fetch_json(address, site.timeout, {"x-api-key": site.key} if site.key else {})
    except Down as error:
        remedy = " Give monitor.key the scope read: `eventsink keys create --scope ingest --scope read`."
        raise Unknown(error.reason, f"The sink: {error.message}{remedy if error.reason == 'rights' else ''}") from error
