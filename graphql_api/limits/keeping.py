"""What was prepared once and is asked for again. Bounded, and not to be emptied by what is asked for only once."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How often something was found and not found, and how much there is."""

    hits: int
    misses: int
    size: int


class Keeping(Generic[K, V]):
    """Two lists of the recently used: newcomers push out newcomers, and what was found again stays with its like.

    Whoever sends ever new documents, each once, drives nobody's out that is in use.
    """

    def __init__(self, *, newcomers: int, regulars: int) -> None:
        self._newcomers: OrderedDict[K, V] = OrderedDict()
        self._regulars: OrderedDict[K, V] = OrderedDict()
        self._sizes = (newcomers, regulars)
        self._hits = self._misses = 0

    def find(self, key: K) -> V | None:
        """Give what is kept under a key, and keep it longer for having been asked for."""
        found = self._regulars.get(key)
        if found is not None:
            self._regulars.move_to_end(key)
        elif (found := self._newcomers.pop(key, None)) is not None:
            _put(self._regulars, key, found, self._sizes[1])
        else:
            self._misses += 1
            return None
        self._hits += 1
        return found

    def keep(self, key: K, value: V) -> None:
        """Keep something that was not found."""
        _put(self._newcomers, key, value, self._sizes[0])

    def told(self) -> Kept:
        """Say how well it works."""
        return Kept(hits=self._hits, misses=self._misses, size=len(self._newcomers) + len(self._regulars))

    def clear(self) -> None:
        """Forget everything."""
        self._newcomers.clear()
        self._regulars.clear()
        self._hits = self._misses = 0


def _put(kept: OrderedDict[K, V], key: K, value: V, size: int) -> None:
    kept[key] = value
    if len(kept) > size:
        kept.popitem(last=False)
