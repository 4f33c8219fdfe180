"""Inviting: what an invitation is, whom it supersedes, who may, and that a refusal leaves nothing."""

from datetime import timedelta

import pytest

from domain.audit import AuditEvent
from domain.db import Database
from domain.errors import AlreadyMember, CallbackRefused, Forbidden, InvalidInput, NotFound, SeatLimitReached
from domain.identity import User
from domain.organizations import Invitation, InvitationStatus, Organization, UserRef
from domain.outbox import OutboxMessage
from domain.scope import ActorKind, Role
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, DAYS, House, house
from tests.support.tables import dump, execute, unchanged

EMAIL = "guest@example.com"


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def acme(made: House, *, paid: int = 3) -> tuple[User, Organization]:
    owner = await made.user("owner", email="owner@example.com")
    organization = await made.organization(owner)
    await made.pay(organization, seats=paid)
    return owner, organization


async def test_an_invitation_is_written_with_its_seat_its_mail_and_its_memory(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made)

    invited = await made.invite(organization, " Guest@Example.com ", by=owner, role=Role.ADMIN)

    invitation = await made.row(Invitation, invited.invitation.id)
    assert (invitation.email, invitation.role, invitation.status) == (EMAIL, Role.ADMIN, InvitationStatus.PENDING)
    assert (invitation.invited_by_kind, invitation.invited_by_id) == (ActorKind.USER, owner.id)
    assert invitation.expires_at == invitation.tidy_at == clock.now() + timedelta(days=DAYS)
    assert invitation.ended_at is None
    (mail,) = await made.rows(OutboxMessage)
    assert (mail.topic, mail.payload) == ("mail.invitation", {"invitation_id": invitation.id})
    (event,) = [row for row in await made.rows(AuditEvent) if row.action == "invitation.created"]
    assert (event.subject_id, event.organization_id, event.actor_id) == (invitation.id, organization.id, owner.id)
    usage = await made.usage(organization)
    assert (usage.used, usage.reserved, usage.available) == (1, 1, 1)


async def test_neither_the_token_nor_the_address_is_written_where_it_does_not_belong(made: House) -> None:
    owner, organization = await acme(made)

    token = (await made.invite(organization, EMAIL, by=owner)).token

    written = await dump(made.database)
    signature = token.partition(".")[2]
    assert not [name for name, rows in written.items() if any(signature in row for row in rows)]
    assert [name for name, rows in written.items() if any(EMAIL in row for row in rows)] == ["invitations"]


async def test_inviting_again_supersedes_takes_no_second_seat_and_works_in_a_full_house(
    made: House, clock: FixedClock
) -> None:
    owner, organization = await acme(made, paid=2)
    first = await made.invite(organization, EMAIL, by=owner)
    clock.forward(hours=1)

    second = await made.invite(organization, EMAIL.upper(), by=owner)

    former = await made.row(Invitation, first.invitation.id)
    assert (former.status, former.ended_at, former.tidy_at) == (InvitationStatus.SUPERSEDED, clock.now(), None)
    assert first.token != second.token
    assert (await made.holders(organization))[:2] == (2, 2)
    created = [row for row in await made.rows(AuditEvent) if row.action == "invitation.created"]
    assert [row.before for row in created] == [None, {"invitation_id": former.id}]


async def test_inviting_again_after_it_has_expired_writes_down_that_it_has(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made, paid=2)
    first = await made.invite(organization, EMAIL, by=owner)
    clock.forward(days=DAYS)

    await made.invite(organization, EMAIL, by=owner)

    former = await made.row(Invitation, first.invitation.id)
    assert (former.status, former.ended_at, former.tidy_at) == (InvitationStatus.EXPIRED, None, None)
    assert (await made.holders(organization))[:2] == (2, 2)


async def test_a_full_house_invites_nobody_until_an_invitation_expires(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made, paid=2)
    await made.invite(organization, EMAIL, by=owner)

    async with unchanged(made.database):
        with pytest.raises(SeatLimitReached):
            await made.invite(organization, "other@example.com", by=owner)
    clock.forward(days=DAYS)
    await made.invite(organization, "other@example.com", by=owner)

    assert (await made.holders(organization))[:2] == (2, 2)


async def test_who_is_added_holds_one_seat_and_the_invitation_ends(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made, paid=2)
    guest = await made.user("guest", email=EMAIL)
    invited = await made.invite(organization, EMAIL, by=owner)

    await made.add(organization, UserRef(email=EMAIL), by=owner)

    ended = await made.row(Invitation, invited.invitation.id)
    assert (ended.status, ended.ended_at) == (InvitationStatus.SUPERSEDED, clock.now())
    assert await made.holders(organization) == (2, 2, 2)
    assert await made.membership_id(organization, guest)


async def test_who_is_refused_keeps_the_invitation(made: House) -> None:
    owner, organization = await acme(made, paid=2)
    await made.user("guest", email=EMAIL)
    await made.invite(organization, EMAIL, by=owner)
    await made.pay(organization, seats=1)

    async with unchanged(made.database):
        with pytest.raises(SeatLimitReached):
            await made.add(organization, UserRef(email=EMAIL), by=owner)


RANKS = {"owner": Role.OWNER, "admin": Role.ADMIN, "member": Role.MEMBER}


@pytest.mark.parametrize("own", RANKS)
@pytest.mark.parametrize("offered", Role)
async def test_who_may_offer_and_take_back_which_role(made: House, own: str, offered: Role) -> None:
    _, organization = await acme(made, paid=9)
    caller = await made.join(organization, own, role=RANKS[own]) if own != "owner" else await made.user("owner")
    waiting = await made.invite(organization, "waiting@example.com", by=ADMINISTRATOR, role=offered)
    may = own == "owner" or (own == "admin" and offered is Role.MEMBER)

    if may:
        await made.invite(organization, EMAIL, by=caller, role=offered)
        await made.revoke(waiting.invitation, by=caller)
        return
    async with unchanged(made.database):
        with pytest.raises(Forbidden):
            await made.invite(organization, EMAIL, by=caller, role=offered)
        with pytest.raises(Forbidden):
            await made.revoke(waiting.invitation, by=caller)


async def test_an_admin_does_not_take_an_owners_offer_back_by_a_lesser_one(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made, paid=9)
    admin = await made.join(organization, "admin", role=Role.ADMIN)
    await made.user("guest", email=EMAIL)
    await made.invite(organization, EMAIL, by=owner, role=Role.ADMIN)

    async with unchanged(made.database):
        with pytest.raises(Forbidden):
            await made.invite(organization, EMAIL, by=admin)
        with pytest.raises(Forbidden):
            await made.add(organization, UserRef(email=EMAIL), by=admin)
    clock.forward(days=DAYS)
    await made.invite(organization, EMAIL, by=admin)

    assert [row.status for row in await made.rows(Invitation)] == [InvitationStatus.EXPIRED, InvitationStatus.PENDING]


async def test_strangers_find_no_organization(made: House) -> None:
    _, organization = await acme(made)
    stranger = await made.user("stranger")

    async with unchanged(made.database):
        for id in (organization.id, "org_none"):
            with pytest.raises(NotFound, match="no such organization"):
                await made.invite(id, EMAIL, by=stranger)
        with pytest.raises(NotFound, match="no such organization"):
            await made.invite("org_none", EMAIL, by=ADMINISTRATOR)


async def test_a_deleted_organization_invites_nobody(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made)
    await execute(made.database, f"UPDATE organizations SET deleted_at = '{clock.now():%Y-%m-%d %H:%M:%S}+00'")

    async with unchanged(made.database):
        with pytest.raises(NotFound):
            await made.invite(organization, EMAIL, by=owner)


async def test_a_member_is_not_invited(made: House) -> None:
    owner, organization = await acme(made)
    guest = await made.user("guest", email=EMAIL)
    await made.add(organization, guest, by=ADMINISTRATOR)

    async with unchanged(made.database):
        with pytest.raises(AlreadyMember) as caught:
            await made.invite(organization, EMAIL, by=owner)

    assert caught.value.membership_id == await made.membership_id(organization, guest)


async def test_a_user_who_is_being_deleted_is_not_invited(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made)
    guest = await made.user("guest", email=EMAIL)
    await made.mark_deleting(guest)

    async with unchanged(made.database):
        with pytest.raises(InvalidInput, match="cannot be invited") as caught:
            await made.invite(organization, EMAIL, by=owner)

    assert caught.value.path == ["input", "email"]


@pytest.mark.parametrize(
    "email",
    [
        "",
        "@",
        "guest",
        "guest@",
        "@example.com",
        "guest@localhost",
        "a b@example.com",
        "a@b@example.com",
        ".a@example.com",
        "a..b@example.com",
        "guest@-example.com",
        "guest@example..com",
        "guest@example.com\nBcc: all@example.com",
        "guest@example.com,other@example.com",
        "Guest <guest@example.com>",
        "mi\u212ae@example.com",
        "güst@example.com",
        "guest@exämple.com",
        f"{'a' * 65}@example.com",
        f"a@{'b' * 250}.com",
        "guest@example.com\0",
    ],
)
async def test_what_is_no_address_is_not_invited(sqlite_house: House, email: str) -> None:
    made = sqlite_house
    owner, organization = await acme(made)

    async with unchanged(made.database):
        with pytest.raises(InvalidInput) as caught:
            await made.invite(organization, email, by=owner)

    assert caught.value.path == ["input", "email"]


async def test_without_billing_invitations_hold_no_seat_and_nobody_is_refused(made: House) -> None:
    free = made.without_billing()
    owner = await free.user("owner")
    organization = await free.organization(owner)

    for number in range(5):
        guest = await free.user(f"guest {number}", email=f"guest{number}@example.com")
        token = (await free.invite(organization, f"guest{number}@example.com", by=owner)).token
        await free.accept(token, by=guest)

    assert len(await free.rows(Invitation)) == 5


async def test_an_invitation_older_than_billing_is_accepted_all_the_same(made: House) -> None:
    owner, organization = await acme(made, paid=1)
    guest = await made.user("guest", email=EMAIL)
    token = (await made.without_billing().invite(organization, EMAIL, by=owner)).token

    await made.accept(token, by=guest)

    assert await made.holders(organization) == (2, 2, 2)


async def test_an_organization_older_than_billing_lets_nobody_in_by_invitation(made: House) -> None:
    free = made.without_billing()
    owner, guest = await free.user("owner"), await free.user("guest", email=EMAIL)
    organization = await free.organization(owner)
    token = (await free.invite(organization, EMAIL, by=owner)).token

    async with unchanged(made.database):
        with pytest.raises(CallbackRefused) as caught:
            await made.accept(token, by=guest)

    assert (caught.value.operation, caught.value.step) == ("acceptInvitation", "before_add_member")
    assert caught.value.reason == "seat_limit_reached"
