"""A host's gated subscriptions over a real socket: refused, followed and lost as the guide on gates says."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import strawberry

from graphql_api.permissions import require_feature
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_gates import DENIED, own_organization
from tests.graphql_api.test_opacity import ROUTES
from tests.graphql_api.test_opacity import Streams as OneStream
from tests.graphql_api.test_streams import FORMS, Streams, lose
from tests.support.api import Api
from tests.support.talking import Talk, served, talking
from tests.support.watching import Watched

may = asyncio.Event()


@strawberry.type
class Stepwise:
    @require_feature("reports", billable=own_organization)
    @strawberry.subscription
    async def stepwise(self) -> AsyncGenerator[int]:
        yield 1
        await may.wait()
        yield 2


def denied(field: str) -> list[dict[str, Any]]:
    return [DENIED | {"path": [field], "locations": [{"line": 1, "column": 16}]}]


async def introduced(talk: Talk, api: Api, who: str = "ann") -> None:
    assert await talk.introduce(authorization=f"Bearer {api.token(who)}") == {"type": "connection_ack"}


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_refuses_who_has_not_paid_and_the_socket_goes_on(serve: Serve, form: str) -> None:
    async with serve(subscription=[Streams]) as api, served(api.app) as address, talking(address) as talk:
        await introduced(talk, api)
        customer = (await api.organization())["customer"]
        refused = await talk.ask(f"subscription {{ {form} }}")
        await api.holds(customer)
        granted = await talk.ask(f"subscription {{ {form} }}")

    assert refused == [{"id": "asked", "type": "error", "payload": denied(form)}]
    assert [said.get("payload") for said in granted] == [*({"data": {form: number}} for number in range(3)), None]


async def test_a_loss_between_two_events_ends_the_stream_and_no_other(serve: Serve) -> None:
    async with serve(subscription=[Stepwise]) as api, served(api.app) as address, talking(address) as talk:
        await introduced(talk, api)
        customer = (await api.organization())["customer"]
        await api.holds(customer)
        may.clear()
        await talk.subscribe("gated", "subscription { stepwise }")
        first = await talk.hear()
        await lose(api, customer)
        may.set()
        last = [await talk.hear(), await talk.hear()]
        after = await talk.ask("{ __typename }")

    assert first["payload"] == {"data": {"stepwise": 1}}
    assert last == [
        {"id": "gated", "type": "next", "payload": {"data": None, "errors": denied("stepwise")}},
        {"id": "gated", "type": "complete"},
    ]
    assert after[0]["payload"] == {"data": {"__typename": "Query"}}


async def test_a_stream_and_a_hosts_own_socket_tell_which_guard_was_asked(serve: Serve) -> None:
    watched = Watched()
    host = {"subscription": [OneStream], "routes": ROUTES, "telemetry": watched.telemetry}
    async with serve(**host) as api, served(api.app) as address:
        await api.holds((await api.organization())["customer"])
        async with talking(address) as talk:
            await introduced(talk, api)
            await talk.ask("subscription { stream }")
        bearer = {"authorization": f"Bearer {api.token('ann')}"}
        async with talking(address, "/talk", subprotocols=None, additional_headers=bearer) as talk:
            await talk.ended()

    # A stream is asked for when it is opened and again before its one event.
    assert [check["surface"] for check in watched.checks] == ["subscription", "subscription", "websocket"]


async def test_a_denial_over_a_socket_names_nothing(serve: Serve) -> None:
    async with serve(subscription=[Streams]) as api, served(api.app) as address, talking(address) as talk:
        await introduced(talk, api)
        await api.organization()
        said = json.dumps(await talk.ask("subscription { both }"))

    assert "reports" not in said
    assert "team" not in said
