"""A proven credential arrives: the user is found, made once, or brought up to date by a newer one."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain import identity
from domain.db import Database, Session
from domain.errors import Refused, Unauthenticated
from domain.identity import Arrival, User
from tests.support.clock import FixedClock
from tests.support.seating import house
from tests.support.tables import dump, execute, scalar, unchanged

ISSUED = datetime(2026, 11, 21, 11, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ANN = Arrival(issuer="https://issuer", subject="ann", email="Ann@Example.com", name="Ann", issued_at=ISSUED)


async def audited(database: Database, user: User) -> list[tuple[str, Any]]:
    query = text("SELECT action, after FROM audit_events WHERE subject_id = :id ORDER BY occurred_at, id")
    async with database.snapshot() as session:
        rows = (await session.execute(query, {"id": user.id})).all()
    return [(row[0], json.loads(row[1]) if isinstance(row[1], str) else row[1]) for row in rows]


async def test_a_first_arrival_makes_a_user_and_its_customer(database: Database, clock: FixedClock) -> None:
    user = await house(database, clock).users.arrive(ANN, request_id="req-1")

    assert user.id.startswith("usr_")
    assert (user.email, user.name, user.created_at, user.claims_at) == ("ann@example.com", "Ann", clock.now(), ISSUED)
    query = "SELECT count(*) FROM customers WHERE owner_kind = 'user' AND owner_id = :id"
    assert await scalar(database, query, id=user.id) == 1
    assert await audited(database, user) == [("user.registered", {"email": "kept"})]
    query = "SELECT count(*) FROM audit_events WHERE actor_kind = 'user' AND actor_id = :id AND request_id = 'req-1'"
    assert await scalar(database, query, id=user.id) == 1


async def test_twenty_arrivals_at_once_make_one_user_and_one_customer(database: Database, clock: FixedClock) -> None:
    users = house(database, clock).users

    arrived = await asyncio.gather(*(users.arrive(ANN) for _ in range(20)))

    assert len({user.id for user in arrived}) == 1
    for table in ("users", "customers", "audit_events"):
        assert await scalar(database, f"SELECT count(*) FROM {table}") == 1


async def test_the_same_subject_of_another_issuer_is_somebody_else(database: Database, clock: FixedClock) -> None:
    users = house(database, clock).users

    first = await users.arrive(ANN)
    second = await users.arrive(replace(ANN, issuer="https://other", email=None))
    third = await users.arrive(replace(ANN, subject="ANN", email=None))

    assert len({first.id, second.id, third.id}) == 3


async def test_a_newer_credential_updates_and_an_older_or_undated_one_does_not(
    database: Database, clock: FixedClock
) -> None:
    users = house(database, clock).users
    user = await users.arrive(ANN)
    clock.forward(seconds=1)

    await users.arrive(replace(ANN, name="Anna", email="anna@example.com", issued_at=ISSUED + 2 * MINUTE))
    async with unchanged(database):
        await users.arrive(ANN)
        await users.arrive(replace(ANN, issued_at=ISSUED + 2 * MINUTE))
        await users.arrive(replace(ANN, issued_at=None))

    found = await users.arrive(ANN)
    assert (found.id, found.name, found.email) == (user.id, "Anna", "anna@example.com")
    assert await audited(database, user) == [
        ("user.registered", {"email": "kept"}),
        ("user.email_changed", {"email": "kept"}),
    ]


async def test_what_the_newest_credential_repeats_an_older_one_cannot_change(
    database: Database, clock: FixedClock
) -> None:
    users = house(database, clock).users
    await users.arrive(ANN)
    await users.arrive(replace(ANN, issued_at=ISSUED + 3 * MINUTE))

    await users.arrive(replace(ANN, name="Stale", issued_at=ISSUED + MINUTE))

    assert (await users.arrive(ANN)).name == "Ann"


async def test_of_many_credentials_at_once_the_newest_stays(database: Database, clock: FixedClock) -> None:
    users = house(database, clock).users
    await users.arrive(ANN)
    newer = [replace(ANN, name=f"Ann {n}", issued_at=ISSUED + n * MINUTE) for n in (7, 3, 9, 1, 8, 2)]

    await asyncio.gather(*(users.arrive(arrival) for arrival in newer))

    assert (await users.arrive(ANN)).name == "Ann 9"


async def test_an_address_that_is_no_longer_proven_is_dropped(database: Database, clock: FixedClock) -> None:
    users = house(database, clock).users
    await users.arrive(ANN)
    clock.forward(seconds=1)

    user = await users.arrive(replace(ANN, email=None, issued_at=ISSUED + MINUTE))

    assert user.email is None
    assert (await audited(database, user))[-1] == ("user.email_changed", {"email": "none"})


async def test_an_address_belongs_to_the_first_who_proved_it_whatever_its_case(
    database: Database, clock: FixedClock
) -> None:
    users = house(database, clock).users
    ann = await users.arrive(ANN)

    bob = await users.arrive(replace(ANN, subject="bob", email="ANN@EXAMPLE.COM"))
    clock.forward(seconds=1)
    again = await users.arrive(replace(ANN, subject="bob", email="ann@example.com", issued_at=ISSUED + MINUTE))

    assert (bob.email, again.email) == (None, None)
    assert await audited(database, bob) == [
        ("user.registered", {"email": "taken"}),
        ("user.email_refused", {"email": "taken"}),
    ]
    async with database.snapshot() as session:
        found = await identity.find_by_email(session, "aNN@example.com")
    assert found is not None
    assert found.id == ann.id


async def test_an_address_in_another_alphabet_is_nobody_elses(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)
    kate = await made.users.arrive(replace(ANN, subject="kate", email="kate@example.com"))

    # The sign of the kelvin, whose lower case is a plain k.
    other = await made.users.arrive(replace(ANN, subject="other", email="\N{KELVIN SIGN}ate@example.com"))

    assert (kate.email, other.email) == ("kate@example.com", "\N{KELVIN SIGN}ate@example.com")
    async with database.snapshot() as session:
        assert await identity.find_by_email(session, "\N{KELVIN SIGN}ATE@example.com") is None


async def test_an_address_claimed_by_many_at_once_is_given_to_one(database: Database, clock: FixedClock) -> None:
    users = house(database, clock).users

    arrived = await asyncio.gather(*(users.arrive(replace(ANN, subject=f"ann {n}")) for n in range(12)))

    assert sorted(user.email or "" for user in arrived) == [""] * 11 + ["ann@example.com"]
    assert await scalar(database, "SELECT count(*) FROM customers") == 12


@pytest.mark.parametrize("position", [0, 1])
async def test_a_hook_that_refuses_a_newcomer_leaves_nothing(
    database: Database, clock: FixedClock, position: int
) -> None:
    async def refuse(**_: object) -> None:
        raise Refused("not on the list")

    async def welcome(*, session: Session, user: User, **_: object) -> None:
        assert await session.get(User, user.id) is user

    checks = [{"on_register": welcome}, {"on_register": welcome}]
    checks[position] = {"on_register": refuse}
    users = house(database, clock, hooks=checks).users

    async with unchanged(database):
        with pytest.raises(Unauthenticated):
            await users.arrive(ANN)


async def test_a_hook_that_refuses_an_address_keeps_the_user_as_it_was(database: Database, clock: FixedClock) -> None:
    async def only_ours(*, user: User, **_: object) -> None:
        if user.email and not user.email.endswith("@example.com"):
            raise Refused("foreign address")

    users = house(database, clock, hooks=[{"on_email_change": only_ours}]).users
    await users.arrive(ANN)

    async with unchanged(database):
        with pytest.raises(Unauthenticated):
            await users.arrive(replace(ANN, email="ann@elsewhere.org", issued_at=ISSUED + MINUTE))
    user = await users.arrive(replace(ANN, email="anna@example.com", issued_at=ISSUED + 2 * MINUTE))

    assert user.email == "anna@example.com"


async def test_a_hook_that_fails_leaves_nothing(database: Database, clock: FixedClock) -> None:
    async def fail(**_: object) -> None:
        raise ZeroDivisionError

    async with unchanged(database):
        with pytest.raises(ZeroDivisionError):
            await house(database, clock, hooks=[{"on_register": fail}]).users.arrive(ANN)


async def test_a_refusal_after_a_lost_race_is_still_unauthenticated(database: Database, clock: FixedClock) -> None:
    calls = 0
    await execute(database, "CREATE TABLE badges (id integer PRIMARY KEY)", "INSERT INTO badges VALUES (1)")

    async def collide_then_refuse(*, session: Session, **_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await session.execute(text("INSERT INTO badges VALUES (1)"))
        raise Refused("no")

    users = house(database, clock, hooks=[{"on_register": collide_then_refuse}]).users
    with pytest.raises(Unauthenticated):
        await users.arrive(ANN)

    assert calls == 2
    assert (await dump(database))["users"] == []


async def test_users_are_found_by_id(database: Database, clock: FixedClock) -> None:
    user = await house(database, clock).users.arrive(ANN)

    async with database.snapshot() as session:
        assert (await identity.find(session, user.id)) is not None
        assert (await identity.find(session, "usr_" + "0" * 32)) is None
