"""What one Stripe account holds: its objects as they are sent, its log of events, its time, its ids.

Objects are the documents themselves. Nothing is kept beside them that Stripe would not show, but for `marks`: what was
already announced.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from domain.clock import Clock
from tests.peers.stripe.refusals import Refusal, missing

Document = dict[str, Any]

API_VERSION = "2026-10-28.endive"
INLINE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Dunning:
    """When a failed renewal is tried again, in days after the failure before, and what the last failure leads to."""

    retry_days: tuple[int, ...] = (3, 5, 7)
    end: Literal["cancel", "mark_unpaid", "leave_past_due"] = "cancel"


@dataclass(slots=True, kw_only=True)
class Cause:
    """The request that is being answered; an event that nobody asked for has none."""

    id: str | None = None
    idempotency_key: str | None = None
    api_version: str = API_VERSION


@dataclass(slots=True)
class Account:
    """One account in test mode. Time goes as the clock goes, and things happen when `due.settle` is called."""

    clock: Clock
    dunning: Dunning = field(default_factory=Dunning)
    url: str = "https://peer.invalid"
    tables: dict[str, dict[str, Document]] = field(default_factory=dict)
    events: list[Document] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    cause: Cause = field(default_factory=Cause)
    touched: set[str] = field(default_factory=set)  # customers whose entitlements may have changed
    on_event: Callable[[Document], None] = lambda _: None
    time: int = 0
    _ids: Counter[str] = field(default_factory=Counter)
    _unborn: set[str] = field(default_factory=set)
    _telling: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.time = int(self.clock.now().timestamp())

    def now(self, owner: Document | None = None) -> int:
        """Say what time it is for this object: its test clock's, else the account's."""
        held_by = (owner or {}).get("test_clock")
        return int(self.tables["test_helpers.test_clock"][held_by]["frozen_time"]) if held_by else self.time

    def new_id(self, prefix: str) -> str:
        """Make an id: the same story makes the same ids."""
        self._ids[prefix] += 1
        return f"{prefix}_{self._ids[prefix]:06d}"

    def add(self, document: Document) -> Document:
        """Keep an object."""
        self.tables.setdefault(document["object"], {})[document["id"]] = document
        return document

    def all(self, kind: str) -> list[Document]:
        """List the objects of a kind, oldest first."""
        return list(self.tables.get(kind, {}).values())

    def find(self, kind: str, id: str) -> Document | None:
        """Give the object, or None."""
        return self.tables.get(kind, {}).get(id)

    def get(self, kind: str, id: str, *, param: str | None = None) -> Document:
        """Give the object, or refuse; `param` names the parameter that asked for it, without it the path did."""
        found = self.find(kind, id)
        if found is None or found.get("deleted"):
            raise missing(kind.rsplit(".", maxsplit=1)[-1], id, param=param or "id", status=400 if param else 404)
        return found

    def customer(self, id: str, *, param: str | None = None) -> Document:
        """Give a customer that is not deleted, or refuse."""
        return self.get("customer", id, param=param)

    @contextmanager
    def born(self, document: Document, event: str) -> Iterator[Document]:
        """Add an object; changes until the end of the block belong to its making, and one event tells of it."""
        self.add(document)
        self._unborn.add(document["id"])
        try:
            yield document
        finally:
            self._unborn.discard(document["id"])
        self.emit(event, document)

    @contextmanager
    def changing(self, document: Document, event: str | None = None) -> Iterator[Document]:
        """Tell what changed in an object, if anything did; within a change or a making of it, that one tells all."""
        id, inner = document["id"], document["id"] in self._telling
        before = copy.deepcopy(document)
        self._telling.add(id)
        try:
            yield document
        finally:
            if not inner:
                self._telling.discard(id)
        previous = _differences(before, document)
        if previous and (event or not inner) and id not in self._unborn:
            type = event or f"{_family(document)}.updated"
            self.emit(type, document, previous=previous if type.endswith(".updated") else None)

    def emit(self, type: str, document: Document, *, previous: Document | None = None) -> Document:
        """Write an event into the log and hand it to whoever delivers."""
        if document["object"] == "subscription":
            self.touched.add(document["customer"])
        data = {"object": told(document)} | ({} if previous is None else {"previous_attributes": previous})
        event = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": self.cause.api_version,
            "context": None,
            "created": self.time,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.cause.id, "idempotency_key": self.cause.idempotency_key},
            "type": type,
        }
        self.events.append(event)
        self.on_event(event)
        return event

    @contextmanager
    def undone_when_refused(self) -> Iterator[None]:
        """Leave nothing behind, no object and no event, when the block refuses."""
        kept = copy.deepcopy((self.tables, self.marks, self.touched, self._ids)), len(self.events)
        held, self.on_event = self.on_event, lambda _: None
        try:
            yield
        except Refusal:
            (self.tables, self.marks, self.touched, self._ids), length = kept
            del self.events[length:]
            raise
        finally:
            self.on_event = held
        for event in self.events[kept[1] :]:
            self.on_event(event)


def told(document: Document) -> Document:
    """Copy what is sent: of a subscription's items no more than ten, because the others are to be listed."""
    copied = copy.deepcopy(document)
    if copied["object"] == "list":
        copied["data"] = [told(member) for member in copied["data"]]
    items = copied.get("items") if copied["object"] == "subscription" else None
    if items is not None and len(items["data"]) > INLINE:
        items |= {"data": items["data"][:INLINE], "has_more": True}
    return copied


def _family(document: Document) -> str:
    kind: str = document["object"]
    return {"subscription": "customer.subscription"}.get(kind, kind)


def _differences(before: Document, after: Document) -> Document:
    """Give the values before of what differs; a nested object by its fields, a list as a whole."""
    changed: Document = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        nested = isinstance(old, dict) and isinstance(new, dict) and old.get("object") != "list"
        changed[name] = _differences(old, new) if nested and isinstance(old, dict) and isinstance(new, dict) else old
    return dict(sorted(changed.items()))
