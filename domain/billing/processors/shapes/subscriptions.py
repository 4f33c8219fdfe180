"""A subscription in the shapes that Stripe has sent it in. Plain dicts in, frozen values out."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from domain.billing.processors.refusals import IncompleteEvent
from domain.billing.processors.shapes.parts import Named, Reference, Seconds, Shape, Text, id_of, instant, unreadable
from domain.billing.states import Item, PauseBehavior, PauseCollection, Snapshot, Status, SubscriptionState

LARGEST_QUANTITY = 2**31 - 1


class _Period(Shape):
    current_period_start: Seconds | None = None
    current_period_end: Seconds | None = None


class _Item(_Period):
    id: Text
    price: Named
    quantity: Annotated[int, Field(ge=0, le=LARGEST_QUANTITY)] | None = None


class _Items(Shape):
    data: list[_Item]
    has_more: bool = False


class _Pause(Shape):
    behavior: str | None = None
    resumes_at: Seconds | None = None


class _Subscription(_Period):
    object: Literal["subscription"]
    id: Text
    customer: Reference
    status: str | None = None
    livemode: bool = False
    items: _Items
    trial_end: Seconds | None = None
    cancel_at: Seconds | None = None
    cancel_at_period_end: bool = False
    ended_at: Seconds | None = None
    pause_collection: _Pause | None = None


def snapshot(subscription: object) -> Snapshot:
    """Read a subscription with its periods on the items, or, as older endpoints send it, on the subscription.

    An unknown status reads as INCOMPLETE, an unknown pause behavior as None, an empty pause counts as one. Items come
    ordered by id, so that equal subscriptions are equal values.

    Raises:
        IncompleteEvent: Stripe holds more items than stand here.
        UnreadableEvent: the shape is none that we know.
    """
    try:
        read = _Subscription.model_validate(subscription)
    except ValidationError as error:
        raise unreadable(error) from None
    customer = id_of(read.customer)
    if read.items.has_more:
        raise IncompleteEvent(processor_id=read.id, customer_processor_id=customer, livemode=read.livemode)
    return Snapshot(processor_id=read.id, customer_processor_id=customer, livemode=read.livemode, state=_state(read))


def _state(read: _Subscription) -> SubscriptionState:
    items = (_item(item, fallback=read) for item in read.items.data)
    return SubscriptionState(
        status=Status(read.status or ""),
        items=tuple(sorted(items, key=lambda item: item.processor_id)),
        trial_end=instant(read.trial_end),
        cancel_at=instant(read.cancel_at),
        cancel_at_period_end=read.cancel_at_period_end,
        ended_at=instant(read.ended_at),
        pause_collection=None if read.pause_collection is None else _pause(read.pause_collection),
    )


def _item(item: _Item, *, fallback: _Period) -> Item:
    period = item if item.current_period_end is not None else fallback
    return Item(
        processor_id=item.id,
        price_id=item.price.id,
        quantity=item.quantity,
        current_period_start=instant(period.current_period_start),
        current_period_end=instant(period.current_period_end),
    )


def _pause(pause: _Pause) -> PauseCollection:
    known = next((behavior for behavior in PauseBehavior if behavior == pause.behavior), None)
    return PauseCollection(behavior=known, resumes_at=instant(pause.resumes_at))
