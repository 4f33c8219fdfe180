"""The host tells of a user: the same rules as for a credential, and the host's word is the newest."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.db import Database
from domain.errors import CallbackRefused, Forbidden, InvalidInput, Refused
from domain.hooks import lifecycle_hooks
from domain.identity import Arrival, Upserted, User, Users
from tests.domain.identity.test_arriving import audited
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, house, scope_of
from tests.support.tables import scalar, unchanged

ISSUER = "https://issuer"
ANN: dict[str, Any] = {"issuer": ISSUER, "subject": "ann", "email": "Ann@Example.com", "email_verified": True}
TOKEN = Arrival(
    issuer=ISSUER,
    subject="ann",
    email="ann@example.com",
    name="Ann",
    issued_at=datetime(2026, 11, 21, 11, tzinfo=UTC),
)


async def upsert(database: Database, users: Users, **told: Any) -> Upserted:
    return await database.run(lambda session: users.upsert(session, scope=ADMINISTRATOR, **(ANN | told)))


async def test_a_user_is_made_with_a_customer_before_any_credential_comes(
    database: Database, clock: FixedClock
) -> None:
    users = house(database, clock).users

    made = await upsert(database, users, name="Ann")
    arrived = await users.arrive(TOKEN)

    assert made.created
    assert (made.user.email, made.user.name) == ("ann@example.com", "Ann")
    assert arrived.id == made.user.id
    assert await scalar(database, "SELECT count(*) FROM customers") == 1
    assert await audited(database, made.user) == [("user.registered", {"email": "kept"})]
    assert await scalar(database, "SELECT actor_kind FROM audit_events") == "system"


async def test_a_second_time_the_row_is_brought_up_to_date(database: Database, clock: FixedClock) -> None:
    users = house(database, clock).users
    first = await upsert(database, users, name="Ann")
    clock.forward(seconds=1)

    second = await upsert(database, users, email="anna@example.com", name="Anna")
    clock.forward(seconds=1)
    third = await upsert(database, users, email="anna@example.com")

    assert (second.created, third.created) == (False, False)
    assert (third.user.id, third.user.email, third.user.name) == (first.user.id, "anna@example.com", None)
    assert await audited(database, first.user) == [
        ("user.registered", {"email": "kept"}),
        ("user.email_changed", {"email": "kept"}),
        ("user.updated", {"email": "kept"}),
    ]


async def test_credentials_from_before_it_change_nothing_and_newer_ones_do(
    database: Database, clock: FixedClock
) -> None:
    users = house(database, clock).users
    await upsert(database, users, name="Told")

    await users.arrive(replace(TOKEN, issued_at=clock.now()))
    kept = await users.arrive(TOKEN)
    await users.arrive(replace(TOKEN, name="Newer", issued_at=clock.now() + timedelta(seconds=1)))
    told = await upsert(database, users, name="Last word")
    same = await users.arrive(replace(TOKEN, name="Newer", issued_at=clock.now() + timedelta(seconds=1)))

    assert kept.name == "Told"
    assert (told.user.name, same.name) == ("Last word", "Last word")


async def test_an_address_counts_only_when_it_is_verified(database: Database, clock: FixedClock) -> None:
    told = await upsert(database, house(database, clock).users, email_verified=False)

    assert told.user.email is None


async def test_an_address_that_is_taken_stays_with_whoever_proved_it(database: Database, clock: FixedClock) -> None:
    users = house(database, clock).users
    await users.arrive(replace(TOKEN, subject="first"))

    told = await upsert(database, users)
    clock.forward(seconds=1)
    again = await upsert(database, users)

    assert (told.user.email, again.user.email) == (None, None)
    assert await audited(database, told.user) == [
        ("user.registered", {"email": "taken"}),
        ("user.email_refused", {"email": "taken"}),
    ]


async def test_twenty_at_once_make_one_user(database: Database, clock: FixedClock) -> None:
    users = house(database, clock).users

    told, arrived = await asyncio.gather(
        asyncio.gather(*(upsert(database, users) for _ in range(10))),
        asyncio.gather(*(users.arrive(TOKEN) for _ in range(10))),
    )

    assert len({each.user.id for each in told} | {each.id for each in arrived}) == 1
    for table in ("users", "customers"):
        assert await scalar(database, f"SELECT count(*) FROM {table}") == 1


async def test_without_an_issuer_it_is_the_one_that_the_tokens_must_name(database: Database, clock: FixedClock) -> None:
    users = Users(database=database, clock=clock, hooks=lifecycle_hooks(), issuer="https://ours")

    told = await upsert(database, users, issuer=None)
    other = await upsert(database, Users(database=database, clock=clock, hooks=lifecycle_hooks()), issuer=None)

    assert (told.user.issuer, other.user.issuer) == ("https://ours", "")


async def test_only_administrators_may(database: Database, clock: FixedClock) -> None:
    users = house(database, clock).users
    bob = await users.arrive(replace(TOKEN, subject="bob", email=None))

    async with unchanged(database):
        with pytest.raises(Forbidden):
            await database.run(lambda session: users.upsert(session, scope=scope_of(bob), **ANN))


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"subject": ""}, "subject"),
        ({"subject": "x" * 256}, "subject"),
        ({"subject": "a\0b"}, "subject"),
        ({"issuer": ""}, "issuer"),
        ({"issuer": "x" * 256}, "issuer"),
        ({"name": "line\nbreak"}, "name"),
        ({"name": ""}, "name"),
        ({"email": ""}, "email"),
        ({"email": "ann"}, "email"),
        ({"email": "ann@"}, "email"),
        ({"email": "a@b@c"}, "email"),
        ({"email": "ann @example.com"}, "email"),
        ({"email": f"{'x' * 250}@y.io"}, "email"),
        ({"email": "ann\ud800@example.com"}, "email"),
        ({"email": "nonsense", "email_verified": False}, "email"),
    ],
)
async def test_what_cannot_be_is_named_and_nothing_is_written(
    database: Database, clock: FixedClock, told: dict[str, Any], field: str
) -> None:
    async with unchanged(database):
        with pytest.raises(InvalidInput) as refused:
            await upsert(database, house(database, clock).users, **told)

    assert refused.value.path == ["input", field]


@pytest.mark.parametrize("step", ["on_register", "on_email_change"])
async def test_a_hook_that_refuses_leaves_everything_as_it_was(
    database: Database, clock: FixedClock, step: str
) -> None:
    async def refuse(*, user: User, **_: object) -> None:
        if user.email == "mallory@example.com":
            raise Refused("not on the list")

    users = house(database, clock, hooks=[{step: refuse}]).users
    if step == "on_email_change":
        await upsert(database, users)

    async with unchanged(database):
        with pytest.raises(CallbackRefused) as refused:
            await upsert(database, users, email="mallory@example.com")

    assert (refused.value.operation, refused.value.step) == ("upsertUser", step)
    assert refused.value.reason == "not on the list"
