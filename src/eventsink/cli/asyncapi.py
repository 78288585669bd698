"""`eventsink asyncapi`: the exchange on RabbitMQ as an AsyncAPI document."""

from eventsink.assemble.exchanges import destinations
from eventsink.cli.options import configured, new_app
from eventsink.cli.screen import print_json
from eventsink.collect.asyncapi import asyncapi as document
from eventsink.settings import Settings

app = new_app()


@app.command()
@configured
def asyncapi(settings: Settings) -> None:
    """Print what programs in any language publish into RabbitMQ, and read there, as an AsyncAPI 3 document.

    It follows from the settings; no sink needs to run. A running one has it at /asyncapi.json.
    """
    print_json(document(settings, destinations(settings)))
