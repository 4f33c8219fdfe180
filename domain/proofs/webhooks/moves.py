"""What can happen to a subscription at a processor, one change at a time. Pure.

Each move says when it may be made and writes the subscription as it is afterwards; `kinds` are the events that Stripe
sends for it, all with the same object.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from domain.proofs.webhooks import documents
from domain.proofs.webhooks.documents import DAY, PERIOD, Document

PRICES = ("price_prove_basic", "price_prove_pro", "price_prove_team", "price_prove_pack")
MOST_ITEMS = 3
MOST_SEATS = 40
BEHAVIORS = ("void", "keep_as_draft", "mark_uncollectible")

UPDATED = ("updated",)
DELETED = ("deleted",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One thing that can happen: `made` writes the subscription as it is after it has happened at a second."""

    name: str
    may: Callable[[Document], bool]
    made: Callable[[Document, random.Random, int], Document]
    kinds: tuple[str, ...] = UPDATED
    weight: int = 2


def possible(document: Document) -> list[Move]:
    """List what can happen next; nothing does once a subscription has ended."""
    return [] if document["ended_at"] is not None else [move for move in MOVES if move.may(document)]


def begun(id: str, customer: str, chance: random.Random, second: int) -> Document:
    """Write a new subscription with one to three items: on trial, paid at once, or waiting for its first payment."""
    prices = chance.sample(PRICES, chance.choice((1, 1, 1, 2, 3)))
    items = [_item(id, price, chance, second) for price in prices]
    status = chance.choice(("trialing", "active", "active", "incomplete"))
    return documents.subscription(id, customer, items, status=status, at=second)


def _item(id: str, price: str, chance: random.Random, second: int) -> Document:
    quantity = None if chance.random() < 0.05 else chance.randint(1, MOST_SEATS)  # noqa: PLR2004 - one in twenty is metered
    return documents.item(f"si_{id.removeprefix('sub_')}_{chance.getrandbits(32):08x}", price, quantity, start=second)


def _items(document: Document) -> list[Document]:
    found: list[Document] = document["items"]["data"]
    return found


def _with_items(document: Document, items: list[Document]) -> Document:
    return document | {"items": documents.listed(document["id"], items)}


def _status(*statuses: str) -> Callable[[Document], bool]:
    return lambda document: document["status"] in statuses


def _set(**changes: object) -> Callable[[Document, random.Random, int], Document]:
    return lambda document, _chance, _second: document | changes


def _period(document: Document, second: int) -> Document:
    following = {"current_period_start": second, "current_period_end": second + PERIOD}
    return _with_items(document, [written | following for written in _items(document)])


def _renewed(status: str) -> Callable[[Document, random.Random, int], Document]:
    return lambda document, _chance, second: _period(document, second) | {"status": status}


def _swapped(document: Document, chance: random.Random, _second: int) -> Document:
    """Give one item another price that the subscription does not have yet."""
    items = list(_items(document))
    number = chance.randrange(len(items))
    price = chance.choice([price for price in PRICES if all(price != written["price"]["id"] for written in items)])
    items[number] = items[number] | {"price": items[number]["price"] | {"id": price}}
    return _with_items(document, items)


def _counted(document: Document, chance: random.Random, _second: int) -> Document:
    items = list(_items(document))
    number = chance.randrange(len(items))
    items[number] = items[number] | {"quantity": chance.randint(0, MOST_SEATS)}
    return _with_items(document, items)


def _added(document: Document, chance: random.Random, second: int) -> Document:
    items = _items(document)
    price = chance.choice([price for price in PRICES if all(price != written["price"]["id"] for written in items)])
    made = _item(document["id"], price, chance, second)
    period = {name: items[0][name] for name in ("current_period_start", "current_period_end")}
    return _with_items(document, [*items, made | period])


def _removed(document: Document, chance: random.Random, _second: int) -> Document:
    items = list(_items(document))
    items.pop(chance.randrange(len(items)))
    return _with_items(document, items)


def _edited(document: Document, chance: random.Random, second: int) -> Document:
    """Change several things at once, as somebody at the dashboard does."""
    return _counted(_swapped(document, chance, second), chance, second) | {"metadata": {"note": f"edited at {second}"}}


def _noted(document: Document, chance: random.Random, _second: int) -> Document:
    return document | {"metadata": {"note": f"{chance.getrandbits(32):08x}"}}


def _pausing(document: Document, chance: random.Random, second: int) -> Document:
    resumes_at = chance.choice((None, second + 10 * DAY))
    return document | {"pause_collection": {"behavior": chance.choice(BEHAVIORS), "resumes_at": resumes_at}}


def _ending(document: Document, _chance: random.Random, second: int) -> Document:
    end = _items(document)[0]["current_period_end"]
    return document | {"cancel_at_period_end": True, "cancel_at": end, "canceled_at": second}


def _ending_on_a_day(document: Document, chance: random.Random, second: int) -> Document:
    return document | {"cancel_at": second + chance.randint(1, 90) * DAY, "canceled_at": second}


def _ended(document: Document, _chance: random.Random, second: int) -> Document:
    return document | {
        "status": "canceled",
        "ended_at": second,
        "canceled_at": document["canceled_at"] or second,
        "pause_collection": None,
    }


def _expired(document: Document, _chance: random.Random, second: int) -> Document:
    return document | {"status": "incomplete_expired", "ended_at": second}


_living = _status("trialing", "active", "past_due", "unpaid", "paused")
_paid = _status("trialing", "active")


def _free_price(document: Document) -> bool:
    return _living(document) and len(_items(document)) < len(PRICES)


def _ends(document: Document) -> bool:
    return document["cancel_at"] is not None


MOVES: tuple[Move, ...] = (
    Move(name="the first payment arrives", may=_status("incomplete"), made=_set(status="active"), weight=6),
    Move(name="the first payment never arrives", may=_status("incomplete"), made=_expired),
    Move(name="the trial ends and is paid", may=_status("trialing"), made=_renewed("active"), weight=4),
    Move(
        name="the trial ends without a card",
        may=_status("trialing"),
        made=_set(status="paused"),
        kinds=("paused", "updated"),
    ),
    Move(name="a paused one resumes", may=_status("paused"), made=_renewed("active"), kinds=("resumed", "updated")),
    Move(name="a renewal is paid", may=_status("active"), made=_renewed("active")),
    Move(name="a renewal fails", may=_status("active"), made=_renewed("past_due"), weight=4),
    Move(name="dunning recovers it", may=_status("past_due", "unpaid"), made=_set(status="active"), weight=3),
    Move(name="dunning gives up, unpaid", may=_status("past_due"), made=_set(status="unpaid")),
    Move(name="dunning gives up, canceled", may=_status("past_due", "unpaid"), made=_ended, kinds=DELETED, weight=1),
    Move(name="the plan is swapped", may=_free_price, made=_swapped, weight=3),
    Move(name="the quantity changes", may=_living, made=_counted, weight=4),
    Move(name="an item is added", may=lambda it: _free_price(it) and len(_items(it)) < MOST_ITEMS, made=_added),
    Move(name="an item is removed", may=lambda it: _living(it) and len(_items(it)) > 1, made=_removed),
    Move(name="the dashboard edits it", may=_free_price, made=_edited),
    Move(name="a note is changed", may=_living, made=_noted, weight=1),
    Move(name="collection is paused", may=lambda it: _paid(it) and not it["pause_collection"], made=_pausing),
    Move(
        name="collection goes on",
        may=lambda it: it["pause_collection"] is not None,
        made=_set(pause_collection=None),
        weight=3,
    ),
    Move(name="it is to end with its period", may=lambda it: _living(it) and not _ends(it), made=_ending),
    Move(name="it is to end on a day", may=lambda it: _living(it) and not _ends(it), made=_ending_on_a_day, weight=1),
    Move(
        name="the end is taken back",
        may=_ends,
        made=_set(cancel_at=None, cancel_at_period_end=False, canceled_at=None),
        weight=3,
    ),
    Move(name="its end has come", may=_ends, made=_ended, kinds=DELETED),
    Move(name="it is canceled now", may=_living, made=_ended, kinds=DELETED, weight=1),
)
