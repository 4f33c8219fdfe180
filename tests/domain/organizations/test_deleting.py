"""Deleting an organization: who may, and that it is hidden at once while everything of it stays."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from domain.db import Database, Page, counts_of, page_of
from domain.errors import Forbidden, NotFound
from domain.identity import User
from domain.organizations import (
    Organization,
    OrganizationOrder,
    Reading,
    UserRef,
    memberships_of,
    organizations_seen_by,
    role_in,
)
from domain.scope import Role, Scope
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, acting, house
from tests.support.tables import changes, dump, execute, scalar, unchanged
from tests.support.tenancy import change_role, delete, leave, transfer, update


class Acme:
    """An organization with five seats: an owner, an admin and a member; all three in no other."""

    house: House
    organization: Organization
    owner: User
    admin: User
    member: User


@pytest.fixture
async def acme(database: Database, clock: FixedClock) -> Acme:
    made = Acme()
    made.house = house(database, clock)
    made.owner = await made.house.user("owner")
    made.organization = await made.house.organization(made.owner)
    await made.house.pay(made.organization, seats=5)
    made.admin = await made.house.join(made.organization, "admin", role=Role.ADMIN)
    made.member = await made.house.join(made.organization, "member")
    return made


async def test_who_may_delete(acme: Acme) -> None:
    stranger = await acme.house.user("stranger")

    for by, error in ((stranger, NotFound), (acme.member, Forbidden), (acme.admin, Forbidden)):
        async with unchanged(acme.house.database):
            with pytest.raises(error):
                await delete(acme.house, acme.organization, by=by)
    other = await acme.house.organization(stranger, "Other")

    assert (await delete(acme.house, acme.organization, by=acme.owner)).deleted_at is not None
    assert (await delete(acme.house, other, by=ADMINISTRATOR)).deleted_at is not None


async def test_deleting_hides_the_organization_and_leaves_its_members_and_their_seats(
    acme: Acme, clock: FixedClock
) -> None:
    before, now = await dump(acme.house.database), clock.forward(hours=1)

    deleted = await delete(acme.house, acme.organization, by=acme.owner)

    assert (deleted.deleted_at, deleted.restorable_until) == (now, now + timedelta(days=14))
    # The customer closes with it, and the worker sees to what it pays for.
    assert changes(before, await dump(acme.house.database)) == {
        "organizations": (1, 1),
        "audit_events": (0, 1),
        "customers": (1, 1),
        "customer_closings": (0, 1),
        "outbox_messages": (0, 1),
    }
    assert await acme.house.holders(acme.organization) == (3, 3, 3)
    after = await scalar(acme.house.database, "SELECT after FROM audit_events WHERE action = 'organization.deleted'")
    after = json.loads(after) if isinstance(after, str) else after
    assert after == {"restorable_until": (now + timedelta(days=14)).isoformat()}


async def test_what_is_deleted_cannot_be_deleted_again(acme: Acme) -> None:
    await delete(acme.house, acme.organization, by=acme.owner)

    for by in (acme.owner, acme.member, ADMINISTRATOR):
        async with unchanged(acme.house.database):
            with pytest.raises(NotFound) as caught:
                await delete(acme.house, acme.organization, by=by)
        assert caught.value.path == ["input", "organizationId"]


async def seen(acme: Acme, scope: Scope) -> dict[str, object]:
    """Say what a caller sees of the organization and its people in every way there is."""
    reading, id = Reading(scope=scope), acme.organization.id
    people = [acme.owner.id, acme.admin.id, acme.member.id]
    page = Page(size=9)
    async with acme.house.database.snapshot() as session:
        listing = reading.organizations(order=OrganizationOrder.NAME, descending=False)
        listed = await page_of(session, listing, page)
        places = await page_of(session, memberships_of(acme.member.id), page)
        own = await session.execute(organizations_seen_by(scope.user_id))
        return {
            "by id": await reading.organization(session, id=id) is not None,
            "by external id": await reading.organization(session, external_id="ext") is not None,
            "by slug": await reading.organization(session, slug="acme") is not None,
            "loaded": id in await reading.organizations_by_id(session, [id]),
            "listed": len(listed.rows),
            "counted": (await counts_of(session, [listing]))[0],
            "own": len(own.all()),
            "roles": await reading.roles(session, [id]),
            "role": await role_in(session, organization_id=id, user_id=scope.user_id),
            "people": len(await reading.users_by_id(session, people)),
            "members": reading.members_of(acme.organization, None) is not None,
            "memberships": len(await reading.memberships_by_id(session, await _places(acme))),
            "places of the member": (len(places.rows), *await counts_of(session, [memberships_of(people[2])])),
        }


async def _places(acme: Acme) -> list[str]:
    return [await acme.house.membership_id(acme.organization, user) for user in (acme.owner, acme.admin, acme.member)]


async def test_once_deleted_only_owners_and_administrators_see_it_and_nobody_sees_a_fellow_through_it(
    acme: Acme,
) -> None:
    await execute(acme.house.database, "UPDATE organizations SET external_id = 'ext'")
    acme.organization = await delete(acme.house, acme.organization, by=acme.owner)

    hidden: dict[str, object] = {
        **dict.fromkeys(["by id", "by external id", "by slug", "loaded", "members"], False),
        **dict.fromkeys(["listed", "counted", "own", "memberships"], 0),
        "roles": {},
        "role": None,
        "people": 1,
        "places of the member": (0, 0),
    }
    found = dict.fromkeys(["by id", "by external id", "loaded"], True)
    id = acme.organization.id
    assert await seen(acme, acting(acme.member)) == await seen(acme, acting(acme.admin)) == hidden
    assert await seen(acme, acting(acme.owner)) == hidden | found | {
        "own": 1,
        "roles": {id: Role.OWNER},
        "role": Role.OWNER,
    }
    assert await seen(acme, ADMINISTRATOR) == hidden | found | {"people": 3, "memberships": 3, "members": True}


async def test_fellows_who_share_a_living_organization_too_still_see_each_other(acme: Acme) -> None:
    other = await acme.house.organization(acme.owner, "Other")
    await acme.house.pay(other, seats=5)
    await acme.house.add(other, acme.member, by=acme.owner)
    await delete(acme.house, acme.organization, by=acme.owner)

    async with acme.house.database.snapshot() as session:
        people = [acme.owner.id, acme.admin.id, acme.member.id]
        fellows = await Reading(scope=acting(acme.member)).users_by_id(session, people)

    assert set(fellows) == {acme.owner.id, acme.member.id}


async def test_nobody_can_do_anything_in_a_deleted_organization(acme: Acme) -> None:
    made, organization = acme.house, acme.organization
    await made.user("ann", email="ann@example.com")
    place = await made.membership_id(organization, acme.member)
    await delete(made, organization, by=acme.owner)

    deeds: list[Callable[[User | Scope], Awaitable[object]]] = [
        lambda by: made.add(organization, UserRef(email="ann@example.com"), by=by),
        lambda by: made.remove(place, by=by),
        lambda by: leave(made, organization, by=by),
        lambda by: change_role(made, place, Role.ADMIN, by=by),
        lambda by: transfer(made, organization, place, by=by),
        lambda by: update(made, organization, by=by, name="Another"),
    ]
    for deed in deeds:
        for by in (acme.owner, acme.admin, acme.member, ADMINISTRATOR):
            async with unchanged(made.database):
                with pytest.raises(NotFound):
                    await deed(by)


async def test_a_fellow_of_a_deleted_organization_cannot_be_added_elsewhere_by_id(acme: Acme) -> None:
    other = await acme.house.organization(acme.owner, "Other")
    await acme.house.pay(other, seats=5)
    await delete(acme.house, acme.organization, by=acme.owner)

    async with unchanged(acme.house.database):
        with pytest.raises(NotFound) as caught:
            await acme.house.add(other, acme.member, by=acme.owner)

    assert caught.value.path == ["input", "userId"]


async def test_its_slug_is_free_for_another(acme: Acme) -> None:
    await delete(acme.house, acme.organization, by=acme.owner)

    again = await acme.house.organization(acme.member)

    assert (again.slug, again.id == acme.organization.id) == ("acme", False)


async def test_pending_invitations_are_revoked_and_ended_ones_stay_as_they_ended(acme: Acme) -> None:
    zone = ".000000" if acme.house.database.dialect == "sqlite" else "+00"
    now, later = (f"'2026-11-{day} 12:00:00{zone}'" for day in (21, 28))
    for number, status in enumerate(("pending", "pending", "accepted", "expired")):
        await execute(
            acme.house.database,
            "INSERT INTO invitations (id, organization_id, email, role, status, invited_by_kind, invited_by_id, nonce,"
            f" created_at, expires_at, tidy_at) VALUES ('inv_{number}', '{acme.organization.id}', '{number}@x.org',"
            f" 'MEMBER', '{status}', 'user', '{acme.owner.id}', 'n', {now}, {later}, {later})",
        )

    await delete(acme.house, acme.organization, by=acme.owner)

    counted = "SELECT count(*) FROM invitations WHERE status = 'revoked' AND ended_at IS NOT NULL AND tidy_at IS NULL"
    assert await scalar(acme.house.database, counted) == 2
    assert await scalar(acme.house.database, "SELECT count(*) FROM invitations WHERE ended_at IS NULL") == 2
