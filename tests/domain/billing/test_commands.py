"""Buying and cancelling when the processor answers: who may, what is refused, and what a success leaves."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from domain.audit import AuditEvent
from domain.billing import BillingSubscription, Bought, Purchase
from domain.billing.intents import Intent
from domain.billing.purchases import MAX_QUANTITY
from domain.billing.states import Status
from domain.db import Database
from domain.errors import (
    AlreadySubscribed,
    DomainError,
    Forbidden,
    InvalidInput,
    NotFound,
    Unsupported,
    WrongSubscriptionState,
)
from domain.ids import CustomerId
from domain.organizations import Organization
from domain.scope import Role, Scope, system
from domain.wiring import Services
from tests.support.billing import row_counts, subscription, subscriptions
from tests.support.clock import FixedClock
from tests.support.wired import customer_of, member, organization, user

PRO = Purchase(price_id="price_pro_monthly", quantity=1)
TEAM = Purchase(price_id="price_team_monthly", quantity=7)
PACK = Purchase(price_id="price_seat_pack", quantity=2)


@pytest.fixture
async def owner(services: Services) -> Scope:
    return await user(services, "ann")


@pytest.fixture
async def acme(services: Services, owner: Scope) -> Organization:
    return await organization(services, owner)


@pytest.fixture
async def payer(services: Services, acme: Organization) -> CustomerId:
    return await customer_of(services, acme)


async def outcome(command: Awaitable[Bought]) -> Bought | DomainError:
    try:
        return await command
    except DomainError as refusal:
        return refusal


class TestBuying:
    async def test_it_leaves_the_row_its_fact_the_account_and_two_audit_rows(
        self, services: Services, owner: Scope, payer: CustomerId, database: Database
    ) -> None:
        before = await row_counts(database)

        bought = await services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM])

        row = await subscription(database)
        grown = {table: rows - before.get(table, 0) for table, rows in (await row_counts(database)).items()}
        assert (bought.subscription.id, bought.client_secret) == (row.id, None)
        assert (row.customer_id, row.status, row.current.items[0].quantity) == (payer, Status.ACTIVE, 7)
        assert {table: more for table, more in grown.items() if more and not table.startswith("fake_")} == {
            "audit_events": 2,
            "billing_intents": 1,
            "billing_subscriptions": 1,
            # The Fake tells of the customer, of the subscription and of the invoice.
            "outbox_messages": 3,
            "processor_accounts": 1,
            "subscription_facts": 1,
        }
        async with database.snapshot() as session:
            query = select(AuditEvent).where(AuditEvent.subject_id == row.id).order_by(AuditEvent.action)
            rows = list((await session.execute(query)).scalars())
            [intent] = (await session.execute(select(Intent))).scalars()
        assert [event.action for event in rows] == ["subscription.changed", "subscription.subscribe"]
        assert {event.actor_id for event in rows} == {owner.actor.id}
        assert (intent.settled_at, intent.failure, intent.due_at) == (services.clock.now(), None, None)

    async def test_once_the_worker_has_been_round_the_mirror_owes_nothing(
        self, services: Services, owner: Scope, payer: CustomerId, database: Database, clock: FixedClock
    ) -> None:
        bought = await services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM])
        clock.forward(milliseconds=1)

        while await services.worker.round():
            clock.forward(milliseconds=1)

        row = await subscription(database)
        assert (row.id, row.fetch_owed, row.status) == (bought.subscription.id, False, Status.ACTIVE)

    async def test_a_second_base_plan_is_refused_while_the_first_lives(
        self, services: Services, owner: Scope, payer: CustomerId, database: Database
    ) -> None:
        bought = await services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM])
        before = await row_counts(database)

        with pytest.raises(AlreadySubscribed) as refusal:
            await services.commands.subscribe(scope=owner, customer_id=payer, items=[PRO])

        assert refusal.value.subscription_id == bought.subscription.id
        assert await row_counts(database) == before

    async def test_an_add_on_is_bought_beside_the_base_plan_and_the_account_stays_the_same(
        self, services: Services, owner: Scope, payer: CustomerId, database: Database
    ) -> None:
        for item in (TEAM, PACK, PACK):
            await services.commands.subscribe(scope=owner, customer_id=payer, items=[item])

        assert len(await subscriptions(database)) == 3
        assert await row_counts(database, ["processor_accounts"]) == {"processor_accounts": 1}

    async def test_an_add_on_alone_is_no_base_plan(
        self, services: Services, owner: Scope, payer: CustomerId, database: Database
    ) -> None:
        await services.commands.subscribe(scope=owner, customer_id=payer, items=[PACK])

        await services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM, PACK])

        assert len(await subscriptions(database)) == 2

    async def test_after_the_end_one_may_buy_again(
        self, services: Services, owner: Scope, payer: CustomerId, clock: FixedClock
    ) -> None:
        first = await services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM])
        clock.forward(seconds=2)
        await services.commands.cancel(scope=owner, subscription_id=first.subscription.id, at_period_end=False, at=None)

        second = await services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM])

        assert second.subscription.id != first.subscription.id

    async def test_two_at_one_moment_leave_one_subscription(
        self, services: Services, owner: Scope, payer: CustomerId, database: Database
    ) -> None:
        def buy() -> Awaitable[Bought]:
            return services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM])

        outcomes = await asyncio.gather(*(outcome(buy()) for _ in range(4)))

        assert sorted(type(one).__name__ for one in outcomes) == ["AlreadySubscribed"] * 3 + ["Bought"]
        assert len(await subscriptions(database)) == 1
        assert await row_counts(database, ["fake_subscriptions", "billing_intents"]) == {
            "fake_subscriptions": 1,
            "billing_intents": 1,
        }

    @pytest.mark.parametrize(
        "items",
        [
            [],
            [Purchase(price_id=f"price_{number}", quantity=1) for number in range(21)],
            [Purchase(price_id="price_unknown", quantity=1)],
            [Purchase(price_id="price_pro_monthly", quantity=0)],
            [Purchase(price_id="price_pro_monthly", quantity=MAX_QUANTITY + 1)],
            [PACK, PACK],
            [PRO, TEAM],
        ],
    )
    async def test_what_cannot_be_bought_leaves_no_row_in_any_table(
        self, services: Services, owner: Scope, payer: CustomerId, database: Database, items: list[Purchase]
    ) -> None:
        before = await row_counts(database)

        with pytest.raises(InvalidInput) as refusal:
            await services.commands.subscribe(scope=owner, customer_id=payer, items=items)

        assert (refusal.value.path or [])[:2] == ["input", "items"]
        assert await row_counts(database) == before


class TestRights:
    @pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER])
    async def test_admins_and_members_neither_buy_nor_cancel(
        self, services: Services, owner: Scope, acme: Organization, payer: CustomerId, database: Database, role: Role
    ) -> None:
        bob = await user(services, "bob")
        await member(services, acme, bob, role)
        bought = await services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM])
        before = await row_counts(database)

        with pytest.raises(Forbidden):
            await services.commands.subscribe(scope=bob, customer_id=payer, items=[PACK])
        with pytest.raises(Forbidden):
            await services.commands.cancel(
                scope=bob, subscription_id=bought.subscription.id, at_period_end=True, at=None
            )

        assert await row_counts(database) == before

    async def test_to_strangers_it_is_not_there(
        self, services: Services, owner: Scope, payer: CustomerId, database: Database
    ) -> None:
        eve = await user(services, "eve")
        bought = await services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM])
        before = await row_counts(database)

        refusals = [
            await outcome(services.commands.subscribe(scope=eve, customer_id=id, items=[PACK]))
            for id in (payer, await customer_of(services, owner), "cst_unknown")
        ] + [
            await outcome(services.commands.cancel(scope=eve, subscription_id=id, at_period_end=True, at=None))
            for id in (bought.subscription.id, "bsb_unknown")
        ]

        assert {(type(refusal), str(refusal)) for refusal in refusals} == {
            (NotFound, "There is no such customer."),
            (NotFound, "There is no such subscription."),
        }
        assert await row_counts(database) == before

    async def test_everybody_buys_for_themselves_and_administrators_for_everybody(
        self, services: Services, owner: Scope, payer: CustomerId, database: Database
    ) -> None:
        own = await customer_of(services, owner)

        await services.commands.subscribe(scope=owner, customer_id=own, items=[PRO])
        await services.commands.subscribe(scope=system("test"), customer_id=payer, items=[PRO])

        assert {row.customer_id for row in await subscriptions(database)} == {own, payer}


class TestCancelling:
    @pytest.fixture
    async def bought(
        self, services: Services, owner: Scope, payer: CustomerId, clock: FixedClock
    ) -> BillingSubscription:
        row = (await services.commands.subscribe(scope=owner, customer_id=payer, items=[TEAM])).subscription
        clock.forward(seconds=2)
        return row

    async def test_at_the_periods_end_it_stays_active_and_says_so(
        self, services: Services, owner: Scope, bought: BillingSubscription, database: Database
    ) -> None:
        await services.commands.cancel(scope=owner, subscription_id=bought.id, at_period_end=True, at=None)

        row = await subscription(database)
        assert (row.status, row.current.cancel_at_period_end) == (Status.ACTIVE, True)

    async def test_now_it_ends(
        self, services: Services, owner: Scope, bought: BillingSubscription, database: Database
    ) -> None:
        cancelled = await services.commands.cancel(scope=owner, subscription_id=bought.id, at_period_end=False, at=None)

        assert cancelled.subscription.status == (await subscription(database)).status == Status.CANCELED
        async with database.snapshot() as session:
            query = select(AuditEvent.actor_id).where(AuditEvent.action == "subscription.cancel")
            assert (await session.execute(query)).scalars().all() == [owner.actor.id]

    async def test_at_an_instant_it_will_end_then(
        self, services: Services, owner: Scope, bought: BillingSubscription, database: Database, clock: FixedClock
    ) -> None:
        at = clock.now() + timedelta(days=3)

        await services.commands.cancel(scope=owner, subscription_id=bought.id, at_period_end=True, at=at)

        row = await subscription(database)
        assert (row.current.cancel_at, row.current.cancel_at_period_end) == (at, False)

    async def test_an_instant_that_has_passed_leaves_no_row(
        self, services: Services, owner: Scope, bought: BillingSubscription, database: Database, clock: FixedClock
    ) -> None:
        before = await row_counts(database)

        with pytest.raises(InvalidInput):
            await services.commands.cancel(scope=owner, subscription_id=bought.id, at_period_end=True, at=clock.now())

        assert await row_counts(database) == before

    async def test_what_has_ended_is_not_ended_again(
        self, services: Services, owner: Scope, bought: BillingSubscription, database: Database
    ) -> None:
        await services.commands.cancel(scope=owner, subscription_id=bought.id, at_period_end=False, at=None)
        before = await row_counts(database)

        with pytest.raises(WrongSubscriptionState) as refusal:
            await services.commands.cancel(scope=owner, subscription_id=bought.id, at_period_end=False, at=None)

        assert refusal.value.status == Status.CANCELED
        assert await row_counts(database) == before

    async def test_a_processor_that_is_not_configured_here_cannot_be_asked(
        self, services: Services, owner: Scope, bought: BillingSubscription, database: Database
    ) -> None:
        before = await row_counts(database)
        without = replace(services.commands, processors={})

        with pytest.raises(Unsupported):
            await without.cancel(scope=owner, subscription_id=bought.id, at_period_end=True, at=None)

        assert await row_counts(database) == before
