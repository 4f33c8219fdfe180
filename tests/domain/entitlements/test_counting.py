"""What a host counts: claimed and written together or not at all, never over the limit, given back without asking."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from domain.db import Session
from domain.entitlements import Counting, InForce, Reason, catalog
from domain.errors import ConfigError, LimitReached
from domain.organizations import Organization
from domain.scope import Scope
from domain.wiring import Services, build
from tests.domain.entitlements.test_hosting import PriceTable
from tests.support.clock import FixedClock
from tests.support.statements import statements
from tests.support.tables import execute, scalar, unchanged
from tests.support.telling import tell
from tests.support.wired import customer_of, detached, organization, settings_of

CATALOG = """
[default]
limits = { seats = 1, projects = 2 }
[plans.pro]
limits = { projects = 3, machines = 1 }
price_ids = ["price_pro_monthly"]
[plans.team]
limits = { projects = "unlimited" }
price_ids = ["price_team_monthly"]
"""


@pytest.fixture
async def counting(services: Services) -> Counting:
    await execute(services.database, "CREATE TABLE projects (id VARCHAR(40) PRIMARY KEY)")
    entitlements = replace(services.entitlements, in_force=InForce(catalog.parse({"catalog.toml": CATALOG})))
    return Counting(entitlements=entitlements, keys=frozenset({"projects", "machines"}))


async def add(counting: Counting, billable: Any, *holders: str, key: str = "projects") -> None:
    """Claim and write in one transaction, as a host does."""

    async def work(session: Session) -> None:
        for holder in holders:
            async with counting.limited(session, billable, key, holder=holder):
                await write(session, holder)

    await counting.entitlements.database.run(work)


async def write(session: Session, project: str) -> None:
    await session.execute(text("INSERT INTO projects VALUES (:id)"), {"id": project})


async def release(counting: Counting, billable: Any, holder: str, key: str = "projects") -> None:
    await counting.entitlements.database.run(lambda s: counting.release(s, billable, key, holder=holder))


async def used(counting: Counting, customer_id: str) -> Any:
    async with counting.entitlements.database.snapshot() as session:
        return (await counting.used(session, [customer_id]))[customer_id]


async def adds_up(services: Services) -> bool:
    """Say whether every counter equals its holders."""
    wrong = """SELECT count(*) FROM counted_pools p WHERE used <> (
        SELECT count(*) FROM counted_holders h WHERE h.customer_id = p.customer_id AND h.key = p.key)"""
    return bool(await scalar(services.database, wrong) == 0)


class TestClaiming:
    async def test_one_is_taken_with_what_is_written_until_the_limit_is_reached(
        self, services: Services, counting: Counting, acme: Organization
    ) -> None:
        await add(counting, acme, "prj_1")
        await add(counting, acme, "prj_2")

        async with unchanged(services.database):
            with pytest.raises(LimitReached) as refused:
                await add(counting, acme, "prj_3")

        assert (refused.value.key, refused.value.limit, refused.value.reason) == ("projects", 2, "limit_reached")
        assert await used(counting, await customer_of(services, acme)) == {"projects": 2, "machines": 0}
        assert await adds_up(services)

    async def test_the_limit_is_the_customers_at_this_moment(
        self, services: Services, counting: Counting, acme: Organization, clock: FixedClock
    ) -> None:
        await add(counting, acme, "prj_1", "prj_2")
        await tell(services, price="price_pro_monthly")
        await add(counting, acme, "prj_3")
        clock.forward(seconds=1)
        await tell(services, price="price_team_monthly")
        await add(counting, acme, "prj_4", "prj_5")
        clock.forward(seconds=1)
        await tell(services, kind="deleted", status="canceled")

        with pytest.raises(LimitReached):
            await add(counting, acme, "prj_6")

        assert (await used(counting, await customer_of(services, acme)))["projects"] == 5

    async def test_customers_and_keys_are_counted_apart(
        self, services: Services, counting: Counting, acme: Organization, ann: Scope
    ) -> None:
        other = await organization(services, ann, "Other")
        await tell(services, price="price_pro_monthly")

        await add(counting, acme, "prj_1", "prj_2", "prj_3")
        await add(counting, acme, "box_1", key="machines")
        await add(counting, other, "prj_4", "prj_5")

        with pytest.raises(LimitReached) as refused:
            await add(counting, other, "box_2", key="machines")
        assert refused.value.limit == 0
        payers = [await customer_of(services, each) for each in (acme, other)]
        with statements(services.database) as sent:
            async with services.database.snapshot() as session:
                counted = await counting.used(session, payers)
        assert [counted[payer] for payer in payers] == [
            {"projects": 3, "machines": 1},
            {"projects": 2, "machines": 0},
        ]
        assert len(sent) == 1

    async def test_a_holder_keeps_what_it_has_and_takes_no_more(
        self, services: Services, counting: Counting, acme: Organization
    ) -> None:
        await add(counting, acme, "prj_1", "prj_2")

        await services.database.run(lambda s: counting.claim(s, acme, "projects", holder="prj_1"))

        assert (await used(counting, await customer_of(services, acme)))["projects"] == 2

    async def test_what_fails_in_the_block_takes_nothing_even_when_the_transaction_goes_on(
        self, services: Services, counting: Counting, acme: Organization
    ) -> None:
        await add(counting, acme, "prj_1")

        async def half(session: Session) -> None:
            async with counting.limited(session, acme, "projects", holder="prj_2"):
                await write(session, "prj_2")
                raise RuntimeError

        async def work(session: Session) -> None:
            with pytest.raises(RuntimeError):
                await half(session)
            async with counting.limited(session, acme, "projects", holder="prj_3"):
                await write(session, "prj_3")
            with pytest.raises(LimitReached):
                await counting.claim(session, acme, "projects", holder="prj_4")

        await services.database.run(work)

        assert await scalar(services.database, "SELECT count(*) FROM projects WHERE id IN ('prj_1', 'prj_3')") == 2
        assert await scalar(services.database, "SELECT count(*) FROM projects") == 2
        assert (await used(counting, await customer_of(services, acme)))["projects"] == 2
        assert await adds_up(services)

    async def test_a_transaction_that_fails_later_leaves_nothing(
        self, services: Services, counting: Counting, acme: Organization
    ) -> None:
        async def work(session: Session) -> None:
            async with counting.limited(session, acme, "projects", holder="prj_1"):
                await write(session, "prj_1")
            raise RuntimeError

        async with unchanged(services.database):
            with pytest.raises(RuntimeError):
                await services.database.run(work)


class TestDoubts:
    async def test_nobody_and_who_goes_may_have_none(
        self, services: Services, counting: Counting, acme: Organization, ann: Scope
    ) -> None:
        async with services.database.transaction() as session:
            await services.standing.delete(session, scope=ann, organization_id=acme.id)

        async with unchanged(services.database):
            for nobody in (None, Organization(id="org_no"), "org_1", acme):
                with pytest.raises(LimitReached) as refused:
                    await add(counting, nobody, "prj_1")
                assert refused.value.limit == 0

    async def test_rows_that_cannot_be_read_allow_nothing(
        self, services: Services, counting: Counting, acme: Organization
    ) -> None:
        await tell(services, price="price_pro_monthly")
        await execute(services.database, "UPDATE billing_subscriptions SET state = '{}'")
        assert (await counting.entitlements.decide(acme, "api")).reason is Reason.ERROR

        async with unchanged(services.database):
            with pytest.raises(LimitReached):
                await add(counting, acme, "prj_1")

    @pytest.mark.parametrize(("key", "holder"), [("project", "prj_1"), ("projects", ""), ("projects", "x" * 256)])
    async def test_a_key_that_is_not_counted_and_a_holder_that_is_no_id_are_the_hosts_mistakes(
        self, services: Services, counting: Counting, acme: Organization, key: str, holder: str
    ) -> None:
        async with unchanged(services.database):
            with pytest.raises(ValueError, match=r"not counted|a holder is an id"):
                await add(counting, acme, holder, key=key)

    async def test_a_billable_that_cannot_be_read_ends_the_transaction(
        self, services: Services, counting: Counting, acme: Organization
    ) -> None:
        torn = await detached(services, acme)

        async with unchanged(services.database):
            with pytest.raises(Exception, match="not bound to a Session"):
                await add(counting, torn, "prj_1")


class TestReleasing:
    async def test_what_is_released_may_be_taken_again(
        self, services: Services, counting: Counting, acme: Organization
    ) -> None:
        await add(counting, acme, "prj_1", "prj_2")

        await release(counting, acme, "prj_1")
        await add(counting, acme, "prj_3")

        assert (await used(counting, await customer_of(services, acme)))["projects"] == 2
        assert await adds_up(services)

    async def test_what_is_not_held_is_no_fault_and_changes_nothing(
        self, services: Services, counting: Counting, acme: Organization
    ) -> None:
        await add(counting, acme, "prj_1")

        async with unchanged(services.database):
            for billable, key in ((acme, "projects"), (acme, "ghosts"), (None, "projects"), ("org_1", "projects")):
                await release(counting, billable, "prj_2", key)

    async def test_no_limit_is_asked_and_who_goes_gives_back_too(
        self, services: Services, counting: Counting, acme: Organization, ann: Scope
    ) -> None:
        await add(counting, acme, "prj_1", "prj_2")
        async with services.database.transaction() as session:
            await services.standing.delete(session, scope=ann, organization_id=acme.id)
        table = PriceTable()
        asking = replace(counting, entitlements=replace(counting.entitlements, resolver=table))

        await release(asking, acme, "prj_1")

        assert table.asked == []
        assert (await used(counting, await customer_of(services, acme)))["projects"] == 1
        assert await adds_up(services)


def test_a_counted_key_that_no_plan_declares_stops_the_start_and_so_do_the_seats(tmp_path: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        build(settings_of(f"sqlite+aiosqlite:///{tmp_path}/seatgate.db"), counted=["ghosts", "seats", "projects"])

    assert refused.value.faults == [
        "counted: no plan declares the limit 'ghosts'",
        "counted: 'seats' is counted already, by the seats",
    ]
