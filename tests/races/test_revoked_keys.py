"""Revoked in one process, a key is dead in every other one at once: no request that begins later gets in."""

import asyncio
from pathlib import Path

import httpx

from domain.identity import MadeKey
from domain.scope import ApiScope
from domain.wiring import Services
from tests.support import callers, servers
from tests.support.callers import Caller, token
from tests.support.seating import ADMINISTRATOR
from tests.support.servers import Server

KEYS = 5
ME = "{ viewer { actor { ... on ApiKey { id } } } }"
REVOKE = "mutation($id: ID!) { revokeApiKey(input: {apiKeyId: $id}) { apiKey { revokedAt } errors { __typename } } }"


async def test_revoked_here_a_key_is_dead_there_at_once(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    made = [await _make(services) for _ in range(KEYS)]

    with servers.running(2, environ=environ, folder=tmp_path) as (here, there):
        async with callers.crowd() as client:
            administrator = Caller(client=client, url=here.url, token=token("ada", scope="seatgate:admin"))
            outcomes = await asyncio.gather(*(_end(administrator, there, each) for each in made))

    assert outcomes == [[200, 401]] * KEYS


async def _make(services: Services) -> MadeKey:
    return await services.database.run(
        lambda session: services.keys.create(
            session, scope=ADMINISTRATOR, label="a program", scopes=[ApiScope.ORGANIZATIONS_READ]
        )
    )


async def _end(administrator: Caller, there: Server, made: MadeKey) -> list[int]:
    """Revoke a key in one process while another has just taken it, and give what the other says before and after."""
    before = await _shown(administrator.client, there, made)
    answer = (await administrator.ask(REVOKE, id=made.key.id))["revokeApiKey"]
    after = await _shown(administrator.client, there, made)

    assert answer["errors"] == []
    assert answer["apiKey"]["revokedAt"]
    return [before, after]


async def _shown(client: httpx.AsyncClient, server: Server, made: MadeKey) -> int:
    headers = {"authorization": f"Bearer {made.secret}"}
    return (await client.post(f"{server.url}/graphql", json={"query": ME}, headers=headers)).status_code
