"""What waits for queues that take nothing while others do: a quorum queue without a majority confirms no message.

Bound, it would hold up every publication for ever. So what a front door publishes meanwhile goes to the others, and
waits here, on disk, for each such queue: as the same messages, with the same ids, so that one that was in it already is
counted once.
"""

import itertools
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec
import structlog

from eventsink.amqp import Message, MessageService
from eventsink.causes import why
from eventsink.durable import Codec, Spooler, SpoolFile
from eventsink.errors import BrokerUnavailable, DataDirectoryInUse, ExchangeUnavailable
from eventsink.exchange.rabbitmq.dead_queue import PREFIX

__all__ = ["KIND", "Aside"]

KIND = (
    "eventsink-kind"  # header of a message that goes to one queue in the place of the exchange: its routing key there
)
NAME = "aside-"  # what the name of a file begins with

_log = structlog.get_logger(__name__)


class Aside:
    """The files of one front door, one a queue, and what forwards them.

    Args:
        service: to publish with.
        folder: where the files are, and those that the process before has left.
        answers: whether the queue of a worker takes messages again.
        most_bytes: of a file; beyond, the front door takes nothing more.
    """

    def __init__(
        self, service: MessageService, folder: Path, answers: Callable[[str], Awaitable[bool]], most_bytes: int
    ) -> None:
        self._service = service
        self._folder = folder
        self._answers = answers
        self._most_bytes = most_bytes
        self._spoolers: dict[str, list[Spooler[Message]]] = {}  # of a worker the last takes more; others were left here
        self._kept: set[str] = set()
        for path in sorted(folder.glob(f"{NAME}*.db")):
            try:
                self._open(unquote(path.stem.removeprefix(NAME).rpartition(".")[0]), path)
            except (DataDirectoryInUse, ExchangeUnavailable) as error:  # another front door has it, or it is damaged
                _log.warning("aside.not_opened", path=str(path), reason=why(error))

    @property
    def kept(self) -> frozenset[str]:
        """The workers for which messages are kept now."""
        return frozenset(self._kept)

    def waiting(self, worker: str) -> int:
        """How many messages wait for a worker here."""
        return sum(spooler.file.events for spooler in self._spoolers.get(worker, ()))

    def begin(self, worker: str) -> None:
        """Keep from now on what a worker should get.

        Raises:
            ExchangeUnavailable: the disk does not let us.
        """
        if worker not in self._spoolers:
            self._open(worker, self._free_path(worker))
        self._spoolers[worker][-1].away = True  # no caller waits until it is seen again that it does not answer
        self._kept.add(worker)

    def end(self, worker: str) -> None:
        """Keep no more, for its queue answers and is bound; what is here is forwarded."""
        self._kept.discard(worker)

    async def keep(self, worker: str, messages: Sequence[Message]) -> None:
        """Make messages of the exchange durable for one worker.

        Raises:
            ExchangeFull: its file has reached its size.
            ExchangeUnavailable: the disk takes nothing.
        """
        await self._spoolers[worker][-1].publish([_alone(message, worker) for message in messages])

    async def forget(self, worker: str) -> None:
        """Throw away what waits for a worker that nobody needs any more."""
        self._kept.discard(worker)
        for spooler in self._spoolers.pop(worker, ()):
            await spooler.finish()
            _remove(spooler.file.path)
            await spooler.file.close()

    async def close(self) -> None:
        """Finish what is under way; what is left waits for the next start. Safe to call twice."""
        spoolers, self._spoolers = self._spoolers, {}
        for spooler in itertools.chain.from_iterable(spoolers.values()):
            await spooler.finish()
            if not spooler.file.events:
                _remove(spooler.file.path)  # while its lock is held
            await spooler.file.close()

    def _open(self, worker: str, path: Path) -> None:
        async def publish(messages: Sequence[Message]) -> None:
            if not await self._answers(worker):  # published all the same, it would hold up all that is on its way
                raise BrokerUnavailable(f"The queue {PREFIX}{worker} does not answer: it has no majority.")
            await self._service.publish_all(messages)

        file = SpoolFile(path, Codec(msgspec.msgpack.encode, msgspec.msgpack.Decoder(list[Message]).decode))
        self._spoolers.setdefault(worker, []).append(Spooler(publish, file, self._most_bytes))

    def _free_path(self, worker: str) -> Path:
        """Of two front doors with one data directory each has its own file."""
        number = 1
        while (path := self._folder / f"{NAME}{quote(worker, safe='')}.{number}.db").exists():
            number += 1
        return path


def _alone(message: Message, worker: str) -> Message:
    headers = {**(message.headers or {}), KIND: message.routing_key}
    return msgspec.structs.replace(message, exchange="", routing_key=PREFIX + worker, headers=headers)


def _remove(path: Path) -> None:
    for gone in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), path.with_suffix(".lock")):
        gone.unlink(missing_ok=True)
