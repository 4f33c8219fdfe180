"""What Stripe itself says customers are entitled to: observed, kept beside the mirror, and read by no gate.

Learned in two ways, from webhooks (`observing`) and by asking (`pulling`, `schedule`); both end in the same row of a
customer (`summaries`), and the newest of them counts whichever order they arrive in (`places`).
"""

from domain.entitlements.advisory.observing import observe
from domain.entitlements.advisory.places import Place, SummarySource
from domain.entitlements.advisory.pulling import Pulled, Pulls
from domain.entitlements.advisory.schedule import Pulling
from domain.entitlements.advisory.summaries import (
    EntitlementSummary,
    count_partial,
    summaries_of,
    summary_for_customer,
)

__all__ = [
    "EntitlementSummary",
    "Place",
    "Pulled",
    "Pulling",
    "Pulls",
    "SummarySource",
    "count_partial",
    "observe",
    "summaries_of",
    "summary_for_customer",
]
