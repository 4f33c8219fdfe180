"""Purchases that nobody has heard of: looked for before they are given up, and once more before the next one."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select

from domain.billing import Commands, Subscribe
from domain.billing.intents import GIVEN_UP, KEYS_LIVE, MAX_ATTEMPTS, NOT_THERE, Intent, give_up
from domain.billing.processors import ProcessorUnavailable
from domain.billing.states import ProcessorName, Snapshot
from domain.errors import AlreadySubscribed, UpstreamUnavailable
from domain.wiring import Services
from tests.support.billing import row_counts, subscription, subscriptions
from tests.support.clock import FixedClock
from tests.support.commanding import TEAM, Account, account_of
from tests.support.scripted import Scene, ScriptedProcessor
from tests.support.tables import scalar, unchanged
from tests.support.wired import fake_of


class Deaf(ScriptedProcessor):
    """Does what it is told and never answers; whether it was done can be seen unless it is `blind` too."""

    blind = False

    async def find_purchase(self, customer_processor_id: str, *, key: str) -> Snapshot | None:
        if self.blind:
            raise ProcessorUnavailable
        return await super().find_purchase(customer_processor_id, key=key)


@pytest.fixture
async def account(services: Services, clock: FixedClock) -> Account:
    return await account_of(services, clock)


@pytest.fixture
def deaf(services: Services) -> Deaf:
    return Deaf(fake_of(services), *[Scene.LOSES] * 50)


@pytest.fixture
def commands(services: Services, deaf: Deaf) -> Commands:
    return replace(services.commands, processors={ProcessorName.FAKE: deaf})


async def intents(account: Account) -> Sequence[Intent]:
    async with account.database.snapshot() as session:
        return (await session.execute(select(Intent).order_by(Intent.opened_at))).scalars().all()


async def buy(commands: Commands, account: Account) -> None:
    await commands.do(Subscribe(customer_id=account.payer, items=(TEAM,)), scope=account.owner)


async def lost(commands: Commands, account: Account) -> str:
    """Buy and hear nothing of it; gives the intent's key."""
    with pytest.raises(UpstreamUnavailable):
        await buy(commands, account)
    [intent] = await intents(account)
    return intent.key


async def test_a_purchase_that_is_never_answered_is_found_when_the_worker_comes_back(
    account: Account, commands: Commands
) -> None:
    await lost(commands, account)
    account.clock.forward(seconds=61)

    await commands.finish_open()

    [intent] = await intents(account)
    assert (intent.failure, intent.settled_at) == (None, account.clock.now())
    row = await subscription(account.database)
    # What a look has found is as it is now, not as it was when it was asked for.
    assert row.last_fact_at == account.clock.now()
    assert await row_counts(account.database, ["fake_subscriptions", "fake_invoices"]) == {
        "fake_subscriptions": 1,
        "fake_invoices": 1,
    }
    told = "SELECT count(*) FROM audit_events WHERE action = 'subscription.subscribe'"
    assert await scalar(account.database, told) == 1


async def test_what_nobody_can_look_for_is_never_given_up(account: Account, commands: Commands, deaf: Deaf) -> None:
    await lost(commands, account)
    deaf.blind = True

    for _ in range(MAX_ATTEMPTS + 5):
        account.clock.forward(hours=1)
        await commands.finish_open()
    [intent] = await intents(account)
    with pytest.raises(AlreadySubscribed):
        await buy(commands, account)
    open_still = intent.settled_at is None
    asked = [call for call, _ in deaf.calls].count("subscribe")
    deaf.blind = False
    account.clock.forward(hours=1)
    await commands.finish_open()

    assert (open_still, asked) == (True, MAX_ATTEMPTS)
    assert len(await subscriptions(account.database)) == 1
    assert await row_counts(account.database, ["fake_subscriptions"]) == {"fake_subscriptions": 1}


async def test_a_purchase_that_was_given_up_and_made_all_the_same_is_found_before_the_next_one(
    account: Account, commands: Commands, deaf: Deaf
) -> None:
    key = await lost(commands, account)
    now = account.clock.now()
    await account.database.run(partial(give_up, key=key, now=now, failure=GIVEN_UP))
    account.clock.forward(minutes=1)
    deaf.script = []

    with pytest.raises(AlreadySubscribed) as refused:
        await buy(commands, account)

    [intent] = await intents(account)
    assert refused.value.subscription_id == (await subscription(account.database)).id
    assert (intent.key, intent.failure) == (key, None)
    assert await row_counts(account.database, ["fake_subscriptions"]) == {"fake_subscriptions": 1}


async def test_what_is_not_there_does_not_stand_in_the_next_ones_way(
    account: Account, commands: Commands, deaf: Deaf
) -> None:
    deaf.script = [Scene.AWAY]
    key = await lost(commands, account)
    account.clock.forward(seconds=KEYS_LIVE.total_seconds())
    await commands.finish_open()
    [given_up] = await intents(account)

    await buy(commands, account)

    [before, bought] = await intents(account)
    assert (given_up.failure, before.failure, bought.failure) == (GIVEN_UP, NOT_THERE, None)
    assert [key for call, key in deaf.calls if call == "subscribe"] == [key, bought.key]


async def test_while_nobody_can_look_for_what_was_given_up_nothing_is_bought(
    account: Account, commands: Commands, deaf: Deaf
) -> None:
    key = await lost(commands, account)
    await account.database.run(partial(give_up, key=key, now=account.clock.now(), failure=GIVEN_UP))
    deaf.blind = True

    async with unchanged(account.database):
        with pytest.raises(UpstreamUnavailable):
            await buy(commands, account)
