"""Restoring an organization: who may, until when, under which slug, and that everything is as it was."""

import asyncio

import pytest

from domain.db import Database
from domain.errors import InvalidInput, LastOwner, NotFound
from domain.identity import User
from domain.organizations import Organization
from domain.scope import Role
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.tables import changes, dump, scalar, unchanged
from tests.support.tenancy import delete, mark, remove_all_of, restore, roles


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def deleted(made: House, owner: User) -> Organization:
    organization = await made.organization(owner)
    await made.pay(organization, seats=5)
    await made.join(organization, "admin", role=Role.ADMIN)
    await made.join(organization, "member")
    return await delete(made, organization, by=owner)


async def test_an_organization_comes_back_with_its_members_their_roles_and_their_seats(
    made: House, clock: FixedClock
) -> None:
    owner = await made.user("owner")
    organization = await deleted(made, owner)
    before, now = await dump(made.database), clock.forward(days=3)

    restored = await restore(made, organization, by=owner)

    assert (restored.deleted_at, restored.restorable_until, restored.purge_at) == (None, None, None)
    assert (restored.slug, restored.updated_at) == ("acme", now)
    assert await roles(made, organization) == {"owner": "OWNER", "admin": "ADMIN", "member": "MEMBER"}
    assert await made.holders(organization) == (3, 3, 3)
    assert changes(before, await dump(made.database)) == {
        "organizations": (1, 1),
        "audit_events": (0, 1),
        "customers": (1, 1),
        "customer_closings": (0, 1),
    }
    query = "SELECT count(*) FROM audit_events WHERE action = 'organization.restored' AND subject_id = :id"
    assert await scalar(made.database, query, id=organization.id) == 1


async def test_who_may_restore(made: House) -> None:
    owner, stranger = await made.user("owner"), await made.user("stranger")
    organization = await deleted(made, owner)

    for by in (stranger, await made.user("admin"), await made.user("member")):
        async with unchanged(made.database):
            with pytest.raises(NotFound) as caught:
                await restore(made, organization, by=by)
        assert caught.value.path == ["input", "organizationId"]
    for who in (owner, ADMINISTRATOR):
        assert (await restore(made, organization, by=who)).deleted_at is None
        await delete(made, organization, by=owner)


async def test_what_lives_or_is_not_there_cannot_be_restored(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)

    for id in (organization.id, "org_" + "0" * 32, ""):
        for by in (owner, ADMINISTRATOR):
            async with unchanged(made.database):
                with pytest.raises(NotFound):
                    await restore(made, id, by=by)


async def test_the_last_instant_of_the_window_is_inside_and_the_next_is_not(made: House, clock: FixedClock) -> None:
    owner = await made.user("owner")
    organization = await deleted(made, owner)

    clock.forward(days=14)
    assert (await restore(made, organization, by=owner)).deleted_at is None

    await delete(made, organization, by=owner)
    clock.forward(days=14, microseconds=1)
    for by in (owner, ADMINISTRATOR):
        async with unchanged(made.database):
            with pytest.raises(NotFound):
                await restore(made, organization, by=by)


async def test_a_slug_that_was_taken_meanwhile_needs_another(made: House) -> None:
    owner = await made.user("owner")
    organization = await deleted(made, owner)
    await made.organization(owner)
    await made.organization(owner, "Apex")

    for slug, message in (
        (None, "taken"),
        ("acme", "taken"),
        ("apex", "taken"),
        ("admin", "reserved"),
        ("a", "slug has"),
    ):
        async with unchanged(made.database):
            with pytest.raises(InvalidInput, match=message) as caught:
                await restore(made, organization, by=owner, slug=slug)
        assert caught.value.path == ["input", "slug"]
    assert (await restore(made, organization, by=owner, slug="acme-again")).slug == "acme-again"


async def test_two_who_restore_under_one_slug_at_once_bring_one_back(made: House) -> None:
    owner = await made.user("owner")
    gone = []
    for _ in range(2):
        organization = await made.organization(owner)
        gone.append(await delete(made, organization, by=owner))

    outcomes = await asyncio.gather(*(restore(made, each, by=owner) for each in gone), return_exceptions=True)

    assert sum(isinstance(outcome, InvalidInput) for outcome in outcomes) == 1
    assert await scalar(made.database, "SELECT count(*) FROM organizations WHERE deleted_at IS NULL") == 1


async def test_without_an_owner_who_stays_nothing_comes_back(made: House) -> None:
    owner = await made.user("owner")
    organization = await deleted(made, owner)
    await mark(made, owner)

    for going in (True, False):
        async with unchanged(made.database):
            with pytest.raises(InvalidInput, match="owner") as caught:
                await restore(made, organization, by=ADMINISTRATOR)
        assert caught.value.path == ["input", "organizationId"]
        if going:
            await remove_all_of(made, owner)


async def test_an_owner_who_goes_while_the_organization_comes_back_leaves_none_without_an_owner(
    made: House, clock: FixedClock
) -> None:
    for number in range(6):
        owner = await made.user(f"owner {number}")
        organization = await made.organization(owner, f"Acme {number}")
        await delete(made, organization, by=owner)

        outcomes = await asyncio.gather(
            restore(made, organization, by=ADMINISTRATOR), mark(made, owner), return_exceptions=True
        )

        refusals = [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
        assert refusals in ([InvalidInput], [LastOwner])
    query = "SELECT count(*) FROM organizations o JOIN memberships m ON m.organization_id = o.id"
    query += " JOIN users u ON u.id = m.user_id WHERE o.deleted_at IS NULL AND u.deleting_at IS NOT NULL"
    assert await scalar(made.database, query) == 0
