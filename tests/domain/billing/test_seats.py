"""Seats: exact under any concurrency, and the counter equals the rows of holders at every moment."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from domain.billing import SeatCount, seats
from domain.billing.seats import Holder, SeatHolder
from domain.db import Database
from domain.errors import SeatLimitReached
from domain.identity import User
from domain.organizations import Membership, Organization
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.tables import scalar, unchanged


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def acme(made: House, *, paid: int) -> Organization:
    organization = await made.organization(await made.user("owner"))
    await made.pay(organization, seats=paid)
    return organization


async def unlimited(*_: object) -> None:
    return None


async def invite(made: House, organization: Organization, number: int, **lasts: float) -> Holder:
    """Let a pending invitation hold a seat, whatever the limit says."""
    expires_at = made.clock.now() + timedelta(**lasts)
    email = f"guest{number}@example.com"
    holder = seats.invited(organization_id=organization.id, email=email, expires_at=expires_at)
    await claim(made, organization, holder)
    return holder


async def claim(made: House, organization: Organization, holder: Holder) -> None:
    now = made.clock.now()
    await made.database.run(
        lambda s: seats.claim(s, organization_id=organization.id, holder=holder, limit=unlimited, now=now)
    )


async def turn(made: House, organization_id: str, holder: Holder, user: User) -> None:
    await made.database.run(
        lambda s: seats.turn(s, organization_id=organization_id, invitation=holder, user_id=user.id)
    )


async def holders_of(made: House, organization: Organization) -> list[tuple[str, str]]:
    query = select(SeatHolder.kind, SeatHolder.holder_id).where(SeatHolder.organization_id == organization.id)
    async with made.database.snapshot() as session:
        return sorted((kind.value, id) for kind, id in await session.execute(query))


async def test_forty_at_once_for_five_seats_fill_exactly_five(made: House) -> None:
    organization = await acme(made, paid=5)
    users = [await made.user(f"user {number}") for number in range(40)]

    outcomes = await asyncio.gather(
        *(made.add(organization, user, by=ADMINISTRATOR) for user in users), return_exceptions=True
    )

    assert sum(isinstance(outcome, Membership) for outcome in outcomes) == 4
    assert sum(isinstance(outcome, SeatLimitReached) for outcome in outcomes) == 36
    assert await made.holders(organization) == (5, 5, 5)


async def test_adding_and_removing_at_once_never_passes_the_limit(made: House) -> None:
    organization = await acme(made, paid=5)
    members = [await made.join(organization, f"member {number}") for number in range(4)]
    places = [await made.membership_id(organization, member) for member in members]
    users = [await made.user(f"user {number}") for number in range(12)]

    outcomes = await asyncio.gather(
        *(made.add(organization, user, by=ADMINISTRATOR) for user in users[:6]),
        *(made.remove(place, by=ADMINISTRATOR) for place in places),
        *(made.add(organization, user, by=ADMINISTRATOR) for user in users[6:]),
        return_exceptions=True,
    )

    added = sum(isinstance(outcome, Membership) for outcome in outcomes) - len(places)
    assert added <= 4
    assert await made.holders(organization) == (1 + added,) * 3


async def test_the_founding_owner_needs_no_seat(made: House) -> None:
    organization = await made.organization(await made.user("owner"))

    usage = await made.usage(organization)
    assert (usage.limit, usage.used, usage.reserved, usage.available, usage.over_limit) == (0, 1, 0, 0, True)
    with pytest.raises(SeatLimitReached) as caught:
        await made.join(organization, "next")
    assert caught.value.limit == 0


async def test_without_an_end_nobody_is_refused(made: House) -> None:
    organization = await made.organization(await made.user("owner"))
    await made.pay(organization, seats=1, price="price_endless")

    for number in range(8):
        await made.join(organization, f"member {number}")

    usage = await made.usage(organization)
    assert (usage.limit, usage.used, usage.available, usage.over_limit) == (None, 9, None, False)


async def test_giving_back_a_seat_that_is_not_held_changes_nothing(made: House) -> None:
    organization = await acme(made, paid=5)
    held = seats.member((await made.join(organization, "member")).id)

    for _ in range(2):
        await made.database.run(lambda s: seats.release(s, organization_id=organization.id, holder=held))
    async with unchanged(made.database):
        await made.database.run(
            lambda s: seats.release(s, organization_id=organization.id, holder=seats.member("usr_none"))
        )
        await made.database.run(lambda s: seats.release(s, organization_id="org_none", holder=held))

    assert (await made.holders(organization))[:2] == (1, 1)


async def test_an_organization_without_a_pool_has_no_seat(made: House) -> None:
    async with unchanged(made.database):
        with pytest.raises(SeatLimitReached):
            await made.database.run(
                lambda s: seats.claim(
                    s,
                    organization_id="org_none",
                    holder=seats.member("usr_1"),
                    limit=unlimited,
                    now=made.clock.now(),
                )
            )


async def test_pending_invitations_hold_their_seats(made: House) -> None:
    organization = await acme(made, paid=3)
    await invite(made, organization, 1, hours=1)
    await invite(made, organization, 2, hours=1)

    with pytest.raises(SeatLimitReached):
        await made.join(organization, "late")

    usage = await made.usage(organization)
    assert (usage.used, usage.reserved, usage.available, usage.over_limit) == (1, 2, 0, False)


async def test_a_claim_lets_expired_invitations_go_each_once(made: House, clock: FixedClock) -> None:
    organization = await acme(made, paid=4)
    await invite(made, organization, 1, hours=1)
    await invite(made, organization, 2, hours=1)
    await invite(made, organization, 3, hours=2)
    clock.forward(hours=1)
    users = [await made.user(f"user {number}") for number in range(6)]

    usage = await made.usage(organization)
    outcomes = await asyncio.gather(
        *(made.add(organization, user, by=ADMINISTRATOR) for user in users), return_exceptions=True
    )

    assert (usage.used, usage.reserved, usage.available) == (1, 1, 2)
    assert sum(isinstance(outcome, Membership) for outcome in outcomes) == 2
    assert await made.holders(organization) == (4, 4, 3)


async def test_one_organizations_claim_leaves_anothers_invitations_alone(made: House, clock: FixedClock) -> None:
    first, second = await acme(made, paid=5), await made.organization(await made.user("other"), "Other")
    await invite(made, second, 1, hours=1)
    clock.forward(hours=2)

    await made.join(first, "member")

    assert (await made.holders(second))[:2] == (2, 2)


async def test_an_invitations_seat_becomes_the_members_and_the_counter_stays(made: House) -> None:
    organization = await acme(made, paid=2)
    guest = await made.user("guest")
    holder = await invite(made, organization, 1, hours=1)
    await made.pay(organization, seats=1)

    await turn(made, organization.id, holder, guest)

    owner = [each for each in await holders_of(made, organization) if each[1] != guest.id]
    assert await holders_of(made, organization) == sorted([*owner, ("member", guest.id)])
    assert (await made.holders(organization))[:2] == (2, 2)
    assert await scalar(made.database, "SELECT count(*) FROM seat_holders WHERE expires_at IS NOT NULL") == 0


async def test_an_invitation_without_a_seat_is_given_one_without_asking(made: House) -> None:
    organization, guest = await acme(made, paid=1), await made.user("guest")
    holder = seats.invited(organization_id=organization.id, email="old@example.com")

    await turn(made, organization.id, holder, guest)

    assert ("member", guest.id) in await holders_of(made, organization)
    assert (await made.holders(organization))[:2] == (2, 2)


async def test_an_organization_without_a_pool_turns_nothing(made: House) -> None:
    guest = await made.user("guest")
    holder = seats.invited(organization_id="org_none", email="old@example.com")

    async with unchanged(made.database):
        with pytest.raises(SeatLimitReached):
            await turn(made, "org_none", holder, guest)


async def test_an_invitations_seat_is_given_back_once(made: House) -> None:
    organization = await acme(made, paid=5)
    holder, other = await invite(made, organization, 1, hours=1), await invite(made, organization, 2, hours=1)

    for _ in range(2):
        await made.database.run(lambda s: seats.release(s, organization_id=organization.id, holder=holder))

    assert (await made.holders(organization))[:2] == (2, 2)
    assert ("invitation", other.id) in await holders_of(made, organization)


def test_a_holder_is_named_by_organization_and_address_whatever_its_case_and_without_showing_it() -> None:
    one = seats.invited(organization_id="org_1", email="Ann@example.com")

    assert one == seats.invited(organization_id="org_1", email="ann@EXAMPLE.com")
    assert one.id != seats.invited(organization_id="org_2", email="ann@example.com").id
    assert one.id != seats.invited(organization_id="org_1", email="bob@example.com").id
    assert "ann" not in one.id


async def test_after_a_downgrade_all_stay_none_come_and_any_may_go(made: House) -> None:
    organization = await acme(made, paid=4)
    members = [await made.join(organization, f"member {number}") for number in range(3)]
    await made.pay(organization, seats=2)

    usage = await made.usage(organization)
    assert (usage.limit, usage.used, usage.available, usage.over_limit) == (2, 4, 0, True)
    with pytest.raises(SeatLimitReached):
        await made.join(organization, "late")
    for member in members[:2]:
        await made.remove(await made.membership_id(organization, member), by=ADMINISTRATOR)
    with pytest.raises(SeatLimitReached):
        await made.join(organization, "later")
    await made.remove(await made.membership_id(organization, members[2]), by=ADMINISTRATOR)
    await made.join(organization, "in time")

    assert await made.holders(organization) == (2, 2, 2)


async def test_the_seats_of_many_organizations_are_counted_together(made: House) -> None:
    first = await acme(made, paid=5)
    await made.join(first, "member")
    second = await made.organization(await made.user("other"), "Other")
    await invite(made, second, 1, hours=1)
    await invite(made, second, 2, hours=-1)

    async with made.database.snapshot() as session:
        counted = await seats.counts(session, [first.id, second.id, "org_none"], now=made.clock.now())

    assert counted == {first.id: SeatCount(used=2, reserved=0), second.id: SeatCount(used=1, reserved=1)}
