"""A version that stays says that the answers do: whatever is done to a customer or to seats."""

from functools import partial
from itertools import pairwise
from operator import gt
from pathlib import Path

from domain.db import Database, open_database
from domain.entitlements import SeatUsage, Version, versions_of_customers, versions_of_seats
from domain.entitlements import versions as room
from domain.organizations import Organization
from tests.support.clock import FixedClock
from tests.support.databases import PostgreSQL, Sqlite
from tests.support.seating import House, house, scope_of
from tests.support.shadow import World, world_of
from tests.support.statements import statements

CATALOG = "[default]\nlimits = { seats = 3 }\n[plans.team]\nlimits = { seats = 9 }\nprice_ids = ['price_team']\n"


async def revisions(world: World) -> dict[str, str]:
    found = await world.gate.visible(world.reading, world.customers)
    return {id: answers.revision for id, answers in found.items()}


async def unnoticed(world: World, ticks: int) -> tuple[int, list[str]]:
    """Live on, and name whose answers became others while the version stayed; count all that became others."""
    changed, faults = 0, []
    for tick in range(ticks):
        world._leap()
        catalog = world.in_force.catalog
        before, versions = await revisions(world), await versions_of_customers(world.database, world.customers)
        async with world.database.transaction() as session:
            await world._tick(session, wanted=5, first=tick == 0)
        if world.in_force.catalog is not catalog:
            continue
        after, now = await revisions(world), await versions_of_customers(world.database, world.customers)
        differ = [id for id in before if before[id] != after[id]]
        changed += len(differ)
        faults += [f"{id} at {tick} fell" for id in before if any(map(gt, versions[id], now[id]))]
        faults += [f"{id} at {tick}: {versions[id]}" for id in differ if versions[id] == now[id]]
    return changed, faults


async def test_no_change_of_what_a_customer_has_goes_unnoticed(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> None:
    database = open_database(sqlite.fresh(tmp_path))
    found = [await unnoticed(world_of(database, clock, seed=6, number=number), 25) for number in range(4)]
    await database.aclose()

    assert [faults for _, faults in found if faults] == []
    assert sum(changed for changed, _ in found) > 100


async def test_nor_on_postgresql(postgresql: PostgreSQL, tmp_path: Path, clock: FixedClock) -> None:
    database = open_database(postgresql.fresh(tmp_path))
    changed, faults = await unnoticed(world_of(database, clock, seed=6, number=1), 20)
    await database.aclose()

    assert (faults, changed > 20) == ([], True)


class Seats:
    """One organization's seats and their version, looked at after each deed."""

    def __init__(self, at: House, organization: Organization) -> None:
        self.at = at
        self.organization = organization
        self.seen: list[tuple[SeatUsage, object, Version]] = []

    async def look(self) -> None:
        usage = await self.at.usage(self.organization)
        versions = await versions_of_seats(self.at.database, [self.organization.id])
        self.seen.append((usage, usage.valid_until, versions[self.organization.id]))


async def test_every_change_of_seats_is_another_version(database: Database, clock: FixedClock) -> None:
    at = house(database, clock, catalog=CATALOG)
    ann = await at.user("ann")
    seats = Seats(at, await at.organization(ann))
    await seats.look()
    bob = await at.join(seats.organization, "bob")
    await seats.look()
    await at.remove(await at.membership_id(seats.organization, bob), by=ann)
    await seats.look()
    await at.invite(seats.organization, "cat@example.com", by=ann)
    await seats.look()
    clock.forward(hours=1)
    # The same address again: the seat is held until later.
    await at.invite(seats.organization, "cat@example.com", by=ann)
    await seats.look()
    second = await at.invite(seats.organization, "dan@example.com", by=ann)
    await seats.look()
    await at.revoke(second.invitation, by=ann)
    await seats.look()
    cat = await at.user("cat", email="cat@example.com")
    third = await at.invite(seats.organization, "cat@example.com", by=ann)
    await at.accept(third.token, by=cat)
    await seats.look()
    await at.pay(seats.organization, seats=9)
    await seats.look()
    await at.database.run(partial(at.standing.delete, scope=scope_of(ann), organization_id=seats.organization.id))
    await seats.look()

    for (usage, until, version), (next_usage, next_until, next_version) in pairwise(seats.seen):
        assert (usage, until) != (next_usage, next_until)
        assert version < next_version
        assert all(before <= after for before, after in zip(version, next_version, strict=True))


async def test_who_is_not_there_has_no_version(database: Database) -> None:
    assert await versions_of_customers(database, ["cst_nobody"]) == {}
    assert await versions_of_seats(database, ["org_nobody", ""]) == {}
    assert await versions_of_customers(database, []) == {}


async def test_one_statement_asks_for_five_hundred(database: Database) -> None:
    with statements(database) as sent:
        await versions_of_customers(database, [f"cst_{number}" for number in range(room.MOST + 1)])

    assert len(sent) == 2
