"""Ending invitations: revoked by those who may, all at once with their organization, and by the worker in time."""

from dataclasses import replace
from typing import Any

import pytest

from domain.audit import AuditEvent
from domain.db import Database
from domain.errors import CallbackRefused, InvalidInput, NotFound, Refused
from domain.identity import User
from domain.organizations import Invitation, InvitationStatus, Organization, OrganizationCallbacks
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, DAYS, House, house, scope_of
from tests.support.tables import execute, unchanged

EMAIL = "guest@example.com"


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def acme(made: House) -> tuple[User, Organization]:
    owner = await made.user("owner", email="owner@example.com")
    organization = await made.organization(owner)
    await made.pay(organization, seats=9)
    return owner, organization


async def statuses(made: House) -> dict[str, InvitationStatus]:
    return {row.email.partition("@")[0]: row.status for row in await made.rows(Invitation)}


async def test_a_revoked_invitation_lets_its_seat_go(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made)
    invitation = (await made.invite(organization, EMAIL, by=owner)).invitation

    revoked = await made.revoke(invitation, by=owner)

    assert (revoked.status, revoked.ended_at, revoked.tidy_at) == (InvitationStatus.REVOKED, clock.now(), None)
    assert (await made.holders(organization))[:2] == (1, 1)
    assert [row.subject_id for row in await made.rows(AuditEvent) if row.action == "invitation.revoked"] == [revoked.id]


async def test_only_a_pending_invitation_can_be_revoked(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made)
    guest = await made.user("guest", email=EMAIL)
    revoked = (await made.invite(organization, EMAIL, by=owner)).invitation
    await made.revoke(revoked, by=owner)
    superseded = (await made.invite(organization, EMAIL, by=owner)).invitation
    accepted = await made.invite(organization, EMAIL, by=owner)
    await made.accept(accepted.token, by=guest)
    expired = (await made.invite(organization, "late@example.com", by=owner)).invitation
    clock.forward(days=DAYS)

    async with unchanged(made.database):
        for ended in (revoked, superseded, accepted.invitation, expired):
            with pytest.raises(InvalidInput, match="Only a pending invitation") as caught:
                await made.revoke(ended, by=owner)
            assert caught.value.path == ["input", "invitationId"]


async def test_strangers_find_no_invitation(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made)
    invitation = (await made.invite(organization, EMAIL, by=owner)).invitation
    stranger = await made.user("stranger")

    async with unchanged(made.database):
        for id, who in ((invitation.id, stranger), ("inv_none", owner), ("\x01", owner), ("", ADMINISTRATOR)):
            with pytest.raises(NotFound, match="no such invitation"):
                await made.revoke(id, by=who)
    await execute(made.database, f"UPDATE organizations SET deleted_at = '{clock.now():%Y-%m-%d %H:%M:%S}+00'")
    async with unchanged(made.database):
        with pytest.raises(NotFound, match="no such invitation"):
            await made.revoke(invitation, by=owner)


async def test_an_organization_that_goes_ends_all_that_is_pending_and_nothing_else(
    made: House, clock: FixedClock
) -> None:
    owner, organization = await acme(made)
    other = await made.organization(await made.user("other"), "Other")
    await made.pay(other, seats=2)
    await made.invite(organization, "expired@example.com", by=owner)
    clock.forward(days=DAYS)
    await made.revoke((await made.invite(organization, "before@example.com", by=owner)).invitation, by=owner)
    for name in ("one", "two"):
        await made.invite(organization, f"{name}@example.com", by=owner)
    await made.invite(other, "elsewhere@example.com", by=ADMINISTRATOR)
    ended: list[tuple[str, InvitationStatus]] = []

    class Diary(OrganizationCallbacks):
        async def after_invitation_end(self, *, invitation: Invitation, outcome: InvitationStatus, **_: Any) -> None:
            ended.append((invitation.email.partition("@")[0], outcome))

    standing = replace(made.standing, callbacks=[Diary(), *made.standing.callbacks])
    await made.database.run(lambda s: standing.delete(s, scope=scope_of(owner), organization_id=organization.id))

    revoked, expired, pending = InvitationStatus.REVOKED, InvitationStatus.EXPIRED, InvitationStatus.PENDING
    assert await statuses(made) == {
        "expired": expired,
        "before": revoked,
        "one": revoked,
        "two": revoked,
        "elsewhere": pending,
    }
    assert sorted(ended) == [("expired", expired), ("one", revoked), ("two", revoked)]
    assert (await made.holders(organization))[:2] == (1, 1)
    assert (await made.holders(other))[:2] == (2, 2)


async def test_the_worker_writes_down_what_has_expired_and_lets_the_seats_go(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made)
    for number in range(3):
        await made.invite(organization, f"guest{number}@example.com", by=owner)
    clock.forward(days=1)
    await made.invite(organization, "later@example.com", by=owner)

    early = await made.tidying.tidy_due()
    clock.forward(days=DAYS - 1)
    on_time = await made.tidying.tidy_due()
    again = await made.tidying.tidy_due()

    assert (early, on_time, again) == (0, 3, 0)
    expired = [row for row in await made.rows(Invitation) if row.status is InvitationStatus.EXPIRED]
    assert [(row.ended_at, row.tidy_at) for row in expired] == [(None, None)] * 3
    assert (await made.holders(organization))[:2] == (2, 2)
    events = [row for row in await made.rows(AuditEvent) if row.action == "invitation.expired"]
    assert sorted(row.subject_id for row in events) == sorted(row.id for row in expired)
    assert {(row.actor_kind, row.actor_id) for row in events} == {("system", "worker")}


@pytest.mark.parametrize("fault", [Refused("not yet"), ZeroDivisionError()], ids=["refused", "broken"])
async def test_a_callback_that_refuses_postpones_one_and_blocks_nobody(
    database: Database, clock: FixedClock, fault: Exception
) -> None:
    refuses = True

    class Host(OrganizationCallbacks):
        async def after_invitation_end(self, *, invitation: Invitation, **_: Any) -> None:
            if refuses and invitation.email == "guest1@example.com":
                raise fault

    made = house(database, clock, Host())
    owner, organization = await acme(made)
    for number in range(3):
        await made.invite(organization, f"guest{number}@example.com", by=owner)
    clock.forward(days=DAYS)

    first = await made.tidying.tidy_due()
    after_the_first = await statuses(made)
    clock.forward(minutes=59)
    too_early = await made.tidying.tidy_due()
    refuses = False
    clock.forward(minutes=1)
    then = await made.tidying.tidy_due()

    assert (first, too_early, then) == (3, 0, 1)
    expired, pending = InvitationStatus.EXPIRED, InvitationStatus.PENDING
    assert after_the_first == {"guest0": expired, "guest1": pending, "guest2": expired}
    assert set((await statuses(made)).values()) == {expired}
    assert (await made.holders(organization))[:2] == (1, 1)


async def test_what_a_callback_refuses_at_an_end_leaves_the_invitation_as_it_was(
    database: Database, clock: FixedClock
) -> None:
    class Host(OrganizationCallbacks):
        async def after_invitation_end(self, **_: Any) -> None:
            raise Refused("stay")

    made = house(database, clock, Host())
    owner, organization = await acme(made)
    invited = await made.invite(organization, EMAIL, by=owner)
    guest = await made.user("guest", email=EMAIL)

    async with unchanged(database):
        for work, operation in (
            (made.revoke(invited.invitation, by=owner), "revokeInvitation"),
            (made.accept(invited.token, by=guest), "acceptInvitation"),
            (made.invite(organization, EMAIL, by=owner), "inviteMember"),
            (made.add(organization, guest, by=ADMINISTRATOR), "addMember"),
        ):
            with pytest.raises(CallbackRefused) as caught:
                await work
            assert (caught.value.operation, caught.value.step) == (operation, "after_invitation_end")


async def test_an_invitation_of_a_deleted_organization_is_written_down_too(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made)
    await made.invite(organization, EMAIL, by=owner)
    clock.forward(days=DAYS)
    await execute(made.database, f"UPDATE organizations SET deleted_at = '{clock.now():%Y-%m-%d %H:%M:%S}+00'")

    assert await made.tidying.tidy_due() == 1

    assert await statuses(made) == {"guest": InvitationStatus.EXPIRED}
