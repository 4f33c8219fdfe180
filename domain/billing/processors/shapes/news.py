"""What Stripe's events tell: one reader for each type that means something here."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from domain.billing.processors import Event, News
from domain.billing.processors.news import (
    CheckoutCompleted,
    CustomerChange,
    CustomerTold,
    EntitlementsTold,
    InvoiceOutcome,
    InvoiceTold,
    ObjectNamed,
    SubscriptionTold,
    SubscriptionTouched,
)
from domain.billing.processors.refusals import IncompleteEvent
from domain.billing.processors.shapes import envelopes
from domain.billing.processors.shapes.parts import Reference, Seconds, Shape, Text, id_of, instant, unreadable
from domain.billing.processors.shapes.subscriptions import snapshot

NAMED = {
    "invoice.paid": "invoice",
    "invoice.payment_failed": "invoice",
    "checkout.session.completed": "checkout.session",
}
"""The events whose objects an adapter can fetch where they are only named, and what those are called."""

Reader = Callable[[str, dict[str, Any]], News | None]


class _Details(Shape):
    subscription: Reference | None = None


class _Parent(Shape):
    subscription_details: _Details | None = None


class _Invoice(_Details):
    """An invoice; its subscription stands in `parent`, or, as older endpoints send it, on the invoice itself."""

    id: Text
    customer: Reference
    attempt_count: Annotated[int, Field(ge=0)] = 0
    next_payment_attempt: Seconds | None = None
    parent: _Parent | None = None

    @property
    def of_subscription(self) -> str | None:
        details = self.parent.subscription_details if self.parent else None
        found = (details.subscription if details else None) or self.subscription
        return None if found is None else id_of(found)


class _Session(_Details):
    id: Text
    mode: Text
    customer: Reference | None = None


class _Customer(Shape):
    id: Text


class _Entitlement(Shape):
    feature: Reference
    lookup_key: Text


class _Entitlements(Shape):
    data: list[_Entitlement]
    has_more: bool = False


class _Summary(Shape):
    object: Literal["entitlements.active_entitlement_summary"]
    customer: Text
    entitlements: _Entitlements


class _Schedule(_Details):
    customer: Reference


def news(event: Event) -> News | None:
    """Read what an event tells; None when nothing here reads its type.

    A thin event tells which subscription was touched, or which customer was deleted; of what else it only names the
    object. All but the customer is to be fetched.

    Raises:
        UnreadableEvent: its object has none of the shapes that we know.
    """
    if envelopes.thin(event):
        return _thin(event)
    reader = READERS.get(event.type)
    try:
        return None if reader is None else reader(event.type, event.payload["data"]["object"])
    except ValidationError as error:
        raise unreadable(error) from None


def _thin(event: Event) -> News | None:
    about = envelopes.related(event)
    if about is None:
        return None
    if (about.type, event.type) == ("customer", f"v1.customer.{CustomerChange.DELETED}"):
        return CustomerTold(change=CustomerChange.DELETED, processor_id=about.id)
    if about.type == "subscription":
        return SubscriptionTouched(processor_id=about.id, customer_processor_id=None)
    if NAMED.get(event.type.removeprefix(envelopes.OF_VERSION)) == about.type:
        return ObjectNamed(kind=about.type, processor_id=about.id)
    return None


def _subscription(type: str, document: dict[str, Any]) -> News:
    try:
        return SubscriptionTold(type=type, snapshot=snapshot(document))
    except IncompleteEvent as incomplete:
        return SubscriptionTouched(
            processor_id=incomplete.processor_id, customer_processor_id=incomplete.customer_processor_id
        )


def entitlement(document: dict[str, Any]) -> tuple[str, str]:
    """Read one active entitlement: its feature's id and lookup key.

    Raises:
        UnreadableEvent: it has not the shape that we know.
    """
    try:
        return _feature(_Entitlement.model_validate(document))
    except ValidationError as error:
        raise unreadable(error) from None


def _feature(entitlement: _Entitlement) -> tuple[str, str]:
    return id_of(entitlement.feature), entitlement.lookup_key


def _schedule(_: str, document: dict[str, Any]) -> News | None:
    """A schedule changes its subscription's items when a phase begins, and only the subscription says to what."""
    read = _Schedule.model_validate(document)
    if read.subscription is None:
        return None
    return SubscriptionTouched(processor_id=id_of(read.subscription), customer_processor_id=id_of(read.customer))


def _invoice(outcome: InvoiceOutcome) -> Reader:
    def read(_: str, document: dict[str, Any]) -> News:
        invoice = _Invoice.model_validate(document)
        return InvoiceTold(
            outcome=outcome,
            processor_id=invoice.id,
            customer_processor_id=id_of(invoice.customer),
            subscription_processor_id=invoice.of_subscription,
            attempt_count=invoice.attempt_count,
            next_attempt_at=instant(invoice.next_payment_attempt),
        )

    return read


def _checkout(_: str, document: dict[str, Any]) -> News | None:
    session = _Session.model_validate(document)
    if session.mode != "subscription":
        return None
    return CheckoutCompleted(
        processor_id=session.id,
        customer_processor_id=None if session.customer is None else id_of(session.customer),
        subscription_processor_id=None if session.subscription is None else id_of(session.subscription),
    )


def _customer(change: CustomerChange) -> Reader:
    def read(_: str, document: dict[str, Any]) -> News:
        return CustomerTold(change=change, processor_id=_Customer.model_validate(document).id)

    return read


def _summary(_: str, document: dict[str, Any]) -> News:
    summary = _Summary.model_validate(document)
    return EntitlementsTold(
        customer_processor_id=summary.customer,
        features=tuple(map(_feature, summary.entitlements.data)),
        complete=not summary.entitlements.has_more,
    )


_SUBSCRIPTION = ("created", "updated", "deleted", "paused", "resumed", "trial_will_end")
_PENDING = ("pending_update_applied", "pending_update_expired")
_SCHEDULE = ("created", "updated", "released", "completed", "canceled", "aborted", "expiring")

READERS: Mapping[str, Reader] = {
    **{f"customer.subscription.{happened}": _subscription for happened in (*_SUBSCRIPTION, *_PENDING)},
    **{f"subscription_schedule.{happened}": _schedule for happened in _SCHEDULE},
    "invoice.paid": _invoice(InvoiceOutcome.PAID),
    "invoice.payment_failed": _invoice(InvoiceOutcome.FAILED),
    "checkout.session.completed": _checkout,
    **{f"customer.{change}": _customer(change) for change in CustomerChange},
    "entitlements.active_entitlement_summary.updated": _summary,
}
