"""A Flask application whose requests are counted: `flask --app flask_app run` runs it."""

from flask import Flask

from eventsink import SinkService
from eventsink.client.wsgi import WsgiTracker

sink = SinkService()  # EVENTSINK_URL and EVENTSINK_KEY say where to; without them it does nothing
app = Flask(__name__)
app.wsgi_app = WsgiTracker(app.wsgi_app, sink)  # type: ignore[method-assign]


@app.get("/files/<file_id>")
def show_file(file_id: str) -> dict[str, str]:
    """A page of a file."""
    sink.traffic.resource_viewed(resource_type="file", resource_id=file_id, user="64a000000000000000000004")
    return {"id": file_id}
