"""Two organizations and everybody who may ask: people in every role, keys with each scope, a key for each user."""

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import strawberry
from strawberry import Info

from domain import ids
from domain.identity import Arrival, Asking, User
from domain.identity.keys.wishes import HOSTS_ALONE
from domain.ids import Prefix
from domain.scope import ApiScope, system
from graphql_api.api_keys import ApiKey
from graphql_api.audit import AuditEvent
from graphql_api.context import Context
from graphql_api.customers import BillingSubscription, Customer
from graphql_api.identity import User as ShownUser
from graphql_api.invitations import Invitation
from graphql_api.loaders import Loaders
from graphql_api.node import Node
from graphql_api.organizations import Membership, Organization
from graphql_api.overrides import Override
from graphql_api.schema import build_schema
from graphql_api.webhook_events import WebhookEvent
from tests.graphql_api.test_invitations import invite
from tests.support.api import Answer, Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.programs import ON_BEHALF_OF, program
from tests.support.seating import ADMINISTRATOR

PEOPLE = {"stranger": "eve", "member": "max", "admin": "amy", "owner": "ann", "operator": "ada"}
OF_HOST = frozenset(ApiScope) - {ApiScope.ADMIN}
OF_TENANT = OF_HOST - HOSTS_ALONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who asks. `group` is a column of the table; `scopes` are a key's, None: no scope is ever asked for.

    `key` names the secret, `user` whose token is shown, or for whom the key acts.
    """

    name: str
    group: str
    scopes: frozenset[ApiScope] | None = None
    key: str | None = None
    user: str | None = None


def _callers() -> Iterator[Caller]:
    yield Caller(name="anonymous", group="anonymous")
    for group, user in PEOPLE.items():
        yield Caller(name=group, group=group, user=user)
    yield Caller(name="op key", group="op key", key="host: admin")
    yield Caller(name="other key", group="other", scopes=OF_TENANT, key="other key")
    yield Caller(name="key", group="key", scopes=OF_TENANT, key="key")
    yield Caller(name="host", group="host", scopes=OF_HOST, key="host")
    for group in ("stranger", "member", "admin", "owner"):
        yield Caller(name=f"for {group}", group=group, scopes=OF_HOST, key="host", user=PEOPLE[group])
    # An administrator may everything, so what is left for a user are all of the user's rights.
    yield Caller(name="for owner: admin", group="owner", key="host: admin", user="ann")
    for scope in ApiScope:
        alone = frozenset({scope})
        if scope in OF_TENANT:
            yield Caller(name=f"key: {scope}", group="key", scopes=alone, key=f"key: {scope}")
        if scope in OF_HOST:
            yield Caller(name=f"host: {scope}", group="host", scopes=alone, key=f"host: {scope}")
            yield Caller(name=f"for owner: {scope}", group="owner", scopes=alone, key=f"host: {scope}", user="ann")


CALLERS = {caller.name: caller for caller in _callers()}


@strawberry.type
class Shown:
    """Objects that somebody has been shown, by whatever way, so that each of their fields is asked by itself."""

    @strawberry.field
    async def shown(self, info: Info[Context, None], id: strawberry.ID) -> Node | None:
        found = Loaders(info.context.services, system("test"))
        dress: dict[Prefix | None, Any] = {
            Prefix.ORGANIZATION: (found.organizations, Organization),
            Prefix.USER: (found.users, ShownUser),
            Prefix.MEMBERSHIP: (found.memberships, Membership),
            Prefix.INVITATION: (found.invitations, Invitation),
            Prefix.CUSTOMER: (found.customers, Customer),
            Prefix.SUBSCRIPTION: (found.subscriptions, BillingSubscription),
            Prefix.AUDIT_EVENT: (found.audit_events, AuditEvent),
            Prefix.WEBHOOK_EVENT: (found.webhook_events, WebhookEvent),
            Prefix.API_KEY: (found.api_keys, ApiKey),
            Prefix.OVERRIDE: (found.override_nodes, Override),
        }
        loader, kind = dress[ids.prefix_of(id)]
        node: Node | None = kind.of(await loader.load(id))
        return node


@dataclass(slots=True, kw_only=True)
class World:
    """What there is to ask for, by name, and the secrets of the keys."""

    ids: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    url: str = ""
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The world while its application runs."""

    api: Api
    world: World

    async def ask(self, caller: Caller, document: str, **variables: object) -> Answer:
        headers, content = self._headers(caller), {"query": document, "variables": variables}
        return Answer(response=await self.api.client.post("/graphql", json=content, headers=headers))

    def _headers(self, caller: Caller) -> dict[str, str]:
        headers = {"accept": "application/graphql-response+json"}
        if caller.key is not None:
            headers["authorization"] = f"Bearer {self.world.secrets[caller.key]}"
            if caller.user is not None:
                headers[ON_BEHALF_OF] = self.world.ids[f"user {caller.user}"]
        elif caller.user is not None:
            headers["authorization"] = f"Bearer {self.api.token(caller.user)}"
        return headers

    async def watch(self, caller: Caller, document: str) -> Answer:
        """Begin a subscription, and give what comes first as if it had been asked for over HTTP."""
        recognition = self.api.app.state.recognition
        headers = {name.lower(): value for name, value in self._headers(caller).items()}
        asking = Asking(headers=headers, path="/graphql", remote_address=None)
        visitor = await recognition.visitor(asking)
        context = await recognition.context(request_id="1", visitor=visitor, asking=asking)
        stream: Any = await build_schema().subscribe(document, context_value=context)
        first = await anext(stream) if hasattr(stream, "__anext__") else stream
        if hasattr(stream, "aclose"):
            await stream.aclose()
        errors = {} if first.errors is None else {"errors": [error.formatted for error in first.errors]}
        return Answer(response=httpx.Response(200, json={"data": first.data, **errors}))

    async def newcomer(self) -> User:
        """Make a user whom nobody knows."""
        name = f"newcomer {len(await self.api.rows('audit_events'))}"
        email = f"{name.replace(' ', '-')}@example.com"
        arrival = Arrival(issuer="", subject=name, email=email, name=name, issued_at=None)
        return await self.api.services.users.arrive(arrival)

    def id(self, name: str) -> str:
        return self.world.ids[name]


async def build(api: Api) -> World:
    """Fill a database: Acme with its people and what it has, Elsewhere with nobody but eve."""
    world = World()
    for who in (*PEOPLE.values(), "mia", "adi"):
        world.ids[f"user {who}"] = await api.user(who)
    acme, gone, elsewhere = [
        await api.organization(owner, name) for owner, name in (("ann", "Acme"), ("ann", "Gone"), ("eve", "Elsewhere"))
    ]
    # Whoever owns something alone can always be asked to leave, and is never let go.
    for who in ("max", "amy"):
        await api.organization(who, f"{who}'s")
    await _people(api, world, acme)
    await _belongings(api, world, acme)
    await api.do("deleteOrganization", "ada", organizationId=gone["id"])
    await _keys(api, world, acme, elsewhere)
    await api.compared()
    world.ids |= {
        "org": acme["id"],
        "slug": acme["slug"],
        "gone": gone["id"],
        "cst": acme["customer"]["id"],
        "elsewhere": elsewhere["customer"]["id"],
    }
    return world


async def _people(api: Api, world: World, acme: dict[str, Any]) -> None:
    # More seats than anybody takes here.
    items = [{"priceId": "price_team_monthly", "quantity": 25}, {"priceId": "price_seat_pack", "quantity": 40}]
    bought = await api.do("subscribe", "ann", "subscription { id }", customerId=acme["customer"]["id"], items=items)
    world.ids["bsb"] = bought["subscription"]["id"]
    for who, role in (("amy", "ADMIN"), ("adi", "ADMIN"), ("max", "MEMBER"), ("mia", "MEMBER")):
        world.ids[f"place {who}"] = await api.join(acme, who, role)


async def _belongings(api: Api, world: World, acme: dict[str, Any]) -> None:
    invited = await invite(api, acme, "guest@example.com")
    own = await api.ask("{ viewer { actor { ... on User { customer { id } } } } }", "max")
    world.ids["own"] = own.data["viewer"]["actor"]["customer"]["id"]
    await api.holds({"id": world.ids["own"]}, "price_seat_pack")
    given = {"customerId": acme["customer"]["id"], "feature": "sso", "reason": "a present"}
    override = await api.do("grantOverride", "ada", "override { id }", **given)
    founded = [row for row in await api.rows("audit_events") if row.subject_id == acme["id"]]
    accounts = [row for row in await api.rows("processor_accounts") if row.customer_id == acme["customer"]["id"]]
    world.ids |= {
        "inv": invited["invitation"]["id"],
        "token": invited["token"],
        "ovr": override["override"]["id"],
        "aud": founded[0].id,
        "whe": next(row.id for row in await api.rows("webhook_events") if row.customer_id == world.ids["own"]),
        "account": accounts[0].processor_id,
    }


async def _keys(api: Api, world: World, acme: dict[str, Any], elsewhere: dict[str, Any]) -> None:
    wanted: dict[str, tuple[Any, frozenset[ApiScope]]] = {
        "key": (acme, OF_TENANT),
        "other key": (elsewhere, OF_TENANT),
        "host": (None, OF_HOST),
        "host: admin": (None, frozenset({ApiScope.ADMIN})),
        **{f"key: {scope}": (acme, frozenset({scope})) for scope in OF_TENANT},
        **{f"host: {scope}": (None, frozenset({scope})) for scope in OF_HOST},
    }
    for name, (organization, scopes) in wanted.items():
        world.secrets[name] = (await program(api, *scopes, of=organization)).secret
    # Keys that nobody shows, lest a key should find itself.
    of_acme = await api.do(
        "createApiKey", "ann", "apiKey { id }", organizationId=acme["id"], label="a key", scopes=["MEMBERS_WRITE"]
    )
    world.ids |= {"key": of_acme["apiKey"]["id"], "host key": (await program(api)).id}
    # Each has been used in this minute, so that its next use is not worth a note.
    scene = Scene(api=api, world=world)
    for key in world.secrets:
        assert (await scene.ask(Caller(name=key, group="", key=key), "{ viewer { administrator } }")).data
    await api.services.keys.aclose()


def build_once(sqlite: Sqlite, folder: Path) -> World:
    """Fill a database of one file, to be copied."""

    async def work() -> World:
        async with serving(sqlite.fresh(folder), folder, FixedClock(), query=[Shown]) as api:
            return await build(api)

    world = asyncio.run(work())
    world.path = folder / "seatgate.db"
    return world


def copy_of(world: World, folder: Path) -> str:
    """Give the address of a copy of the world."""
    assert world.path is not None
    target = folder / "seatgate.db"
    shutil.copyfile(world.path, target)
    return f"sqlite+aiosqlite:///{target}"


__all__ = ["ADMINISTRATOR", "CALLERS", "Caller", "Scene", "Shown", "World", "build", "build_once", "copy_of"]
