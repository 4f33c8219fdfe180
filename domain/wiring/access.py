"""What subscriptions give, told to billing, which knows no catalog."""

from collections.abc import Sequence
from datetime import datetime

from domain.billing import Access, AccessOf, Standing
from domain.entitlements import Catalog, Held, UnmappedPrice, resolve


def access_of(catalog: Catalog) -> AccessOf:
    """Make the function that computes what all subscriptions of one customer give."""

    def computed(standings: Sequence[Standing], now: datetime) -> Access:
        held = [
            Held(
                subscription_id=each.subscription_id,
                processor=each.processor,
                state=each.state,
                past_due_since=each.past_due_since,
                last_fact_at=each.last_fact_at,
            )
            for each in standings
        ]
        try:
            resolved = resolve(catalog, held, now=now)
        except UnmappedPrice:
            # The gate denies everything then.
            return Access()
        return Access(features=resolved.features, quantities=resolved.quantities)

    return computed
