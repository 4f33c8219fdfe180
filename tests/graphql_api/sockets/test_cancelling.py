"""Operations that are cancelled at any moment: reads leave the database as it was, mutations happen whole or not."""

import asyncio
import random
from collections import Counter

from sqlalchemy.pool import QueuePool

from tests.support.api import Api
from tests.support.talking import Talk, served, talking

ROUNDS = 60
LONGEST_SECONDS = 0.03
READ = """{
  viewer { memberships(first: 2) { nodes {
    role organization { name customer { id } memberships(first: 5) { nodes { user { email } } } }
  } } }
}"""
FOUND = """mutation($name: String!) {
  createOrganization(input: { name: $name }) { organization { name } errors { __typename } }
}"""


async def cancelled(talk: Talk, id: str, document: str, patience: float, **variables: object) -> None:
    await talk.say({"id": id, "type": "subscribe", "payload": {"query": document, "variables": variables}})
    await asyncio.sleep(patience)
    await talk.say({"id": id, "type": "complete"})


async def test_reads_that_are_cancelled_at_any_moment_hold_on_to_nothing(either: Api) -> None:
    await either.organization()
    chosen = random.Random(7)
    bearer = f"Bearer {either.token('ann')}"
    async with served(either.app) as address:
        for _ in range(ROUNDS // 10):
            # Time stands still, and so many questions would empty their caller's bucket.
            either.clock.forward(minutes=1)
            async with talking(address) as talk:
                await talk.introduce(authorization=bearer)
                for number in range(10):
                    await cancelled(talk, str(number), READ, chosen.uniform(0, LONGEST_SECONDS))
                said = (await talk.ask(READ))[0]["payload"]

    assert "errors" not in said
    assert said["data"]["viewer"]["memberships"]["nodes"][0]["organization"]["name"] == "Acme"
    for engine in (either.services.database.engine,):
        pool = engine.pool
        assert not isinstance(pool, QueuePool) or pool.checkedout() == 0


async def test_mutations_that_are_cancelled_at_any_moment_happen_whole_or_not_at_all(either: Api) -> None:
    chosen = random.Random(11)
    bearer = f"Bearer {either.token('ann')}"
    await either.user("ann")
    async with served(either.app) as address:
        for round_ in range(ROUNDS // 10):
            async with talking(address) as talk:
                await talk.introduce(authorization=bearer)
                for number in range(10):
                    name = f"house-{round_}-{number}"
                    await cancelled(talk, str(number), FOUND, chosen.uniform(0, LONGEST_SECONDS), name=name)
    while either.services.database._running:
        await asyncio.wait(list(either.services.database._running))

    names = [row.name for row in await either.rows("organizations")]
    founded = [row for row in await either.rows("audit_events") if row.action == "organization.created"]
    assert len(names) == len(set(names)) == len(await either.rows("memberships")) == len(founded)
    assert Counter(row.action for row in founded) == {"organization.created": len(names)}
