"""Purging: after the window the worker lets everybody out, then takes the organization away, whatever a host says."""

import asyncio
from typing import Any

import pytest

from domain.db import Database
from domain.errors import InvalidInput, NotFound, Refused
from domain.organizations import Organization, OrganizationCallbacks
from domain.organizations.purging import AT_ONCE, MEMBERS_AT_ONCE, SECONDS_AT_ONCE
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.statements import statements
from tests.support.tables import execute, scalar, unchanged
from tests.support.tenancy import delete, restore, update


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def gone(made: House, name: str = "Acme", members: int = 2) -> Organization:
    """Make an organization with an owner and some members, and delete it."""
    owner = await made.user(f"owner of {name}")
    organization = await made.organization(owner, name)
    await made.pay(organization, seats=members + 1)
    for number in range(members):
        await made.join(organization, f"{name} {number}")
    return await delete(made, organization, by=owner)


async def left(made: House, organization: Organization) -> dict[str, int]:
    """Count what is left of an organization."""
    where = {"memberships": "organization_id", "organizations": "id", "seat_holders": "organization_id"}
    found = {
        table: await scalar(made.database, f"SELECT count(*) FROM {table} WHERE {column} = :id", id=organization.id)
        for table, column in where.items()
    }
    seats = "SELECT used FROM seat_pools WHERE organization_id = :id"
    return found | {"seats": await scalar(made.database, seats, id=organization.id)}


async def test_until_the_window_has_passed_nothing_is_taken_away(made: House, clock: FixedClock) -> None:
    organization = await gone(made)
    living = await made.organization(await made.user("ann"), "Living")
    clock.forward(days=14)

    async with unchanged(made.database):
        assert await made.purging.purge_due() == 0

    clock.forward(microseconds=1)
    assert await made.purging.purge_due() == 1
    assert set((await left(made, organization)).values()) == {0}
    assert await left(made, living) == {"memberships": 1, "organizations": 1, "seat_holders": 1, "seats": 1}
    async with unchanged(made.database):
        assert await made.purging.purge_due() == 0


async def test_the_ledger_says_who_was_let_out_and_that_the_organization_is_gone(
    made: House, clock: FixedClock
) -> None:
    organization = await gone(made)
    clock.forward(days=15)

    await made.purging.purge_due()

    query = "SELECT count(*) FROM audit_events WHERE action = :action AND organization_id = :id"
    query += " AND actor_kind = 'system' AND actor_id = 'worker'"
    for action, times in (("membership.removed", 3), ("organization.purged", 1)):
        assert await scalar(made.database, query, action=action, id=organization.id) == times
    assert await scalar(made.database, "SELECT count(*) FROM customers WHERE owner_id = :id", id=organization.id) == 1


async def test_afterwards_nobody_finds_or_restores_it_and_its_external_id_is_free(
    made: House, clock: FixedClock
) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await update(made, organization, by=owner, external_id="crm-1")
    await delete(made, organization, by=owner)
    other = await made.organization(owner, "Other")
    with pytest.raises(InvalidInput):
        await update(made, other, by=owner, external_id="crm-1")
    clock.forward(days=15)

    await made.purging.purge_due()

    for by in (owner, ADMINISTRATOR):
        async with unchanged(made.database):
            with pytest.raises(NotFound):
                await restore(made, organization, by=by)
    assert (await update(made, other, by=owner, external_id="crm-1")).external_id == "crm-1"


async def test_its_invitations_go_with_it(made: House, clock: FixedClock) -> None:
    organization = await gone(made)
    now = "'2026-11-21 12:00:00.000000'" if made.database.dialect == "sqlite" else "'2026-11-21 12:00:00+00'"
    await execute(
        made.database,
        "INSERT INTO invitations (id, organization_id, email, role, status, invited_by_kind, invited_by_id, nonce,"
        f" created_at, expires_at) VALUES ('inv_1', '{organization.id}', 'a@x.org', 'MEMBER', 'revoked', 'user', 'u',"
        f" 'n', {now}, {now})",
    )
    clock.forward(days=15)

    assert await made.purging.purge_due() == 1

    assert await scalar(made.database, "SELECT count(*) FROM invitations") == 0


async def test_a_crowd_is_let_out_in_several_short_transactions(made: House, clock: FixedClock) -> None:
    organization = await gone(made, members=0)
    crowd = 2 * MEMBERS_AT_ONCE
    rows = {
        "users (id, issuer, subject, created_at)": "('usr_{n}', 'i', '{n}', '2026-11-21 12:00:00.000000+00')",
        "memberships (id, organization_id, user_id, role, joined_at)": (
            f"('mem_{{n}}', '{organization.id}', 'usr_{{n}}', 'MEMBER', '2026-11-21 12:00:00.000000+00')"
        ),
        "seat_holders (organization_id, kind, holder_id)": f"('{organization.id}', 'member', 'usr_{{n}}')",
    }
    if made.database.dialect == "sqlite":
        rows = {table: values.replace("+00", "") for table, values in rows.items()}
    for table, values in rows.items():
        all_of_them = ", ".join(values.format(n=number) for number in range(crowd))
        await execute(made.database, f"INSERT INTO {table} VALUES {all_of_them}")
    await execute(made.database, f"UPDATE seat_pools SET used = {crowd + 1}")
    clock.forward(days=15)

    with statements(made.database) as sent:
        assert await made.purging.purge_due() == 1

    assert transactions(sent) >= 3
    assert set((await left(made, organization)).values()) == {0}


def transactions(sent: list[str]) -> int:
    """Count how often the organization was held."""
    return sum("purge_at <" in statement and "organizations.slug" in statement for statement in sent)


async def test_a_slow_host_makes_the_transactions_more_and_not_longer(database: Database, clock: FixedClock) -> None:
    class Slow(OrganizationCallbacks):
        async def after_member_remove(self, **_: Any) -> None:
            await asyncio.sleep(SECONDS_AT_ONCE * 0.6)

    made = house(database, clock, Slow())
    organization = await gone(made, members=3)
    clock.forward(days=15)

    with statements(database) as sent:
        assert await made.purging.purge_due() == 1

    assert transactions(sent) >= 2
    assert set((await left(made, organization)).values()) == {0}


async def test_two_workers_at_once_let_everybody_out_once(made: House, clock: FixedClock) -> None:
    organizations = [await gone(made, f"Number {number}") for number in range(4)]
    clock.forward(days=15)

    await asyncio.gather(made.purging.purge_due(), made.purging.purge_due())

    assert [set((await left(made, organization)).values()) for organization in organizations] == [{0}] * 4
    query = "SELECT count(*) FROM audit_events WHERE action = '{}'"
    assert await scalar(made.database, query.format("organization.purged")) == 4
    assert await scalar(made.database, query.format("membership.removed")) == 12


class Clingy(OrganizationCallbacks):
    """A host that does not let members of one organization out, for a while."""

    def __init__(self) -> None:
        self.keeps: str | None = None

    async def after_member_remove(self, *, membership: Any, **_: Any) -> None:
        if membership.organization_id == self.keeps:
            raise Refused("not yet")


async def test_a_host_that_refuses_is_asked_again_later_and_holds_up_nobody_else(
    database: Database, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    host = Clingy()
    made = house(database, clock, host)
    kept, other = await gone(made, "Kept"), await gone(made, "Other")
    host.keeps = kept.id
    clock.forward(days=15)

    assert await made.purging.purge_due() == 1

    assert set((await left(made, other)).values()) == {0}
    assert await left(made, kept) == {"memberships": 3, "organizations": 1, "seat_holders": 3, "seats": 3}
    assert [record.getMessage() for record in caplog.records if "purge" in record.getMessage()] == [
        f"purge of {kept.id} failed: CallbackRefused"
    ]
    async with unchanged(database):
        assert await made.purging.purge_due() == 0
    host.keeps = None
    clock.forward(hours=1, microseconds=1)
    assert await made.purging.purge_due() == 1
    assert set((await left(made, kept)).values()) == {0}


async def test_what_a_host_keeps_cannot_be_restored_for_it(database: Database, clock: FixedClock) -> None:
    host = Clingy()
    made = house(database, clock, host)
    kept = await gone(made)
    host.keeps = kept.id
    clock.forward(days=15)
    await made.purging.purge_due()

    async with unchanged(database):
        with pytest.raises(NotFound):
            await restore(made, kept, by=ADMINISTRATOR)


async def test_more_than_one_round_takes_are_taken_in_the_next(made: House, clock: FixedClock) -> None:
    for number in range(AT_ONCE + 1):
        await gone(made, f"Number {number}", members=0)
    clock.forward(days=15)

    assert [await made.purging.purge_due() for _ in range(3)] == [AT_ONCE, 1, 0]
