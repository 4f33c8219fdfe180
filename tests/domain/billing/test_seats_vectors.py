"""The seat vectors that Seatgate answers as they say, and why the others are answered otherwise."""

import asyncio
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from domain.billing import seats
from domain.db import Database, Session
from domain.errors import AlreadyMember, CallbackRefused, DomainError, LastOwner, Refused, SeatLimitReached
from domain.identity import User
from domain.organizations import Entry, Membership, Organization, OrganizationCallbacks
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.tables import execute, scalar, unchanged

PATH = Path(__file__).parents[2] / "vectors" / "seats.json"
CASES = {case["id"]: case for case in json.loads(PATH.read_text(encoding="utf-8"))["cases"]}

OVERRULED = {
    "st-invite-signup-at-limit": "a living invitation holds its seat, so accepting it succeeds even over the limit",
    "st-pending-invites-do-not-hold": "a pending invitation holds a seat, so the house is full",
    "st-after-callback-error": "every callback runs inside the transaction, and refusing keeps the member",
}
REASONS: dict[str, type[DomainError]] = {
    "seat_limit_reached": SeatLimitReached,
    "last_owner": LastOwner,
    "already_member": AlreadyMember,
}
RUN = [id for id in CASES if id not in OVERRULED]
PLANS = {5: "price_five", 10: "price_ten"}


class Raises(OrganizationCallbacks):
    """The host's callback of the vectors, which breaks."""

    async def before_add_member(self, *, entry: Entry, **_: Any) -> None:
        if entry is Entry.ADDED:
            raise ZeroDivisionError


class Keeps(OrganizationCallbacks):
    """The host's callback of the vectors, which wants nobody to go."""

    async def after_member_remove(self, **_: Any) -> None:
        raise Refused("stays")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An organization as a vector describes it before the action."""

    made: House
    owner: User
    members: list[User]
    organization: Organization

    async def add(self, subject: str = "newcomer") -> Membership:
        return await self.made.add(self.organization, await self.made.user(subject), by=ADMINISTRATOR)

    async def remove(self, user: User) -> Membership:
        place = await self.made.membership_id(self.organization, user)
        return await self.made.remove(place, by=ADMINISTRATOR)

    async def act(self, case: dict[str, Any]) -> list[Any]:
        """Carry the action out, as often and as much at once as the vector says."""
        match case["action"]:
            case {"op": "add_member", "concurrent": int(many)}:
                work = [self.add(f"newcomer {number}") for number in range(many)]
            case {"op": "add_member and remove_member"}:
                work = [self.add(), self.remove(self.members[0])]
            case {"op": "add_member", "target": "already a member"}:
                work = [self.made.add(self.organization, self.members[0], by=ADMINISTRATOR)]
            case {"op": "remove_member", "target": "only owner"}:
                work = [self.remove(self.owner)]
            case {"op": "add_member in another organization with free seats"}:
                other = await self.made.organization(self.owner, "Other")
                await self.made.pay(other, seats=2)
                work = [self.made.add(other, await self.made.user("newcomer"), by=ADMINISTRATOR)]
            case _:
                work = [self.add()]
        return await asyncio.gather(*work, return_exceptions=True)


async def scene(database: Database, clock: FixedClock, case: dict[str, Any]) -> Scene:
    made = house(database, clock)
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=20)
    members = [await made.join(organization, f"member {number}") for number in range(case["members_before"] - 1)]
    await subscribe(made, organization, case)
    if "before_add_member" in case["action"]:
        made = house(database, clock, Raises())
    return Scene(made=made, owner=owner, members=members, organization=organization)


async def subscribe(made: House, organization: Organization, case: dict[str, Any]) -> None:
    """Let the mirror show what gives the vector's limit."""
    written = case.get("subscription")
    if not case["seat_limit"]:
        await execute(made.database, "DELETE FROM billing_subscriptions")
        return
    if written is None:
        await made.pay(organization, seats=case["seat_limit"])
        return
    for nth, each in enumerate(written if isinstance(written, list) else [written], 1):
        await made.pay(organization, seats=each["item_quantity"], price=PLANS[each["plan_limit"]], nth=nth)
        if each.get("status") == "past_due":
            await fall_behind(made, days=each["past_due_days"])


async def fall_behind(made: House, *, days: int) -> None:
    since = f"{made.clock.now():%Y-%m-%d %H:%M:%S}+00"
    if made.database.dialect == "sqlite":
        state = "replace(state, '\"active\"', '\"past_due\"')"
        since = since.removesuffix("+00") + ".000000"
    else:
        state = "replace(state::text, '\"active\"', '\"past_due\"')::jsonb"
    await execute(
        made.database,
        f"UPDATE billing_subscriptions SET status = 'past_due', past_due_since = '{since}', state = {state}",
    )
    assert isinstance(made.clock, FixedClock)
    made.clock.forward(days=days)


@pytest.mark.parametrize("id", sorted(set(RUN) - {"st-create-org-limit-zero", "st-unknown-org"}))
async def test_the_vectors(database: Database, clock: FixedClock, id: str) -> None:
    case = CASES[id]
    at = await scene(database, clock, case)

    outcomes = await at.act(case)

    expected = case["expect"]["port"]
    after = await at.made.holders(at.organization)
    allowed = expected["members_after"] if isinstance(expected["members_after"], list) else [expected["members_after"]]
    assert after in [(members,) * 3 for members in allowed]
    if expected["result"] == "ok":
        assert isinstance(outcomes[0], Membership)
    elif reason := expected.get("reason"):
        assert isinstance(outcomes[0], REASONS[reason])
    elif expected["result"] == "error":
        assert isinstance(outcomes[0], ZeroDivisionError)
    elif expected["result"] == "exactly three succeed":
        assert sum(isinstance(outcome, Membership) for outcome in outcomes) == 3


async def test_an_invited_newcomer_comes_in_at_the_limit_because_the_seat_was_held(
    database: Database, clock: FixedClock
) -> None:
    case = CASES["st-invite-signup-at-limit"]
    at = await scene(database, clock, case | {"seat_limit": case["seat_limit"] + 1})
    token = (await at.made.invite(at.organization, "guest@example.com", by=at.owner)).token
    await subscribe(at.made, at.organization, case)

    await at.made.accept(token, by=await at.made.user("guest", email="guest@example.com"))

    assert case["expect"]["port"]["reason"] == "seat_limit_reached"
    assert await at.made.holders(at.organization) == (case["members_before"] + 1,) * 3


async def test_a_house_full_of_invitations_is_full(database: Database, clock: FixedClock) -> None:
    case = CASES["st-pending-invites-do-not-hold"]
    at = await scene(database, clock, case | {"seat_limit": case["members_before"] + case["pending_invitations"]})
    for number in range(case["pending_invitations"]):
        await at.made.invite(at.organization, f"guest{number}@example.com", by=at.owner)
    await subscribe(at.made, at.organization, case)

    outcomes = await at.act(case)

    assert case["expect"]["port"]["result"] == "ok"
    assert isinstance(outcomes[0], SeatLimitReached)
    assert (await at.made.holders(at.organization))[2] == case["members_before"]


async def test_a_callback_that_refuses_after_a_removal_keeps_the_member(database: Database, clock: FixedClock) -> None:
    case = CASES["st-after-callback-error"]
    at = await scene(database, clock, case)
    keeping = replace(at, made=house(database, clock, Keeps()))

    async with unchanged(database):
        with pytest.raises(CallbackRefused):
            await keeping.remove(at.members[0])

    assert case["expect"]["port"]["result"] == "ok"
    assert await at.made.holders(at.organization) == (case["members_before"],) * 3


async def test_an_organization_is_founded_without_any_seat(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)

    organization = await made.organization(await made.user("owner"))

    assert (await made.usage(organization)).limit == CASES["st-create-org-limit-zero"]["seat_limit"] == 0
    expected = CASES["st-create-org-limit-zero"]["expect"]["port"]
    assert (await made.holders(organization))[2] == expected["members_after"]


async def test_an_organization_that_is_not_there_has_no_seat(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)

    async def claim(session: Session) -> None:
        await seats.claim(
            session,
            organization_id="org_none",
            holder=seats.member("usr_1"),
            limit=made.entitlements.seat_limit,
            now=clock.now(),
        )

    async with unchanged(database):
        with pytest.raises(SeatLimitReached) as caught:
            await database.run(claim)
    assert caught.value.reason == CASES["st-unknown-org"]["expect"]["port"]["reason"]
    assert await scalar(database, "SELECT count(*) FROM seat_pools") == 0
