"""What the real mirror grants, and for how long, whoever bills."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from domain.billing import BillingSubscription, Customer, ProcessorName
from domain.entitlements import UNLIMITED, Billable, Reason
from domain.identity import User, find
from domain.organizations import Organization
from domain.scope import Scope, system
from domain.wiring import Services
from tests.domain.billing.processors import stripe_json
from tests.support.billing import subscription
from tests.support.clock import FixedClock
from tests.support.telling import tell
from tests.support.wired import customer_of

TEAM = "price_team_monthly"


async def billables(services: Services, acme: Organization) -> list[Billable]:
    async with services.database.snapshot() as session:
        payer = await session.get_one(Customer, await customer_of(services, acme))
    return [acme, payer, await subscription(services.database)]


class TestAnswers:
    async def test_an_organization_its_customer_and_its_subscription_have_the_same(
        self, services: Services, acme: Organization
    ) -> None:
        await tell(services)
        entitlements = services.entitlements

        for billable in await billables(services, acme):
            assert await entitlements.entitled(billable, "sso")
            assert not await entitlements.entitled(billable, "time_travel")
            assert await entitlements.has_active_plan(billable, "team")
            assert await entitlements.has_active_plan(billable, TEAM)
            assert not await entitlements.has_active_plan(billable, "pro")
            assert await entitlements.features_for(billable) == ["api", "reports", "sso"]
            assert await entitlements.entitlement_quantity(billable, "seats") == 7
            assert await entitlements.entitlement_quantity(billable, "projects") == UNLIMITED
            assert (await entitlements.decide(billable, "sso")).reason is Reason.ENTITLED

    async def test_a_member_does_not_have_what_the_organization_pays_for(
        self, services: Services, ann: Scope, acme: Organization
    ) -> None:
        await tell(services)
        async with services.database.snapshot() as session:
            person = await find(session, ann.actor.id)

        assert isinstance(person, User)
        assert not await services.entitlements.entitled(person, "sso")
        assert await services.entitlements.entitlement_quantity(person, "seats") == 1

    async def test_the_default_is_for_whoever_holds_no_plan(self, services: Services, acme: Organization) -> None:
        assert await services.entitlements.entitlement_quantity(acme, "seats") == 1

    @pytest.mark.parametrize(
        "state",
        [
            {"status": "paused"},
            {"pause_collection": {}},
            {"pause_collection": {"behavior": "void"}},
            {"status": "unpaid"},
            {"status": "incomplete"},
            {"status": "incomplete_expired"},
            {"status": "canceled"},
            {"ended_at": stripe_json.CREATED},
            {"status": "enchanted"},
        ],
        ids=str,
    )
    async def test_what_is_paused_ended_or_unpaid_grants_nothing(
        self, services: Services, acme: Organization, state: dict[str, Any]
    ) -> None:
        await tell(services, at=services.clock.now() - timedelta(days=1))
        had = await services.entitlements.entitled(acme, "sso")

        await tell(services, **state)

        assert had
        assert not await services.entitlements.entitled(acme, "sso")
        assert await services.entitlements.entitlement_quantity(acme, "seats") == 1

    async def test_the_same_rows_give_the_same_answers_whoever_bills(
        self, services: Services, acme: Organization
    ) -> None:
        await tell(services)
        payer = await customer_of(services, acme)

        revisions = []
        for processor in ProcessorName:
            async with services.database.transaction() as session:
                await session.execute(update(BillingSubscription).values(processor=processor))
            found = await services.entitlements.visible(services.customers(system("test")), [payer])
            revisions.append(found[payer].revision)

        assert len(set(revisions)) == 1


class TestGrace:
    async def test_it_lasts_seven_days_to_the_microsecond_after_which_the_default_comes_back(
        self, services: Services, acme: Organization, clock: FixedClock
    ) -> None:
        await tell(services)
        since = clock.forward(days=1)
        await tell(services, status="past_due")
        clock.forward(days=7)

        inside = await services.entitlements.decide(acme, "sso")
        seats_inside = await services.entitlements.entitlement_quantity(acme, "seats")
        clock.forward(microseconds=1)
        outside = await services.entitlements.decide(acme, "sso")

        assert (inside.granted, inside.reason) == (True, Reason.PAST_DUE_GRACE)
        assert inside.valid_until == since + timedelta(days=7)
        assert seats_inside == 7
        assert (outside.granted, outside.reason) == (False, Reason.PAST_DUE_EXPIRED)
        assert await services.entitlements.entitlement_quantity(acme, "seats") == 1

    async def test_a_payment_ends_it_and_the_next_failure_begins_anew(
        self, services: Services, acme: Organization, clock: FixedClock
    ) -> None:
        for status, days in (("past_due", 6), ("active", 1), ("past_due", 6)):
            await tell(services, status=status)
            clock.forward(days=days)

        assert (await services.entitlements.decide(acme, "sso")).reason is Reason.PAST_DUE_GRACE
