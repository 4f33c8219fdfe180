"""Adding a member: who may, whom, and that a refusal changes no row of any table."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.exc import DBAPIError

from domain.db import Database
from domain.errors import AlreadyMember, DomainError, Forbidden, InvalidInput, NotFound, SeatLimitReached
from domain.identity import User
from domain.organizations import Organization, UserRef
from domain.scope import Role
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.tables import execute, scalar, unchanged


class Acme:
    """An organization with five seats: an owner, an admin and a member; Ann is in none, Bob in another."""

    house: House
    organization: Organization
    owner: User
    admin: User
    member: User
    ann: User
    bob: User


@pytest.fixture
async def acme(database: Database, clock: FixedClock) -> Acme:
    made = Acme()
    made.house = house(database, clock)
    made.owner = await made.house.user("owner")
    made.organization = await made.house.organization(made.owner)
    await made.house.pay(made.organization, seats=5)
    made.admin = await made.house.join(made.organization, "admin", role=Role.ADMIN)
    made.member = await made.house.join(made.organization, "member")
    made.ann = await made.house.user("ann", email="ann@example.com")
    made.bob = await made.house.user("bob", email="bob@example.com")
    await made.house.organization(made.bob, "Other")
    return made


@contextlib.asynccontextmanager
async def refused(acme: Acme, error: type[DomainError], *, path: list[str] | None = None) -> AsyncIterator[None]:
    async with unchanged(acme.house.database):
        with pytest.raises(error) as caught:
            yield
    assert caught.value.path == path


async def test_an_admin_adds_a_member_by_verified_address_whatever_its_case(acme: Acme) -> None:
    membership = await acme.house.add(acme.organization, UserRef(email="Ann@Example.COM"), by=acme.admin)

    assert (membership.user_id, membership.role) == (acme.ann.id, Role.MEMBER)
    assert membership.id.startswith("mem_")
    assert await acme.house.holders(acme.organization) == (4, 4, 4)


async def test_an_owner_adds_a_fellow_by_id_in_any_role(acme: Acme) -> None:
    other = await acme.house.organization(acme.owner, "Second")
    await acme.house.pay(other, seats=3)

    for user, role in ((acme.member, Role.OWNER), (acme.admin, Role.ADMIN)):
        assert (await acme.house.add(other, user, by=acme.owner, role=role)).role is role


async def test_a_member_may_not_add(acme: Acme) -> None:
    async with refused(acme, Forbidden):
        await acme.house.add(acme.organization, UserRef(email="ann@example.com"), by=acme.member)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OWNER])
async def test_an_admin_may_not_give_a_role_above_member(acme: Acme, role: Role) -> None:
    async with refused(acme, Forbidden):
        await acme.house.add(acme.organization, UserRef(email="ann@example.com"), by=acme.admin, role=role)


async def test_to_a_stranger_the_organization_is_not_there(acme: Acme) -> None:
    async with refused(acme, NotFound, path=["input", "organizationId"]):
        await acme.house.add(acme.organization, UserRef(email="ann@example.com"), by=acme.bob)


async def test_an_organization_that_is_not_there_looks_the_same_even_to_an_administrator(acme: Acme) -> None:
    for caller in (acme.bob, ADMINISTRATOR):
        async with refused(acme, NotFound, path=["input", "organizationId"]):
            await acme.house.add("org_" + "0" * 32, UserRef(email="ann@example.com"), by=caller)


async def test_a_user_whom_the_caller_does_not_know_cannot_be_added_by_id(acme: Acme) -> None:
    for unknown in (acme.ann.id, acme.bob.id, "usr_" + "0" * 32, acme.organization.id, ""):
        async with refused(acme, NotFound, path=["input", "userId"]):
            await acme.house.add(acme.organization, UserRef(id=unknown), by=acme.owner)


async def test_an_address_that_nobody_has_verified_adds_nobody(acme: Acme) -> None:
    for email in ("nobody@example.com", "", "%"):
        async with refused(acme, NotFound, path=["input", "email"]):
            await acme.house.add(acme.organization, UserRef(email=email), by=acme.owner)


async def test_a_user_is_named_by_exactly_one_of_id_and_address(acme: Acme) -> None:
    for who in (UserRef(), UserRef(id=acme.member.id, email="ann@example.com")):
        async with refused(acme, InvalidInput, path=["input"]):
            await acme.house.add(acme.organization, who, by=acme.owner)


async def test_a_member_is_not_added_again(acme: Acme) -> None:
    held = await acme.house.membership_id(acme.organization, acme.member)

    async with unchanged(acme.house.database):
        with pytest.raises(AlreadyMember) as caught:
            await acme.house.add(acme.organization, acme.member, by=acme.owner)

    assert caught.value.membership_id == held


async def test_the_same_user_added_by_many_at_once_is_a_member_once(acme: Acme) -> None:
    add = [acme.house.add(acme.organization, UserRef(email="ann@example.com"), by=acme.owner) for _ in range(8)]
    outcomes = await asyncio.gather(*add, return_exceptions=True)

    assert sum(isinstance(outcome, AlreadyMember) for outcome in outcomes) == 7
    assert await acme.house.holders(acme.organization) == (4, 4, 4)


async def test_a_full_house_takes_nobody(acme: Acme) -> None:
    await acme.house.pay(acme.organization, seats=3)

    async with unchanged(acme.house.database):
        with pytest.raises(SeatLimitReached) as caught:
            await acme.house.add(acme.organization, UserRef(email="ann@example.com"), by=acme.owner)

    assert (caught.value.limit, caught.value.organization_id) == (3, acme.organization.id)


async def test_without_its_audit_row_nobody_is_added(acme: Acme) -> None:
    if acme.house.database.dialect == "sqlite":
        body = ["CREATE TRIGGER no_audit BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no audit'); END"]
    else:
        body = [
            "CREATE FUNCTION no_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no audit'; END $$",
            "CREATE TRIGGER no_audit BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION no_audit()",
        ]
    await execute(acme.house.database, *body)

    async with unchanged(acme.house.database):
        with pytest.raises(DBAPIError, match="no audit"):
            await acme.house.add(acme.organization, UserRef(email="ann@example.com"), by=acme.owner)


async def test_a_seat_that_is_held_by_mistake_keeps_the_member_out(acme: Acme) -> None:
    statement = f"INSERT INTO seat_holders VALUES ('{acme.organization.id}', 'member', '{acme.ann.id}', NULL)"
    await execute(acme.house.database, statement)

    async with unchanged(acme.house.database):
        with pytest.raises(DBAPIError):
            await acme.house.add(acme.organization, UserRef(email="ann@example.com"), by=acme.owner)


async def test_the_audit_row_says_who_did_what_for_whom(acme: Acme) -> None:
    membership = await acme.house.add(acme.organization, UserRef(email="ann@example.com"), by=acme.admin)

    query = "SELECT count(*) FROM audit_events WHERE action = 'membership.added' AND subject_id = :subject"
    query += " AND actor_id = :actor AND organization_id = :organization"
    facts = {"subject": membership.id, "actor": acme.admin.id, "organization": acme.organization.id}
    assert await scalar(acme.house.database, query, **facts) == 1
