"""Changing a role: only an OWNER may, the last owner stays one, and nobody who is going is promoted."""

import itertools
import json

import pytest

from domain.db import Database
from domain.errors import DomainError, Forbidden, LastOwner, NotFound
from domain.identity import User
from domain.organizations import Organization
from domain.scope import Role, Scope
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.tables import changes, dump, scalar, unchanged
from tests.support.tenancy import change_role, mark, roles


class Acme:
    """An organization with two owners, an admin and a member."""

    house: House
    organization: Organization
    people: dict[str, User]
    places: dict[str, str]


@pytest.fixture
async def acme(database: Database, clock: FixedClock) -> Acme:
    made = Acme()
    made.house = house(database, clock)
    owner = await made.house.user("owner")
    made.organization = await made.house.organization(owner)
    await made.house.pay(made.organization, seats=9)
    made.people = {"owner": owner, "stranger": await made.house.user("stranger")}
    for name, role in (("second", Role.OWNER), ("admin", Role.ADMIN), ("member", Role.MEMBER)):
        made.people[name] = await made.house.join(made.organization, name, role=role)
    made.places = {
        name: await made.house.membership_id(made.organization, user)
        for name, user in made.people.items()
        if name != "stranger"
    }
    return made


async def refused(acme: Acme, error: type[DomainError], name: str, role: Role, *, by: User | Scope) -> None:
    async with unchanged(acme.house.database):
        with pytest.raises(error):
            await change_role(acme.house, acme.places[name], role, by=by)


async def test_an_owner_gives_any_role_to_anybody(acme: Acme) -> None:
    for name, role in itertools.product(("member", "admin", "second"), Role):
        changed = await change_role(acme.house, acme.places[name], role, by=acme.people["owner"])

        assert changed.role is role
        assert (await roles(acme.house, acme.organization))[name] == role
    assert await acme.house.holders(acme.organization) == (4, 4, 4)


async def test_nobody_else_but_an_administrator_changes_roles(acme: Acme) -> None:
    for who, error in (("admin", Forbidden), ("member", Forbidden), ("stranger", NotFound)):
        for name in acme.places:
            await refused(acme, error, name, Role.MEMBER, by=acme.people[who])

    assert (await change_role(acme.house, acme.places["member"], Role.OWNER, by=ADMINISTRATOR)).role is Role.OWNER


async def test_a_change_leaves_one_audit_row_with_both_roles(acme: Acme) -> None:
    before = await dump(acme.house.database)

    await change_role(acme.house, acme.places["member"], Role.ADMIN, by=acme.people["owner"])

    assert changes(before, await dump(acme.house.database)) == {"memberships": (1, 1), "audit_events": (0, 1)}
    states = []
    for column in ("before", "after"):
        query = f"SELECT {column} FROM audit_events WHERE action = 'membership.role_changed'"
        state = await scalar(acme.house.database, query)
        states.append(json.loads(state) if isinstance(state, str) else state)
    member = acme.people["member"].id
    assert states == [{"user_id": member, "role": "MEMBER"}, {"user_id": member, "role": "ADMIN"}]


async def test_the_same_role_again_is_a_success_without_a_trace(acme: Acme) -> None:
    for name, role in (("member", Role.MEMBER), ("owner", Role.OWNER)):
        async with unchanged(acme.house.database):
            changed = await change_role(acme.house, acme.places[name], role, by=acme.people["owner"])
        assert changed.role is role


async def test_an_owner_may_step_down_while_another_stays(acme: Acme) -> None:
    owner = acme.people["owner"]

    await change_role(acme.house, acme.places["owner"], Role.MEMBER, by=owner)

    await refused(acme, Forbidden, "owner", Role.OWNER, by=owner)
    for by in (acme.people["second"], ADMINISTRATOR):
        for role in (Role.ADMIN, Role.MEMBER):
            await refused(acme, LastOwner, "second", role, by=by)


async def test_an_owner_who_is_being_deleted_does_not_count_and_gets_no_other_role(acme: Acme) -> None:
    await mark(acme.house, acme.people["second"])

    await refused(acme, LastOwner, "owner", Role.ADMIN, by=acme.people["owner"])
    for role in (Role.ADMIN, Role.MEMBER):
        await refused(acme, NotFound, "second", role, by=acme.people["owner"])


async def test_a_member_who_is_being_deleted_is_not_promoted(acme: Acme) -> None:
    await mark(acme.house, acme.people["member"])

    for role in Role:
        await refused(acme, NotFound, "member", role, by=acme.people["owner"])


async def test_a_membership_that_is_not_there_is_not_found(acme: Acme) -> None:
    for id in ("mem_" + "0" * 32, "", acme.organization.id):
        for by in (acme.people["owner"], ADMINISTRATOR):
            async with unchanged(acme.house.database):
                with pytest.raises(NotFound) as caught:
                    await change_role(acme.house, id, Role.ADMIN, by=by)
            assert caught.value.path == ["input", "membershipId"]
