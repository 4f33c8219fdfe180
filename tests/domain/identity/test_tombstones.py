"""Who has been deleted: older credentials open nothing for ever, and newer ones are somebody new."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.db import Database
from domain.errors import Unauthenticated
from domain.identity import Arrival, User
from domain.identity.tombstones import digest_of
from domain.scope import Actor, ActorKind, Scope, system
from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.tables import scalar, unchanged

ADMINISTRATOR = system("test")
SECOND = timedelta(seconds=1)


@pytest.fixture
def token(clock: FixedClock) -> Arrival:
    return Arrival(issuer="test", subject="ann", email="ann@example.com", name="Ann", issued_at=clock.now())


async def delete(services: Services, user: User) -> None:
    scope = Scope(actor=Actor(kind=ActorKind.USER, id=user.id))
    await services.deletions.delete(scope=scope, user_id=user.id)


async def tell(services: Services) -> User:
    async with services.database.transaction() as session:
        told = await services.users.upsert(session, scope=ADMINISTRATOR, issuer="test", subject="ann")
        return told.user


async def refuses(services: Services, *tokens: Arrival) -> None:
    async with unchanged(services.database):
        for token in tokens:
            with pytest.raises(Unauthenticated):
                await services.users.arrive(token)


async def test_only_a_newer_credential_makes_somebody_new(
    services: Services, clock: FixedClock, token: Arrival
) -> None:
    first = await services.users.arrive(token)
    clock.forward(minutes=1)
    await delete(services, first)

    await refuses(services, token, replace(token, issued_at=clock.now()), replace(token, issued_at=None))
    second = await services.users.arrive(replace(token, issued_at=clock.now() + SECOND))

    assert second.id != first.id
    assert second.email == "ann@example.com"


@pytest.mark.parametrize("told", [True, False])
async def test_the_older_ones_open_nothing_even_when_there_is_somebody_new(
    services: Services, clock: FixedClock, token: Arrival, told: bool
) -> None:
    await delete(services, await services.users.arrive(token))
    gone = clock.now()
    clock.forward(minutes=1)
    newer = replace(token, issued_at=clock.now())

    second = await tell(services) if told else await services.users.arrive(newer)

    await refuses(services, token, replace(token, issued_at=gone), replace(token, issued_at=None))
    assert (await services.users.arrive(newer)).id == second.id


async def test_who_goes_twice_is_remembered_from_the_last_time(
    services: Services, clock: FixedClock, token: Arrival
) -> None:
    await delete(services, await services.users.arrive(token))
    clock.forward(minutes=1)
    between = replace(token, issued_at=clock.now())
    clock.forward(minutes=1)
    await delete(services, await services.users.arrive(between))

    await refuses(services, token, between)
    assert await scalar(services.database, "SELECT count(*) FROM user_tombstones") == 1


async def test_while_a_user_is_being_deleted_no_credential_counts(
    services: Services, clock: FixedClock, token: Arrival
) -> None:
    user = await services.users.arrive(token)
    scope = Scope(actor=Actor(kind=ActorKind.USER, id=user.id))
    async with services.database.transaction() as session:
        await services.deletions.begin(session, scope=scope, user_id=user.id)

    newer = replace(token, name="Anna", issued_at=clock.now() + SECOND)

    await refuses(services, token, newer, replace(token, issued_at=None))


async def test_credentials_that_come_while_a_deletion_commits_make_nobody(
    services: Services, clock: FixedClock, token: Arrival
) -> None:
    user = await services.users.arrive(token)
    older = [replace(token, name=f"Ann {n}", issued_at=clock.now() + n * SECOND) for n in range(8)]
    clock.forward(seconds=10)

    async def comes(arrival: Arrival) -> str:
        try:
            return (await services.users.arrive(arrival)).id
        except Unauthenticated:
            return "nobody"

    outcomes = await asyncio.gather(*(comes(each) for each in older), delete(services, user), *map(comes, older))

    assert {outcome for outcome in outcomes if outcome} <= {user.id, "nobody"}
    assert await scalar(services.database, "SELECT count(*) FROM users") == 0
    await refuses(services, *older)


async def test_a_tombstone_names_nobody(services: Services, database: Database, token: Arrival) -> None:
    await delete(services, await services.users.arrive(token))

    assert await scalar(database, "SELECT digest FROM user_tombstones") == digest_of("test", "ann")


def test_no_two_names_have_one_digest() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc"), ("a", "b"), ("b", "a")]

    assert len({digest_of(*pair) for pair in pairs}) == len(pairs)
