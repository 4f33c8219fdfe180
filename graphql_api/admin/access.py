"""What the entitlements tab shows of one customer's answers. Pure: the answers are worked out already.

What is shown is what gates answer by; nothing is decided here again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.entitlements import UNLIMITED, EntitlementSet, SeatUsage

FAILED = (
    "What this customer has could not be worked out. Until it can be, nothing is granted: every gate denies, "
    "and nobody can be added to its organization."
)


class Grace(StrEnum):
    """How grace concerns something."""

    PLAN = "plan in grace"
    FEATURE = "feature by grace alone"
    OVER = "plan whose grace is over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A granted feature. `ends_at` is the last instant of the override that alone gives it, None: it has no end.

    `why` leads to it link by link, in sentences.
    """

    name: str
    by_grace: bool
    by_override: bool
    ends_at: datetime | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A limit; `seats` where it counts members."""

    key: str
    value: int
    seats: SeatUsage | None
    why: tuple[str, ...]

    @property
    def unlimited(self) -> bool:
        """Say whether there is no end to it."""
        return self.value == UNLIMITED


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One customer's answers as they are shown, from one read."""

    answers: EntitlementSet
    seats: SeatUsage | None

    @property
    def headline(self) -> str:
        """Count what is granted, and what is paid for but stands for nothing."""
        resolved = self.answers.resolved
        grants, unmapped = len(resolved.plans) + len(resolved.features), len(resolved.unmapped_price_ids)
        if not grants:
            return _count(unmapped, "unmapped price") if unmapped else "No active access"
        return _count(grants, "active access grant") + (f" · {unmapped} unmapped" if unmapped else "")

    @property
    def plans(self) -> list[str]:
        """The plans held, in grace included; sorted."""
        return sorted(self.answers.resolved.plans)

    @property
    def features(self) -> list[Feature]:
        """The features granted, sorted."""
        resolved = self.answers.resolved
        return [
            Feature(
                name=name,
                by_grace=name in resolved.grace_features,
                by_override=name in resolved.override_ends,
                ends_at=resolved.override_ends.get(name),
                why=tuple(step.detail for step in self.answers.chain_of(name) or () if step.counts),
            )
            for name in sorted(resolved.features)
        ]

    @property
    def quantities(self) -> list[Quantity]:
        """The limits, sorted by key."""
        return [
            Quantity(
                key=key,
                value=value,
                seats=self.seats if key == self.answers.catalog.seat_limit else None,
                why=tuple(step.detail for step in self.answers.chain_of_limit(key) or () if step.counts),
            )
            for key, value in sorted(self.answers.resolved.quantities.items())
        ]

    @property
    def grace(self) -> list[tuple[str, Grace]]:
        """Everything that grace concerns, in one list."""
        resolved = self.answers.resolved
        return [
            *((name, Grace.PLAN) for name in sorted(resolved.grace_plans)),
            *((name, Grace.FEATURE) for name in sorted(resolved.grace_features)),
            *((name, Grace.OVER) for name in sorted(resolved.expired_grace_plans)),
        ]

    @property
    def sets(self) -> Mapping[str, object]:
        """The resolved sets. `plan` is the first base plan by name: for people, no answer rests on it.

        A host's resolver may name plans that the catalog does not know.
        """
        resolved = self.answers.resolved
        add_ons = {plan.name for plan in self.answers.catalog.plans.values() if plan.add_on}
        return {
            "plan": next((name for name in self.plans if name not in add_ons), None),
            "active_plans": self.plans,
            "features": sorted(resolved.features),
            "quantities": dict(sorted(resolved.quantities.items())),
            "grace_plans": sorted(resolved.grace_plans),
            "grace_features": sorted(resolved.grace_features),
            "expired_grace_plans": sorted(resolved.expired_grace_plans),
        }

    @property
    def json(self) -> str:
        """The resolved sets as JSON."""
        return json.dumps(self.sets, indent=2, ensure_ascii=False)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
