"""Several at once around one invitation: one of them is first, and the counter equals the holders afterwards."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any

import pytest

from domain.db import Database
from domain.errors import AlreadyMember, InvalidInput, InvitationInvalid, SeatLimitReached
from domain.identity import User
from domain.organizations import Invitation, InvitationStatus, Invited, Membership, Organization, UserRef
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, DAYS, House, house
from tests.support.tables import scalar

EMAIL = "guest@example.com"


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def acme(made: House, *, paid: int) -> tuple[User, Organization]:
    owner = await made.user("owner", email="owner@example.com")
    organization = await made.organization(owner)
    await made.pay(organization, seats=paid)
    return owner, organization


async def race(*work: Awaitable[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in await asyncio.gather(*work, return_exceptions=True))


async def adds_up(made: House, organization: Organization) -> int:
    """Hold that the counter equals the holders, and the holders the members and the pending; say how many."""
    used, rows, members = await made.holders(organization)
    pending = "SELECT count(*) FROM invitations WHERE organization_id = :o AND status = 'pending'"
    assert used == rows == members + await scalar(made.database, pending, o=organization.id)
    return used


async def test_two_who_accept_one_token_become_one_member(made: House) -> None:
    owner, organization = await acme(made, paid=2)
    guest = await made.user("guest", email=EMAIL)
    token = (await made.invite(organization, EMAIL, by=owner)).token

    outcomes = await race(*(made.accept(token, by=guest) for _ in range(4)))

    assert outcomes == {Membership.__name__: 1, InvitationInvalid.__name__: 3}
    assert await made.holders(organization) == (2, 2, 2)


async def test_accepting_and_revoking_at_once_leave_a_member_or_nobody(made: House) -> None:
    owner, organization = await acme(made, paid=9)
    guests = [await made.user(f"guest {number}", email=f"guest{number}@example.com") for number in range(4)]
    invited = [await made.invite(organization, f"guest{number}@example.com", by=owner) for number in range(4)]

    outcomes = await race(
        *(
            each
            for guest, offer in zip(guests, invited, strict=True)
            for each in (made.accept(offer.token, by=guest), made.revoke(offer.invitation, by=owner))
        )
    )

    assert outcomes[Membership.__name__] == outcomes[InvalidInput.__name__]
    assert outcomes[Invitation.__name__] == outcomes[InvitationInvalid.__name__]
    assert outcomes.total() == 8
    assert await adds_up(made, organization) == 1 + outcomes[Membership.__name__]


async def test_at_the_instant_of_expiry_the_seat_goes_to_somebody_else_and_the_token_is_worth_nothing(
    made: House, clock: FixedClock
) -> None:
    owner, organization = await acme(made, paid=2)
    guest, other = await made.user("guest", email=EMAIL), await made.user("other")
    token = (await made.invite(organization, EMAIL, by=owner)).token
    clock.forward(days=DAYS)

    outcomes = await race(
        made.accept(token, by=guest), made.add(organization, other, by=ADMINISTRATOR), made.tidying.tidy_due()
    )

    assert outcomes == {Membership.__name__: 1, InvitationInvalid.__name__: 1, "int": 1}
    assert await made.holders(organization) == (2, 2, 2)


async def test_a_moment_before_its_expiry_the_invited_comes_in_and_nobody_else(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made, paid=2)
    guest, other = await made.user("guest", email=EMAIL), await made.user("other")
    token = (await made.invite(organization, EMAIL, by=owner)).token
    clock.forward(days=DAYS, microseconds=-1)

    outcomes = await race(
        made.accept(token, by=guest), made.add(organization, other, by=ADMINISTRATOR), made.tidying.tidy_due()
    )

    assert outcomes == {Membership.__name__: 1, SeatLimitReached.__name__: 1, "int": 1}
    assert await made.membership_id(organization, guest)
    assert await made.holders(organization) == (2, 2, 2)


async def test_inviting_one_address_many_times_at_once_leaves_one_pending(made: House) -> None:
    owner, organization = await acme(made, paid=2)

    outcomes = await race(*(made.invite(organization, EMAIL, by=owner) for _ in range(6)))

    assert outcomes == {Invited.__name__: 6}
    assert Counter(row.status for row in await made.rows(Invitation)) == {
        InvitationStatus.PENDING: 1,
        InvitationStatus.SUPERSEDED: 5,
    }
    assert await adds_up(made, organization) == 2


async def test_ten_invitations_for_three_seats_hold_exactly_three(made: House) -> None:
    owner, organization = await acme(made, paid=4)

    outcomes = await race(*(made.invite(organization, f"guest{number}@example.com", by=owner) for number in range(10)))

    assert outcomes == {Invited.__name__: 3, SeatLimitReached.__name__: 7}
    assert await adds_up(made, organization) == 4


async def test_adding_and_accepting_one_person_at_once_takes_one_seat(made: House) -> None:
    owner, organization = await acme(made, paid=2)
    guest = await made.user("guest", email=EMAIL)
    token = (await made.invite(organization, EMAIL, by=owner)).token

    outcomes = await race(
        made.accept(token, by=guest),
        made.add(organization, UserRef(email=EMAIL), by=owner),
        made.invite(organization, EMAIL, by=owner),
    )

    assert outcomes[Membership.__name__] == 1
    assert set(outcomes) <= {t.__name__ for t in (Membership, AlreadyMember, InvitationInvalid, Invited)}
    assert await made.holders(organization) == (2, 2, 2)


async def test_two_workers_write_an_expiry_down_once(made: House, clock: FixedClock) -> None:
    owner, organization = await acme(made, paid=9)
    for number in range(5):
        await made.invite(organization, f"guest{number}@example.com", by=owner)
    clock.forward(days=DAYS)

    await asyncio.gather(*(made.tidying.tidy_due() for _ in range(3)))

    assert await scalar(made.database, "SELECT count(*) FROM audit_events WHERE action = 'invitation.expired'") == 5
    assert await adds_up(made, organization) == 1
