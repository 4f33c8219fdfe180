"""Commands that speak to a processor. Each is one class: how it is judged, what it asks, what the answer leaves."""

from domain.billing.commands.buying import Subscribe
from domain.billing.commands.changing import SwapPlan, UpdateQuantity, ask_for_change
from domain.billing.commands.checkout import CreateCheckout, Page
from domain.billing.commands.command import Command, Hearing, RoleFor, Times
from domain.billing.commands.commands import Commands
from domain.billing.commands.ending import Cancel, Resume
from domain.billing.commands.outcomes import Bought
from domain.billing.commands.pausing import Pause, Unpause
from domain.billing.commands.portal import CreatePortal
from domain.billing.commands.preview import AccessChange, PlanChange, QuantityChange

__all__ = [
    "AccessChange",
    "Bought",
    "Cancel",
    "Command",
    "Commands",
    "CreateCheckout",
    "CreatePortal",
    "Hearing",
    "Page",
    "Pause",
    "PlanChange",
    "QuantityChange",
    "Resume",
    "RoleFor",
    "Subscribe",
    "SwapPlan",
    "Times",
    "Unpause",
    "UpdateQuantity",
    "ask_for_change",
]
