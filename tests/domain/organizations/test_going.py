"""When a user goes for good: who must be replaced first, and that every place and seat is given back."""

import pytest

from domain.db import Database
from domain.errors import CallbackRefused, LastOwner, Refused
from domain.organizations import OrganizationCallbacks, require_replaceable
from domain.scope import Role
from tests.support.clock import FixedClock
from tests.support.seating import House, house
from tests.support.tables import scalar, unchanged
from tests.support.tenancy import delete, mark, remove_all_of


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def test_the_only_owner_of_a_living_organization_must_be_replaced_first(made: House) -> None:
    owner = await made.user("owner")
    await delete(made, await made.organization(owner, "Gone"), by=owner)
    owned = [await made.organization(owner, name) for name in ("First", "Second")]
    owned.sort(key=lambda organization: organization.id)
    for organization in owned:
        await made.pay(organization, seats=3)
        await made.join(organization, f"admin of {organization.slug}", role=Role.ADMIN)

    for organization in owned:
        async with unchanged(made.database):
            with pytest.raises(LastOwner) as caught:
                await mark(made, owner)
        assert caught.value.organization_id == organization.id
        await made.join(organization, f"owner of {organization.slug}", role=Role.OWNER)
    await mark(made, owner)


async def test_an_owner_who_is_going_too_replaces_nobody(made: House) -> None:
    ann = await made.user("ann")
    organization = await made.organization(ann)
    await made.pay(organization, seats=3)
    bob = await made.join(organization, "bob", role=Role.OWNER)
    await mark(made, bob)

    async with unchanged(made.database):
        with pytest.raises(LastOwner):
            await mark(made, ann)


async def test_whoever_owns_nothing_or_only_what_is_deleted_may_go(made: House) -> None:
    owner, other = await made.user("owner"), await made.user("other")
    organization = await made.organization(other)
    await made.pay(organization, seats=3)
    await made.join(organization, "owner", role=Role.ADMIN)
    await delete(made, await made.organization(owner, "Gone"), by=owner)

    async with unchanged(made.database):
        await made.database.run(lambda session: require_replaceable(session, user=owner))


async def test_every_membership_ends_in_deleted_organizations_too_with_an_audit_row_each(made: House) -> None:
    owner = await made.user("owner")
    user = await made.user("user")
    organizations = [await made.organization(owner, f"Number {number}") for number in range(3)]
    for organization in organizations:
        await made.pay(organization, seats=3)
        await made.join(organization, "user")
    await delete(made, organizations[0], by=owner)
    untouched = await made.join(organizations[1], "bystander")

    assert await remove_all_of(made, user) == 3

    assert await scalar(made.database, "SELECT count(*) FROM memberships WHERE user_id = :id", id=user.id) == 0
    assert [await made.holders(organization) for organization in organizations] == [(1,) * 3, (2,) * 3, (1,) * 3]
    assert await made.membership_id(organizations[1], untouched)
    query = "SELECT count(*) FROM audit_events WHERE action = 'membership.removed' AND actor_id = :id"
    assert await scalar(made.database, query, id=user.id) == 3
    async with unchanged(made.database):
        assert await remove_all_of(made, user) == 0


async def test_a_host_that_refuses_keeps_every_membership(database: Database, clock: FixedClock) -> None:
    class Clingy(OrganizationCallbacks):
        async def after_member_remove(self, *, membership: object, **_: object) -> None:
            if getattr(membership, "organization_id", None) == last.id:
                raise Refused("no")

    made = house(database, clock, Clingy())
    user = await made.user("user")
    owned = [await made.organization(user, name) for name in ("First", "Second")]
    last = max(owned, key=lambda organization: organization.id)

    async with unchanged(database):
        with pytest.raises(CallbackRefused) as caught:
            await remove_all_of(made, user)

    assert (caught.value.operation, caught.value.step) == ("deleteUser", "after_member_remove")
