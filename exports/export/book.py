"""A ledger's shards by where they stand: in memory for each look, on disk with each change."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from exports.export.ledger import Entry, Ledger, State, spent


class Book:
    """The shards of a ledger, which this process alone changes.

    Args:
        ledger: where each change is kept before it counts.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._in: dict[State, dict[str, Entry]] = {state: {} for state in State}
        for entry in ledger.entries():
            self._in[entry.state][entry.shard.name] = entry

    def __getitem__(self, state: State) -> Mapping[str, Entry]:
        """The shards in a state by their names; those that wait in the order they are to be begun."""
        return self._in[state]

    def all(self) -> list[Entry]:
        """Every shard."""
        return [entry for entries in self._in.values() for entry in entries.values()]

    def spent(self) -> tuple[list[tuple[int, float]], float]:
        """What they cost, as `exports.export.ledger.spent` tells it."""
        return spent(self.all())

    def used(self) -> float:
        """EECU-seconds of tasks that have ended."""
        done, lost = self.spent()
        return lost + sum(cost for _, cost in done)

    def change(self, entry: Entry, added: tuple[Entry, ...] = (), lost: dict[int, str] | None = None) -> None:
        """Enter how a shard stands, as `Ledger.record` does."""
        self._ledger.record(entry, added=added, lost=lost)
        for entries in self._in.values():
            entries.pop(entry.shard.name, None)
        self._in[entry.state][entry.shard.name] = entry
        if added:
            # First what a shard has become: whether it fits is known soonest so.
            self._in[State.WAITING] = {new.shard.name: new for new in added} | self._in[State.WAITING]

    def left(self, chosen: Collection[str]) -> bool:
        """Whether one of the shards, or of those named, is neither received nor given up."""
        return any(belongs(entry, chosen) for state in (State.WAITING, State.SUBMITTED, State.EXPORTED)
                   for entry in self._in[state].values())


def belongs(entry: Entry, chosen: Collection[str]) -> bool:
    """Whether a shard is one of those named, or a part of one: these add letters to its name; none named are all."""
    name = entry.shard.name
    return not chosen or any(name.startswith(whole) and set(name[len(whole):]) <= set("abm") for whole in chosen)
