"""Reading invitations: to whom they are shown, in which order, and how they stand by the clock."""

import pytest

from domain.db import Database, Page, counts_of, page_of
from domain.errors import Forbidden
from domain.identity import User
from domain.organizations import InvitationReading, InvitationStatus, Organization, Reading
from domain.scope import Role, Scope
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, DAYS, House, house, scope_of
from tests.support.tables import execute, scalar


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def acme(made: House) -> tuple[User, Organization]:
    owner = await made.user("owner", email="owner@example.com")
    organization = await made.organization(owner)
    await made.pay(organization, seats=20)
    return owner, organization


async def names(made: House, who: User | Scope, organization: Organization, status: InvitationStatus | None) -> str:
    """List the invitations as the caller reads them, and hold that they are as many as is counted."""
    reading = InvitationReading(scope=who if isinstance(who, Scope) else scope_of(who), clock=made.clock)
    async with made.database.snapshot() as session:
        role = (await Reading(scope=reading.scope).roles(session, [organization.id])).get(organization.id)
        now = await session.get_one(Organization, organization.id)
        listing = reading.of(now, role=role, status=status)
        found = await page_of(session, listing, Page(size=50))
        assert await counts_of(session, [listing]) == [len(found.rows)]
    return " ".join(row.email.partition("@")[0] for row in found.rows)


async def test_they_are_listed_newest_first_and_by_how_they_stand_now(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made)
    guest = await made.user("accepted", email="accepted@example.com")
    for name in ("tidied", "lapsed"):
        await made.invite(organization, f"{name}@example.com", by=owner)
        clock.forward(seconds=1)
    clock.forward(days=1)
    accepted = await made.invite(organization, "accepted@example.com", by=owner)
    await made.accept(accepted.token, by=guest)
    clock.forward(seconds=1)
    await made.revoke((await made.invite(organization, "revoked@example.com", by=owner)).invitation, by=owner)
    for _ in range(2):
        clock.forward(seconds=1)
        await made.invite(organization, "again@example.com", by=owner)
    clock.forward(days=DAYS - 1, seconds=-5)
    await made.tidying.tidy_due()
    clock.forward(seconds=2)

    listed = {status: await names(made, owner, organization, status) for status in InvitationStatus}

    assert listed == {
        InvitationStatus.PENDING: "again",
        InvitationStatus.ACCEPTED: "accepted",
        InvitationStatus.REVOKED: "revoked",
        InvitationStatus.SUPERSEDED: "again",
        InvitationStatus.EXPIRED: "lapsed tidied",
    }
    assert await names(made, owner, organization, None) == "again again revoked accepted lapsed tidied"
    assert await scalar(made.database, "SELECT count(*) FROM invitations WHERE status = 'expired'") == 1


async def test_they_are_shown_to_those_who_may_invite(made: House) -> None:
    owner, organization = await acme(made)
    invitation = (await made.invite(organization, "guest@example.com", by=owner)).invitation
    admin = await made.join(organization, "admin", role=Role.ADMIN)
    member = await made.join(organization, "member")
    stranger = await made.user("stranger")
    await made.organization(stranger, "Elsewhere")
    invited = await made.user("guest", email="guest@example.com")

    async def sees(who: User | Scope) -> bool:
        reading = InvitationReading(scope=who if isinstance(who, Scope) else scope_of(who), clock=made.clock)
        async with made.database.snapshot() as session:
            return await reading.invitation(session, invitation.id) is not None

    assert [await sees(who) for who in (owner, admin, ADMINISTRATOR)] == [True] * 3
    assert [await sees(who) for who in (member, stranger, invited)] == [False] * 3
    assert await names(made, admin, organization, None) == await names(made, ADMINISTRATOR, organization, None)
    for who in (member, stranger, invited):
        with pytest.raises(Forbidden):
            await names(made, who, organization, None)


async def test_those_of_a_deleted_organization_are_shown_to_administrators_alone(
    made: House, clock: FixedClock
) -> None:
    owner, organization = await acme(made)
    invitation = (await made.invite(organization, "guest@example.com", by=owner)).invitation
    await execute(made.database, f"UPDATE organizations SET deleted_at = '{clock.now():%Y-%m-%d %H:%M:%S}+00'")

    async with made.database.snapshot() as session:
        by_owner = await InvitationReading(scope=scope_of(owner), clock=clock).invitation(session, invitation.id)
        by_all = await InvitationReading(scope=ADMINISTRATOR, clock=clock).invitation(session, invitation.id)

    assert by_owner is None
    assert by_all is not None
