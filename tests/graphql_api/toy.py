"""A small schema behind the real edge and transport, for tests of what surrounds a resolver."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NewType, cast

import httpx
import strawberry
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from strawberry.extensions import SchemaExtension
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig

from domain import identity
from domain.errors import AlreadyMember, Forbidden, InvalidCursor, InvalidInput, Unauthenticated, Unavailable
from domain.identity import Asking, ShownKey, Visitor
from domain.scope import Actor, ActorKind, Scope
from domain.wiring import Services
from graphql_api import edge, health
from graphql_api.auth import Bearer, Expected, JwtAdapter, Secrets
from graphql_api.context import Context
from graphql_api.errors import Code, MaskingSchema, PublicError
from graphql_api.limits import Cost, Limits
from graphql_api.recognition import Shown
from graphql_api.transport import Transport

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = "a-secret-for-tests-of-exactly-forty-bytes"
DSN = "postgresql://root:hunter2@db/seatgate"
NO_SERVICES = cast("Services", None)  # The toy's resolvers ask for none.
RESPONSE_JSON = "application/graphql-response+json"


class Clock:
    def now(self) -> datetime:
        return NOW


def token(secret: str = SECRET, **claims: object) -> str:
    payload = {"sub": "ann", "exp": int((NOW + timedelta(hours=1)).timestamp())} | claims
    kept = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode({"alg": "HS256"}, kept, OctKey.import_key(secret))


def _bug(value: object) -> str:
    raise RuntimeError(DSN)


def _picky(value: object) -> str:
    raise ValueError(DSN)


Buggy = NewType("Buggy", str)
Picky = NewType("Picky", str)


class Never(BasePermission):
    message = "Forbidden"
    error_extensions = {"code": "FORBIDDEN", "feature": "reports"}  # noqa: RUF012 - Strawberry's own attribute

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return False


class Broken(BasePermission):
    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        raise RuntimeError(DSN)


def answer() -> str | None:
    return "never"


@strawberry.enum
class Color(StrEnum):
    RED = "RED"


@strawberry.type
class Item:
    name: str = "item"

    @strawberry.field
    def item(self) -> "Item":
        return Item()

    @strawberry.field
    def shelf(self, first: int | None = None, last: int | None = None) -> "Shelf":
        return Shelf.of(first, last)


@strawberry.type
class PageInfo:
    has_next_page: bool = False


@strawberry.type
class Place:
    node: Item
    cursor: str = "here"


@strawberry.type
class Shelf:
    nodes: list[Item]
    edges: list[Place]
    page_info: PageInfo
    total_count: int = 1000

    @classmethod
    def of(cls, first: int | None, last: int | None) -> "Shelf":
        items = [Item() for _ in range(min(first or last or 20, 100))]
        return cls(nodes=items, edges=[Place(node=item) for item in items], page_info=PageInfo())


@strawberry.input
class Load:
    name: str
    weight: int
    inner: "Load | None" = None


def lone_item() -> Item:
    return Item()


@strawberry.type
class Query:
    @strawberry.field
    def name(self) -> str:
        return "toy"

    @strawberry.field
    def item(self) -> Item:
        return Item()

    @strawberry.field
    def items(self, count: int = 2) -> list[Item | None] | None:
        return [Item() for _ in range(count)]

    @strawberry.field
    def shelf(self, first: int | None = None, last: int | None = None) -> Shelf:
        return Shelf.of(first, last)

    @strawberry.field
    def named(self, ids: list[strawberry.ID] | None = None) -> list[Item]:
        return [Item() for _ in ids or []]

    @strawberry.field
    def carry(self, load: Load) -> str | None:
        return load.name

    @strawberry.field
    def echo(self, text: str) -> str | None:
        return text

    @strawberry.field
    def bounded(self, count: int = 1, color: Color | None = None) -> int | None:
        return count

    @strawberry.field
    def buggy(self, value: Buggy) -> str | None:
        return value

    @strawberry.field
    def picky(self, value: Picky) -> str | None:
        return value

    @strawberry.field
    def fail(self, what: str) -> str | None:
        raise FAILURES[what]

    @strawberry.field
    def required_failure(self) -> str:
        raise RuntimeError(DSN)

    dear: Item = strawberry.field(resolver=lone_item, directives=[Cost(weight=7)])
    denied: str | None = strawberry.field(resolver=answer, permission_classes=[Never])
    broken: str | None = strawberry.field(resolver=answer, permission_classes=[Broken])


FAILURES: dict[str, Exception] = {
    "unexpected": RuntimeError(DSN),
    "graphql": strawberry.exceptions.StrawberryGraphQLError(DSN),
    "member": AlreadyMember(membership_id="mem_1"),
    "unauthenticated": Unauthenticated(),
    "forbidden": Forbidden(),
    "unavailable": Unavailable(),
    "input": InvalidInput("The slug is taken."),
    "cursor": InvalidCursor(),
    "public": PublicError("Too slow.", Code.TIMEOUT),
}


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self) -> bool | None:
        return True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        await asyncio.sleep(0)
        yield 1


def schema(*extensions: Callable[[], SchemaExtension], subscription: type = Subscription) -> MaskingSchema:
    return MaskingSchema(
        query=Query,
        mutation=Mutation,
        subscription=subscription,
        extensions=[*extensions, Limits],
        config=StrawberryConfig(
            scalar_map={
                Buggy: strawberry.scalar(name="Buggy", serialize=str, parse_value=_bug),
                Picky: strawberry.scalar(name="Picky", serialize=str, parse_value=_picky),
            }
        ),
    )


class Recognition:
    """Recognizes bearer tokens and asks no database; two people fare badly."""

    def __init__(self) -> None:
        self._adapter = JwtAdapter(Bearer(signatures=Secrets([SECRET]), expected=Expected(), clock=Clock()))

    async def visitor(self, asking: Asking) -> Visitor | None:
        return await identity.recognize(self._adapter, asking)

    async def context(self, *, request_id: str, visitor: Shown | None, asking: Asking) -> Context:
        assert not isinstance(visitor, ShownKey)
        if visitor and visitor.subject == "deleted":
            raise Unauthenticated
        if visitor and visitor.subject == "unlucky":
            raise Unavailable
        return context_of(request_id, visitor)

    def payer(self, remote_address: str | None) -> None:
        """Count nothing."""


def context_of(request_id: str, visitor: Visitor | None = None) -> Context:
    scope = Scope(actor=Actor(kind=ActorKind.USER, id=visitor.subject)) if visitor else None
    expires_at = visitor.expires_at if visitor else None
    return Context(request_id=request_id, scope=scope, services=NO_SERVICES, expires_at=expires_at)


async def explode(request: Request) -> Response:
    raise RuntimeError(DSN)


async def ready() -> bool:
    return True


def app(toy: MaskingSchema | None = None, *, hosts: Sequence[str] = ("*",), origins: Sequence[str] = ()) -> Starlette:
    transport = Transport(toy or schema(), recognition=Recognition())
    return Starlette(
        routes=[Route("/graphql", transport), Route("/explode", explode), *health.routes(ready=ready)],
        middleware=edge.middleware(allowed_hosts=hosts, allowed_origins=origins),
    )


def client(application: Starlette | None = None, **headers: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(application or app())
    return httpx.AsyncClient(transport=transport, base_url="http://toy.example", headers=headers)


async def ask(
    document: str,
    *,
    signed: bool = True,
    toy: MaskingSchema | None = None,
    accept: str = RESPONSE_JSON,
    **variables: object,
) -> httpx.Response:
    headers = {"accept": accept} | ({"authorization": f"Bearer {token()}"} if signed else {})
    async with client(app(toy)) as toy_client:
        return await toy_client.post("/graphql", json={"query": document, "variables": variables}, headers=headers)


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]
