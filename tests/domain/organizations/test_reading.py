"""Reading: everybody sees their own organizations and fellows, administrators see all, and pages add up to the list."""

import itertools

import pytest

from domain.db import Database, Listing, Page, Position, counts_of, page_of
from domain.organizations import (
    Membership,
    Organization,
    OrganizationOrder,
    Reading,
    memberships_of,
    role_in,
)
from domain.scope import Role, Scope
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house, scope_of
from tests.support.tables import execute

# Upper before lower, and accents after both: byte by byte on both engines.
NAMES = ["alpha", "Beta", "alpha", "Éclair", "zeta"]


@pytest.fixture
async def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def test_everybody_reads_their_own_and_nothing_else(made: House) -> None:
    ann, bob = await made.user("ann"), await made.user("bob")
    acme, other = await made.organization(ann), await made.organization(bob, "Other")
    await made.pay(acme, seats=3)
    fellow = await made.join(acme, "fellow")
    place, foreign = await made.membership_id(acme, fellow), await made.membership_id(other, bob)
    everybody, places = [ann.id, bob.id, fellow.id], [place, foreign]

    async def seen(scope: Scope) -> list[set[str]]:
        reading = Reading(scope=scope)
        async with made.database.snapshot() as session:
            return [
                set(await reading.organizations_by_id(session, [acme.id, other.id, "org_none"])),
                set(await reading.users_by_id(session, everybody)),
                set(await reading.memberships_by_id(session, places)),
                {f"{id} {role}" for id, role in (await reading.roles(session, [acme.id, other.id])).items()},
            ]

    assert await seen(scope_of(fellow)) == [{acme.id}, {ann.id, fellow.id}, {place}, {f"{acme.id} MEMBER"}]
    assert await seen(scope_of(bob)) == [{other.id}, {bob.id}, {foreign}, {f"{other.id} OWNER"}]
    assert await seen(ADMINISTRATOR) == [{acme.id, other.id}, set(everybody), set(places), set()]


async def test_one_organization_is_found_by_any_of_its_names(made: House) -> None:
    ann, bob = await made.user("ann"), await made.user("bob")
    acme = await made.organization(ann)
    await execute(made.database, "UPDATE organizations SET external_id = 'ext'")

    async with made.database.snapshot() as session:
        for names in ({"id": acme.id}, {"slug": "acme"}, {"external_id": "ext"}):
            found = await Reading(scope=scope_of(ann)).organization(session, **names)
            assert found is not None
            assert await Reading(scope=scope_of(bob)).organization(session, **names) is None
        assert await Reading(scope=scope_of(ann)).organization(session, slug="ACME") is None
        assert await Reading(scope=scope_of(ann)).user(session, bob.id) is None
        assert await role_in(session, organization_id=acme.id, user_id=ann.id) is Role.OWNER
        assert await role_in(session, organization_id=acme.id, user_id=None) is None


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", list(OrganizationOrder))
async def test_pages_of_any_size_in_either_direction_add_up_to_the_list(
    made: House, clock: FixedClock, order: OrganizationOrder, descending: bool
) -> None:
    ann = await made.user("ann")
    organizations = []
    for name in NAMES:
        organizations.append(await made.organization(ann, name))
        clock.forward(seconds=len(organizations) % 2)
    key = {
        OrganizationOrder.NAME: lambda row: (row.name.encode(), row.id),
        OrganizationOrder.CREATED_AT: lambda row: (row.created_at, row.id),
    }[order]
    expected = [row.id for row in sorted(organizations, key=key, reverse=descending)]

    for size, backward in itertools.product((1, 2, 5), (False, True)):
        assert await walk(made, scope_of(ann), order, descending, size=size, backward=backward) == expected


async def walk(
    made: House, scope: Scope, order: OrganizationOrder, descending: bool, *, size: int, backward: bool
) -> list[str]:
    """Turn the pages from one end to the other, holding that each says rightly whether more follow."""
    walked: list[str] = []
    edge: Position | None = None
    listing = Reading(scope=scope).organizations(order=order, descending=descending)
    async with made.database.snapshot() as session:
        [total] = await counts_of(session, [listing])
        while True:
            page = Page(size=size, backward=backward, **{"before" if backward else "after": edge})
            found = await page_of(session, listing, page)
            ids: list[str] = [row.id for row in found.rows]
            walked = ids + walked if backward else walked + ids
            more, back = (found.has_previous, found.has_next) if backward else (found.has_next, found.has_previous)
            assert (more, back) == (len(walked) < total, edge is not None)
            if not more:
                return walked
            edge = _place(found.rows[0 if backward else -1], order)


def _place(row: Organization, order: OrganizationOrder) -> Position:
    return (row.name if order is OrganizationOrder.NAME else row.created_at, row.id)


async def test_memberships_are_listed_oldest_first_and_by_role(made: House, clock: FixedClock) -> None:
    owner = await made.user("owner")
    acme = await made.organization(owner)
    await made.pay(acme, seats=5)
    joined = [owner]
    for name in ("second", "third"):
        clock.forward(seconds=1)
        joined.append(await made.join(acme, name))

    async def users(query: Listing[Membership] | None) -> list[str]:
        assert query is not None
        async with made.database.snapshot() as session:
            rows = (await page_of(session, query, Page(size=9))).rows
            assert await counts_of(session, [query]) == [len(rows)]
            return [row.user_id for row in rows]

    reading = Reading(scope=scope_of(owner))
    assert await users(reading.members_of(acme, None)) == [user.id for user in joined]
    assert await users(reading.members_of(acme, [Role.MEMBER])) == [user.id for user in joined[1:]]
    assert await users(memberships_of(owner.id)) == [owner.id]


async def test_a_membership_that_is_not_the_callers_is_not_there(made: House) -> None:
    ann, bob = await made.user("ann"), await made.user("bob")
    acme = await made.organization(ann)
    place = await made.membership_id(acme, ann)

    async with made.database.snapshot() as session:
        found = await Reading(scope=scope_of(ann)).membership(session, place)
        assert isinstance(found, Membership)
        assert await Reading(scope=scope_of(bob)).membership(session, place) is None
