"""What becomes of news beyond what billing does about it itself: of what webhooks bring, and of what they lose."""

from dataclasses import dataclass

from domain.billing import HANDLERS, EntitlementsTold, Inbox, OnGap, mind_no_gap
from domain.entitlements.advisory import Pulling, Pulls, observe
from domain.settings import NativeSync, Settings
from domain.wiring.processors import Rooms


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """The inbox, who is told of what reconciling finds lost, and what reads Stripe's own entitlements, if anything."""

    inbox: Inbox
    on_gap: OnGap = mind_no_gap
    pulling: Pulling | None = None


def hearing_of(settings: Settings, rooms: Rooms) -> Hearing:
    """Let billing hear, and where Stripe's own entitlements are to be observed also those who observe them."""
    if settings.stripe_native_sync is NativeSync.DISABLED:
        return Hearing(inbox=rooms.made(Inbox))
    pulling = Pulling(rooms.made(Pulls))
    inbox = rooms.made(Inbox, handlers={**HANDLERS, EntitlementsTold: observe}, gave_up=pulling.gave_up)
    return Hearing(inbox=inbox, on_gap=pulling.on_gap, pulling=pulling)
