"""Every command, every request of the peer's that it leads to, every fault of those: what must be true in the end."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from domain.billing import Cancel, Pause, PauseBehavior, Proration, Resume, SwapPlan, Unpause, UpdateQuantity
from domain.billing.commands import Command
from domain.billing.intents import MAX_ATTEMPTS, Operation
from domain.errors import IdempotencyInProgress, InvalidInput, UpstreamUnavailable, WrongSubscriptionState
from domain.idempotency import Call
from tests.peers.conftest import client_of
from tests.peers.stripe import Fault
from tests.support.commanding import PRO, TEAM, at_the_end, pause, prepared
from tests.support.stripe_account import StripeAccount
from tests.support.tables import scalar

Prepare = Callable[[StripeAccount], Awaitable[Command[Any, Any]]]

PATIENCE_SECONDS = 10
HASTE_SECONDS = 0.5
HANGS = {Fault.HANG_BEFORE, Fault.HANG_AFTER}
STAYING = frozenset({Fault.ERROR_KEPT, Fault.ERROR_KEPT_UNDONE})
"""The faults after which the same key never answers anything else."""
PASSING = sorted(set(Fault) - STAYING)
"""The faults after which the same key does it, or tells what was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command, the peer's operations that it leads to, and what is there once it is done."""

    prepare: Prepare
    calls: tuple[str, ...] = ("subscriptions.update",)
    paid: int = 0
    subscriptions: int = 1


def of(name: Operation) -> Prepare:
    return lambda account: prepared(account, name)


async def swap(account: StripeAccount) -> SwapPlan:
    row = await account.buys(TEAM)
    return SwapPlan(subscription_id=row.id, price_id=PRO.price_id, quantity=None, proration=Proration.ALWAYS_INVOICE)


async def more(account: StripeAccount) -> UpdateQuantity:
    row = await account.buys(TEAM)
    return UpdateQuantity(subscription_id=row.id, price_id=None, quantity=9, proration=Proration.ALWAYS_INVOICE)


async def end_later(account: StripeAccount) -> Cancel:
    return at_the_end(await account.buys(TEAM))


async def end_at(account: StripeAccount) -> Cancel:
    row = await account.buys(TEAM)
    return Cancel(subscription_id=row.id, at_period_end=False, at=account.clock.now() + timedelta(days=10))


async def keep_dated(account: StripeAccount) -> Resume:
    """Take back an end at an instant, for which Stripe wants two requests."""
    ending = await end_at(account)
    await account.do(ending)
    await account.settled()
    return Resume(subscription_id=ending.subscription_id)


async def pause_until(account: StripeAccount) -> Pause:
    return pause(await account.buys(TEAM), days=60)


async def wake(account: StripeAccount) -> Unpause:
    """Bring back what was paused as a whole, which Stripe lets nobody do with one request."""
    row = await account.buys(TEAM)
    await account.do(Pause(subscription_id=row.id, behavior=PauseBehavior.VOID, resumes_at=None))
    async with client_of(account.peer.account.url) as client:
        await client.v1.subscriptions.pause_async(row.processor_id)
    await account.settled()
    return Unpause(subscription_id=row.id)


CASES = {
    "subscribe": Case(prepare=of(Operation.SUBSCRIBE), calls=("customers.create", "subscriptions.create")),
    "swap_plan": Case(prepare=swap, paid=1),
    "update_quantity": Case(prepare=more, paid=1),
    "cancel_now": Case(prepare=of(Operation.CANCEL), calls=("subscriptions.cancel",)),
    "cancel_at_period_end": Case(prepare=end_later),
    "cancel_at": Case(prepare=end_at),
    "resume": Case(prepare=of(Operation.RESUME)),
    "resume_dated": Case(prepare=keep_dated),
    "pause": Case(prepare=of(Operation.PAUSE)),
    "pause_until": Case(prepare=pause_until),
    "unpause": Case(prepare=of(Operation.UNPAUSE)),
    "unpause_whole": Case(prepare=wake, calls=("subscriptions.update", "subscriptions.resume")),
    "create_checkout": Case(
        prepare=of(Operation.CREATE_CHECKOUT), calls=("customers.create", "checkout.sessions.create"), subscriptions=0
    ),
    "create_portal": Case(
        prepare=of(Operation.CREATE_PORTAL),
        calls=("customers.create", "billing_portal.sessions.create"),
        subscriptions=0,
    ),
}
CALLS = [(name, call) for name, case in CASES.items() for call in case.calls]
SWEEP = [(name, call, fault) for name, call in CALLS for fault in sorted(Fault)]
MAKING = {"customers.create", "subscriptions.create"}


def called(account: StripeAccount, command: Command[Any, Any]) -> Call:
    return Call(
        actor_id=account.owner.actor.id, operation=command.operation, key="k", digest="d", now=account.clock.now()
    )


async def fails(account: StripeAccount, command: Command[Any, Any], fault: Fault, *, in_: str) -> Call:
    """Give a command whose outcome nobody learns, and give the call under which to ask for it again."""
    call = called(account, command)
    account.peer.faults.next(in_, fault)
    async with account.asking_once(seconds=HASTE_SECONDS if fault in HANGS else PATIENCE_SECONDS) as (commands, _):
        with pytest.raises(UpstreamUnavailable) as unavailable:
            await commands.do(command, scope=account.owner, call=call)
    assert (unavailable.value.retry_after_seconds == 1) is (fault is Fault.TOO_MANY)
    with pytest.raises(IdempotencyInProgress):
        await account.do(command, call=call)
    return call


async def sweep(account: StripeAccount, name: str, call: str, fault: Fault) -> None:
    """Let one request of one command fail, and hold what must be true once the worker has been round."""
    case = CASES[name]
    command = await case.prepare(account)
    before = len(account.paid)
    asked = await fails(account, command, fault, in_=call)
    account.clock.forward(seconds=61)
    await account.settled()

    assert await account.do(command, call=asked) is not None
    assert await account.true()
    assert len(account.peer.all("customer")) == 1
    assert len(account.peer.all("subscription")) == case.subscriptions
    assert len(account.paid) - before == case.paid
    told = f"SELECT count(*) FROM audit_events WHERE action = 'subscription.{command.operation}'"
    assert await scalar(account.database, told) == 1


async def forgotten(account: StripeAccount, name: str, call: str) -> None:
    """Let the answer get lost, and the worker come back only when Stripe has forgotten the key."""
    case = CASES[name]
    command = await case.prepare(account)
    before = len(account.paid)
    await fails(account, command, Fault.LOST_ANSWER, in_=call)
    asked = len(account.peer.called(call))
    account.clock.forward(days=1)
    await account.settled()

    assert len(account.peer.called(call)) == asked
    assert len(account.paid) - before == case.paid
    assert await account.true()


async def stays(account: StripeAccount, name: str, call: str, fault: Fault) -> None:
    """Let the key of one request answer 500 from its first time on, and hold what is true whatever was done.

    A purchase that was made is found as soon as the worker comes back, and a customer is found or made then. What was
    not done is given up, and done when it is asked for again.
    """
    case = CASES[name]
    command = await case.prepare(account)
    before = len(account.paid)
    asked = await fails(account, command, fault, in_=call)
    account.clock.forward(seconds=61)
    await account.settled()
    done = fault is Fault.ERROR_KEPT or call == "customers.create"
    assert await account.true() or not (done and call in MAKING)
    for _ in range(MAX_ATTEMPTS):
        account.clock.forward(seconds=61 * MAX_ATTEMPTS)
        await account.services.worker.round()
    await account.settled()

    assert await account.true()
    assert len(account.paid) - before == (case.paid if done else 0)
    await again(account, command, asked)
    assert await account.true()
    assert len(account.peer.all("customer")) == 1
    assert len(account.peer.all("subscription")) == case.subscriptions
    assert len(account.paid) - before == case.paid


async def again(account: StripeAccount, command: Command[Any, Any], asked: Call) -> None:
    """Give the command again under the key that is free by then; what is done already may be refused."""
    with suppress(InvalidInput, WrongSubscriptionState):
        await account.do(command, call=replace(asked, now=account.clock.now()))
    await account.settled()
