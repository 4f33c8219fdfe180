"""What a proof of an endpoint can find, each with a story that a person can follow. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """Which expectation was not met."""

    FORGERY_ACCEPTED = "forgery_accepted"
    FORGERY_CRASHED = "forgery_crashed"
    NONSENSE_CRASHED = "nonsense_crashed"
    NONSENSE_GRANTED = "nonsense_granted"
    EVENT_REFUSED = "event_refused"
    DUPLICATE_REFUSED = "duplicate_refused"
    STATE_MISSING = "state_missing"
    STATE_WRONG = "state_wrong"
    STATE_UNREADABLE = "state_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One expectation that was not met. `walk` is the number of the story; with the seed it can be told again."""

    kind: FindingKind
    story: str
    walk: int | None = None
    subscription: str | None = None
