"""Addresses are secrets: no part of one is in any log, row, reason or answer, whatever fails."""

import logging
from typing import Any

import pytest
import structlog
from apprise.url import URLBase

from eventsink import logs
from eventsink.settings import Alerts
from eventsink.watch.alerts import outbox
from eventsink.watch.alerts.channels import open_channels
from tests.secrets import CORE
from tests.servers import faults
from tests.servers.process import free_ports
from tests.servers.smtp import MailServer
from tests.watch.alerts.telling import Receiver, hush, notice, opened, put, sending, until

ADDRESSES = (
    f"http://us3r{CORE}:{CORE}@127.0.0.1:{{port}}/{CORE}/x?y={CORE}",
    f"json://us3r{CORE}:{CORE}@127.0.0.1:{{port}}/{CORE}/x?+X-A={CORE}&-y={CORE}&:z={CORE}&rto=0.5",
    f"form://us3r{CORE}:{CORE}@127.0.0.1:{{port}}/{CORE}?rto=0.5",
    f"gotify://127.0.0.1:{{port}}/{CORE}/tok{CORE}?rto=0.5",
    f"mailto://us3r{CORE}:{CORE}@127.0.0.1:{{port}}?mode=insecure&from=a{CORE}@ex.org&to=b{CORE}@ex.org&cto=0.5",
    f"ntfy://us3r{CORE}:{CORE}@127.0.0.1:{{port}}/topic{CORE}?rto=0.5",
    f"matrix://us3r{CORE}:{CORE}@127.0.0.1:{{port}}/#room{CORE}?rto=0.5",
    f"rocket://us3r{CORE}:{CORE}@127.0.0.1:{{port}}/#room{CORE}?rto=0.5",
)
ECHO = f"400 No {CORE}\r\n\r\nno {CORE} of us3r{CORE} at /{CORE}/x?y={CORE}"
FAULTS = {
    "refused": None,
    "reset": faults.reset(),
    "hangs": hush,
    "echoes": Receiver(ECHO),
    "500": Receiver("500 Oops"),
    "moved": Receiver(f"302 Moved\r\nLocation: http://127.0.0.2:1/{CORE}"),
    "mail": MailServer(("AUTH", f"535 no us3r{CORE}")),
    "mail to nobody": MailServer(("RCPT", f"550 no b{CORE}@ex.org")),
    "nonsense": faults.answer(b"", f"{CORE}\r\n\x00"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_no_part_of_an_address_is_ever_shown(fault, tmp_path, caplog, capfd, monkeypatch):
    monkeypatch.setattr(URLBase, "throttle", lambda *_, **__: None)  # it waits for seconds between two messages
    for name in (None, "apprise", "urllib3", "requests", "aiohttp", "asyncio"):
        caplog.set_level(logging.DEBUG - 1, name)
    logs.configure()
    behave = FAULTS[fault]
    shown: list[object] = []
    async with opened(tmp_path) as file, faults.serving(behave or hush) as serving:
        port = serving if behave else free_ports(1)[0]
        notify = [address.format(port=port) for address in ADDRESSES]
        channels: Any = open_channels(Alerts(notify=notify))
        for channel in channels.values():
            channel._within = min(channel._within, 3.0)
        async with sending(file, channels) as sender:
            await put(file, [notice(1)], list(sender.state()))
            sender.wake()
            tests = await sender.test()
            shown += [tests, *tests]
            if fault != "hangs":
                await until(lambda: len(sender.concerns()) == len(ADDRESSES))
            shown += [sender.state(), sender.concerns(), sender._channels, [lane._channel for lane in sender._lanes]]
            shown += [vars(lane).keys() for lane in sender._lanes]
            listed = await file.run(outbox.listed)
            shown += [listed, await file.run(outbox.counts)]
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    everything = " ".join(map(repr, shown)) + caplog.text + "".join(capfd.readouterr()) + files.decode(errors="replace")
    where = everything.lower().find(CORE.lower())
    assert where < 0, everything[max(where - 300, 0) : where + 300]
    assert "us3r" not in everything and "@ex.org" not in everything
    assert "127.0.0.1" not in " ".join(map(repr, shown))
    assert all(tests.values()), tests
    structlog.reset_defaults()
