"""A process that sends what is in an outbox, and is killed in between.

python -m tests.watch.alerts.dying before|after FILE URL
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from eventsink.settings import Alerts
from eventsink.watch.alerts import outbox
from eventsink.watch.alerts.channel import Message
from eventsink.watch.alerts.file import AlertFile
from eventsink.watch.alerts.sender import Sender
from eventsink.watch.alerts.text import Texts
from eventsink.watch.alerts.webhook import Webhook


class Dying(Webhook):
    """Dies before or after it has sent something."""

    when = ""

    async def send(self, message: Message) -> None:
        """Send, and die."""
        if self.when == "after":
            await super().send(message)
        os.kill(os.getpid(), signal.SIGKILL)


async def main(when: str, path: str, url: str) -> None:
    """Send until that is over."""
    channel = Dying("http-0000", url)
    channel.when = when
    file = AlertFile(Path(path), outbox.SCHEMA)
    await Sender(file, {channel.label: channel}, Texts(Alerts()), Alerts()).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
