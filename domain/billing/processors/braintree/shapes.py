"""Braintree's subscriptions, read strictly from plain JSON: a notification's, or an answer's of the library.

Pure functions. Braintree knows no customer, no quantity and no trialing status on a subscription; what stands for each
of them is said where it is read, and what has no equal is left out.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from domain.billing.lifecycle import later
from domain.billing.processors import Event, News, UnreadableEvent
from domain.billing.processors.braintree.notifications import Instant
from domain.billing.processors.news import SubscriptionTold, SubscriptionTouched
from domain.billing.states import Item, Snapshot, Status, SubscriptionState

LARGEST_QUANTITY = 2**31 - 1

ACTIVE, CANCELED, EXPIRED = "Active", "Canceled", "Expired"
STATUSES = {
    "Pending": Status.INCOMPLETE,  # it begins at a later date
    ACTIVE: Status.ACTIVE,  # TRIALING while its trial lasts
    "Past Due": Status.PAST_DUE,
    CANCELED: Status.CANCELED,
    EXPIRED: Status.CANCELED,  # it had a number of billing cycles, and the last one is over
}
UPDATED, DELETED = "customer.subscription.updated", "customer.subscription.deleted"
KINDS = {
    "subscription_billing_skipped": UPDATED,
    "subscription_canceled": DELETED,
    "subscription_charged_successfully": UPDATED,
    "subscription_charged_unsuccessfully": UPDATED,
    "subscription_expired": DELETED,
    "subscription_trial_ended": UPDATED,
    "subscription_went_active": UPDATED,
    "subscription_went_past_due": UPDATED,
}


def _day(value: object) -> object:
    return date.fromisoformat(value) if isinstance(value, str) else value


Text = Annotated[str, Field(min_length=1, max_length=120)]
Count = Annotated[int, Field(ge=0, le=LARGEST_QUANTITY)]
Day = Annotated[date, BeforeValidator(_day)]


class _Shape(BaseModel):
    """A part of a document; what we do not read may be anything."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Named(_Shape):
    id: Text | None = None


class _Transaction(_Shape):
    customer: _Named | None = None


class _AddOn(_Shape):
    id: Text
    quantity: Count


class _StatusChange(_Shape):
    status: str
    timestamp: Instant


class _Subscription(_Shape):
    id: Text
    status: str | None = None
    plan_id: Text | None = None
    payment_method_token: Text | None = None
    add_ons: list[_AddOn] | None = None
    transactions: list[_Transaction] = []
    trial_period: bool | None = None
    current_billing_cycle: Count | None = None
    number_of_billing_cycles: Count | None = None
    never_expires: bool | None = None
    first_billing_date: Day | None = None
    billing_period_start_date: Day | None = None
    billing_period_end_date: Day | None = None
    updated_at: Instant | None = None
    status_history: list[_StatusChange] = []


def news(event: Event) -> News | None:
    """Read what a notification tells; None when nothing here reads its kind.

    What does not show the whole subscription, or no transaction that says whose it is, has to be fetched.

    Raises:
        UnreadableEvent: its subject has none of the shapes that we know.
    """
    if event.type not in KINDS:
        return None
    read = _read((event.payload["notification"].get("subject") or {}).get("subscription"))
    customer = _payer(read)
    if customer is None or read.status is None or read.plan_id is None or read.add_ons is None:
        return SubscriptionTouched(processor_id=read.id, customer_processor_id=customer)
    told = Snapshot(
        processor_id=read.id, customer_processor_id=customer, livemode=event.livemode, state=_state(read, read.plan_id)
    )
    return SubscriptionTold(type=KINDS[event.type], snapshot=told)


def payer(document: object) -> str | None:
    """Find whose subscription it is; None when it has no transaction that says so.

    Raises:
        UnreadableEvent: the shape is none that we know.
    """
    return _payer(_read(document))


def state(document: object) -> SubscriptionState:
    """Read a whole subscription.

    Raises:
        UnreadableEvent: the shape is none that we know, or it is not whole.
    """
    read = _read(document)
    if read.status is None or read.plan_id is None or read.add_ons is None:
        raise UnreadableEvent("not a whole subscription")
    return _state(read, read.plan_id)


def _read(document: object) -> _Subscription:
    try:
        return _Subscription.model_validate(document)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_context=False, include_url=False)[0]
        raise UnreadableEvent(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}") from None
    except OverflowError:
        raise UnreadableEvent("an instant outside of the calendar") from None


def _payer(read: _Subscription) -> str | None:
    customers = (transaction.customer for transaction in read.transactions)
    return next((customer.id for customer in customers if customer is not None and customer.id), None)


def _state(read: _Subscription, plan_id: str) -> SubscriptionState:
    last = _in_last_cycle(read)
    end = _after(read.billing_period_end_date)
    return SubscriptionState(
        status=_status(read),
        items=tuple(sorted(_items(read, plan_id), key=lambda item: item.processor_id)),
        trial_end=_start_of(read.first_billing_date) if read.trial_period else None,
        cancel_at=end if last else None,
        cancel_at_period_end=last,
        ended_at=_ended_at(read),
    )


def _status(read: _Subscription) -> Status:
    """Read the status; an unknown one as INCOMPLETE. A trial is the cycle before the first, and active by name."""
    if read.status == ACTIVE and read.trial_period and not read.current_billing_cycle:
        return Status.TRIALING
    return STATUSES.get(read.status or "", Status.INCOMPLETE)


def _in_last_cycle(read: _Subscription) -> bool:
    """Say whether it ends with the period that runs: its number of billing cycles is reached."""
    if read.never_expires or not read.current_billing_cycle or read.number_of_billing_cycles is None:
        return False
    return read.number_of_billing_cycles <= read.current_billing_cycle


def _items(read: _Subscription, plan_id: str) -> Iterator[Item]:
    """Yield the plan, once, and the add-ons: only these have a quantity at Braintree."""
    start, end = _start_of(read.billing_period_start_date), _after(read.billing_period_end_date)
    if end is None and read.trial_period:
        end = _start_of(read.first_billing_date)
    bought = [(read.id, plan_id, 1), *((f"{read.id}:{one.id}", one.id, one.quantity) for one in read.add_ons or [])]
    for id, price_id, quantity in bought:
        yield Item(
            processor_id=id,
            price_id=price_id,
            quantity=quantity,
            current_period_start=start,
            current_period_end=end,
        )


def _ended_at(read: _Subscription) -> datetime | None:
    if read.status not in {CANCELED, EXPIRED}:
        return None
    ends = (change.timestamp for change in read.status_history if change.status == read.status)
    return max(ends, default=read.updated_at)


def _start_of(day: date | None) -> datetime | None:
    """Begin a day in UTC: Braintree's days are the merchant account's, and no answer says where that is."""
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _after(day: date | None) -> datetime | None:
    """End a day where the next one begins, as Stripe's periods end."""
    start = _start_of(day)
    return None if start is None else later(start, days=1)


def document(resource: Any) -> Any:
    """Write one of the library's objects, or a value in it, as the JSON that a notification holds."""
    match resource:
        case None | bool() | int() | str():
            return resource
        case date():  # a datetime too
            return resource.isoformat()
        case list():
            return [document(inner) for inner in resource]
        case dict():
            return {name: document(inner) for name, inner in resource.items()}
        case _:
            # Prices are the one thing left that is no resource; nobody here reads them.
            names = getattr(resource, "_setattrs", ())
            return {name: document(getattr(resource, name)) for name in names}
