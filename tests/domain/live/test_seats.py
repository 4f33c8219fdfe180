"""An organization's seats, followed: members, invitations, the limit, and invitations that expire by themselves."""

from collections.abc import AsyncGenerator
from datetime import timedelta

from domain.entitlements import SeatUsage, Wish
from domain.ids import CustomerId
from domain.live import Live
from domain.organizations import Invited, Organization, UserRef
from domain.scope import Role, Scope
from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.giving import grant
from tests.support.hearing import calm, hearing, lively, rests
from tests.support.telling import tell
from tests.support.wired import member, user, wired


def stream(
    services: Services, reader: Scope, organization_id: str, live: Live | None = None
) -> AsyncGenerator[SeatUsage]:
    return (live or services.live).seats(services.reading(reader), organization_id)


def usage(limit: int | None, used: int, reserved: int) -> SeatUsage:
    return SeatUsage(limit=limit, used=used, reserved=reserved)


async def invite(services: Services, ann: Scope, organization: Organization, email: str) -> Invited:
    async with services.database.transaction() as session:
        return await services.invitations.invite(
            session, scope=ann, organization_id=organization.id, email=email, role=Role.MEMBER
        )


async def test_members_invitations_and_the_limit_are_told_as_they_change(
    services: Services, live: Live, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    bob = await user(services, "bob")
    administrator = Scope(actor=ann.actor, administrator=True)
    async with hearing(stream(services, ann, acme.id, live)) as heard:
        told = [await heard.next()]
        await tell(services, quantity=3)
        told.append(await heard.next())
        assert bob.user_id is not None
        async with services.database.transaction() as session:
            added = await services.members.add(
                session, scope=administrator, organization_id=acme.id, who=UserRef(id=bob.user_id), role=Role.MEMBER
            )
        told.append(await heard.next())
        invited = await invite(services, ann, acme, "cat@example.com")
        told.append(await heard.next())
        async with services.database.transaction() as session:
            await services.invitations.revoke(session, scope=ann, invitation_id=invited.invitation.id)
        told.append(await heard.next())
        async with services.database.transaction() as session:
            await services.members.remove(session, scope=ann, membership_id=added.id)
        told.append(await heard.next())
        await grant(services, payer, Wish(limit="seats", unlimited=True))
        told.append(await heard.next())

    assert told == [
        usage(1, 1, 0),
        usage(3, 1, 0),
        usage(3, 2, 0),
        usage(3, 2, 1),
        usage(3, 2, 0),
        usage(3, 1, 0),
        usage(None, 1, 0),
    ]


async def test_a_state_that_was_and_is_again_is_told_too(
    services: Services, ann: Scope, acme: Organization, payer: CustomerId, database_url: str, clock: FixedClock
) -> None:
    await tell(services, quantity=3)
    other = wired(database_url, clock)
    async with lively(other) as live, hearing(stream(other, ann, acme.id, live)) as heard:
        first = await heard.next()
        await calm(live.watching)
        invited = await invite(services, ann, acme, "cat@example.com")
        # Read before anybody has looked at its version.
        live.watching.wake_all()
        reserved = await heard.next()
        async with services.database.transaction() as session:
            await services.invitations.revoke(session, scope=ann, invitation_id=invited.invitation.id)
        await live.watching.look()
        again = await heard.next()
    await other.aclose()

    assert [first, reserved, again] == [usage(3, 1, 0), usage(3, 1, 1), usage(3, 1, 0)]


async def test_an_invitation_that_is_accepted_moves_its_seat(
    services: Services, live: Live, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    await tell(services, quantity=2)
    bob = await user(services, "bob")
    async with hearing(stream(services, ann, acme.id, live)) as heard:
        await heard.next()
        invited = await invite(services, ann, acme, "bob@example.com")
        offered = await heard.next()
        async with services.database.transaction() as session:
            await services.invitations.accept(session, scope=bob, token=invited.token)
        taken = await heard.next()

    assert (offered, taken) == (usage(2, 1, 1), usage(2, 2, 0))


async def test_an_invitation_expires_for_whoever_watches_at_its_instant(
    services: Services, live: Live, ann: Scope, acme: Organization, payer: CustomerId, clock: FixedClock
) -> None:
    await tell(services, quantity=2)
    invited = await invite(services, ann, acme, "bob@example.com")
    async with hearing(stream(services, ann, acme.id, live)) as heard:
        offered = await heard.next()
        await calm(live.watching)
        clock.forward(seconds=timedelta(days=7).total_seconds(), microseconds=-1)
        await live.watching.look()
        await calm(live.watching)
        assert heard.silent
        clock.forward(microseconds=1)
        await live.watching.look()
        over = await heard.next()

    assert offered.valid_until == invited.invitation.expires_at - timedelta(microseconds=1)
    assert (offered, over) == (usage(2, 1, 1), usage(2, 1, 0))


async def test_the_limit_falls_for_whoever_watches_when_an_override_ends(
    services: Services, live: Live, ann: Scope, acme: Organization, payer: CustomerId, clock: FixedClock
) -> None:
    await grant(services, payer, Wish(limit="seats", value=4), expires_at=clock.now() + timedelta(hours=1))
    async with hearing(stream(services, ann, acme.id, live)) as heard:
        raised = await heard.next()
        await calm(live.watching)
        clock.forward(hours=1, microseconds=1)
        await live.watching.look()

        assert (raised, await heard.next()) == (usage(4, 1, 0), usage(1, 1, 0))


async def test_members_lose_sight_of_an_organization_that_is_deleted_and_its_owner_does_not(
    services: Services, ann: Scope, acme: Organization, payer: CustomerId
) -> None:
    bob = await user(services, "bob")
    await member(services, acme, bob, Role.MEMBER)
    async with hearing(stream(services, ann, acme.id)) as owners, hearing(stream(services, bob, acme.id)) as members:
        await owners.next()
        await members.next()
        async with services.database.transaction() as session:
            await services.standing.delete(session, scope=ann, organization_id=acme.id)

        assert await members.ended()
        assert await owners.next() == usage(0, 1, 0)
    assert await rests(services.live.watching)


async def test_what_is_no_organization_of_the_readers_has_no_stream(
    services: Services, ann: Scope, acme: Organization
) -> None:
    eve = await user(services, "eve")
    for organization_id in (acme.id, f"org_{'0' * 32}", ""):
        async with hearing(stream(services, eve, organization_id)) as heard:
            assert await heard.ended()
