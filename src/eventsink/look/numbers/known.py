"""What ids are called in one report: what the file of people says, what events say, and what Clowder says beside."""

from collections.abc import Iterable

import msgspec

from eventsink.look.numbers.clowder_names import ClowderNames
from eventsink.look.numbers.names import find_all_names
from eventsink.look.numbers.people import People, Person
from eventsink.store import Store

__all__ = ["Known"]


class Known:
    """Names of one report.

    Args:
        store: has the events.
        people: the file of them.
        clowder: is asked for what nobody else says; None: nobody is asked.
    """

    def __init__(self, store: Store, people: People, clowder: ClowderNames | None = None) -> None:
        self._store = store
        self._clowder = clowder
        self._people = dict(people.by_id)
        self._notes = dict.fromkeys([people.trouble] if people.trouble else [])
        self.of_people = bool(people.by_id or clowder)

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be learned, and why."""
        return tuple(self._notes)

    def person(self, user: str | None) -> Person:
        """What is known of a user, be it nothing."""
        return self._people.get(user or "", Person())

    async def meet(self, users: Iterable[str | None]) -> None:
        """Ask for users of whom the file of people does not say all."""
        if self._clowder is None:
            return
        wanted = {user for user in users if user and not all(msgspec.structs.astuple(self.person(user)))}
        found, note = await self._clowder.learn("user", wanted)
        self._note(note)
        for user, said in found.items():
            mine = self.person(user)
            self._people[user] = Person(
                name=mine.name or said.name,
                email=mine.email or said.email,
                institution=mine.institution or said.institution,
            )

    async def names(self, column: str, ids: Iterable[str | None]) -> dict[str, str]:
        """The names of ids of a column; who has none is left out.

        Raises:
            StoreUnavailable: it cannot answer now.
        """
        wanted = {one for one in ids if one is not None}
        found = await find_all_names(self._store, column, wanted)
        if column == "user":
            found |= {user: name for user in wanted if (name := self.person(user).name)}
        if self._clowder is not None and (missing := wanted - set(found)):
            said, note = await self._clowder.learn(column, missing)
            self._note(note)
            found |= {one: entry.name for one, entry in said.items() if entry.name}
        return found

    def _note(self, note: str) -> None:
        if note:
            self._notes[note] = None
