"""Two catalogs held against a house with people in it: everybody once, and nothing is written."""

import pytest

from domain.clock import Clock
from domain.db import Database
from domain.entitlements import Affected, Totals, diff, everybody
from domain.entitlements.catalog import parse
from domain.organizations import Organization
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, CATALOG, House, house
from tests.support.tables import execute, unchanged

OLD = parse(
    {"old": CATALOG + '[plans.extra]\nfeatures = ["api"]\nprice_ids = ["price_extra"]\n[default.limits]\nseats = 2'}
)
NEW = parse(
    {
        "new": """
        past_due_grace = 14
        [plans.team]
        limits = { seats = { per = "quantity", max = 3 } }
        price_ids = ["price_team"]
        features = ["api"]
        [plans.endless]
        limits = { seats = "unlimited" }
        price_ids = ["price_endless"]
        [default.limits]
        seats = 2
        """
    }
)


async def found(database: Database, clock: Clock, *, page_size: int = 1000) -> tuple[Totals, dict[str, Affected]]:
    """Compare, and give the totals and who is affected, by the owner."""
    totals = Totals()
    affected: dict[str, Affected] = {}
    async with unchanged(database):
        async for page in diff(database, OLD, NEW, now=clock.now(), totals=totals, page_size=page_size):
            affected |= {one.owner.id: one for one in page}
    return totals, affected


async def paying(house_: House, name: str, seats: int, price: str, members: int = 0) -> Organization:
    owner = await house_.user(f"{name}-owner")
    organization = await house_.organization(owner, name)
    await house_.pay(organization, seats=seats, price=price)
    for number in range(members):
        await house_.join(organization, f"{name}-{number}")
    return organization


@pytest.fixture
def here(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def test_everybody_is_compared_once_however_the_pages_fall(
    here: House, database: Database, clock: FixedClock
) -> None:
    less = await paying(here, "less", 5, "price_team", members=4)
    unmapped = await paying(here, "unmapped", 5, "price_five", members=1)
    same = await paying(here, "same", 1, "price_endless")

    whole, affected = await found(database, clock)
    by_ones, again = await found(database, clock, page_size=1)

    # Three organizations, their owners and five members pay, or could.
    assert await everybody(database) == whole.customers == 3 + 3 + 5
    assert affected.keys() == {less.id, unmapped.id}
    assert same.id not in affected
    assert (affected, whole.losing, whole.gaining) == (again, 2, 1)
    assert (whole.customers, whole.affected, whole.worst) == (by_ones.customers, by_ones.affected, by_ones.worst)


async def test_who_would_be_over_the_limit_is_the_worst_case(
    here: House, database: Database, clock: FixedClock
) -> None:
    less = await paying(here, "less", 5, "price_team", members=4)
    unmapped = await paying(here, "unmapped", 5, "price_five", members=1)

    totals, affected = await found(database, clock)

    assert [one.owner.id for one in totals.worst] == [less.id, unmapped.id]
    assert (affected[less.id].seats_over, totals.over_limit, totals.seats_over) == (2, 1, 2)
    # A price that no plan has leaves the default, which gives as many seats as are taken.
    assert (affected[unmapped.id].change.unmapped, affected[unmapped.id].seats_over) == (("price_five",), 0)
    assert (totals.lowered, totals.features_gained) == ({"seats": 2}, {"api": 1})
    assert (totals.unmapped, totals.plans_lost) == ({"price_five": 1}, {"five": 1})


async def test_an_invitation_counts_until_it_expires(here: House, database: Database, clock: FixedClock) -> None:
    less = await paying(here, "less", 5, "price_team", members=2)
    await here.invite(less, "nina@example.com", by=ADMINISTRATOR)
    invited = (await found(database, clock))[1][less.id].seats_over
    clock.forward(days=8)

    expired = (await found(database, clock))[1][less.id].seats_over

    assert (invited, expired) == (1, 0)


async def test_what_an_override_gives_nobody_loses(here: House, database: Database, clock: FixedClock) -> None:
    less = await paying(here, "less", 5, "price_team", members=4)
    customer = f"(SELECT id FROM customers WHERE owner_id = '{less.id}')"
    at = clock.now().strftime(
        "%Y-%m-%d %H:%M:%S.000000+00:00" if database.dialect == "postgresql" else "%Y-%m-%d %H:%M:%S.000000"
    )
    await execute(
        database,
        "INSERT INTO overrides (id, customer_id, limit_key, value, reason, created_by, created_at) "
        f"VALUES ('ovr_1', {customer}, 'seats', 5, 'a promise', 'usr_1', '{at}')".replace(":", r"\:"),
    )

    totals, affected = await found(database, clock)

    assert (totals.losing, affected[less.id].change.features_gained) == (0, ("api",))


async def test_who_goes_and_whose_rows_cannot_be_read_loses_nothing_by_a_catalog(
    here: House, database: Database, clock: FixedClock
) -> None:
    await paying(here, "less", 5, "price_team")
    going = await paying(here, "going", 5, "price_team")
    at = (
        "'2026-11-22 00\\:00\\:00.000000+00\\:00'"
        if database.dialect == "postgresql"
        else "'2026-11-22 00\\:00\\:00.000000'"
    )
    await execute(
        database,
        f"UPDATE customers SET closing_at = {at} WHERE owner_id = '{going.id}'",
        "UPDATE billing_subscriptions SET state = '{}'",
    )

    totals, affected = await found(database, clock)

    assert (totals.customers, totals.unreadable, affected) == (3, 1, {})


async def test_another_default_is_told_of_everybody_who_holds_nothing(
    here: House, database: Database, clock: FixedClock
) -> None:
    free = await here.organization(await here.user("free-owner"), "Free")
    totals = Totals()
    new = parse({"new": "[default.limits]\nseats = 1\nprojects = 3"})

    pages = [page async for page in diff(database, OLD, new, now=clock.now(), totals=totals)]

    assert [len(page) for page in pages] == [2]
    assert free.id in {one.owner.id for one in pages[0]}
    assert (totals.losing, totals.gaining, totals.over_limit) == (2, 2, 0)
