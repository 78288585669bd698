"""What the tests of checks share: both event loops, an authority that is trusted, and a check that is run once."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from eventsink.watch import certificates
from tests.servers.faults import Authority

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine, on the loop of the standard library and on that of production."""

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            return runner.run(work)

    return run


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of our own."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def servers(authority: Authority) -> dict[str, ssl.SSLContext]:
    """Servers with certificates, by what is to be said of them."""
    names = ("DNS:localhost", "IP:127.0.0.1")
    return {
        "good": authority.context(*names),
        "soon": authority.context(*names, days=5),
        "expired": authority.context(*names, days=-3),
        "early": authority.context(*names, begin=2),
        "other": authority.context("DNS:other.example"),
        "self-signed": authority.context(*names, signed=False),
    }


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our authority is one of the system."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    certificates._context.cache_clear()
    return authority.file
