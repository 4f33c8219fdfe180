"""What a subscription is told wrongly is the caller's fault, and is said as of a query."""

from contextlib import aclosing
from typing import Any

import pytest

from domain.scope import Actor, ActorKind, Scope
from graphql_api.context import Context
from graphql_api.schema import build_schema
from tests.support.api import Api

DOCUMENT = "subscription($id: ID!) { seatsChanged(organizationId: $id) { used } }"


@pytest.mark.parametrize("variables", [{}, {"id": None}, {"id": [None]}, {"id": {}}, {"id": True}])
async def test_variables_that_cannot_be_are_bad_input(api: Api, variables: dict[str, Any]) -> None:
    scope = Scope(actor=Actor(kind=ActorKind.USER, id=await api.user("ann")))
    context = Context(request_id="r1", scope=scope, services=api.services)

    stream = await build_schema().stream(DOCUMENT, variables, context)
    async with aclosing(stream) as results:
        told = [result async for result in results]

    (error,) = told[0].errors
    assert len(told) == 1
    assert error.extensions == {"code": "BAD_USER_INPUT", "requestId": "r1"}
    assert "$id" in error.message
