"""Pausing collection, and going on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from domain.billing import lifecycle
from domain.billing.commands.changing import OnSubscription, Undoing
from domain.billing.commands.command import Hearing
from domain.billing.intents import Intent, Operation
from domain.billing.processors import Capability, Processor
from domain.billing.states import PauseBehavior, Snapshot
from domain.billing.subscriptions import BillingSubscription
from domain.errors import InvalidInput, WrongSubscriptionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(OnSubscription):
    """Stop collecting until `resumes_at` (UTC), or until it is unpaused; what is paused is not paused again.

    InvalidInput: `resumes_at` has passed.
    """

    operation: ClassVar = Operation.PAUSE

    subscription_id: str
    behavior: PauseBehavior
    resumes_at: datetime | None

    @property
    def capability(self) -> Capability:
        """Pausing."""
        return Capability.PAUSE

    def request(self, hearing: Hearing, row: BillingSubscription) -> dict[str, Any]:
        """Write the pause down."""
        if self.resumes_at is not None and self.resumes_at <= hearing.now:
            raise InvalidInput("This instant has passed.", path=["input", "resumesAt"])
        if lifecycle.paused(row.current):
            raise WrongSubscriptionState("This subscription is paused already.", status=row.status)
        return {"behavior": self.behavior, "resumes_at": self.resumes_at.isoformat() if self.resumes_at else None}

    @staticmethod
    async def call(processor: Processor, intent: Intent) -> Snapshot:
        """Ask for the pause."""
        asked = intent.request
        resumes_at = datetime.fromisoformat(asked["resumes_at"]) if asked["resumes_at"] else None
        behavior = PauseBehavior(asked["behavior"])
        return await processor.pause(asked["processor_id"], behavior=behavior, resumes_at=resumes_at, key=intent.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpause(Undoing):
    """Go on with what is paused: collection that was stopped, or a subscription that is paused as a whole."""

    operation: ClassVar = Operation.UNPAUSE

    subscription_id: str

    @property
    def capability(self) -> Capability:
        """Going on."""
        return Capability.UNPAUSE

    def request(self, hearing: Hearing, row: BillingSubscription) -> dict[str, Any]:  # noqa: ARG002 - the state says it all
        """Judge by whether it is paused."""
        if not lifecycle.paused(row.current):
            raise WrongSubscriptionState("This subscription is not paused.", status=row.status)
        return {}

    @staticmethod
    async def call(processor: Processor, intent: Intent) -> Snapshot:
        """Ask for it to go on."""
        return await processor.unpause(intent.request["processor_id"], key=intent.key)
