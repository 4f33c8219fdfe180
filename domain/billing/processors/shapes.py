"""Stripe's JSON, read strictly: the envelope of an event, and a subscription in the shapes that we know.

Plain dicts in, frozen values out; no session and no library of the processor's. What does not fit is refused with the
place of the fault and never with what stood there.
"""

import json
import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.billing.processors import Event, IncompleteEvent, News, UnreadableEvent
from domain.billing.processors.news import SubscriptionTold, SubscriptionTouched
from domain.billing.states import (
    Item,
    PauseBehavior,
    PauseCollection,
    ProcessorName,
    Snapshot,
    Status,
    SubscriptionState,
)

API_VERSION = "2026-10-28.endive"  # what we ask for; webhook endpoints may still send an older shape
DEEPEST = 64
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
LARGEST_QUANTITY = 2**31 - 1

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

Text = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Seconds = Annotated[int, Field(ge=0, le=LAST_SECOND)]


class _Shape(BaseModel):
    """A part of Stripe's JSON; what we do not read may be anything."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Named(_Shape):
    id: Text


class _Period(_Shape):
    current_period_start: Seconds | None = None
    current_period_end: Seconds | None = None


class _Item(_Period):
    id: Text
    price: _Named
    quantity: Annotated[int, Field(ge=0, le=LARGEST_QUANTITY)] | None = None


class _Items(_Shape):
    data: list[_Item]
    has_more: bool = False


class _Pause(_Shape):
    behavior: str | None = None
    resumes_at: Seconds | None = None


class _Subscription(_Period):
    object: Literal["subscription"]
    id: Text
    customer: Text | _Named
    status: str | None = None
    livemode: bool = False
    items: _Items
    trial_end: Seconds | None = None
    cancel_at: Seconds | None = None
    cancel_at_period_end: bool = False
    ended_at: Seconds | None = None
    pause_collection: _Pause | None = None


class _Carried(_Shape):
    object: dict[str, Any]


class _Envelope(_Shape):
    id: Text
    type: Text
    created: Seconds
    livemode: bool = False
    data: _Carried


SUBSCRIPTION_EVENTS = frozenset(
    f"customer.subscription.{happened}" for happened in ("created", "updated", "deleted", "paused", "resumed")
)


def news(event: Event) -> News | None:
    """Read what an event tells; None when nothing here reads its type.

    Raises:
        UnreadableEvent: its object has none of the shapes that we know.
    """
    if event.type not in SUBSCRIPTION_EVENTS:
        return None
    try:
        return SubscriptionTold(type=event.type, snapshot=snapshot(event.payload["data"]["object"]))
    except IncompleteEvent as incomplete:
        return SubscriptionTouched(
            processor_id=incomplete.processor_id, customer_processor_id=incomplete.customer_processor_id
        )


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
        raise _unreadable(error) from None
    customer = read.customer if isinstance(read.customer, str) else read.customer.id
    if read.items.has_more:
        raise IncompleteEvent(processor_id=read.id, customer_processor_id=customer, livemode=read.livemode)
    return Snapshot(processor_id=read.id, customer_processor_id=customer, livemode=read.livemode, state=_state(read))


def _state(read: _Subscription) -> SubscriptionState:
    items = (_item(item, fallback=read) for item in read.items.data)
    return SubscriptionState(
        status=Status(read.status or ""),
        items=tuple(sorted(items, key=lambda item: item.processor_id)),
        trial_end=_instant(read.trial_end),
        cancel_at=_instant(read.cancel_at),
        cancel_at_period_end=read.cancel_at_period_end,
        ended_at=_instant(read.ended_at),
        pause_collection=None if read.pause_collection is None else _pause(read.pause_collection),
    )


def _item(item: _Item, *, fallback: _Period) -> Item:
    period = item if item.current_period_end is not None else fallback
    return Item(
        processor_id=item.id,
        price_id=item.price.id,
        quantity=item.quantity,
        current_period_start=_instant(period.current_period_start),
        current_period_end=_instant(period.current_period_end),
    )


def _pause(pause: _Pause) -> PauseCollection:
    known = next((behavior for behavior in PauseBehavior if behavior == pause.behavior), None)
    return PauseCollection(behavior=known, resumes_at=_instant(pause.resumes_at))


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def event(body: bytes, *, processor: ProcessorName) -> Event:
    """Read a verified body as an event.

    Raises:
        UnreadableEvent: it is none.
    """
    payload = envelope(body)
    return Event(
        processor=processor,
        event_id=payload["id"],
        type=payload["type"],
        livemode=payload.get("livemode", False),
        occurred_at=datetime.fromtimestamp(payload["created"], UTC),
        payload=payload,
    )


def envelope(body: bytes) -> dict[str, Any]:
    """Read the JSON of an event, unchanged, once it is sure that the envelope and its object are there.

    Raises:
        UnreadableEvent: it is not UTF-8, not one JSON object, ambiguous (a key twice), not storable (NaN, NUL, lone
            surrogates, endless numbers), nested too deeply, or without id, type, created or data.object.
    """
    try:
        document = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError):
        # No cause: the decoder's errors carry the whole body.
        raise UnreadableEvent("not JSON") from None
    _require_storable(document)
    try:
        _Envelope.model_validate(document)
    except ValidationError as error:
        raise _unreadable(error) from None
    return dict(document)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableEvent("a key stands twice")
    return found


def _no_number(_: str) -> NoReturn:
    raise UnreadableEvent("not a number")


def _require_storable(document: object) -> None:
    """Refuse what a database or an encoder would choke on later, level by level and so without recursion of our own."""
    level = [document]
    for _ in range(DEEPEST):
        if not level:
            return
        if not all(_storable(value) for value in level):
            raise UnreadableEvent("a value that no database holds")
        level = [inner for value in level for inner in _inside(value)]
    raise UnreadableEvent("nested too deeply")


def _storable(value: object) -> bool:
    if isinstance(value, str):
        return not _UNSTORABLE.search(value)
    return not isinstance(value, float) or math.isfinite(value)


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _unreadable(error: ValidationError) -> UnreadableEvent:
    """Name the first fault's place and kind; the input itself never leaves this room."""
    fault = error.errors(include_input=False, include_context=False, include_url=False)[0]
    return UnreadableEvent(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}")
