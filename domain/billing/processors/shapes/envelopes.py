"""The envelope of an event: the one that carries an object whole, and the thin one that only names it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, Discriminator, Field, Tag, TypeAdapter, ValidationError

from domain.billing.processors import Event
from domain.billing.processors.refusals import UnreadableEvent
from domain.billing.processors.shapes import strict_json
from domain.billing.processors.shapes.parts import Named, Seconds, Shape, Text, unreadable
from domain.billing.states import ProcessorName

THIN = "v2.core.event"
OF_VERSION = "v1."
"""What stands before the type of a thin event that is also sent whole."""
FIRST_YEAR = 1970


class _Carried(Shape):
    object: dict[str, Any]


class _Envelope(Shape):
    id: Text
    type: Text
    created: Seconds
    livemode: bool = False
    data: _Carried

    @property
    def occurred_at(self) -> datetime:
        return datetime.fromtimestamp(self.created, UTC)


class Related(Named):
    """What a thin event is about."""

    type: Text


def _written(value: object) -> str:
    """Let only text pass for an instant: a bare number would be read as one too."""
    if not isinstance(value, str):
        raise ValueError("no text")  # noqa: TRY004 - pydantic takes a ValueError for a fault of the input
    return value


class _ThinEnvelope(Shape):
    object: Literal["v2.core.event"]
    id: Text
    type: Text
    created: Annotated[AwareDatetime, BeforeValidator(_written), Field(strict=False)]
    livemode: bool
    related_object: Related | None = None

    @property
    def occurred_at(self) -> datetime:
        return self.created.astimezone(UTC)


def _kind(document: Any) -> str:
    return "thin" if isinstance(document, dict) and document.get("object") == THIN else "whole"


_ANY = TypeAdapter[_Envelope | _ThinEnvelope](
    Annotated[
        Annotated[_Envelope, Tag("whole")] | Annotated[_ThinEnvelope, Tag("thin")],
        Discriminator(_kind),
    ]
)


def event(body: bytes, *, processor: ProcessorName) -> Event:
    """Read a verified body as an event.

    Raises:
        UnreadableEvent: it is none; also when it is not strict JSON, or without id, type, created or data.object.
    """
    payload = strict_json.read(body)
    try:
        read = _ANY.validate_python(payload)
        occurred_at = read.occurred_at
    except ValidationError as error:
        raise unreadable(error) from None
    except OverflowError:
        raise UnreadableEvent("created: out of range") from None
    if occurred_at.year < FIRST_YEAR:
        raise UnreadableEvent("created: out of range")
    assert isinstance(payload, dict), "the envelope has been read"
    return Event(
        processor=processor,
        event_id=read.id,
        type=read.type,
        livemode=read.livemode,
        occurred_at=occurred_at,
        payload=payload,
    )


def thin(event: Event) -> bool:
    """Say whether the event only names what it is about."""
    return bool(event.payload.get("object") == THIN)


def carrying(event: Event, document: dict[str, Any]) -> Event:
    """Give a thin event as the whole one that carries this object."""
    return replace(
        event,
        type=event.type.removeprefix(OF_VERSION),
        payload={"id": event.event_id, "object": "event", "data": {"object": document}},
    )


def related(event: Event) -> Related | None:
    """Read what a thin event is about."""
    found = event.payload.get("related_object")
    return None if found is None else Related.model_validate(found)
