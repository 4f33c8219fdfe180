"""A host's subscriptions: every event stands behind the field's gates anew, and a loss ends the stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import strawberry
from strawberry import Info
from strawberry.permission import PermissionExtension

from domain.entitlements import Billable
from domain.errors import ConfigError
from domain.scope import Actor, ActorKind, Scope
from graphql_api.context import Context
from graphql_api.permissions import RequireFeature, RequirePlan, require_feature, require_plan
from graphql_api.requirements import Denial
from graphql_api.schema import build_schema, print_schema
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_gates import DENIED, own_organization
from tests.support.api import Api

FORMS = ("decorated", "extended", "classed", "engined", "planned", "both", "late", "plain")
started: list[str] = []


async def ticks() -> AsyncGenerator[int]:
    started.append("ticks")
    for number in range(3):
        yield number


async def opened() -> AsyncGenerator[int]:
    """Be a coroutine that gives a stream, instead of a stream."""
    return ticks()


def given() -> AsyncGenerator[int]:
    """Be a plain function that gives a stream."""
    return ticks()


async def broken() -> AsyncGenerator[int]:
    yield 1
    raise RuntimeError("postgresql://root:hunter2@db")


@strawberry.type
class Streams:
    @require_feature("reports", billable=own_organization)
    @strawberry.subscription
    async def decorated(self) -> AsyncGenerator[int]:
        async for number in ticks():
            yield number

    extended: AsyncGenerator[int] = strawberry.subscription(
        resolver=ticks, extensions=[require_feature("reports", billable=own_organization)]
    )
    classed: AsyncGenerator[int | None] = strawberry.subscription(
        resolver=ticks, permission_classes=[RequireFeature.of("reports", billable=own_organization)]
    )
    engined: AsyncGenerator[int | None] = strawberry.subscription(
        resolver=ticks, extensions=[PermissionExtension([RequirePlan("team", billable=own_organization)])]
    )
    planned: AsyncGenerator[int] = strawberry.subscription(
        resolver=ticks, extensions=[require_plan("price_team_monthly", billable=own_organization)]
    )

    @require_plan("team", billable=own_organization)
    @require_feature("api", billable=own_organization)
    @strawberry.subscription
    async def both(self) -> AsyncGenerator[int]:
        async for number in ticks():
            yield number

    late: AsyncGenerator[int] = strawberry.subscription(
        resolver=opened, extensions=[require_feature("reports", billable=own_organization)]
    )
    plain: AsyncGenerator[int] = strawberry.subscription(
        resolver=given, extensions=[require_feature("reports", billable=own_organization)]
    )


async def watch(api: Api, document: str, who: str | None = "ann", **host: Any) -> AsyncGenerator[Any]:
    """Open a stream as somebody, or as nobody, as a transport would."""
    scope = None if who is None else Scope(actor=Actor(kind=ActorKind.USER, id=await api.user(who)))
    context = Context(request_id="req_1", scope=scope, services=api.services, billable=host.get("billable"))
    schema = build_schema(subscription=host.get("subscription", (Streams,)))
    return await schema.subscribe(document, context_value=context)


@asynccontextmanager
async def watching(api: Api, document: str, **who: Any) -> AsyncIterator[Callable[[], Awaitable[Any]]]:
    """Give a function that waits for the next result, each time in a task of its own."""
    async with aclosing(await watch(api, document, **who)) as stream:

        async def following() -> Any:
            return await anext(stream, None)

        yield lambda: asyncio.create_task(following())


def formatted(result: Any) -> dict[str, Any]:
    return {"data": result.data, "errors": [error.formatted for error in result.errors or []]}


def denied(field: str, column: int = 16) -> dict[str, Any]:
    return {"data": None, "errors": [DENIED | {"path": [field], "locations": [{"line": 1, "column": column}]}]}


async def lose(api: Api, customer: Any) -> None:
    await api.holds(customer, status="canceled", ended_at=api.now())


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_guards_each_event_and_a_loss_ends_the_stream(serve: Serve, form: str) -> None:
    async with serve(subscription=[Streams]) as api:
        customer = (await api.organization())["customer"]
        await api.holds(customer)

        async with watching(api, f"subscription {{ {form} }}") as following:
            first = await following()
            await lose(api, customer)
            second, third = await following(), await following()

    assert (first.data, first.errors) == ({form: 0}, None)
    assert formatted(second) == denied(form)
    assert third is None


@pytest.mark.parametrize("form", FORMS)
async def test_a_denied_stream_never_begins_and_looks_like_one_that_is_lost(serve: Serve, form: str) -> None:
    started.clear()
    async with serve(subscription=[Streams]) as api:
        await api.organization()

        async with watching(api, f"subscription {{ {form} }}") as following:
            first, second = await following(), await following()

    assert formatted(first) == denied(form)
    assert second is None
    assert started == []


async def test_whoever_keeps_what_is_paid_for_gets_every_event(serve: Serve) -> None:
    async with serve(subscription=[Streams]) as api:
        await api.holds((await api.organization())["customer"])

        results = [result.data async for result in await watch(api, "subscription { both }")]

    assert results == [{"both": 0}, {"both": 1}, {"both": 2}]


async def test_a_stranger_at_a_subscription_is_told_to_show_a_credential(serve: Serve) -> None:
    @strawberry.type
    class Open:
        @strawberry.subscription
        async def numbers(self) -> AsyncGenerator[int]:
            yield 1

    async with serve(subscription=[Streams, Open]) as api:
        for field in ("numbers", "decorated"):
            results = [
                result
                async for result in await watch(api, f"subscription {{ {field} }}", None, subscription=(Streams, Open))
            ]

            assert [error.extensions["code"] for result in results for error in result.errors] == ["UNAUTHENTICATED"]


async def test_whom_an_event_bills_is_asked_anew_for_each(serve: Serve) -> None:
    asked: list[str] = []

    async def billable(source: object, info: Info[Context, None]) -> Billable | None:
        asked.append("asked")
        return await own_organization(source, info) if len(asked) < 4 else None

    @strawberry.type
    class Personal:
        @require_feature("reports", billable=billable)
        @require_feature("api", billable=billable)
        @strawberry.subscription
        async def numbers(self) -> AsyncGenerator[int]:
            for number in range(5):
                yield number

    async with serve(subscription=[Personal]) as api:
        await api.holds((await api.organization())["customer"])
        stream = await watch(api, "subscription { numbers }", subscription=(Personal,))
        results = [result.data async for result in stream]

    # Once when the stream is opened, and once for each event, whatever the number of gates.
    assert len(asked) == 4
    assert results == [{"numbers": 0}, {"numbers": 1}, None]


async def test_a_gate_below_a_subscription_is_asked_for_each_event(serve: Serve) -> None:
    surfaces: list[str] = []

    def instead(info: Info[Context, None], denial: Denial) -> int:
        surfaces.append(denial.surface)
        return -1

    @strawberry.type
    class Reading:
        number: int

        @require_feature("reports", billable=own_organization, on_deny=instead)
        @strawberry.field
        def detail(self) -> int:
            return self.number

    @strawberry.type
    class Readings:
        @strawberry.subscription
        async def readings(self) -> AsyncGenerator[Reading]:
            for number in range(2):
                yield Reading(number=number)

    async with serve(subscription=[Readings]) as api:
        customer = (await api.organization())["customer"]
        await api.holds(customer)
        stream = await watch(api, "subscription { readings { detail } }", subscription=(Readings,))
        async with aclosing(stream):
            first = await anext(stream)
            await lose(api, customer)
            second = await anext(stream)

    assert first.data == {"readings": {"detail": 0}}
    assert second.data == {"readings": {"detail": -1}}
    assert surfaces == ["field"]


async def test_the_value_for_who_is_denied_is_the_last_event(serve: Serve) -> None:
    denials: list[Denial] = []

    async def instead(info: Info[Context, None], denial: Denial) -> int:
        denials.append(denial)
        return -1

    @strawberry.type
    class Numbers:
        @require_plan("team", billable=own_organization, on_deny=instead)
        @strawberry.subscription
        async def numbers(self) -> AsyncGenerator[int]:
            yield 0
            yield 1

    async with serve(subscription=[Numbers]) as api:
        customer = (await api.organization())["customer"]
        before = [result.data async for result in await watch(api, "subscription { numbers }", subscription=(Numbers,))]
        await api.holds(customer)
        async with aclosing(await watch(api, "subscription { numbers }", subscription=(Numbers,))) as stream:
            first = await anext(stream)
            await lose(api, customer)
            rest = [result.data async for result in stream]

    assert before == [{"numbers": -1}]
    assert (first.data, rest) == ({"numbers": 0}, [{"numbers": -1}])
    assert {(denial.guard, denial.required, denial.reason, denial.surface) for denial in denials} == {
        ("plan", "team", "not_entitled", "subscription")
    }


async def test_what_a_stream_raises_is_masked_and_ends_it(serve: Serve) -> None:
    @strawberry.type
    class Broken:
        broken: AsyncGenerator[int] = strawberry.subscription(resolver=broken)

    async with serve(subscription=[Broken]) as api:
        stream = await watch(api, "subscription { broken }", subscription=(Broken,))
        first, last = [result async for result in stream]

    assert first.data == {"broken": 1}
    assert [error.formatted for error in last.errors] == [
        {"message": "Internal error", "extensions": {"code": "INTERNAL", "requestId": "req_1"}}
    ]


async def test_only_subscriptions_are_subscribed_to(serve: Serve) -> None:
    async with serve() as api:
        for document, message in [
            ("{ serverInfo { version } }", "A query is not served this way."),
            ("", "The request holds no query."),
        ]:
            [result] = [result async for result in await watch(api, document)]

            assert [(error.message, error.extensions["code"]) for error in result.errors] == [
                (message, "BAD_USER_INPUT")
            ]


class TestTheSchema:
    def test_gates_are_printed_on_subscriptions_and_make_them_nullable(self) -> None:
        printed = print_schema(subscription=[Streams])

        assert 'decorated: Int @requireFeature(feature: "reports")\n' in printed
        assert 'planned: Int @requirePlan(plan: "price_team_monthly")\n' in printed
        assert 'both: Int @requireFeature(feature: "api") @requirePlan(plan: "team")\n' in printed

    def test_two_types_cannot_have_one_field(self) -> None:
        @strawberry.type
        class Again:
            decorated: AsyncGenerator[int] = strawberry.subscription(resolver=ticks)

        with pytest.raises(ConfigError, match="Subscription: the field decorated stands twice"):
            build_schema(subscription=(Streams, Again))
