"""Handing an organization on: the member becomes OWNER, the caller ADMIN, and there is an owner at every moment."""

import json
from typing import Any

import pytest

from domain.db import Database
from domain.errors import DomainError, Forbidden, InvalidInput, NotFound
from domain.identity import User
from domain.organizations import Organization, OrganizationCallbacks
from domain.scope import Actor, ActorKind, Role, Scope
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.tables import changes, dump, scalar, unchanged
from tests.support.tenancy import mark, roles, transfer


class Watching(OrganizationCallbacks):
    """A host that writes down which roles change."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Role]] = []

    async def before_role_change(self, *, membership: Any, role: Role, **_: Any) -> None:
        self.seen.append((membership.user_id, role))


class Acme:
    """An organization with an owner, an admin and a member; the stranger owns another."""

    host: Watching
    house: House
    organization: Organization
    people: dict[str, User]
    places: dict[str, str]


@pytest.fixture
async def acme(database: Database, clock: FixedClock) -> Acme:
    made = Acme()
    made.host = Watching()
    made.house = house(database, clock, made.host)
    owner, stranger = await made.house.user("owner"), await made.house.user("stranger")
    made.organization = await made.house.organization(owner)
    other = await made.house.organization(stranger, "Other")
    await made.house.pay(made.organization, seats=9)
    made.people = {"owner": owner, "stranger": stranger}
    for name, role in (("admin", Role.ADMIN), ("member", Role.MEMBER)):
        made.people[name] = await made.house.join(made.organization, name, role=role)
    made.places = {
        name: await made.house.membership_id(other if name == "stranger" else made.organization, user)
        for name, user in made.people.items()
    }
    return made


def as_administrator(user: User) -> Scope:
    return Scope(actor=Actor(kind=ActorKind.USER, id=user.id), administrator=True)


@pytest.mark.parametrize("heir", ["admin", "member"])
async def test_a_member_becomes_owner_and_the_caller_admin(acme: Acme, heir: str) -> None:
    owner, new = acme.people["owner"], acme.people[heir]
    before = await dump(acme.house.database)

    done = await transfer(acme.house, acme.organization, acme.places[heir], by=owner)

    assert (done.new_owner.id, done.new_owner.role) == (acme.places[heir], Role.OWNER)
    assert done.former_owner is not None
    assert (done.former_owner.id, done.former_owner.role) == (acme.places["owner"], Role.ADMIN)
    after = await roles(acme.house, acme.organization)
    assert (after["owner"], after[heir]) == ("ADMIN", "OWNER")
    assert acme.host.seen == [(new.id, Role.OWNER), (owner.id, Role.ADMIN)]
    assert changes(before, await dump(acme.house.database)) == {"memberships": (2, 2), "audit_events": (0, 1)}
    states = [await remembered(acme, column) for column in ("before", "after")]
    was = "ADMIN" if heir == "admin" else "MEMBER"
    assert states == [
        {"roles": {new.id: was, owner.id: "OWNER"}},
        {"roles": {new.id: "OWNER", owner.id: "ADMIN"}},
    ]


async def remembered(acme: Acme, column: str) -> Any:
    query = f"SELECT {column} FROM audit_events WHERE action = 'ownership.transferred' AND subject_id = :id"
    state = await scalar(acme.house.database, query, id=acme.organization.id)
    return json.loads(state) if isinstance(state, str) else state


async def refused(
    acme: Acme, error: type[DomainError], place: str, *, by: User | Scope, path: list[str] | None = None
) -> None:
    async with unchanged(acme.house.database):
        with pytest.raises(error) as caught:
            await transfer(acme.house, acme.organization, place, by=by)
    assert caught.value.path == path
    assert acme.host.seen == []


async def test_nobody_but_an_owner_hands_on(acme: Acme) -> None:
    for who in ("admin", "member"):
        await refused(acme, Forbidden, acme.places["member"], by=acme.people[who])
    place = acme.places["member"]
    await refused(acme, NotFound, place, by=acme.people["stranger"], path=["input", "organizationId"])


async def test_one_cannot_hand_on_to_oneself(acme: Acme) -> None:
    path = ["input", "membershipId"]
    for by in (acme.people["owner"], as_administrator(acme.people["owner"])):
        await refused(acme, InvalidInput, acme.places["owner"], by=by, path=path)


async def test_the_heir_must_be_a_member_of_this_very_organization(acme: Acme) -> None:
    for place in (acme.places["stranger"], "mem_" + "0" * 32, "", acme.organization.id):
        for by in (acme.people["owner"], ADMINISTRATOR):
            await refused(acme, NotFound, place, by=by, path=["input", "membershipId"])


async def test_somebody_who_is_being_deleted_inherits_nothing(acme: Acme) -> None:
    await mark(acme.house, acme.people["member"])

    path = ["input", "membershipId"]
    await refused(acme, NotFound, acme.places["member"], by=acme.people["owner"], path=path)


async def test_an_organization_that_is_not_there_is_not_found(acme: Acme) -> None:
    for by in (acme.people["owner"], ADMINISTRATOR):
        async with unchanged(acme.house.database):
            with pytest.raises(NotFound) as caught:
                await transfer(acme.house, "org_" + "0" * 32, acme.places["member"], by=by)
        assert caught.value.path == ["input", "organizationId"]


@pytest.mark.parametrize("who", ["nobody", "stranger", "admin"])
async def test_an_administrator_who_owns_nothing_makes_an_owner_and_gives_nothing_away(acme: Acme, who: str) -> None:
    by = ADMINISTRATOR if who == "nobody" else as_administrator(acme.people[who])

    done = await transfer(acme.house, acme.organization, acme.places["member"], by=by)

    assert (done.new_owner.role, done.former_owner) == (Role.OWNER, None)
    assert await roles(acme.house, acme.organization) == {"owner": "OWNER", "admin": "ADMIN", "member": "OWNER"}
    assert acme.host.seen == [(acme.people["member"].id, Role.OWNER)]


async def test_handing_on_to_an_owner_only_takes_the_callers_role(acme: Acme) -> None:
    await transfer(acme.house, acme.organization, acme.places["member"], by=ADMINISTRATOR)
    acme.host.seen.clear()

    done = await transfer(acme.house, acme.organization, acme.places["member"], by=acme.people["owner"])

    assert done.former_owner is not None
    assert acme.host.seen == [(acme.people["owner"].id, Role.ADMIN)]
    assert await roles(acme.house, acme.organization) == {"owner": "ADMIN", "admin": "ADMIN", "member": "OWNER"}
    async with unchanged(acme.house.database):
        again = await transfer(acme.house, acme.organization, acme.places["member"], by=ADMINISTRATOR)
    assert (again.new_owner.role, again.former_owner) == (Role.OWNER, None)
