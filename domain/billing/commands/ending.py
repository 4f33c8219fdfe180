"""Ending a subscription, and taking back an end that has not come yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from domain.billing import lifecycle
from domain.billing.commands.changing import OnSubscription, Undoing
from domain.billing.commands.command import Hearing
from domain.billing.intents import Intent, Operation
from domain.billing.processors import Capability, Processor
from domain.billing.states import Snapshot
from domain.billing.subscriptions import BillingSubscription
from domain.errors import InvalidInput, WrongSubscriptionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(OnSubscription):
    """End a subscription at `at` (UTC), else at its period's end, else now; also while its customer's owner goes.

    InvalidInput: `at` has passed.
    """

    operation: ClassVar = Operation.CANCEL
    even_when_going: ClassVar = True

    subscription_id: str
    at_period_end: bool
    at: datetime | None

    @property
    def capability(self) -> Capability:
        """Ending, in the way that is asked for."""
        if self.at is not None:
            return Capability.CANCEL_AT
        return Capability.CANCEL_AT_PERIOD_END if self.at_period_end else Capability.CANCEL

    def request(self, hearing: Hearing, row: BillingSubscription) -> dict[str, Any]:
        """Write the end down."""
        if self.at is not None and self.at <= hearing.now:
            raise InvalidInput("This instant has passed.", path=["input", "at"])
        # Somebody wants this end, whatever becomes of the owner.
        row.closing_since = None
        return {"at_period_end": self.at_period_end, "at": self.at.isoformat() if self.at else None}

    @staticmethod
    async def call(processor: Processor, intent: Intent) -> Snapshot:
        """Ask for the end."""
        asked = intent.request
        at = datetime.fromisoformat(asked["at"]) if asked["at"] else None
        return await processor.cancel(
            asked["processor_id"], at_period_end=asked["at_period_end"], at=at, key=intent.key
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(Undoing):
    """Take back an end that has not come yet, so that the subscription renews; only what is ending is resumed."""

    operation: ClassVar = Operation.RESUME

    subscription_id: str

    @property
    def capability(self) -> Capability:
        """Resuming."""
        return Capability.RESUME

    def request(self, hearing: Hearing, row: BillingSubscription) -> dict[str, Any]:  # noqa: ARG002 - the state says it all
        """Judge by whether it is ending."""
        if not lifecycle.ending(row.current):
            raise WrongSubscriptionState("This subscription is not ending.", status=row.status)
        row.closing_since = None
        return {}

    @staticmethod
    async def call(processor: Processor, intent: Intent) -> Snapshot:
        """Ask for it to renew."""
        return await processor.resume(intent.request["processor_id"], key=intent.key)
