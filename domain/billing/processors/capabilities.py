"""What a processor can do, as data: told to clients, and asked before any call."""

from collections.abc import Mapping
from enum import StrEnum


class Label(StrEnum):
    """How well a processor does something.

    `native`: by itself. `host-owned`: Seatgate brings it about with other means of the processor. `unsupported`: not at
    all, and refused before any call. `testing/local-only`: done by the Fake, which charges nobody.
    """

    NATIVE = "native"
    HOST_OWNED = "host-owned"
    UNSUPPORTED = "unsupported"
    TESTING_LOCAL_ONLY = "testing/local-only"


class Capability(StrEnum):
    """Something that a processor may be able to do."""

    CUSTOMER_CREATE = "customer.create"
    SUBSCRIBE = "subscription.direct_create"
    FETCH = "subscription.fetch"
    LIST = "subscription.list"
    SWAP_PLAN = "subscription.swap_plan"
    UPDATE_QUANTITY = "subscription.update_quantity"
    CANCEL = "subscription.cancel"
    CANCEL_AT_PERIOD_END = "subscription.cancel_at_period_end"
    CANCEL_AT = "subscription.cancel_at"
    RESUME = "subscription.resume"
    PAUSE = "subscription.pause"
    UNPAUSE = "subscription.unpause"
    PREVIEW = "invoice.preview_upcoming_invoice"
    CHECKOUT = "checkout.create"
    PORTAL = "billing_portal.create"
    WEBHOOKS = "webhook.verify"
    LIST_EVENTS = "event.list"
    NATIVE_ENTITLEMENTS = "entitlements.stripe_native_sync"


Capabilities = Mapping[Capability, Label]


def capabilities(label: Label, *able: Capability, **others: Label) -> Capabilities:
    """Label what an adapter is able to do; `others` by member name, and all that is not named is unsupported."""
    named = {Capability[name]: other for name, other in others.items()}
    return {one: named.get(one, label if one in able else Label.UNSUPPORTED) for one in Capability}
