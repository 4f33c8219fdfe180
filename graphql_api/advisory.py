"""What Stripe itself grants, as administrators see it. No gate and no answer of ours comes from here."""

from datetime import datetime

import strawberry

from domain.entitlements import EntitlementSummary
from graphql_api.described import described
from graphql_api.enums import AdvisorySource, AdvisoryState


@described
class AdvisoryEntitlements:
    """Stripe's own entitlements, observed and never read by a gate."""

    state: AdvisoryState
    source: AdvisorySource | None = None
    lookup_keys: list[str] = strawberry.field(default_factory=list)
    complete: bool = False
    observed_at: datetime | None = None

    @classmethod
    def of(cls, row: EntitlementSummary | None) -> "AdvisoryEntitlements":
        """Dress a summary, or none."""
        if row is None:
            return cls(state=AdvisoryState.NOT_OBSERVED)
        return cls(
            state=AdvisoryState.RECORDED,
            source=row.source,
            lookup_keys=row.lookup_keys,
            complete=row.complete,
            observed_at=row.observed_at,
        )
