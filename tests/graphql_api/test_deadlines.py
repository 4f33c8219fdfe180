"""Nobody waits for ever: the wait ends with TIMEOUT, reads end with it, and what was to be written ends whole."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import httpx
import pytest
import strawberry
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry import Info

from graphql_api import edge
from graphql_api.context import Context
from graphql_api.errors import MaskingSchema
from graphql_api.limits import Deadline, Limits
from graphql_api.loaders import FreshLoaders
from graphql_api.transport import Transport
from graphql_api.unit_of_work import UnitOfWork, session
from tests.domain.db.test_cancelling import SLOW
from tests.graphql_api.toy import RESPONSE_JSON
from tests.support.api import Answer, Api

SECONDS = 0.5
HASTY = partial(Deadline, query_seconds=SECONDS, mutation_seconds=SECONDS)
MUTATION = "What it was to write may be written or not: ask again with the same idempotencyKey."


class Gate:
    """Holds whoever comes to it until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def pass_through(self) -> None:
        self.reached.set()
        await self.open.wait()


def hasty(api: Api, *, query: type, mutation: type | None = None, subscription: type | None = None) -> MaskingSchema:
    return MaskingSchema(
        query=query, mutation=mutation, subscription=subscription, extensions=[Limits, HASTY, FreshLoaders]
    )


async def ask(api: Api, schema: MaskingSchema, document: str, accept: str = RESPONSE_JSON) -> Answer:
    transport = Transport(schema, recognition=api.app.state.recognition)
    app = Starlette(
        routes=[Route("/graphql", transport)], middleware=edge.middleware(allowed_hosts=["*"], allowed_origins=[])
    )
    headers = {"accept": accept, "authorization": f"Bearer {api.token('ann')}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://seatgate.example") as client:
        return Answer(response=await client.post("/graphql", json={"query": document}, headers=headers))


async def ended(tasks: Callable[[], set[asyncio.Task[Any]]]) -> None:
    async with asyncio.timeout(30):
        while running := tasks():
            await asyncio.wait(running)


@strawberry.type
class Query:
    @strawberry.field
    async def name(self) -> str | None:
        return "here"

    @strawberry.field
    async def forever(self) -> str | None:
        await asyncio.Event().wait()
        return "never"

    @strawberry.field
    async def own_timeout(self) -> str | None:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
        return "never"

    @strawberry.field
    async def read(self, info: Info[Context, Any]) -> str | None:
        async with info.context.database.snapshot() as opened:
            await opened.execute(text(SLOW[info.context.database.dialect]))
        return "never"


@pytest.mark.parametrize("accept", [RESPONSE_JSON, "application/json"])
async def test_a_query_that_takes_too_long_is_answered_without_it(api: Api, accept: str) -> None:
    answer = await ask(api, hasty(api, query=Query), "{ name forever }", accept)

    assert answer.response.status_code == 504
    assert answer.body == {
        "errors": [
            {
                "message": f"The answer took more than {SECONDS:g} seconds.",
                "extensions": {"code": "TIMEOUT", "requestId": answer.response.headers["x-request-id"]},
            }
        ]
    }
    assert answer.cost["requested"] == 2


async def test_a_timeout_of_a_fields_own_is_not_the_operations(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    answer = await ask(api, hasty(api, query=Query), "{ name ownTimeout }")

    assert (answer.response.status_code, answer.codes) == (200, ["INTERNAL"])
    assert answer.body["data"] == {"name": "here", "ownTimeout": None}


async def test_a_read_that_takes_too_long_leaves_no_task_no_connection_and_no_traceback(
    either: Api, caplog: pytest.LogCaptureFixture
) -> None:
    schema = hasty(either, query=Query)
    await ask(either, schema, "{ name }")
    before = asyncio.all_tasks()

    with caplog.at_level(logging.WARNING):
        answers = [await ask(either, schema, "{ a: read b: read c: forever }") for _ in range(8)]

    assert [answer.codes for answer in answers] == [["TIMEOUT"]] * 8
    await ended(lambda: asyncio.all_tasks() - before)
    assert either.services.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a pool that counts
    assert [record for record in caplog.records if record.exc_info] == []
    assert (await either.ask("{ viewer { administrator } }")).codes == []


async def test_a_mutation_that_takes_too_long_is_written_whole_behind_the_answer(either: Api) -> None:
    gate = Gate()

    @strawberry.type
    class Payload:
        errors: list[str]

    async def renaming(info: Info[Context, Any]) -> Payload | None:
        await session().execute(text("UPDATE organizations SET name = 'Renamed'"))
        await gate.pass_through()
        await session().execute(text("UPDATE organizations SET name = name || ' whole'"))
        return Payload(errors=[])

    @strawberry.type
    class Writes:
        rename: Payload | None = strawberry.mutation(resolver=renaming, extensions=[UnitOfWork()])

    await either.organization("ann", "Acme")
    schema = hasty(either, query=Query, mutation=Writes)

    answer = await ask(either, schema, "mutation { rename { errors } }")

    assert gate.reached.is_set()
    assert (answer.response.status_code, answer.codes) == (504, ["TIMEOUT"])
    assert answer.body["errors"][0]["message"].endswith(MUTATION)
    assert [row.name for row in await either.rows("organizations")] == ["Acme"]
    gate.open.set()
    await ended(lambda: either.services.database._running)
    assert [row.name for row in await either.rows("organizations")] == ["Renamed whole"]
    assert either.services.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # a pool that counts


async def test_siblings_after_a_mutation_that_takes_too_long_never_begin(api: Api) -> None:
    gate = Gate()
    ran: list[str] = []

    async def one(info: Info[Context, Any]) -> bool | None:
        await gate.pass_through()
        return True

    async def other(info: Info[Context, Any]) -> bool | None:
        ran.append("second")
        return True

    @strawberry.type
    class Writes:
        first: bool | None = strawberry.mutation(resolver=one)
        second: bool | None = strawberry.mutation(resolver=other)

    answer = await ask(api, hasty(api, query=Query, mutation=Writes), "mutation { first second }")
    gate.open.set()

    assert (answer.codes, ran) == (["TIMEOUT"], [])


async def test_a_stream_may_last_longer_than_a_query(api: Api) -> None:
    @strawberry.type
    class Streams:
        @strawberry.subscription
        async def slow(self) -> AsyncIterator[int]:
            yield 1
            await asyncio.sleep(SECONDS * 1.5)
            yield 2

    context = Context(request_id="a", scope=None, services=api.services)
    results = await hasty(api, query=Query, subscription=Streams).stream("subscription { slow }", context_value=context)

    assert [(result.data, result.errors) async for result in results] == [({"slow": 1}, None), ({"slow": 2}, None)]
