"""Accepting: the right person with a living token comes in whatever the limit says; everybody else reads one answer."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from domain.audit import AuditEvent
from domain.db import Database
from domain.errors import AlreadyMember, Forbidden, InvitationInvalid
from domain.identity import User
from domain.organizations import Invitation, InvitationStatus, Invited, Organization
from domain.scope import ApiScope, Role, Scope, system
from tests.support.clock import FixedClock
from tests.support.scopes import key
from tests.support.seating import DAYS, SECRET_KEYS, House, house, scope_of
from tests.support.tables import execute, unchanged

EMAIL = "guest@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An organization with an owner and two seats, the second of them offered to the guest."""

    made: House
    clock: FixedClock
    owner: User
    organization: Organization
    guest: User
    invited: Invited


@pytest.fixture
async def scene(database: Database, clock: FixedClock) -> Scene:
    made = house(database, clock)
    owner = await made.user("owner", email="owner@example.com")
    organization = await made.organization(owner)
    await made.pay(organization, seats=2)
    invited = await made.invite(organization, EMAIL, by=owner, role=Role.ADMIN)
    guest = await made.user("guest", email="Guest@Example.com")
    return Scene(made=made, clock=clock, owner=owner, organization=organization, guest=guest, invited=invited)


async def test_the_invited_comes_in_with_the_seat_that_was_held(scene: Scene) -> None:
    made, clock = scene.made, scene.clock
    clock.forward(days=DAYS - 1)

    membership = await made.accept(scene.invited.token, by=scene.guest)

    assert (membership.user_id, membership.role, membership.joined_at) == (scene.guest.id, Role.ADMIN, clock.now())
    ended = await made.row(Invitation, scene.invited.invitation.id)
    assert (ended.status, ended.ended_at, ended.tidy_at) == (InvitationStatus.ACCEPTED, clock.now(), None)
    assert await made.holders(scene.organization) == (2, 2, 2)
    (event,) = [row for row in await made.rows(AuditEvent) if row.action == "invitation.accepted"]
    assert (event.actor_id, event.subject_id) == (scene.guest.id, ended.id)
    assert event.after == {
        "role": "ADMIN",
        "status": "accepted",
        "membership_id": membership.id,
        "user_id": scene.guest.id,
    }


@pytest.mark.parametrize("seats", [0, 1])
async def test_a_living_invitation_is_accepted_over_the_limit(scene: Scene, seats: int) -> None:
    await scene.made.pay(scene.organization, seats=seats)

    await scene.made.accept(scene.invited.token, by=scene.guest)

    assert await scene.made.holders(scene.organization) == (2, 2, 2)
    assert (await scene.made.usage(scene.organization)).over_limit


async def test_the_last_instant_is_inside_and_the_expiry_is_not(scene: Scene) -> None:
    expires_at = scene.invited.invitation.expires_at
    scene.clock.forward(seconds=(expires_at - scene.clock.now()).total_seconds())

    async with unchanged(scene.made.database):
        with pytest.raises(InvitationInvalid):
            await scene.made.accept(scene.invited.token, by=scene.guest)
    scene.clock.forward(microseconds=-1)
    await scene.made.accept(scene.invited.token, by=scene.guest)

    assert scene.clock.now() == expires_at - timedelta(microseconds=1)


async def test_a_token_signed_with_an_older_key_still_opens(scene: Scene) -> None:
    older = replace(scene.made.invitations, secret_keys=SECRET_KEYS[1:])
    made = replace(scene.made, invitations=older)
    token = (await made.invite(scene.organization, EMAIL, by=scene.owner)).token

    await scene.made.accept(token, by=scene.guest)

    assert await scene.made.holders(scene.organization) == (2, 2, 2)


async def test_a_token_signed_with_a_foreign_key_opens_nothing(scene: Scene) -> None:
    foreign = replace(scene.made.invitations, secret_keys=("a key that nobody here has ever seen before",))

    async with unchanged(scene.made.database):
        with pytest.raises(InvitationInvalid):
            await replace(scene.made, invitations=foreign).accept(scene.invited.token, by=scene.guest)


async def used(scene: Scene) -> str:
    await scene.made.accept(scene.invited.token, by=scene.guest)
    await scene.made.remove(await scene.made.membership_id(scene.organization, scene.guest), by=scene.owner)
    return scene.invited.token


async def revoked(scene: Scene) -> str:
    await scene.made.revoke(scene.invited.invitation, by=scene.owner)
    return scene.invited.token


async def superseded(scene: Scene) -> str:
    await scene.made.invite(scene.organization, EMAIL, by=scene.owner)
    return scene.invited.token


async def expired(scene: Scene) -> str:
    scene.clock.forward(days=DAYS)
    return scene.invited.token


async def tampered(scene: Scene) -> str:
    return scene.invited.token[:-1] + ("A" if scene.invited.token[-1] != "A" else "B")


async def swapped(scene: Scene) -> str:
    await scene.made.pay(scene.organization, seats=3)
    other = await scene.made.invite(scene.organization, "other@example.com", by=scene.owner)
    return f"{scene.invited.invitation.id}.{other.token.partition('.')[2]}"


async def anothers(scene: Scene) -> str:
    await scene.made.pay(scene.organization, seats=3)
    return (await scene.made.invite(scene.organization, "other@example.com", by=scene.owner)).token


async def unknown(scene: Scene) -> str:
    return f"inv_{'0' * 32}.{scene.invited.token.partition('.')[2]}"


async def bare(scene: Scene) -> str:
    return scene.invited.invitation.id


async def of_a_deleted_organization(scene: Scene) -> str:
    deleted = f"UPDATE organizations SET deleted_at = '{scene.clock.now():%Y-%m-%d %H:%M:%S}+00'"
    await execute(scene.made.database, deleted)
    return scene.invited.token


SPOILED = [
    used,
    revoked,
    superseded,
    expired,
    tampered,
    swapped,
    anothers,
    unknown,
    bare,
    of_a_deleted_organization,
]


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
async def test_a_token_that_opens_nothing_is_answered_alike(scene: Scene, spoil: Callable[..., Awaitable[str]]) -> None:
    token = await spoil(scene)

    async with unchanged(scene.made.database):
        with pytest.raises(InvitationInvalid) as caught:
            await scene.made.accept(token, by=scene.guest)

    assert (caught.value.message, caught.value.path) == ("This invitation is not valid.", ["input", "token"])


async def stranger(scene: Scene) -> Scope:
    return scope_of(await scene.made.user("stranger", email="stranger@example.com"))


async def without_address(scene: Scene) -> Scope:
    return scope_of(await scene.made.user("nobody", email=None))


async def late_claimant(scene: Scene) -> Scope:
    """Somebody who says that the address is theirs too: the first one with it keeps it."""
    return scope_of(await scene.made.user("second", email=EMAIL))


async def being_deleted(scene: Scene) -> Scope:
    await scene.made.mark_deleting(scene.guest)
    return scope_of(scene.guest)


async def the_inviter(scene: Scene) -> Scope:
    return scope_of(scene.owner)


@pytest.mark.parametrize(
    "scope",
    [system("worker"), key(), key("usr_1", only=ApiScope.ORGANIZATIONS_WRITE), key(organization="org_1")],
    ids=["the system", "a key for itself", "a key that may not, for a user", "a key of an organization"],
)
async def test_whoever_is_no_person_is_told_nothing_of_the_token(scene: Scene, scope: Scope) -> None:
    for token in (scene.invited.token, "nonsense"):
        async with unchanged(scene.made.database):
            with pytest.raises(Forbidden):
                await scene.made.accept(token, by=scope)


async def test_a_host_key_accepts_for_the_invited_and_for_nobody_else(scene: Scene) -> None:
    async with unchanged(scene.made.database):
        with pytest.raises(InvitationInvalid):
            await scene.made.accept(scene.invited.token, by=key(scene.owner.id))

    entered = await scene.made.accept(scene.invited.token, by=key(scene.guest.id, only=ApiScope.MEMBERS_WRITE))

    assert entered.user_id == scene.guest.id


WRONG = [stranger, without_address, late_claimant, being_deleted, the_inviter]


@pytest.mark.parametrize("person", WRONG, ids=lambda person: person.__name__)
async def test_the_wrong_person_reads_the_same_answer(scene: Scene, person: Callable[..., Awaitable[Scope]]) -> None:
    scope = await person(scene)

    async with unchanged(scene.made.database):
        with pytest.raises(InvitationInvalid) as caught:
            await scene.made.accept(scene.invited.token, by=scope)

    assert (caught.value.message, caught.value.path) == ("This invitation is not valid.", ["input", "token"])


async def test_a_member_under_another_address_keeps_the_invitation_as_it_was(scene: Scene) -> None:
    made = scene.made
    await made.pay(scene.organization, seats=4)
    late = await made.user("late", email="late@example.com")
    await made.add(scene.organization, late, by=system("test"))
    token = (await made.invite(scene.organization, "new@example.com", by=scene.owner)).token
    await execute(made.database, f"UPDATE users SET email = 'new@example.com' WHERE id = '{late.id}'")

    async with unchanged(made.database):
        with pytest.raises(AlreadyMember) as caught:
            await made.accept(token, by=late)

    assert caught.value.membership_id == await made.membership_id(scene.organization, late)
