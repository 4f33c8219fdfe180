"""Leaving: anybody may, the last owner apart, and the seat is free again."""

import asyncio

import pytest

from domain.db import Database
from domain.errors import Forbidden, LastOwner, NotFound
from domain.scope import ApiScope, Role
from tests.support.clock import FixedClock
from tests.support.scopes import key
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.tables import changes, dump, scalar, unchanged
from tests.support.tenancy import leave, mark, roles


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def test_every_member_may_leave_and_gives_the_seat_back(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=5)
    leavers = [await made.join(organization, role.value, role=role) for role in Role]

    for leaver in leavers:
        place, before = await made.membership_id(organization, leaver), await dump(made.database)
        assert (await leave(made, organization, by=leaver)).id == place
        assert changes(before, await dump(made.database)) == {
            "memberships": (1, 0),
            "seat_holders": (1, 0),
            "seat_pools": (1, 1),
            "audit_events": (0, 1),
            "audit_labels": (0, 1),
        }

    assert await made.holders(organization) == (1, 1, 1)
    query = "SELECT count(*) FROM audit_events WHERE action = 'membership.left' AND actor_id = :actor"
    assert [await scalar(made.database, query, actor=leaver.id) for leaver in leavers] == [1, 1, 1]


async def test_the_last_owner_stays(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=5)
    await made.join(organization, "admin", role=Role.ADMIN)

    async with unchanged(made.database):
        with pytest.raises(LastOwner) as caught:
            await leave(made, organization, by=owner)

    assert caught.value.organization_id == organization.id


async def test_an_owner_who_is_being_deleted_keeps_nobody_from_being_the_last(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=5)
    going = await made.join(organization, "going", role=Role.OWNER)
    await mark(made, going)

    async with unchanged(made.database):
        with pytest.raises(LastOwner):
            await leave(made, organization, by=owner)


async def test_whoever_is_not_in_leaves_nothing(made: House) -> None:
    owner, stranger = await made.user("owner"), await made.user("stranger")
    organization = await made.organization(owner)

    for by, id in ((stranger, organization.id), (key(stranger.id), organization.id), (owner, "org_" + "0" * 32)):
        async with unchanged(made.database):
            with pytest.raises(NotFound) as caught:
                await leave(made, id, by=by)
        assert caught.value.path == ["input", "organizationId"]


async def test_whoever_is_no_person_cannot_leave(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)

    for by in (ADMINISTRATOR, key(), key(organization=organization.id), key(owner.id, only=ApiScope.BILLING_WRITE)):
        for id in (organization.id, "org_" + "0" * 32):
            async with unchanged(made.database):
                with pytest.raises(Forbidden):
                    await leave(made, id, by=by)


async def test_leaving_many_times_at_once_gives_one_seat_back(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=5)
    member = await made.join(organization, "member")
    await made.join(organization, "other")

    outcomes = await asyncio.gather(*(leave(made, organization, by=member) for _ in range(6)), return_exceptions=True)

    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 5
    assert await made.holders(organization) == (2, 2, 2)
    assert await roles(made, organization) == {"owner": "OWNER", "other": "MEMBER"}
