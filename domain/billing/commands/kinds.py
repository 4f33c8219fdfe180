"""Every command, by the operation under which its intents are written down: what the worker finishes after a crash."""

from collections.abc import Mapping

from domain.billing.commands.buying import Subscribe
from domain.billing.commands.changing import SwapPlan, UpdateQuantity
from domain.billing.commands.checkout import CreateCheckout
from domain.billing.commands.command import AnyCommand
from domain.billing.commands.ending import Cancel, Resume
from domain.billing.commands.pausing import Pause, Unpause
from domain.billing.commands.portal import CreatePortal
from domain.billing.intents import Operation

KINDS: Mapping[Operation, type[AnyCommand]] = {
    kind.operation: kind
    for kind in (
        Subscribe,
        SwapPlan,
        UpdateQuantity,
        Cancel,
        Resume,
        Pause,
        Unpause,
        CreateCheckout,
        CreatePortal,
    )
}
