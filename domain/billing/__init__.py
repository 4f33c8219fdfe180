"""The logic half: customers, seats, the mirror of what the processor says, and the commands that speak to it."""

from domain.billing import facts, lifecycle, seats
from domain.billing.closing import Closing
from domain.billing.commands import Bought, Commands
from domain.billing.customers import (
    Customer,
    CustomerReading,
    Owner,
    OwnerKind,
    OwnOrganizations,
    ProcessorAccount,
    UserParameter,
    accounts_of,
    close_customer,
    create_customer,
    find_customer,
    link_account,
    owned_by,
    reopen_customer,
)
from domain.billing.departing import Departing
from domain.billing.dunning import Sweeper
from domain.billing.errands import Errands
from domain.billing.fetches import Fetches
from domain.billing.following import Following, ask_to_follow
from domain.billing.invoices import InvoiceChecks
from domain.billing.invoices import prune as prune_invoices
from domain.billing.processors import Capability, Label, Processor, Purchase, SignatureRefused, UnreadableEvent
from domain.billing.processors.news import EntitlementsTold
from domain.billing.purchases import Prices
from domain.billing.seats import SeatCount
from domain.billing.states import Item, PauseBehavior, ProcessorName, Proration, Status, SubscriptionState
from domain.billing.subscriptions import (
    BillingSubscription,
    SubscriptionFact,
    list_subscriptions,
    live_subscriptions,
    subscriptions_by_id,
)
from domain.billing.webhooks import HANDLERS, Handler, Inbox, WebhookEvent, WebhookStatus

__all__ = [
    "HANDLERS",
    "BillingSubscription",
    "Bought",
    "Capability",
    "Closing",
    "Commands",
    "Customer",
    "CustomerReading",
    "Departing",
    "EntitlementsTold",
    "Errands",
    "Fetches",
    "Following",
    "Handler",
    "Inbox",
    "InvoiceChecks",
    "Item",
    "Label",
    "OwnOrganizations",
    "Owner",
    "OwnerKind",
    "PauseBehavior",
    "Prices",
    "Processor",
    "ProcessorAccount",
    "ProcessorName",
    "Proration",
    "Purchase",
    "SeatCount",
    "SignatureRefused",
    "Status",
    "SubscriptionFact",
    "SubscriptionState",
    "Sweeper",
    "UnreadableEvent",
    "UserParameter",
    "WebhookEvent",
    "WebhookStatus",
    "accounts_of",
    "ask_to_follow",
    "close_customer",
    "create_customer",
    "facts",
    "find_customer",
    "lifecycle",
    "link_account",
    "list_subscriptions",
    "live_subscriptions",
    "owned_by",
    "prune_invoices",
    "reopen_customer",
    "seats",
    "subscriptions_by_id",
]
