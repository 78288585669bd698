"""`eventsink api`: the HTTP API alone."""

from eventsink import assemble
from eventsink.cli.options import Host, Port, configured, listening, new_app
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def api(settings: Settings, host: Host = None, port: Port = None) -> None:
    """Run the HTTP API alone, until Ctrl-C: any number of them, on any number of machines, beside one `serve`."""
    assemble.api(listening(settings, host, port))
