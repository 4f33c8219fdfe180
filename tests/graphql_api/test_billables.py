"""Whose entitlements count for a gate: its own function says, else the application's, else the parent or the caller."""

import asyncio
from typing import Any

import pytest
import strawberry
from strawberry import Info
from strawberry.extensions import FieldExtension

from domain.entitlements import Billable
from graphql_api.context import Context
from graphql_api.permissions import require_feature
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_gates import DENIED, denial, own_organization, report
from tests.support.statements import statements


@pytest.mark.parametrize("wrong", ["raises", "text", "nothing"])
async def test_a_function_that_fails_denies(serve: Serve, wrong: str) -> None:
    def billable(source: object, info: Info[Context, None]) -> Any:
        if wrong == "raises":
            raise RuntimeError("the host is broken")
        return "acme" if wrong == "text" else None

    @strawberry.type
    class Broken:
        @require_feature("reports", billable=billable)
        @strawberry.field
        def broken(self) -> str:
            return "report"

    async with serve(query=[Broken]) as api:
        assert await denial(api, "broken") == DENIED


async def test_the_function_is_asked_once_for_each_parent_and_operation(serve: Serve) -> None:
    asked: list[str] = []

    async def billable(source: Any, info: Info[Context, None]) -> Billable | None:
        asked.append(source.slug)
        await asyncio.sleep(0)
        return await own_organization(source, info) if source.slug == "acme" else None

    once: list[FieldExtension] = [require_feature("reports", billable=billable) for _ in range(2)]

    @strawberry.type
    class Project:
        slug: str
        one: list[str] = strawberry.field(resolver=report, extensions=once[:1])
        two: list[str] = strawberry.field(resolver=report, extensions=once[1:])

    @strawberry.type
    class Projects:
        @strawberry.field
        def projects(self) -> list[Project]:
            return [Project(slug="acme"), Project(slug="other")]

    async with serve(query=[Projects]) as api:
        await api.holds((await api.organization())["customer"])
        answer = await api.ask("{ projects { one two } }")
        await api.ask("{ projects { one two } }")

    assert answer.body["data"]["projects"] == [
        {"one": ["report"], "two": ["report"]},
        {"one": None, "two": None},
    ]
    assert asked == ["acme", "other"] * 2


async def test_the_applications_function_is_asked_where_a_gate_has_none(serve: Serve) -> None:
    @strawberry.type
    class Plain:
        @require_feature("reports")
        @strawberry.field
        def plain(self) -> str:
            return "report"

    async with serve(query=[Plain], billable=own_organization) as api:
        await api.holds((await api.organization())["customer"])

        answer = await api.ask("{ plain }")

    assert answer.data == {"plain": "report"}


async def test_without_any_function_it_is_the_caller(serve: Serve) -> None:
    @strawberry.type
    class Personal:
        @require_feature("reports")
        @strawberry.field
        def personal(self) -> str:
            return "report"

    async with serve(query=[Personal]) as api:
        document = "query($id: ID!) { node(id: $id) { ... on User { customer { id } } } }"
        own = await api.ask(document, id=await api.user("ann"))
        await api.holds(own.data["node"]["customer"])

        assert (await api.ask("{ personal }", "ann")).data == {"personal": "report"}
        assert await denial(api, "personal", "bob") == DENIED


async def test_what_is_not_there_and_what_is_anothers_take_the_same_work(serve: Serve) -> None:
    async def named(source: Any, info: Info[Context, None]) -> Billable | None:
        async with info.context.database.snapshot() as session:
            return await info.context.services.reading(info.context.caller).organization(session, id=source.of)

    @strawberry.type
    class Project:
        of: str

        @require_feature("reports", billable=named)
        @strawberry.field
        def churn(self) -> float:
            return 0.02

    @strawberry.type
    class Projects:
        @strawberry.field
        def project(self, of: strawberry.ID) -> Project:
            return Project(of=of)

    async with serve(query=[Projects]) as api:
        theirs = await api.organization("bob", "Bob's")
        await api.holds(theirs["customer"])
        await api.user("ann")
        found = []
        for id in (theirs["id"], f"org_{'0' * 32}"):
            with statements(api.services.database) as sent:
                answer = await api.ask("query($id: ID!) { project(of: $id) { churn } }", id=id)
            found.append((answer.bare, len(sent)))
        granted = await api.ask("query($id: ID!) { project(of: $id) { churn } }", "bob", id=theirs["id"])

    assert found[0] == found[1]
    assert granted.data == {"project": {"churn": 0.02}}
