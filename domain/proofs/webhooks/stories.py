"""What a processor went through, from a seed: every subscription at every instant, and the events it sent. Pure.

Instants are whole milliseconds of the processor's clock since 1970; events tell whole seconds of it, as Stripe's do.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import pairwise

from domain.proofs.webhooks import documents, moves
from domain.proofs.webhooks.documents import DAY, Document

MS = 1000
STRAGGLING_SHARE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An event: when it is sent at the earliest, and as what."""

    id: str
    type: str
    subscription: str
    at: int
    document: Document  # the subscription that it carries, in the present shape
    event: Document

    @property
    def body(self) -> bytes:
        """Write the event down as it is sent."""
        return documents.body(self.event)

    @property
    def second(self) -> int:
        """Tell what the event calls its time."""
        return self.at // MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one subscription: what happened, and the whole subscription from then on.

    `shows`: what its events carry where that is not the subscription as it is, but as it was before it ended.
    """

    why: str
    subscription: str
    at: int
    document: Document
    kinds: tuple[str, ...]
    old: bool
    shows: Document | None = None

    @property
    def carried(self) -> Document:
        """Tell what its events carry."""
        return self.document if self.shows is None else self.shows

    def notices(self, before: Document | None) -> list[Notice]:
        """Write the events that tell of it; their ids say nothing of their order."""
        return [self._notice(kind, before) for kind in self.kinds]

    def _notice(self, kind: str, before: Document | None) -> Notice:
        origin = f"{self.subscription}|{self.at}|{kind}"
        id, type = f"evt_{sha256(origin.encode()).hexdigest()[:24]}", f"customer.subscription.{kind}"
        event = documents.event(id, type, self.carried, created=self.at // MS, before=before, old=self.old)
        return Notice(
            id=id,
            type=type,
            subscription=self.subscription,
            at=self.at,
            document=self.carried,
            event=event,
        )


@dataclass(frozen=True, kw_only=True)
class Story:
    """Everything that happened to one customer's subscriptions, in order."""

    name: str
    customer: str
    changes: tuple[Change, ...]

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """List the subscriptions, the first one first."""
        return tuple(dict.fromkeys(change.subscription for change in self.changes))

    @property
    def begins_at(self) -> int:
        """Tell when the first thing happened."""
        return self.changes[0].at

    @property
    def ends_at(self) -> int:
        """Tell when the last thing happened."""
        return self.changes[-1].at

    @cached_property
    def notices(self) -> tuple[Notice, ...]:
        """List every event in the order of what it tells."""
        latest: dict[str, Document] = {}
        found: list[Notice] = []
        for change in self.changes:
            found.extend(change.notices(latest.get(change.subscription)))
            latest[change.subscription] = change.document
        return tuple(found)

    def truth(self, subscription: str, at: int) -> Document | None:
        """Answer as the processor would at this instant; None before the subscription was made."""
        told = [change for change in self.changes if change.subscription == subscription and change.at <= at]
        return told[-1].document if told else None

    def without(self, change: Change) -> "Story":
        """Tell the same without one change; what comes first of a subscription makes it, whatever it was.

        What does not end has no stragglers either.
        """
        ends = change.document["ended_at"] is not None and change.shows is None
        left = [
            other
            for other in self.changes
            if other is not change
            and not (ends and other.subscription == change.subscription and other.shows is not None)
        ]
        firsts = {other.subscription: other for other in reversed(left)}
        return replace(
            self,
            changes=tuple(
                replace(other, kinds=("created",)) if firsts[other.subscription] is other else other for other in left
            ),
        )

    def lines(self) -> list[str]:
        """Tell the story to a person, one line a change."""
        ends = [0, *(after.at - before.at for before, after in pairwise(self.changes))]
        return [
            f"+{waited / MS:.3f} s  {change.subscription}: {change.why}"
            for waited, change in zip(ends, self.changes, strict=True)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How stories are told. With `ties`, different states may share a second. The last `live` changes come close.

    With `stragglers`, events that are dated after an end show the subscription as it was before.
    """

    length: int
    subscriptions: int = 3
    ties: bool = True
    live: int = 0
    stragglers: bool = False


def tell(seed: str, shape: Shape, *, customer: str, name: str, ends_at: int) -> Story:
    """Tell the story of a seed, so that its last change lies within the second of `ends_at`.

    The same seed and shape tell the same, whatever the names and whenever it ends.
    """
    span = _Teller(seed, shape, customer, name, begins_at=0).told().ends_at
    return _Teller(seed, shape, customer, name, begins_at=(ends_at - span) // MS * MS).told()


class _Teller:
    """Goes from change to change."""

    def __init__(self, seed: str, shape: Shape, customer: str, name: str, *, begins_at: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a story is no secret
        self._shape = shape
        self._customer = customer
        self._name = name
        self._now = begins_at
        self._changes: list[Change] = []
        self._latest: dict[str, Document] = {}
        self._lived: dict[str, Document] = {}
        # An endpoint is of one version, or is brought to another in the middle of it all.
        self._old = self._chance.choice((0.0, 0.0, 0.5, 1.0))

    def told(self) -> Story:
        while len(self._changes) < self._shape.length:
            if self._changes:
                self._now += self._gap()
            self._go_on()
        return Story(name=self._name, customer=self._customer, changes=tuple(self._changes))

    def _gap(self) -> int:
        """Wait: within the second, a few seconds, hours or days."""
        near = self._shape.length - len(self._changes) <= self._shape.live
        kind = self._chance.choice(("tie", "near") if near else ("tie", "near", "hours", "days", "days"))
        within = self._chance.randrange(MS)
        left = MS - 1 - self._now % MS
        if kind == "tie" and self._shape.ties and left:
            return 1 + within % left
        seconds = {"hours": self._chance.randint(60, DAY), "days": self._chance.randint(1, 40) * DAY}
        return left + 1 + MS * (seconds.get(kind) or self._chance.choice((0, 0, 1, 4))) + within

    def _go_on(self) -> None:
        ended = [id for id, document in self._latest.items() if document["ended_at"] is not None]
        if self._shape.stragglers and ended and self._chance.random() < STRAGGLING_SHARE:
            id = self._chance.choice(ended)
            shows = self._lived[id]
            self._remember("news from before its end", id, self._latest[id], ("updated",), shows=shows)
            return
        living = [id for id, document in self._latest.items() if moves.possible(document)]
        room = len(self._latest) < self._shape.subscriptions
        # Most customers have one subscription, and little is learned where most of it is beginnings.
        if not living or (room and self._chance.random() < 1 / self._shape.length):
            self._begin()
        else:
            id = self._chance.choice(living)
            choices = moves.possible(self._latest[id])
            [move] = self._chance.choices(choices, [move.weight for move in choices])
            document = move.made(self._latest[id], self._chance, self._now // MS)
            self._remember(move.name, id, document, move.kinds)

    def _begin(self) -> None:
        id = f"sub_{self._name}_{len(self._latest) + 1}"
        document = moves.begun(id, self._customer, self._chance, self._now // MS)
        self._remember(f"it is made, {document['status']}", id, document, ("created",))

    def _remember(
        self, why: str, id: str, document: Document, kinds: Sequence[str], *, shows: Document | None = None
    ) -> None:
        old = self._chance.random() < self._old
        self._latest[id] = document
        if document["ended_at"] is None:
            self._lived[id] = document
        self._changes.append(
            Change(why=why, subscription=id, at=self._now, document=document, kinds=tuple(kinds), old=old, shows=shows)
        )
