"""Removing a member: who may, that the last owner stays, and that nothing else is asked."""

import asyncio

import pytest
from sqlalchemy import text

from domain.db import Database, Session
from domain.errors import Forbidden, LastOwner, NotFound
from domain.organizations import OrganizationCallbacks
from domain.scope import Role
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, house
from tests.support.tables import scalar, unchanged


async def test_who_may_remove_whom(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=9)
    admin, second = [await made.join(organization, name, role=Role.ADMIN) for name in ("admin", "second")]
    member, other = [await made.join(organization, name) for name in ("member", "other")]
    stranger = await made.user("stranger")
    place = {user.id: await made.membership_id(organization, user) for user in (owner, admin, second, member, other)}

    for by, whom, error in (
        (stranger, member, NotFound),
        (member, other, Forbidden),
        (member, member, Forbidden),
        (admin, second, Forbidden),
        (admin, owner, Forbidden),
        (owner, owner, LastOwner),
        (ADMINISTRATOR, owner, LastOwner),
    ):
        async with unchanged(database):
            with pytest.raises(error):
                await made.remove(place[whom.id], by=by)
    await made.remove(place[member.id], by=admin)
    await made.remove(place[admin.id], by=owner)
    await made.remove(place[other.id], by=ADMINISTRATOR)

    assert await made.holders(organization) == (2, 2, 2)


async def test_a_membership_that_is_not_there_looks_like_one_that_is_not_yours(
    database: Database, clock: FixedClock
) -> None:
    made = house(database, clock)
    owner, stranger = await made.user("owner"), await made.user("stranger")
    organization = await made.organization(owner)
    place = await made.membership_id(organization, owner)

    for by, membership_id in ((stranger, place), (owner, "mem_" + "0" * 32), (ADMINISTRATOR, "")):
        async with unchanged(database):
            with pytest.raises(NotFound) as caught:
                await made.remove(membership_id, by=by)
        assert (caught.value.path, caught.value.message) == (
            ["input", "membershipId"],
            "There is no such membership.",
        )


async def test_two_owners_who_remove_each_other_at_once_leave_one(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)
    ann = await made.user("ann")
    organization = await made.organization(ann)
    await made.pay(organization, seats=2)
    bob = await made.join(organization, "bob", role=Role.OWNER)
    places = {user.id: await made.membership_id(organization, user) for user in (ann, bob)}

    outcomes = await asyncio.gather(
        made.remove(places[bob.id], by=ann), made.remove(places[ann.id], by=bob), return_exceptions=True
    )

    # Whoever came second is no longer in the organization, so nothing is there for them.
    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 1
    assert await scalar(database, "SELECT count(*) FROM memberships WHERE role = 'OWNER'") == 1
    assert await made.holders(organization) == (1, 1, 1)


async def test_an_administrator_who_removes_both_owners_at_once_removes_one(
    database: Database, clock: FixedClock
) -> None:
    made = house(database, clock)
    ann = await made.user("ann")
    organization = await made.organization(ann)
    await made.pay(organization, seats=2)
    bob = await made.join(organization, "bob", role=Role.OWNER)
    places = [await made.membership_id(organization, user) for user in (ann, bob)]

    outcomes = await asyncio.gather(*(made.remove(id, by=ADMINISTRATOR) for id in places), return_exceptions=True)

    assert sum(isinstance(outcome, LastOwner) for outcome in outcomes) == 1
    assert await made.holders(organization) == (1, 1, 1)


async def test_a_member_removed_by_many_at_once_gives_one_seat_back(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=3)
    member = await made.join(organization, "member")
    await made.join(organization, "other")
    place = await made.membership_id(organization, member)

    outcomes = await asyncio.gather(*(made.remove(place, by=owner) for _ in range(8)), return_exceptions=True)

    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 7
    assert await made.holders(organization) == (2, 2, 2)


async def test_a_removed_member_may_come_back(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=2)
    member = await made.join(organization, "member")
    first = await made.membership_id(organization, member)

    await made.remove(first, by=owner)
    again = await made.add(organization, member, by=ADMINISTRATOR)

    assert again.id != first
    assert await made.holders(organization) == (2, 2, 2)


async def test_removing_asks_for_no_limit(database: Database, clock: FixedClock) -> None:
    class Spoiler(OrganizationCallbacks):
        async def after_member_remove(self, *, session: Session, **_: object) -> None:
            # Were anything of billing's mirror read after this, it would fail.
            await session.execute(text("UPDATE billing_subscriptions SET state = '{}'"))

    made = house(database, clock, Spoiler())
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=2)
    member = await made.join(organization, "member")

    await made.remove(await made.membership_id(organization, member), by=owner)

    assert await made.holders(organization) == (1, 1, 1)


async def test_removing_leaves_one_audit_row_with_what_was(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=2)
    member = await made.join(organization, "member")

    removed = await made.remove(await made.membership_id(organization, member), by=owner)

    query = "SELECT count(*) FROM audit_events WHERE action = 'membership.removed' AND subject_id = :subject"
    query += " AND actor_id = :actor AND organization_id = :organization AND after IS NULL"
    query += " AND CAST(before AS text) LIKE :user"
    facts = {"subject": removed.id, "actor": owner.id, "organization": organization.id, "user": f"%{member.id}%"}
    assert await scalar(database, query, **facts) == 1
