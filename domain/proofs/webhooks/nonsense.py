"""What a processor would never send, and what is sent when something is broken or somebody has the secret. Pure.

All are about a subscription that grants nothing. A body claims that it does only where the fault lies in what a grant
is read from: the status, the prices, the quantities, a pause, an end.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.proofs.webhooks import documents
from domain.proofs.webhooks.documents import Document

DEEP = 100_000
DIGITS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonsense:
    """A body that is to be signed, what is wrong with it, and the subscription that it claims to grant something."""

    name: str
    body: bytes
    claimed: str | None = None


def nonsense_about(subscriptions: Sequence[Document], *, created: int) -> Iterator[Nonsense]:
    """Yield bodies about as many subscriptions as `SUBSCRIPTIONS` says, none of which grants anything.

    Each claim has a subscription of its own, so that none hides another.
    """
    plain, *claimed = subscriptions
    yield from _raw(_event(plain, created, "raw"))
    for number, (name, changes) in enumerate(_envelopes(plain).items()):
        yield Nonsense(name=name, body=documents.body(_event(plain, created, f"envelope{number}") | changes))
    for name in ("id", "type", "created", "data"):
        left = {key: value for key, value in _event(plain, created, f"no_{name}").items() if key != name}
        yield Nonsense(name=f"no {name}", body=documents.body(left))
    for number, (name, changed) in enumerate(_others(plain).items()):
        yield Nonsense(name=name, body=documents.body(_event(changed, created, f"object{number}")))
    for document, (name, change) in zip(claimed, CLAIMS.items(), strict=True):
        event = _event(change(_granting(document)), created, "claim")
        yield Nonsense(name=name, body=documents.body(event), claimed=document["id"])


def _event(document: Document, created: int, name: str) -> Document:
    id = f"evt_{document['id']}_{name}"
    return documents.event(id, "customer.subscription.updated", document, created=created, before=None, old=False)


def _granting(document: Document) -> Document:
    return document | {"status": "active"}


def _item(**changes: Any) -> Callable[[Document], Document]:
    """Change the item of a subscription."""

    def changed(document: Document) -> Document:
        items = document["items"]
        return document | {"items": items | {"data": [items["data"][0] | changes]}}

    return changed


def _field(**changes: Any) -> Callable[[Document], Document]:
    return lambda document: document | changes


CLAIMS: Mapping[str, Callable[[Document], Document]] = {
    "a status that is an object": _field(status={"active": True}),
    "a status that is a list": _field(status=["active"]),
    "a status that nobody knows": _field(status="jubilant"),
    "items that are text": _field(items="many"),
    "an item without a price": _field(items={"object": "list", "data": [{"id": "si_1"}]}),
    "a price that is a list": _item(price=["price_prove_pro"]),
    "a quantity that is text": _item(quantity="many"),
    "a quantity below zero": _item(quantity=-5),
    "a quantity beyond every integer": _item(quantity=10**30),
    "a quantity that is a fraction": _item(quantity=2.5),
    "a pause that is text": _field(pause_collection="yes"),
    "an end that is text": _field(ended_at="yesterday"),
}
SUBSCRIPTIONS = 1 + len(CLAIMS)


def _envelopes(document: Document) -> Mapping[str, Document]:
    return {
        "an id that is a number": {"id": 7},
        "an id that is empty": {"id": ""},
        "an id as long as a book": {"id": "evt_" + "x" * 100_000},
        "a type that is a list": {"type": ["customer.subscription.updated"]},
        "a type that nobody knows": {"type": "customer.subscription.levitated"},
        "a time that is text": {"created": "yesterday"},
        "a time before all times": {"created": -(10**15)},
        "a time after all times": {"created": 10**18},
        "a time that is a fraction": {"created": 1.5e9 + 0.5},
        "livemode that is text": {"livemode": "no"},
        "data that is null": {"data": None},
        "an object that is a list": {"data": {"object": [document]}},
        "an object that is another thing": {"data": {"object": {"id": "in_1", "object": "invoice"}}},
    }


def _others(document: Document) -> Mapping[str, Document]:
    return {
        "a status that is a number": document | {"status": 7},
        "items that are null": document | {"items": None},
        "an item that is null": document | {"items": document["items"] | {"data": [None]}},
        "a period that is text": _item(current_period_end="soon")(document),
        "a period after all times": _item(current_period_end=10**17)(document),
        "a customer that is a number": document | {"customer": 5},
        "no customer": document | {"customer": None},
    }


def _raw(event: Document) -> Iterator[Nonsense]:
    """Yield what no JSON library writes."""
    text = json.dumps(event)
    raw = {
        "nothing": b"",
        "no JSON": b"id=evt_1&type=customer.subscription.updated",
        "null": b"null",
        "a number": b"42",
        "a list": b"[]",
        "not UTF-8": b'{"id": "\xff\xfe"}',
        "JSON cut in the middle": text[: len(text) // 2].encode(),
        "a status twice": text.replace('"status": ', '"status": "active", "status": ', 1).encode(),
        "a key twice in the envelope": text.replace("{", '{"type": "ping", ', 1).encode(),
        "a number with thousands of digits": text.replace('"quantity": ', f'"quantity": {"9" * DIGITS}', 1).encode(),
        "a number that is none": text.replace('"quantity": ', '"quantity": NaN, "was": ', 1).encode(),
        "a number beyond all numbers": text.replace('"quantity": ', '"quantity": 1e999, "was": ', 1).encode(),
        "a lone surrogate": text.replace('"metadata": {}', r'"metadata": {"note": "\ud800"}', 1).encode(),
        "a character that ends text": text.replace('"metadata": {}', r'"metadata": {"note": "\u0000"}', 1).encode(),
        "nested deeply": text.replace('"metadata": {}', f'"metadata": {"[" * DEEP}{"]" * DEEP}', 1).encode(),
    }
    for number, (name, body) in enumerate(raw.items()):
        yield Nonsense(name=name, body=body.replace(event["id"].encode(), f"{event['id']}{number}".encode()))
