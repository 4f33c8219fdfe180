"""The Fake in the hands of an administrator: its clock, what it says of a subscription, and its faults."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import strawberry

from domain import billing
from domain.billing import ProcessorName
from domain.billing.processors.fake import FakeProcessor, Fault, FaultKind
from domain.errors import InvalidInput, NotFound, Unsupported
from graphql_api.customers import BillingSubscription, ContextInfo
from graphql_api.described import described, described_input
from graphql_api.enums import SubscriptionStatus
from graphql_api.user_errors import InvalidInputError, NotFoundError, UnsupportedError

MOST_FAULTS = 100

AdvanceFakeClockError = Annotated[
    InvalidInputError | UnsupportedError,
    strawberry.union("AdvanceFakeClockError", description="Refusals of advanceFakeClock."),
]
SetFakeSubscriptionStatusError = Annotated[
    InvalidInputError | NotFoundError | UnsupportedError,
    strawberry.union("SetFakeSubscriptionStatusError", description="Refusals of setFakeSubscriptionStatus."),
]
ScriptFakeFaultsError = Annotated[
    InvalidInputError | UnsupportedError,
    strawberry.union("ScriptFakeFaultsError", description="Refusals of scriptFakeFaults."),
]


@strawberry.enum(description="DUPLICATE, REORDER, DELAY and DROP are for webhooks, the others for commands.")
class FakeFault(StrEnum):
    """What the Fake can be told to do wrong."""

    DUPLICATE = "DUPLICATE"
    REORDER = "REORDER"
    DELAY = "DELAY"
    DROP = "DROP"
    ERROR_500 = "ERROR_500"
    ERROR_429 = "ERROR_429"
    HANG = "HANG"
    LOST_ANSWER = "LOST_ANSWER"


@described_input
class AdvanceFakeClockInput:
    """Forward only; exactly one of the two."""

    seconds: int | None = None
    until: datetime | None = None


@described
class AdvanceFakeClockPayload:
    """The Fake's clock after it, and how many webhooks fell due on the way."""

    now: datetime | None = None
    webhooks_sent: int | None = None
    errors: list[AdvanceFakeClockError] = strawberry.field(default_factory=list)


@described_input
class SetFakeSubscriptionStatusInput:
    """What the Fake shall say from now on."""

    subscription_id: strawberry.ID
    status: SubscriptionStatus


@described
class SetFakeSubscriptionStatusPayload:
    """The mirror's row; it follows when the webhook has been applied."""

    subscription: BillingSubscription | None = None
    errors: list[SetFakeSubscriptionStatusError] = strawberry.field(default_factory=list)


@described_input
class FakeFaultInput:
    """One fault.

    operation: the command or webhook it hits; null: the next one. seconds: for DELAY and HANG.
    """

    fault: FakeFault
    operation: str | None = None
    seconds: int | None = None


@described_input
class ScriptFakeFaultsInput:
    """Faults to come, in order; each hits once."""

    faults: list[FakeFaultInput]


@described
class ScriptFakeFaultsPayload:
    """How many faults wait."""

    waiting: int | None = None
    errors: list[ScriptFakeFaultsError] = strawberry.field(default_factory=list)


async def advance_fake_clock(info: ContextInfo, input: AdvanceFakeClockInput) -> AdvanceFakeClockPayload | None:
    """Move the Fake's clock; what falls due on the way happens, in order."""
    fake = _fake(info, "clock.advance")
    if (input.seconds is None) == (input.until is None):
        raise InvalidInput("Give either seconds or until.", path=["input"])
    passed = await fake.pass_time(seconds=input.seconds or 0, until=input.until)
    return AdvanceFakeClockPayload(now=passed.now, webhooks_sent=passed.webhooks)


async def set_fake_subscription_status(
    info: ContextInfo, input: SetFakeSubscriptionStatusInput
) -> SetFakeSubscriptionStatusPayload | None:
    """Let the Fake say something else of a subscription."""
    fake = _fake(info, "subscription.set_status")
    services = info.context.services
    async with info.context.database.snapshot() as session:
        reading = services.customers(info.context.caller)
        rows = await billing.subscriptions_by_id(session, reading, [input.subscription_id])
    row = rows.get(input.subscription_id)
    if row is None:
        raise NotFound("subscription", path=["input", "subscriptionId"])
    if row.processor is not ProcessorName.FAKE:
        raise Unsupported(processor=row.processor, capability="subscription.set_status")
    await fake.set_status(row.processor_id, input.status)
    return SetFakeSubscriptionStatusPayload(subscription=BillingSubscription.of(row))


async def script_fake_faults(info: ContextInfo, input: ScriptFakeFaultsInput) -> ScriptFakeFaultsPayload | None:
    """Replace the script of faults; an empty one clears it."""
    fake = _fake(info, "faults.script")
    if len(input.faults) > MOST_FAULTS:
        raise InvalidInput(f"At most {MOST_FAULTS} faults can wait.", path=["input", "faults"])
    faults = [_fault(each, place) for place, each in enumerate(input.faults)]
    return ScriptFakeFaultsPayload(waiting=await fake.script_everywhere(faults))


def _fault(given: FakeFaultInput, place: int) -> Fault:
    lasting = given.fault in {FakeFault.DELAY, FakeFault.HANG}
    fault = Fault(kind=FaultKind(given.fault.value), operation=given.operation, seconds=given.seconds or 0)
    try:
        fault.check()
    except ValueError as refused:
        raise InvalidInput(str(refused), path=["input", "faults", str(place)]) from refused
    if lasting != bool(fault.seconds):
        raise InvalidInput("DELAY and HANG last for seconds, nothing else does.", path=["input", "faults", str(place)])
    return fault


def _fake(info: ContextInfo, capability: str) -> FakeProcessor:
    fake = info.context.services.processors.get(ProcessorName.FAKE)
    if not isinstance(fake, FakeProcessor):
        raise Unsupported(processor=ProcessorName.FAKE, capability=capability)
    return fake
