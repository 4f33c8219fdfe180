"""Whatever owners do at once, the organization keeps one who stays. Each race is run several times over."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from domain.db import Database
from domain.errors import Forbidden, LastOwner, NotFound
from domain.identity import User
from domain.organizations import Organization
from domain.scope import Role
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.tables import scalar
from tests.support.tenancy import change_role, delete, leave, mark, restore, transfer

TIMES = 5
Deed = Callable[[House, Organization, User, User], Awaitable[object]]


async def leaves(made: House, organization: Organization, one: User, _: User) -> None:
    await leave(made, organization, by=one)


async def demotes_the_other(made: House, organization: Organization, one: User, other: User) -> None:
    await change_role(made, await made.membership_id(organization, other), Role.MEMBER, by=one)


async def steps_down(made: House, organization: Organization, one: User, _: User) -> None:
    await change_role(made, await made.membership_id(organization, one), Role.ADMIN, by=one)


async def removes_the_other(made: House, organization: Organization, one: User, other: User) -> None:
    await made.remove(await made.membership_id(organization, other), by=one)


async def hands_on_to_the_other(made: House, organization: Organization, one: User, other: User) -> None:
    await transfer(made, organization, await made.membership_id(organization, other), by=one)


async def is_deleted(made: House, _: Organization, one: User, __: User) -> None:
    await mark(made, one)


RACES = [
    (leaves, leaves),
    (leaves, demotes_the_other),
    (leaves, steps_down),
    (leaves, removes_the_other),
    (leaves, hands_on_to_the_other),
    (leaves, is_deleted),
    (steps_down, steps_down),
    (steps_down, is_deleted),
    (demotes_the_other, demotes_the_other),
    (demotes_the_other, is_deleted),
    (hands_on_to_the_other, hands_on_to_the_other),
    (hands_on_to_the_other, is_deleted),
    (removes_the_other, is_deleted),
    (is_deleted, is_deleted),
]


async def owners(database: Database, organization: Organization) -> int:
    """Count the owners who stay."""
    query = "SELECT count(*) FROM memberships m JOIN users u ON u.id = m.user_id"
    query += " WHERE m.organization_id = :id AND m.role = 'OWNER' AND u.deleting_at IS NULL"
    return int(await scalar(database, query, id=organization.id))


@pytest.mark.parametrize(("first", "second"), RACES, ids=lambda deed: deed.__name__)
async def test_two_owners_at_once_leave_one_who_stays(
    database: Database, clock: FixedClock, first: Deed, second: Deed
) -> None:
    made = house(database, clock)
    for number in range(TIMES):
        ann = await made.user(f"ann {number}")
        organization = await made.organization(ann, f"Acme {number}")
        await made.pay(organization, seats=3)
        bob = await made.join(organization, f"bob {number}", role=Role.OWNER)

        outcomes = await asyncio.gather(
            first(made, organization, ann, bob), second(made, organization, bob, ann), return_exceptions=True
        )

        assert await owners(database, organization) >= 1
        refusals = [outcome for outcome in outcomes if outcome is not None]
        assert len(refusals) <= 1
        assert all(isinstance(refusal, LastOwner | NotFound | Forbidden) for refusal in refusals)


async def test_a_heir_who_leaves_at_the_same_time_leaves_an_owner(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)
    for number in range(TIMES):
        ann = await made.user(f"ann {number}")
        organization = await made.organization(ann, f"Acme {number}")
        await made.pay(organization, seats=3)
        bob = await made.join(organization, f"bob {number}")
        place = await made.membership_id(organization, bob)

        outcomes = await asyncio.gather(
            transfer(made, organization, place, by=ann), leave(made, organization, by=bob), return_exceptions=True
        )

        refusals = [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
        assert refusals in ([NotFound], [LastOwner])
        assert await owners(database, organization) == 1


async def test_deleting_restoring_and_leaving_at_once_leave_an_owner_and_tear_nothing(
    database: Database, clock: FixedClock
) -> None:
    made = house(database, clock)
    ann = await made.user("ann")
    organization = await made.organization(ann)
    await made.pay(organization, seats=3)
    bob = await made.join(organization, "bob", role=Role.OWNER)

    for _ in range(TIMES):
        await asyncio.gather(
            delete(made, organization, by=ann),
            restore(made, organization, by=ADMINISTRATOR),
            leave(made, organization, by=bob),
            leave(made, organization, by=ann),
            return_exceptions=True,
        )

        assert await owners(database, organization) >= 1
        used, rows, members = await made.holders(organization)
        assert used == rows == members
