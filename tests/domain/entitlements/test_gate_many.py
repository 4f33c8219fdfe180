"""Many billables and many features in one read: each answer is the one that is given alone, each doubt stays alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from domain.billing import BillingSubscription, Customer
from domain.db import open_database
from domain.entitlements import Reason
from domain.identity import User
from domain.organizations import Organization
from domain.scope import Scope
from domain.wiring import Services
from tests.support.billing import linked
from tests.support.clock import FixedClock
from tests.support.statements import statements
from tests.support.tables import execute
from tests.support.telling import tell
from tests.support.wired import customer_of, detached, organization


async def test_many_billables_and_features_cost_one_statement(
    services: Services, acme: Organization, ann: Scope
) -> None:
    await tell(services)
    customers, rows = await rows_of(services)
    people = [User(id=ann.actor.id)]

    with statements(services.database) as sent:
        decided = await services.entitlements.decide_many([acme, *customers, *rows, *people], ["api", "sso"])

    assert len(sent) == 1
    told = [(each["api"].granted, each["sso"].granted) for each in decided]
    paying = [customer.owner_id == acme.id for customer in customers]
    assert sorted(paying) == [False, True]
    assert told == [(granted, granted) for granted in (True, *paying, True, False)]


async def test_the_same_billable_twice_none_and_nonsense_stand_in_their_places(
    services: Services, acme: Organization
) -> None:
    await tell(services)
    torn = await detached(services, acme)
    unnamed: Any = [Organization(id=None), Organization(id="org_\x00"), Organization(id="org_\udc80"), [], torn]

    asked = [acme, None, acme, *unnamed, acme]
    decided = await services.entitlements.decide_many(asked, ["api", "api"])

    reasons = [each["api"].reason for each in decided]
    nothing = [Reason.NO_ACTIVE_SUBSCRIPTION] * 4
    yes = Reason.ENTITLED
    assert reasons == [yes, Reason.NO_ACTIVE_SUBSCRIPTION, yes, *nothing, Reason.ERROR, yes]
    assert await services.entitlements.entitled_many(asked, "api") == [reason is yes for reason in reasons]


async def test_each_answer_is_the_one_that_is_given_alone(services: Services, acme: Organization) -> None:
    await tell(services, status="past_due")

    [many] = await services.entitlements.decide_many([acme], ["api", "ghost"])

    assert many == {name: await services.entitlements.decide(acme, name) for name in ("api", "ghost")}


async def test_a_row_that_cannot_be_read_denies_only_its_own_customer(
    services: Services, acme: Organization, ann: Scope, clock: FixedClock
) -> None:
    other = await organization(services, ann, "Other")
    await tell(services)
    await linked(services.database, clock, await customer_of(services, other), processor_id="cus_2")
    clock.forward(seconds=1)
    await tell(services, id="sub_2", customer="cus_2")
    await execute(services.database, "UPDATE billing_subscriptions SET state = '{}' WHERE processor_id = 'sub_2'")

    decided = await services.entitlements.decide_many([other, acme], ["api"])

    assert [each["api"].reason for each in decided] == [Reason.ERROR, Reason.ENTITLED]


async def test_more_than_one_statement_can_name_are_still_answered(services: Services, acme: Organization) -> None:
    await tell(services)
    crowd = [Organization(id=f"org_{number}") for number in range(40_000)]

    granted = await services.entitlements.entitled_many([*crowd, acme], "api")

    assert granted[-1] is True
    assert sum(granted) == 1


@pytest.mark.parametrize("unlisted", [None, 7])
async def test_what_cannot_be_listed_gives_nothing(services: Services, unlisted: Any) -> None:
    assert await services.entitlements.decide_many(unlisted, ["api"]) == []
    assert await services.entitlements.entitled_many(unlisted, "api") == []


async def test_a_single_name_is_one_feature(services: Services, acme: Organization) -> None:
    [decided] = await services.entitlements.decide_many([acme], "api")

    assert list(decided) == ["api"]


async def test_without_a_database_everybody_is_denied(services: Services, acme: Organization, tmp_path: Path) -> None:
    away = open_database(f"postgresql+asyncpg://nobody@/nothing?host={tmp_path}")
    entitlements = replace(services.entitlements, database=away)

    decided = await entitlements.decide_many([acme, None], ["api"])

    assert [each["api"].reason for each in decided] == [Reason.ERROR, Reason.NO_ACTIVE_SUBSCRIPTION]
    await away.aclose()


async def rows_of(services: Services) -> tuple[list[Customer], list[BillingSubscription]]:
    async with services.database.snapshot() as session:
        customers = (await session.scalars(select(Customer).order_by(Customer.owner_kind))).all()
        return list(customers), list(await session.scalars(select(BillingSubscription)))
