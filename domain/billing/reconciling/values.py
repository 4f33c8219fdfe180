"""What the comparison is made of: plain values, no session and no processor."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from domain.billing.access import Standing
from domain.billing.facts import Fact
from domain.billing.reconciling.models import DriftAccess, DriftKind
from domain.billing.states import ProcessorName, Snapshot, SubscriptionState
from domain.ids import CustomerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """One row of the mirror, with the facts that it should be the fold of."""

    row: Standing
    processor_id: str
    fetch_owed: bool
    created_at: datetime
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedEvent:
    """A subscription's event that its processor has and the mirror lacks. `stored`: it is here, but not applied."""

    processor_id: str
    occurred_at: datetime
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One customer at one processor: what the mirror has and what the processor answered.

    `held` is every subscription that the processor knows, `unknown` are those of our rows that it does not, and
    `ascribed` those that it knows as another customer's. `elsewhere` are the customer's rows at other processors.
    `asked_at` is our clock just before the first question, and `processor_time` the processor's. `wanted` holds the
    quantities that items should have, by subscription and item. `closing`: the owner goes, and nothing is granted.
    """

    customer_id: CustomerId
    processor: ProcessorName
    mirrored: tuple[Mirrored, ...]
    elsewhere: tuple[Standing, ...]
    held: tuple[Snapshot, ...]
    unknown: frozenset[str]
    ascribed: frozenset[str]
    missed: tuple[MissedEvent, ...]
    asked_at: datetime
    processor_time: datetime
    wanted: Mapping[tuple[str, str], int]
    closing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One disagreement about one subscription. `heals`: an answer of the processor's puts it right."""

    kind: DriftKind
    processor_id: str
    customer_id: CustomerId | None
    access: DriftAccess = DriftAccess.UNCHANGED
    keys: tuple[str, ...] = ()
    since: datetime | None = None
    heals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was found, and the states that are worth a fact: those that differ, are owed, or confirm a stale row."""

    findings: tuple[Finding, ...]
    due: Mapping[str, SubscriptionState]
