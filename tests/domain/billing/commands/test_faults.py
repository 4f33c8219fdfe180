"""Every command under every fault: done once, charged once, and the mirror is right once the worker has been round."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from domain.audit import AuditEvent
from domain.billing import ProcessorName
from domain.billing.commands.kinds import KINDS
from domain.billing.intents import Intent, Operation
from domain.billing.processors import Processor
from domain.billing.processors.fake import COMMAND_FAULTS, Fault, FaultKind
from domain.billing.processors.fake.faults import UNDONE
from domain.errors import (
    DomainError,
    IdempotencyInProgress,
    InvalidInput,
    UpstreamUnavailable,
    WrongSubscriptionState,
)
from domain.idempotency import Call
from tests.support.commanding import Account, Failing, agreed, prepared
from tests.support.scripted import Scene, ScriptedProcessor
from tests.support.tables import scalar

CALLS = {Operation.SWAP_PLAN: "change_item", Operation.UPDATE_QUANTITY: "change_item"}
SUBSCRIBES = {Operation.CREATE_CHECKOUT: 0, Operation.CREATE_PORTAL: 0}
CHARGES = {Operation.SUBSCRIBE: 1}
SILENT = {FaultKind.ERROR_500, FaultKind.ERROR_429, FaultKind.LOST_ANSWER}


def faults_of(operation: Operation) -> list[Fault]:
    call = CALLS.get(operation, operation.value)
    kinds = sorted(kind for kind in COMMAND_FAULTS if kind is not FaultKind.NOT_DONE or call in UNDONE)
    made = [Fault(kind=kind, operation=call) for kind in kinds]
    if operation in {Operation.SUBSCRIBE, Operation.CREATE_CHECKOUT, Operation.CREATE_PORTAL}:
        made += [Fault(kind=kind, operation="create_customer") for kind in sorted(SILENT)]
    return made


SWEEP = [(operation, fault) for operation in KINDS for fault in faults_of(operation)]


async def sweep(account: Account, processor: Processor, side: Failing, operation: Operation, fault: Fault) -> None:
    """Give one command under one fault, retry it as a client would, and hold what must be true in the end."""
    command = await prepared(account, operation)
    before = await side.charged()
    now = account.clock.now()
    call = Call(actor_id=account.owner.actor.id, operation=operation, key="k", digest="d", now=now)
    await side.fail([fault])

    if fault.kind in SILENT:
        with pytest.raises(UpstreamUnavailable):
            await account.do(command, call=call)
        with pytest.raises(IdempotencyInProgress):
            await account.do(command, call=call)
    else:
        await account.do(command, call=call)
    account.clock.forward(seconds=61)
    await account.settled()
    again = await account.do(command, call=call)

    assert again is not None
    assert await agreed(account, processor)
    assert len([one async for one in processor.list_subscriptions()]) == SUBSCRIBES.get(operation, 1)
    assert await side.charged() - before == CHARGES.get(operation, 0)
    async with account.database.snapshot() as session:
        told = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == f"subscription.{operation}")
        left_open = select(func.count()).select_from(Intent).where(Intent.settled_at.is_(None))
        assert (await session.execute(told)).scalar_one() == 1
        assert (await session.execute(left_open)).scalar_one() == 0


@pytest.mark.parametrize(("operation", "fault"), SWEEP, ids=lambda value: getattr(value, "kind", value))
async def test_it_is_done_once_charged_once_and_mirrored(account: Account, operation: Operation, fault: Fault) -> None:
    await sweep(account, account.fake, account.side, operation, fault)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("swap_plan", InvalidInput),
        ("update_quantity", InvalidInput),
        ("cancel", InvalidInput),
        ("pause", InvalidInput),
        ("resume", WrongSubscriptionState),
        ("unpause", WrongSubscriptionState),
    ],
)
async def test_after_the_processors_no_it_is_asked_how_the_subscription_is(
    account: Account, name: str, kind: type[DomainError]
) -> None:
    command = await prepared(account, name)
    scripted = ScriptedProcessor(account.fake, Scene.REFUSES)
    commands = replace(account.services.commands, processors={ProcessorName.FAKE: scripted})
    before = await scalar(account.database, "SELECT count(*) FROM subscription_facts")

    with pytest.raises(kind):
        await commands.do(command, scope=account.owner)
    await account.settled()

    assert await scalar(account.database, "SELECT failure FROM billing_intents WHERE failure IS NOT NULL")
    assert await scalar(account.database, "SELECT count(*) FROM subscription_facts") == before + 1
