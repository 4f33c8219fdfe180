"""Paying on the processor's page: one purchase at a time, abandoned pages lock nobody out, paid ones are not missed."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from domain.billing import Commands, CreateCheckout, ProcessorName, Subscribe
from domain.billing.checkouts import Checkout
from domain.billing.commands import Command
from domain.billing.processors import Capability, Event, Label, News
from domain.billing.processors.fake import FakeProcessor, Fault, FaultKind
from domain.billing.processors.news import CheckoutCompleted
from domain.errors import AlreadySubscribed, DomainError, Forbidden, InvalidInput, NotFound, UpstreamUnavailable
from domain.idempotency import Call
from domain.scope import Role
from tests.support.billing import mirror_of, subscriptions
from tests.support.commanding import PACK, PRO, RETURN, TEAM, Account, agreed, checkout
from tests.support.scripted import Scene, ScriptedProcessor
from tests.support.tables import dump, execute, scalar, unchanged
from tests.support.wired import member, user


def scripted(account: Account, *scenes: Scene) -> tuple[Commands, ScriptedProcessor]:
    processor = ScriptedProcessor(account.fake, *scenes)
    return replace(account.services.commands, processors={ProcessorName.FAKE: processor}), processor


async def refused(account: Account, command: Command[Any, Any], **how: Any) -> DomainError:
    async with unchanged(account.database):
        with pytest.raises(DomainError) as refusal:
            await account.do(command, **how)
    return refusal.value


async def checkouts(account: Account) -> list[Checkout]:
    async with account.database.snapshot() as session:
        return list((await session.execute(select(Checkout).order_by(Checkout.created_at))).scalars())


async def states(account: Account) -> list[str]:
    return [checkout.status for checkout in await checkouts(account)]


class TestAPage:
    async def test_it_leaves_the_session_the_account_and_one_audit_row_and_its_address_nowhere(
        self, account: Account
    ) -> None:
        page = await account.opens()

        assert page.url is not None
        assert page.url.startswith("https://fake.invalid/checkout/")
        assert page.expires_at is not None
        assert await states(account) == ["open"]
        assert await scalar(account.database, "SELECT customer_id FROM processor_accounts") == account.payer
        query = "SELECT count(*) FROM audit_events WHERE action = 'subscription.create_checkout'"
        assert await scalar(account.database, query) == 1
        ours = {table: rows for table, rows in (await dump(account.database)).items() if not table.startswith("fake_")}
        assert page.url not in json.dumps(ours)

    async def test_a_key_gives_it_again_without_its_address_and_leaves_it_open(self, account: Account) -> None:
        now = account.clock.now()
        call = Call(actor_id=account.owner.actor.id, operation="x", key="k", digest="d", now=now)
        first = await account.do(checkout(account.payer), call=call)

        second = await account.do(checkout(account.payer), call=call)

        assert (second.url, second.expires_at) == (None, first.expires_at)
        assert await states(account) == ["open"]

    @pytest.mark.parametrize("field", ["success_url", "cancel_url"])
    async def test_an_address_that_is_not_the_hosts_is_refused(self, account: Account, field: str) -> None:
        addresses = {"success_url": RETURN, "cancel_url": RETURN, field: "http://acme.example/"}
        command = CreateCheckout(customer_id=account.payer, items=[TEAM], **addresses)

        refusal = await refused(account, command)

        assert isinstance(refusal, InvalidInput)
        assert refusal.path == ["input", {"success_url": "successUrl", "cancel_url": "cancelUrl"}[field]]

    async def test_only_the_owner_opens_one_and_to_strangers_the_customer_is_not_there(self, account: Account) -> None:
        bob, eve = await user(account.services, "bob"), await user(account.services, "eve")
        await member(account.services, account.acme, bob, Role.ADMIN)
        await account.opens()

        kinds = [type(await refused(account, checkout(account.payer), scope=scope)) for scope in (bob, eve)]

        assert kinds == [Forbidden, NotFound]
        assert await states(account) == ["open"]

    async def test_where_the_processor_has_no_such_page_nothing_is_asked_of_it(self, account: Account) -> None:
        commands, processor = scripted(account)
        processor.capabilities = {**account.fake.capabilities, Capability.CHECKOUT: Label.UNSUPPORTED}

        async with unchanged(account.database):
            with pytest.raises(DomainError, match="cannot do that"):
                await commands.do(checkout(account.payer), scope=account.owner)

        assert processor.calls == []

    async def test_a_live_base_plan_keeps_another_out_and_lets_an_add_on_in(self, account: Account) -> None:
        row = await account.buys(TEAM)

        refusal = await refused(account, checkout(account.payer, PRO))
        page = await account.opens(PACK)

        assert isinstance(refusal, AlreadySubscribed)
        assert (refusal.subscription_id, page.url is not None) == (row.id, True)


class TestOnePurchaseAtATime:
    async def test_an_abandoned_page_is_closed_and_locks_nobody_out(self, account: Account) -> None:
        await account.opens()
        abandoned = await account.open_session()
        account.clock.forward(seconds=1)

        await account.opens()
        account.clock.forward(seconds=1)
        await account.do(Subscribe(customer_id=account.payer, items=[PRO]))

        assert await states(account) == ["expired", "expired"]
        with pytest.raises(Exception, match="expired"):
            await account.fake.complete_checkout(abandoned)
        assert len(await subscriptions(account.database)) == 1

    @pytest.mark.parametrize("command", ["checkout", "subscribe"])
    async def test_a_page_that_was_paid_a_moment_ago_shows_in_the_mirror_and_refuses_the_next_purchase(
        self, account: Account, command: str
    ) -> None:
        await account.opens()
        await account.fake.complete_checkout(await account.open_session())
        account.clock.forward(seconds=1)
        purchases: dict[str, Command[Any, Any]] = {
            "checkout": checkout(account.payer),
            "subscribe": Subscribe(customer_id=account.payer, items=[TEAM]),
        }
        purchase = purchases[command]

        with pytest.raises(AlreadySubscribed) as refusal:
            await account.do(purchase)

        [row] = await subscriptions(account.database)
        assert refusal.value.subscription_id == row.id
        assert await account.services.entitlements.entitled(account.acme, "reports")
        assert await states(account) == ["complete"]
        await account.settled()
        assert await agreed(account, account.fake)

    async def test_a_paid_add_on_does_not_keep_a_base_plan_out(self, account: Account) -> None:
        await account.opens(PACK)
        await account.fake.complete_checkout(await account.open_session())
        account.clock.forward(seconds=1)

        await account.do(Subscribe(customer_id=account.payer, items=[TEAM]))

        assert len(await subscriptions(account.database)) == 2

    @pytest.mark.parametrize("kind", [FaultKind.ERROR_500, FaultKind.LOST_ANSWER, FaultKind.NOT_DONE])
    async def test_while_nobody_knows_whether_a_page_is_closed_nothing_is_sold(
        self, account: Account, kind: FaultKind
    ) -> None:
        await account.opens()
        account.fake.script([Fault(kind=kind, operation="expire_checkout")])
        purchase = Subscribe(customer_id=account.payer, items=[TEAM])

        with pytest.raises(UpstreamUnavailable):
            await account.do(purchase)
        sold = await subscriptions(account.database)
        await account.do(purchase)

        assert (sold, len(await subscriptions(account.database))) == ([], 1)

    async def test_a_page_that_is_being_made_keeps_other_purchases_out(self, account: Account) -> None:
        commands, processor = scripted(account, Scene.HANGS)
        making = asyncio.create_task(commands.do(checkout(account.payer), scope=account.owner))
        await processor.hanging.wait()

        with pytest.raises(AlreadySubscribed) as refusal:
            await account.do(Subscribe(customer_id=account.payer, items=[TEAM]))
        processor.go_on.set()

        assert (refusal.value.subscription_id, (await making).url is not None) == (None, True)

    async def test_of_many_purchases_in_one_moment_at_most_one_is_paid(self, account: Account) -> None:
        purchases: list[Command[Any, Any]] = [
            checkout(account.payer),
            Subscribe(customer_id=account.payer, items=[PRO]),
        ]

        outcomes = await asyncio.gather(*(account.do(one) for one in purchases * 3), return_exceptions=True)
        payments = [account.fake.complete_checkout(each.processor_id) for each in await checkouts(account)]
        await asyncio.gather(*payments, return_exceptions=True)
        account.clock.forward(seconds=61)
        await account.settled()

        assert {type(one) for one in outcomes if isinstance(one, Exception)} <= {AlreadySubscribed}
        assert len([one async for one in account.fake.list_subscriptions()]) == 1
        assert await agreed(account, account.fake)


class TestGoing:
    async def test_before_a_payer_goes_their_pages_are_closed(self, account: Account) -> None:
        await account.opens()

        await account.services.commands.finish_purchases(account.payer)

        assert await states(account) == ["expired"]

    async def test_what_a_payer_who_goes_has_just_paid_is_known_first(self, account: Account) -> None:
        await account.opens()
        await account.fake.complete_checkout(await account.open_session())

        await account.services.commands.finish_purchases(account.payer)

        assert len(await subscriptions(account.database)) == 1


class Telling(FakeProcessor):
    """Reads the end of a checkout session, and of everything else nothing: the subscription's own events are late."""

    def news(self, event: Event) -> News | None:
        if event.type != "checkout.session.completed":
            return None
        told = event.payload["data"]["object"]
        return CheckoutCompleted(
            processor_id=told["id"],
            customer_processor_id=told["customer"],
            subscription_processor_id=told["subscription"],
        )


def telling(account: Account) -> Telling:
    secrets = account.services.settings.fake_webhook_secrets
    return Telling(database=account.database, clock=account.clock, webhook_secrets=secrets)


class TestCompletion:
    async def test_access_is_live_before_any_event_of_the_subscription(self, account: Account) -> None:
        mirror = mirror_of(account.database, account.clock, telling(account))
        await account.opens()
        await account.fake.complete_checkout(await account.open_session())

        await account.fake.deliver_due(mirror.inbox)
        await mirror.deliver()

        [row] = await subscriptions(account.database)
        assert row.customer_id == account.payer
        assert await account.services.entitlements.entitled(account.acme, "reports")
        assert await states(account) == ["complete"]

    async def test_it_links_the_account_that_paid(self, account: Account) -> None:
        mirror = mirror_of(account.database, account.clock, telling(account))
        await account.opens()
        await execute(account.database, "DELETE FROM processor_accounts")
        await account.fake.complete_checkout(await account.open_session())

        await account.fake.deliver_due(mirror.inbox)

        assert await scalar(account.database, "SELECT customer_id FROM processor_accounts") == account.payer

    async def test_a_session_that_we_did_not_make_links_nothing(self, account: Account) -> None:
        mirror = mirror_of(account.database, account.clock, telling(account))
        await account.opens()
        await account.fake.complete_checkout(await account.open_session())
        await execute(account.database, "DELETE FROM checkout_sessions", "DELETE FROM processor_accounts")

        await account.fake.deliver_due(mirror.inbox)

        query = "SELECT status FROM webhook_events WHERE type = 'checkout.session.completed'"
        assert await scalar(account.database, query) == "applied"
        assert await scalar(account.database, "SELECT count(*) FROM processor_accounts") == 0
        assert await subscriptions(account.database) == []

    async def test_where_the_customer_has_another_account_by_now_it_fails_and_links_nothing(
        self, account: Account
    ) -> None:
        mirror = mirror_of(account.database, account.clock, telling(account))
        await account.opens()
        await execute(account.database, "UPDATE processor_accounts SET processor_id = 'cus_other'")
        await account.fake.complete_checkout(await account.open_session())

        await account.fake.deliver_due(mirror.inbox)

        query = "SELECT status FROM webhook_events WHERE type = 'checkout.session.completed'"
        assert await scalar(account.database, query) == "failed"
        assert await scalar(account.database, "SELECT processor_id FROM processor_accounts") == "cus_other"
        assert await states(account) == ["open"]
