"""Commands under the faults of the peer: done once, charged once, and the mirror is right in the end.

`python -m tests.proofs faults` takes every request and every fault; here are enough of them to notice.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from domain.billing import Cancel, CustomerReconciling, Subscribe
from domain.errors import AlreadySubscribed, UpstreamUnavailable
from domain.idempotency import Call
from domain.scope import system
from tests.peers.conftest import QUIET, client_of
from tests.peers.stripe import Fault, Mishap
from tests.support.billing import subscriptions
from tests.support.clock import FixedClock
from tests.support.commanding import TEAM
from tests.support.databases import PostgreSQL, Sqlite
from tests.support.stripe_account import StripeAccount, stripe_account
from tests.support.sweeping import CALLS, PASSING, STAYING, fails, forgotten, stays, sweep

pytestmark = pytest.mark.filterwarnings(QUIET)

SAMPLE = [
    (name, call, fault)
    for place, (name, call) in enumerate(CALLS)
    for fault in PASSING
    if fault == PASSING[place % len(PASSING)] or call == "subscriptions.create"
]
STAYS = [
    (name, call, fault)
    for name, call in (
        ("subscribe", "customers.create"),
        ("subscribe", "subscriptions.create"),
        ("cancel_now", "subscriptions.cancel"),
    )
    for fault in sorted(STAYING)
]


@pytest.fixture
async def account(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> AsyncIterator[StripeAccount]:
    async with stripe_account(sqlite.fresh(tmp_path), clock) as account:
        yield account


@pytest.mark.parametrize(("name", "call", "fault"), SAMPLE)
async def test_it_is_done_once_charged_once_and_mirrored(
    account: StripeAccount, name: str, call: str, fault: Fault
) -> None:
    await sweep(account, name, call, fault)


@pytest.mark.parametrize(("name", "call", "fault"), STAYS)
async def test_an_error_that_stays_leads_to_no_second_deed(
    account: StripeAccount, name: str, call: str, fault: Fault
) -> None:
    await stays(account, name, call, fault)


async def test_a_purchase_whose_every_word_is_lost_is_found_and_not_made_again(account: StripeAccount) -> None:
    command = Subscribe(customer_id=account.payer, items=(TEAM,))
    account.peer.faults.next_webhook(Mishap.DROP, times=20)
    await fails(account, command, Fault.ERROR_KEPT, in_="subscriptions.create")
    account.clock.forward(seconds=61)
    await account.settled()

    [row] = await subscriptions(account.database)
    with pytest.raises(AlreadySubscribed) as refused:
        await account.do(command)

    assert [each["id"] for each in account.peer.all("subscription")] == [row.processor_id]
    assert refused.value.subscription_id == row.id
    assert await account.true()


@pytest.mark.parametrize(
    ("name", "call"), [("swap_plan", "subscriptions.update"), ("cancel_now", "subscriptions.cancel")]
)
async def test_once_stripe_has_forgotten_a_key_it_is_asked_what_was_done_and_not_to_do_it(
    account: StripeAccount, name: str, call: str
) -> None:
    await forgotten(account, name, call)


@pytest.mark.parametrize(
    ("name", "call", "fault"),
    [
        ("subscribe", "subscriptions.create", Fault.LOST_ANSWER),
        ("swap_plan", "subscriptions.update", Fault.ERROR_AFTER),
        ("cancel_now", "subscriptions.cancel", Fault.LOST_ANSWER),
    ],
)
async def test_it_is_the_same_on_postgresql(
    postgresql: PostgreSQL, tmp_path: Path, clock: FixedClock, name: str, call: str, fault: Fault
) -> None:
    async with stripe_account(postgresql.fresh(tmp_path), clock) as account:
        await sweep(account, name, call, fault)


@pytest.mark.parametrize("fault", [Fault.ERROR_AFTER, Fault.LOST_ANSWER])
async def test_an_end_that_the_client_asks_for_twice_is_one_end(account: StripeAccount, fault: Fault) -> None:
    """Stripe reads no key there, and refuses the repetition."""
    row = await account.buys(TEAM)
    account.peer.faults.next("subscriptions.cancel", fault)

    await account.do(Cancel(subscription_id=row.id, at_period_end=False, at=None))
    await account.settled()

    assert [call.status for call in account.peer.called("subscriptions.cancel")][1:] == [404]
    assert await account.true()


@pytest.mark.parametrize("call", ["subscriptions.list", "events.list"])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.HANG_AFTER])
async def test_a_comparison_that_fails_writes_nothing_and_the_next_one_heals(
    account: StripeAccount, call: str, fault: Fault
) -> None:
    row = await account.buys(TEAM)
    async with client_of(account.peer.account.url) as client:
        await client.v1.subscriptions.cancel_async(row.processor_id)
    account.peer.deliveries.waiting.clear()
    administrator = replace(system("test"), administrator=True)
    before = await account.row(row.id)
    account.peer.faults.next(call, fault)
    account.peer.faults.retry_after_seconds = 3600

    async with account.asking_once(seconds=0.5 if fault is Fault.HANG_BEFORE else 10) as (_, reconciling):
        hasty = CustomerReconciling(reconciling=reconciling)
        asked = Call(actor_id="test", operation="reconcile", key="k", digest="d", now=account.clock.now())
        with pytest.raises(UpstreamUnavailable):
            await hasty.reconcile(scope=administrator, customer_id=account.payer, call=asked)
    same = (await account.row(row.id)).current == before.current
    healed = await account.services.customer_reconciling.reconcile(
        scope=administrator, customer_id=account.payer, call=asked
    )

    assert same
    assert [drift.healed_at is None for drift in healed.drifts] == [False]
    assert await account.true()
