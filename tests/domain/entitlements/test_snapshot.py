"""Reads that must add up: one statement for many customers, seats and their limit together."""

from dataclasses import replace

import pytest

from domain.entitlements import Entitlements, InForce, SeatUsage, catalog
from domain.organizations import Organization, UserRef
from domain.scope import Role, Scope, system
from domain.wiring import Services
from tests.support.statements import statements
from tests.support.telling import tell
from tests.support.wired import customer_of, member, user

UNLIMITED_SEATS = """
[default]
limits = { seats = "unlimited" }
"""


async def seated(services: Services, organization: Organization, name: str) -> None:
    person = await user(services, name)
    async with services.database.transaction() as session:
        await services.members.add(
            session,
            scope=system("test"),
            organization_id=organization.id,
            who=UserRef(id=person.actor.id),
            role=Role.MEMBER,
        )


async def usage(services: Services, organization: Organization, entitlements: Entitlements | None = None) -> SeatUsage:
    async with services.database.snapshot() as session:
        found = await (entitlements or services.entitlements).seat_usages(session, [organization.id])
    return found[organization.id]


class TestReading:
    @pytest.fixture
    async def bob(self, services: Services, acme: Organization) -> Scope:
        bob = await user(services, "bob")
        await member(services, acme, bob, Role.ADMIN)
        return bob

    async def test_all_answers_for_many_customers_cost_one_statement(
        self, services: Services, ann: Scope, bob: Scope, acme: Organization
    ) -> None:
        eve = await user(services, "eve")
        await tell(services)
        ids = [await customer_of(services, one) for one in (acme, ann, bob, eve)]

        with statements(services.database) as sent:
            found = await services.entitlements.visible(services.customers(bob), ids)

        assert len(sent) == 1
        assert set(found) == {ids[0], ids[2]}
        assert (found[ids[0]].role, found[ids[2]].role) == (Role.ADMIN, None)
        assert found[ids[0]].as_of == services.clock.now()
        assert found[ids[0]].decide("sso").granted
        assert found[ids[0]].holds("team")
        assert found[ids[0]].quantity("seats") == 7
        assert not found[ids[2]].holds("team")

    async def test_a_gate_costs_one_statement(self, services: Services, acme: Organization) -> None:
        await tell(services)

        with statements(services.database) as sent:
            await services.entitlements.entitled(acme, "sso")

        assert len(sent) == 1

    async def test_an_administrator_sees_all_and_has_no_role_of_their_own(
        self, services: Services, acme: Organization
    ) -> None:
        payer = await customer_of(services, acme)

        found = await services.entitlements.visible(services.customers(system("test")), [payer, "cst_no"])

        assert [(id, answers.role) for id, answers in found.items()] == [(payer, None)]

    async def test_seats_add_up_and_show_when_more_are_taken_than_paid_for(
        self, services: Services, acme: Organization
    ) -> None:
        await tell(services, quantity=2)
        await seated(services, acme, "bob")

        full = await usage(services, acme)
        await tell(services, kind="deleted", status="canceled")
        over = await usage(services, acme)

        assert (full.limit, full.used, full.reserved, full.available, full.over_limit) == (2, 2, 0, 0, False)
        assert (over.limit, over.used, over.available, over.over_limit) == (1, 2, 0, True)

    async def test_without_a_limit_there_is_always_a_seat(self, services: Services, acme: Organization) -> None:
        unlimited = replace(services.entitlements, in_force=InForce(catalog.parse({"catalog.toml": UNLIMITED_SEATS})))

        seats = await usage(services, acme, unlimited)

        assert (seats.limit, seats.used, seats.available, seats.over_limit) == (None, 1, None, False)
