"""What every shape is made of: strict models, and the fault's place without what stood there."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.billing.processors.refusals import UnreadableEvent

LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z

Text = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
Seconds = Annotated[int, Field(ge=0, le=LAST_SECOND)]


class Shape(BaseModel):
    """A part of Stripe's JSON; what we do not read may be anything."""

    model_config = ConfigDict(strict=True, frozen=True)


class Named(Shape):
    """An object of which only the id is read."""

    id: Text


Reference = Text | Named
"""An object by its id, or whole, when it was expanded."""


def id_of(reference: "str | Named") -> str:
    """Give the id, whichever way it came."""
    return reference if isinstance(reference, str) else reference.id


def instant(seconds: int | None) -> datetime | None:
    """Read an instant, UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def unreadable(error: ValidationError) -> UnreadableEvent:
    """Name the first fault's place and kind; the input itself never leaves this room."""
    fault = error.errors(include_input=False, include_context=False, include_url=False)[0]
    return UnreadableEvent(f"{'.'.join(map(str, fault['loc']))}: {fault['type']}")
