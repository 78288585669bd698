"""`eventsink serve`: API, store and pages, with the workers in processes of their own."""

from eventsink import assemble
from eventsink.cli.options import Host, Port, configured, listening, new_app
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def serve(settings: Settings, host: Host = None, port: Port = None) -> None:
    """Run API, store and pages on the configured exchange, until Ctrl-C, and keep the accounts of all workers.

    There is one of these. Other destinations are delivered to by `eventsink worker`.
    """
    assemble.serve(listening(settings, host, port))
