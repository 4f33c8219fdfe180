"""`expand[]`: references become the objects they name, and what is only told when asked for is told."""

import copy

from tests.peers.stripe import checkout, invoices
from tests.peers.stripe.account import Account, Document, told
from tests.peers.stripe.forms import Paged
from tests.peers.stripe.operations import whole
from tests.peers.stripe.refusals import Refusal

DEEPEST = 4
PREFIXES = {
    "cus": "customer",
    "sub": "subscription",
    "in": "invoice",
    "pm": "payment_method",
    "pi": "payment_intent",
    "prod": "product",
    "price": "price",
    "feat": "entitlements.feature",
    "clock": "test_helpers.test_clock",
}


def expanded(account: Account, document: Document, paths: list[str]) -> Document:
    """Give the document with these paths expanded, and itself untouched.

    Raises:
        Refusal: a path leads nowhere, or deeper than four levels.
    """
    shown = told(document)
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST + (steps[0] == "data"):
            raise Refusal(f"You cannot expand more than {DEEPEST} levels of a property.", param="expand")
        _expand(account, shown, steps, path)
    return shown


def _expand(account: Account, place: Document, steps: list[str], path: str) -> None:
    step, rest = steps[0], steps[1:]
    if step not in place or (place[step] is None and (place.get("object", ""), step) in _HIDDEN):
        place[step] = _hidden(account, place, step, path)
    value = place[step]
    if isinstance(value, str) and value.split("_", 1)[0] in PREFIXES:
        referred = account.find(PREFIXES[value.split("_", 1)[0]], value)
        value = place[step] = told(referred) if referred else value
    elif not rest and not isinstance(value, dict | list) and value is not None:
        raise _impossible(path)
    for below in value if isinstance(value, list) else [value]:
        if rest and isinstance(below, dict):
            _expand(account, below, rest, path)


def _hidden(account: Account, place: Document, step: str, path: str) -> object:
    answer = _HIDDEN.get((place.get("object", ""), step))
    if answer is None:
        raise _impossible(path)
    return answer(account, place)


def _impossible(path: str) -> Refusal:
    return Refusal(f"This property cannot be expanded ({path}).", param="expand")


def _confirmation(account: Account, invoice: Document) -> Document | None:
    paid_with = invoices.payment_of(account, invoice)
    return paid_with and {"client_secret": paid_with[1]["client_secret"], "type": "payment_intent"}


def _payments(account: Account, invoice: Document) -> Document:
    held = [payment for payment in account.all("invoice_payment") if payment["invoice"] == invoice["id"]]
    return whole(copy.deepcopy(held), url=f"/v1/invoice_payments?invoice={invoice['id']}")


def _subscriptions(account: Account, customer: Document) -> Document:
    held = [
        subscription
        for subscription in account.all("subscription")
        if subscription["customer"] == customer["id"] and subscription["status"] != "canceled"
    ]
    return whole(map(told, held), url=f"/v1/customers/{customer['id']}/subscriptions")


def _line_items(account: Account, session: Document) -> Document:
    return copy.deepcopy(checkout.line_items(account, Paged(limit=100), session["id"]))


_HIDDEN = {
    ("invoice", "confirmation_secret"): _confirmation,
    ("invoice", "payments"): _payments,
    ("customer", "subscriptions"): _subscriptions,
    ("checkout.session", "line_items"): _line_items,
}
