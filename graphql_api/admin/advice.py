"""What Stripe itself says a customer is entitled to, as a block of its own. No gate reads it.

It is read apart from everything else, so that its failure leaves the rest of the page as it is.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.entitlements import summary_for_customer
from domain.errors import contained
from domain.settings import NativeSync
from graphql_api.admin.door import Operator

log = logging.getLogger(__name__)


class State(StrEnum):
    """What is known of Stripe's own view."""

    DISABLED = "disabled"
    NOT_OBSERVED = "not observed"
    RECORDED = "recorded"
    INCOMPLETE = "incomplete"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The newest summary, as far as there is one. `observed_at` is our clock."""

    state: State
    lookup_keys: tuple[str, ...] = ()
    source: str | None = None
    observed_at: datetime | None = None


async def read(operator: Operator, customer_id: str) -> Advice:
    """Tell what Stripe said last; nothing is read while the sync is off, and a failure is a state like the others."""
    if operator.context.services.settings.stripe_native_sync is NativeSync.DISABLED:
        return Advice(state=State.DISABLED)
    outcome = await contained(_read(operator, customer_id), log=log, where="operators' page: advisory block")
    return outcome.value or Advice(state=State.UNAVAILABLE)


async def _read(operator: Operator, customer_id: str) -> Advice:
    async with operator.context.database.snapshot() as session:
        summary = await summary_for_customer(session, customer_id)
    if summary is None:
        return Advice(state=State.NOT_OBSERVED)
    return Advice(
        state=State.RECORDED if summary.complete else State.INCOMPLETE,
        lookup_keys=tuple(summary.lookup_keys),
        source=summary.source.value,
        observed_at=summary.observed_at,
    )
