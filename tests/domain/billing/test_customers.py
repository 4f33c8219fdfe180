"""Customers: one for each owner, seen by their own people only, linked once."""

import pytest

from domain.billing import ProcessorName, accounts_of, link_account
from domain.db import Database, Page, page_of
from domain.errors import InvalidInput
from domain.ids import CustomerId
from domain.scope import Role, system
from domain.wiring import Services
from tests.support.billing import customer, linked
from tests.support.clock import FixedClock
from tests.support.wired import customer_of, member, organization, user


class TestLinking:
    async def test_linking_the_same_two_again_changes_nothing(self, database: Database, clock: FixedClock) -> None:
        payer = (await customer(database, clock)).id
        await linked(database, clock, payer)
        first = clock.now()
        clock.forward(days=1)

        await linked(database, clock, payer)

        async with database.snapshot() as session:
            [account] = (await accounts_of(session, [payer]))[payer]
        assert (account.processor_id, account.linked_at) == ("cus_1", first)

    async def test_an_account_of_another_customer_is_refused(self, database: Database, clock: FixedClock) -> None:
        await linked(database, clock, (await customer(database, clock)).id)
        other = (await customer(database, clock, "org_2")).id

        with pytest.raises(InvalidInput):
            await linked(database, clock, other)

    @pytest.mark.parametrize(("processor_id", "livemode"), [("cus_2", False), ("cus_1", True)])
    async def test_a_second_account_at_the_same_processor_is_refused(
        self, database: Database, clock: FixedClock, processor_id: str, livemode: bool
    ) -> None:
        payer = (await customer(database, clock)).id
        await linked(database, clock, payer)

        with pytest.raises(InvalidInput):
            async with database.transaction() as session:
                await link_account(
                    session,
                    customer_id=payer,
                    processor=ProcessorName.FAKE,
                    livemode=livemode,
                    processor_id=processor_id,
                    at=clock.now(),
                )


class TestReading:
    async def test_users_see_their_own_and_their_organizations_customers(self, services: Services) -> None:
        ann, bob, eve = [await user(services, name) for name in ("ann", "bob", "eve")]
        acme = await organization(services, ann)
        await member(services, acme, bob, Role.MEMBER)
        of_acme, of_bob = await customer_of(services, acme), await customer_of(services, bob)
        everybody = [of_acme, of_bob, await customer_of(services, ann), await customer_of(services, eve)]

        async with services.database.snapshot() as session:
            seen = await services.customers(bob).by_id(session, everybody)
            strangers = await services.customers(eve).by_owner(session, [acme.id, bob.actor.id])
            all_there_is = await services.customers(system("test")).by_id(session, everybody)

        assert set(seen) == {of_acme, of_bob}
        assert strangers == {}
        assert set(all_there_is) == set(everybody)

    async def test_customers_are_listed_newest_first_and_nobody_elses(
        self, services: Services, clock: FixedClock
    ) -> None:
        made = []
        for name in ("ann", "bob", "eve"):
            clock.forward(seconds=1)
            made.append(await user(services, name))
        newest_first = [await customer_of(services, each) for each in reversed(made)]

        async with services.database.snapshot() as session:
            everybody = services.customers(system("test"))
            first = await page_of(session, everybody.listed(), Page(size=2))
            last = first.rows[-1]
            rest = await page_of(session, everybody.listed(), Page(size=2, after=(last.created_at, last.id)))
            of_bob = await page_of(session, services.customers(made[1]).listed(), Page(size=2))

        assert [row.id for row in (*first.rows, *rest.rows)] == newest_first
        assert (first.has_next, rest.has_next, rest.has_previous) == (True, False, True)
        assert [row.id for row in of_bob.rows] == [newest_first[1]]

    async def test_a_customer_is_found_by_its_owner_and_by_its_account(
        self, services: Services, clock: FixedClock
    ) -> None:
        ann, eve = await user(services, "ann"), await user(services, "eve")
        acme = await organization(services, ann)
        payer = await customer_of(services, acme)
        await linked(services.database, clock, payer)
        fake = ProcessorName.FAKE

        async with services.database.snapshot() as session:
            by_owner = await services.customers(ann).by_owner(session, [acme.id])
            by_account = await services.customers(ann).by_account(session, processor=fake, processor_id="cus_1")
            hidden = await services.customers(eve).by_account(session, processor=fake, processor_id="cus_1")

        assert by_owner[acme.id].id == payer
        assert by_owner[acme.id].organization_id == acme.id
        assert by_account is not None
        assert by_account.id == payer
        assert hidden is None

    async def test_a_users_customer_belongs_to_no_organization(self, services: Services) -> None:
        ann = await user(services, "ann")
        own = await customer_of(services, ann)

        async with services.database.snapshot() as session:
            found = await services.customers(ann).by_id(session, [own, CustomerId("cst_unknown")])

        assert [customer.organization_id for customer in found.values()] == [None]
