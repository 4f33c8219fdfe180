"""Real processes are sent the same call many times at once, under one key. It happens once, and all get its answer."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.billing import Owner, OwnerKind, find_customer
from domain.wiring import Services
from tests.support import callers, servers, tables
from tests.support.arenas import Arena, arrive, open_arena
from tests.support.callers import Caller, token
from tests.support.servers import Server
from tests.support.tables import scalar

PROCESSES = 2
TWINS = 20
MOST_TRIES = 100
IN_PROGRESS = "IdempotencyInProgressError"
CREATE_ORGANIZATION = """
mutation { answer: createOrganization(input: {name: "Twins", idempotencyKey: "one"}) {
  organization { id slug } errors { __typename }
} }
"""
ADD_MEMBER = """
mutation($organization: ID!) {
  answer: addMember(input: {organizationId: $organization, email: "twin@example.test", idempotencyKey: "one"}) {
    membership { id role } errors { __typename }
  }
}
"""
SUBSCRIBE = """
mutation($customer: ID!) {
  answer: subscribe(input: {
    customerId: $customer, items: [{priceId: "price_team", quantity: 3}], idempotencyKey: "one"
  }) { subscription { id status } errors { __typename } }
}
"""


@pytest.fixture
async def arena(services: Services) -> Arena:
    return await open_arena(services, seats=TWINS)


async def settled(services: Services) -> dict[str, list[str]]:
    """Give every row that is there once the processes' catalog is in force."""
    await services.rollout.start()
    return await tables.dump(services.database)


async def outcomes(
    environ: dict[str, str], folder: Path, who: str, document: str, **variables: object
) -> tuple[list[Any], list[Any]]:
    """Send twenty twins at once to two processes, then each again until it has an answer: first and last answers."""
    with servers.running(PROCESSES, environ=environ, folder=folder) as running:
        async with callers.crowd() as client:
            twins = [_caller(running, client, who, turn) for turn in range(TWINS)]
            first = await asyncio.gather(*(_answer(twin, document, variables) for twin in twins))
            last = await asyncio.gather(*(_patient(twin, document, variables) for twin in twins))
    return first, last


def _caller(running: Sequence[Server], client: httpx.AsyncClient, who: str, turn: int) -> Caller:
    # Whoever is no administrator may add thirty by address in a minute.
    return Caller(client=client, url=running[turn % PROCESSES].url, token=token(who, scope="seatgate:admin"))


async def _answer(twin: Caller, document: str, variables: dict[str, object]) -> Any:
    return (await twin.ask(document, **variables))["answer"]


async def _patient(twin: Caller, document: str, variables: dict[str, object]) -> Any:
    for _ in range(MOST_TRIES):
        answer = await _answer(twin, document, variables)
        if IN_PROGRESS not in _kinds(answer):
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError("the first call does not finish")


def _kinds(answer: Any) -> list[str]:
    return [error["__typename"] for error in answer["errors"]]


def agree(first: list[Any], last: list[Any]) -> Any:
    """Hold that everybody has one and the same answer in the end, and had it or was told to wait at first."""
    answer = last[0]
    assert answer["errors"] == []
    assert last == [answer] * TWINS
    assert all(twin == answer or _kinds(twin) == [IN_PROGRESS] for twin in first)
    assert answer in first
    return answer


async def test_an_organization_is_founded_once(services: Services, environ: dict[str, str], tmp_path: Path) -> None:
    founder = await arrive(services, "founder")
    before = await settled(services)

    first, last = await outcomes(environ, tmp_path, founder.subject, CREATE_ORGANIZATION)

    answer = agree(first, last)
    assert answer["organization"]["id"] == await scalar(services.database, "SELECT id FROM organizations")
    assert tables.changes(before, await tables.dump(services.database)) == dict.fromkeys(
        [
            "organizations",
            "customers",
            "memberships",
            "seat_pools",
            "seat_holders",
            "audit_events",
            "audit_labels",
            "idempotency_keys",
        ],
        (0, 1),
    )


async def test_a_member_is_added_once(
    services: Services, environ: dict[str, str], tmp_path: Path, arena: Arena
) -> None:
    await arrive(services, "twin")
    before = await settled(services)

    first, last = await outcomes(environ, tmp_path, arena.founder, ADD_MEMBER, organization=arena.organization_id)

    agree(first, last)
    assert tables.changes(before, await tables.dump(services.database)) == {
        "memberships": (0, 1),
        "seat_holders": (0, 1),
        "seat_pools": (1, 1),
        "audit_events": (0, 1),
        "audit_labels": (0, 2),
        "idempotency_keys": (0, 1),
    }


async def test_a_subscription_is_bought_once(services: Services, environ: dict[str, str], tmp_path: Path) -> None:
    buyer = await arrive(services, "buyer")
    async with services.database.snapshot() as session:
        customer = await find_customer(session, owner=Owner(kind=OwnerKind.USER, id=buyer.id))
    assert customer is not None

    first, last = await outcomes(environ, tmp_path, buyer.subject, SUBSCRIBE, customer=customer.id)

    answer = agree(first, last)
    assert answer["subscription"]["status"] == "ACTIVE"
    for table in ("billing_intents", "billing_subscriptions", "fake_subscriptions", "idempotency_keys"):
        assert await scalar(services.database, f"SELECT count(*) FROM {table}") == 1
