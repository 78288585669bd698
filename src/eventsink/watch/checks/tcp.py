"""Connects to a port by TCP, and has a word with what listens there if it is told what to say and to expect."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

from eventsink.watch.check import Check, Down, Measurement
from eventsink.watch.connecting import Connection, connect, place, stream
from eventsink.watch.course import Course, course
from eventsink.watch.names import Family

LONGEST = 64 << 10  # bytes of an answer in which the expected text must come


@dataclass(frozen=True)
class Options:
    """Where to connect to, and what must be answered."""

    host: Annotated[str, "Name or address of the host.", msgspec.Meta(min_length=1)]
    port: Annotated[int, "Port.", msgspec.Meta(ge=1, le=65_535)]
    send: Annotated[str, "What is sent, as PING\\r\\n; it is shown nowhere."] = field(default="", repr=False)
    expect: Annotated[str, "Text that must come back, as PONG."] = ""
    family: Annotated[Family, "Which addresses of the host: any, ipv4 or ipv6."] = "any"


class Tcp(Check[Options]):
    """Connects to a port."""

    @property
    def target(self) -> str:
        """Host and port."""
        return place(self.options.host, self.options.port)

    async def measure(self) -> Measurement:
        """Connect once."""
        async with course(self) as run:
            connection = await stream(await connect(run, self.options.host, self.options.port, self.options.family))
            try:
                await self._talk(run, connection)
            except TimeoutError:
                raise
            except OSError:
                raise Down("reset", f"it hung up: {run.doing}.") from None
            finally:
                connection.close()
        return run.measurement()

    async def _talk(self, run: Course, connection: Connection) -> None:
        if self.options.send:
            run.doing = "it had not taken what is sent"
            connection.writer.write(self.options.send.encode())
            await connection.writer.drain()
        if self.options.expect:
            with run.phase("the expected text had not come", "answer_ms"):
                await _listen(connection.reader, self.options.expect.encode())


async def _listen(reader: asyncio.StreamReader, expected: bytes) -> None:
    heard = b""
    while expected not in heard:
        piece = await reader.read(LONGEST)
        heard += piece
        if not piece or len(heard) > LONGEST + len(expected):
            raise Down("content", f"the expected text is not in the {len(heard):,} bytes that it answers.")
