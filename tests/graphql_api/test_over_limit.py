"""More members than seats, or no subscription at all: nobody is removed, nobody comes in, and whoever goes may go."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import Engine
from tests.support.seating import house
from tests.support.statements import statements
from tests.support.tables import execute

SEATS = "limit used reserved available overLimit"
NOBODY_ANSWERS = {
    "PROCESSORS": "stripe,fake",
    "STRIPE_API_KEY": "sk_test_of_the_tests",
    "STRIPE_WEBHOOK_SECRETS": "a-secret-for-tests-that-signs-every-event",
    # Nothing listens there.
    "STRIPE_API_BASE": "http://127.0.0.1:9",
}


async def crowded(api: Api) -> tuple[dict[str, Any], dict[str, str]]:
    """Give an organization of four that has just paid for seven, and the memberships of the other three."""
    organization = await api.organization()
    await house(api.services.database, api.clock).pay_by_id(organization["id"], seats=7, price="price_team_monthly")
    return organization, {who: await api.join(organization, who) for who in ("bob", "cy", "dee")}


async def seats(api: Api, organization: dict[str, Any]) -> dict[str, Any]:
    document = f"query($id: ID!) {{ organization(id: $id) {{ seats {{ {SEATS} }} }} }}"
    found: dict[str, Any] = (await api.ask(document, id=organization["id"])).data["organization"]["seats"]
    return found


async def lose(api: Api, organization: dict[str, Any], how: str) -> None:
    """Let the organization have one seat only, in one of the ways in which that happens."""
    match how:
        case "downgraded":
            await house(api.services.database, api.clock).pay_by_id(
                organization["id"], seats=1, price="price_team_monthly"
            )
        case "no subscription":
            await execute(api.services.database, "DELETE FROM billing_subscriptions")
        case "expired":
            await execute(api.services.database, "UPDATE billing_subscriptions SET status = 'canceled'")


async def over_the_limit_everybody_stays_nobody_comes_in_and_anybody_may_go(api: Api, how: str) -> None:
    organization, places = await crowded(api)
    await api.user("eve")
    await lose(api, organization, how)

    over = {"limit": 1, "used": 4, "reserved": 0, "available": 0, "overLimit": True}
    assert await seats(api, organization) == over
    added = await api.do(
        "addMember", "ann", f"seats {{ {SEATS} }}", organizationId=organization["id"], email="eve@example.com"
    )
    assert [each["__typename"] for each in added["errors"]] == ["SeatLimitReachedError"]
    assert await seats(api, organization) == over

    removed = await api.do("removeMember", "ann", f"seats {{ {SEATS} }}", membershipId=places["bob"])
    left = await api.do("leaveOrganization", "cy", organizationId=organization["id"])
    assert (removed["errors"], left["errors"]) == ([], [])
    assert removed["seats"] == over | {"used": 3}
    assert await seats(api, organization) == over | {"used": 2}
    changed = await api.do("changeMemberRole", "ann", membershipId=places["dee"], role="OWNER")
    deleted = await api.do("deleteOrganization", "ann", organizationId=organization["id"])
    restored = await api.do("restoreOrganization", "dee", organizationId=organization["id"])
    assert [each["errors"] for each in (changed, deleted, restored)] == [[], [], []]
    assert await seats(api, organization) == over | {"used": 2}
    assert (await api.do("leaveOrganization", "ann", organizationId=organization["id"]))["errors"] == []
    assert len(await api.rows("seat_holders")) == len(await api.rows("memberships")) == 1


@pytest.mark.parametrize("how", ["downgraded", "no subscription", "expired"])
async def test_over_the_limit_nobody_is_removed_nobody_comes_in_and_anybody_may_go(either: Api, how: str) -> None:
    await over_the_limit_everybody_stays_nobody_comes_in_and_anybody_may_go(either, how)


async def test_the_same_holds_while_the_processor_is_down(engine: Engine, tmp_path: Path, clock: FixedClock) -> None:
    async with serving(engine.fresh(tmp_path), tmp_path, clock, NOBODY_ANSWERS) as api:
        await over_the_limit_everybody_stays_nobody_comes_in_and_anybody_may_go(api, "downgraded")


async def test_an_upgrade_lets_people_in_again(either: Api) -> None:
    organization, _ = await crowded(either)
    await lose(either, organization, "downgraded")
    await either.user("eve")

    await house(either.services.database, either.clock).pay_by_id(
        organization["id"], seats=5, price="price_team_monthly"
    )
    added = await either.do(
        "addMember", "ann", f"seats {{ {SEATS} }}", organizationId=organization["id"], email="eve@example.com"
    )

    assert added["errors"] == []
    assert added["seats"] == {"limit": 5, "used": 5, "reserved": 0, "available": 0, "overLimit": False}


async def test_seats_are_read_in_two_statements_of_one_snapshot_for_one_organization_or_many(either: Api) -> None:
    organizations = [await either.organization("ann", f"Number {number}") for number in range(5)]
    one = f"query($id: ID!) {{ organization(id: $id) {{ seats {{ {SEATS} }} }} }}"
    many = f"{{ organizations(first: 5) {{ nodes {{ seats {{ {SEATS} }} }} }} }}"

    with statements(either.services.database) as for_one:
        await either.ask(one, id=organizations[0]["id"])
    with statements(either.services.database) as for_many:
        await either.ask(many)

    for sent in (for_one, for_many):
        assert sum("seat_pools" in statement for statement in sent) == 1
        assert sum("OUTER JOIN billing_subscriptions" in statement for statement in sent) == 1


async def test_limit_and_use_add_up_whatever_is_written_between_the_statements(either: Api) -> None:
    organization, _ = await crowded(either)
    entitlements, database = either.services.entitlements, either.services.database

    async with database.snapshot() as session:
        before = (await entitlements.seat_usages(session, [organization["id"]]))[organization["id"]]
        await either.join(organization, "eve")
        await lose(either, organization, "downgraded")
        again = (await entitlements.seat_usages(session, [organization["id"]]))[organization["id"]]

    assert (again, again.used, again.limit) == (before, 4, 7)
    assert (await seats(either, organization))["used"] == 5
