"""Stripe's forms: `items[0][price]=p` into nested values, and nested values into typed parameters.

What an operation does not know it refuses, as Stripe does: a test shall not pass because its parameter went unread.
"""

import re
from collections.abc import Iterable
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.peers.stripe.refusals import Refusal

_PART = re.compile(r"\[([^\]]*)\]")
_TAGS = re.compile(r"^(int|bool|str|float|literal\[.*|dict\[.*|list\[.*|constrained-.*|function-.*)$")

Cleared = Literal[""]  # how a form says null


class Params(BaseModel):
    """The parameters of an operation, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Asked(Params):
    """Parameters of a whole request: every one may ask for expanded answers."""

    expand: list[str] = []


class Noted(Asked):
    """Parameters of a request that may write metadata: an empty value takes a key away, an empty form all of them."""

    metadata: dict[str, str] | Cleared | None = None


class Range(Params):
    """Bounds of an instant, in seconds."""

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None

    def holds(self, instant: int) -> bool:
        """Say whether the instant is within every bound that was given."""
        return (
            (self.gt is None or instant > self.gt)
            and (self.gte is None or instant >= self.gte)
            and (self.lt is None or instant < self.lt)
            and (self.lte is None or instant <= self.lte)
        )


class Paged(Asked):
    """Parameters of a list."""

    limit: int = Field(default=10, ge=1, le=100)
    starting_after: str | None = None
    ending_before: str | None = None
    created: Range | int | None = None


P = TypeVar("P", bound=Params)


def decode(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nest what the form's names nest; `a[]` and `a[0]` are members of a list."""
    nested: dict[str, Any] = {}
    for name, value in pairs:
        path = [name.split("[", 1)[0], *_PART.findall(name)]
        place = nested
        for part in path[:-1]:
            below = place.setdefault(_key(part, place), {})
            if not isinstance(below, dict):
                raise Refusal(f"Invalid form: {name}", param=name)
            place = below
        place[_key(path[-1], place)] = value
    return {name: _listed(value) for name, value in nested.items()}


def _key(part: str, place: dict[str, Any]) -> str:
    return part or str(len(place))


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    members = {name: _listed(member) for name, member in value.items()}
    if members and all(name.isdigit() for name in members):
        return [members[name] for name in sorted(members, key=int)]
    return members


def typed(params: type[P], given: dict[str, Any]) -> P:
    """Read the parameters as the operation declares them.

    Raises:
        Refusal: one is unknown, missing or of another type.
    """
    try:
        return params.model_validate(given)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> Refusal:
    # A union complains once for each of its members; an unknown parameter says more than a wrong type.
    faults = error.errors(include_url=False, include_context=False)
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    first, *rest = [str(part) for part in fault["loc"] if not _TAGS.match(str(part)) and not str(part).istitle()]
    name = first + "".join(f"[{part}]" for part in rest)
    match fault["type"]:
        case "extra_forbidden":
            return Refusal(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)
        case "missing":
            return Refusal(f"Missing required param: {name}.", code="parameter_missing", param=name)
        case "int_parsing":
            return Refusal(f"Invalid integer: {fault['input']}", code="parameter_invalid_integer", param=name)
        case _:
            return Refusal(f"Invalid {name}: {fault['msg']}", param=name)


def noted(before: dict[str, str], change: dict[str, str] | Cleared | None) -> dict[str, str]:
    """Merge metadata as Stripe merges it."""
    if change is None:
        return before
    merged = {**before, **change} if change else {}
    return {name: value for name, value in merged.items() if value}
