"""What becomes of the news that webhooks bring, beyond what billing does about it itself."""

from collections.abc import Mapping

from domain.billing import HANDLERS, EntitlementsTold, Handler
from domain.entitlements import advisory
from domain.settings import NativeSync, Settings


def handlers_of(settings: Settings) -> Mapping[type, Handler]:
    """Give billing's handlers, and that of Stripe's own entitlements where they are to be observed."""
    if settings.stripe_native_sync is NativeSync.DISABLED:
        return HANDLERS
    return {**HANDLERS, EntitlementsTold: advisory.observe}
