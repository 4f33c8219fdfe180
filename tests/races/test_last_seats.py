"""Real processes race for the last seats of one organization. Nobody may be let in twice, and nobody for nothing."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx

from domain.wiring import Services
from tests.support import callers, servers, tables
from tests.support.arenas import Arena, arrive, look_at, open_arena
from tests.support.callers import Caller, token
from tests.support.servers import Server

PROCESSES = 4
FREE_SEATS = 50
CANDIDATES = 200
ADD_MEMBER = """
mutation($organizationId: ID!, $email: String!) {
  addMember(input: {organizationId: $organizationId, email: $email}) {
    membership { id }
    seats { used available }
    errors { __typename }
  }
}
"""
MEMBER, FULL = "member", "SeatLimitReachedError"


async def test_two_hundred_adds_over_four_processes_fill_fifty_seats_exactly(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    # The founder sits on one seat of his own, so that 51 bought ones leave 50 to race for.
    arena = await open_arena(services, seats=FREE_SEATS + 1)
    candidates = await _candidates(services, CANDIDATES)

    with servers.running(PROCESSES, environ=environ, folder=tmp_path) as running:
        before = await tables.dump(services.database)
        answers = await _race(running, arena, candidates)
        after = await tables.dump(services.database)

    assert Counter(answers) == {MEMBER: FREE_SEATS, FULL: CANDIDATES - FREE_SEATS}
    assert tables.changes(before, after) == {
        "memberships": (0, FREE_SEATS),
        "seat_holders": (0, FREE_SEATS),
        "seat_pools": (1, 1),
        "audit_events": (0, FREE_SEATS),
        "audit_labels": (0, 2 * FREE_SEATS),
    }
    house = await look_at(services.database)
    assert house.used == FREE_SEATS + 1
    assert house.adds_up(founder=arena.founder_id)


async def test_a_server_killed_in_the_middle_leaves_whole_members_and_loses_none_that_it_told_of(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    arena = await open_arena(services, seats=41)
    candidates = await _candidates(services, 60)
    told: set[str] = set()

    with servers.running(PROCESSES, environ=environ, folder=tmp_path) as running:
        lost = await _race_and_kill(running, arena, candidates, told=told, after=5)
        house = await look_at(services.database)

    assert lost > 0, "the server was killed too late to tear anything"
    assert told <= house.memberships
    assert house.adds_up(founder=arena.founder_id)
    assert house.used <= 41


async def _candidates(services: Services, count: int) -> list[str]:
    return [(await arrive(services, f"candidate-{number}")).subject for number in range(count)]


def _founders(running: Sequence[Server], arena: Arena, client: httpx.AsyncClient) -> Iterator[Caller]:
    # Whoever is no administrator may add thirty by address in a minute.
    signed = token(arena.founder, scope="seatgate:admin")
    return cycle([Caller(client=client, url=server.url, token=signed) for server in running])


async def _race(running: Sequence[Server], arena: Arena, candidates: Sequence[str]) -> list[str]:
    """Send all adds at once, in turn to every process, and name each outcome."""
    async with callers.crowd() as client:
        founders = _founders(running, arena, client)
        payloads = await asyncio.gather(*(_add(next(founders), arena, who) for who in candidates))
    return [_outcome(payload) for payload in payloads]


async def _race_and_kill(
    running: Sequence[Server], arena: Arena, candidates: Sequence[str], *, told: set[str], after: int
) -> int:
    """Send all adds at once and kill one server when some were answered; say how many answers never came."""

    async def add(founder: Caller, who: str) -> int:
        try:
            payload = await _add(founder, arena, who)
        except httpx.TransportError:
            assert founder.url == running[0].url, "only the killed server may fall silent"
            return 1
        if _outcome(payload) == MEMBER:
            told.add(payload["membership"]["id"])
        if len(told) == after:
            running[0].process.kill()
        return 0

    async with callers.crowd() as client:
        founders = _founders(running, arena, client)
        return sum(await asyncio.gather(*(add(next(founders), who) for who in candidates)))


async def _add(founder: Caller, arena: Arena, candidate: str) -> dict[str, Any]:
    data = await founder.ask(ADD_MEMBER, organizationId=arena.organization_id, email=f"{candidate}@example.test")
    payload: dict[str, Any] = data["addMember"]
    return payload


def _outcome(payload: dict[str, Any]) -> str:
    refusals = [error["__typename"] for error in payload["errors"]]
    return " ".join([MEMBER, *refusals] if payload["membership"] else refusals)
