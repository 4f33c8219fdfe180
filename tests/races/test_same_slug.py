"""Real processes race to found organizations under one slug. One of them is first, the others leave nothing."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

from domain.wiring import Services
from tests.support import callers, servers, tables
from tests.support.arenas import arrive
from tests.support.callers import Caller, token

PROCESSES = 2
FOUNDERS = 20
CREATE_ORGANIZATION = """
mutation($name: String!) {
  createOrganization(input: {name: $name, slug: "wanted"}) {
    organization { slug }
    errors { __typename ... on InvalidInputError { message path } }
  }
}
"""


async def test_of_many_founders_who_want_one_slug_exactly_one_gets_it(
    services: Services, environ: dict[str, str], tmp_path: Path
) -> None:
    founders = [(await arrive(services, f"founder-{number}")).subject for number in range(FOUNDERS)]

    with servers.running(PROCESSES, environ=environ, folder=tmp_path) as running:
        before = await tables.dump(services.database)
        async with callers.crowd() as client:
            payloads = await asyncio.gather(
                *(
                    _create(Caller(client=client, url=running[turn % PROCESSES].url, token=token(founder)), founder)
                    for turn, founder in enumerate(founders)
                )
            )
        after = await tables.dump(services.database)

    assert Counter(map(_outcome, payloads)) == {"founded": 1, "This slug is taken. at input.slug": FOUNDERS - 1}
    assert tables.changes(before, after) == dict.fromkeys(
        ["organizations", "customers", "memberships", "seat_pools", "seat_holders", "audit_events", "audit_labels"],
        (0, 1),
    )


async def _create(founder: Caller, name: str) -> dict[str, Any]:
    payload: dict[str, Any] = (await founder.ask(CREATE_ORGANIZATION, name=name))["createOrganization"]
    return payload


def _outcome(payload: dict[str, Any]) -> str:
    if payload["organization"]:
        return "founded"
    (error,) = payload["errors"]
    return f"{error['message']} at {'.'.join(error['path'])}"
