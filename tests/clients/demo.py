"""The demo behind a real server, and what its people see there."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from domain import settings
from domain.clock import SystemClock
from domain.settings import Settings
from domain.wiring import build
from graphql_api.demo import organizations
from graphql_api.demo.people import PEOPLE, token
from tests.clients.guide import ROOT
from tests.support import callers, servers

MORE = ("Bolt", "Coin")
FOUND = "mutation ($name: String!) { createOrganization(input: { name: $name }) { errors { __typename } } }"
MEMBERS = '{ organization(slug: "acme") { memberships { nodes { user { name } } } } }'


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """Where it is served, and the tokens of its people by what they are."""

    url: str
    tokens: dict[str, str]

    async def members(self) -> set[str]:
        """Name the members of Acme."""
        async with callers.crowd() as client:
            found = (await self._owner(client).ask(MEMBERS))["organization"]["memberships"]["nodes"]
        return {membership["user"]["name"] for membership in found}

    async def found(self, *names: str) -> None:
        """Let Acme's owner make more organizations."""
        async with callers.crowd() as client:
            for name in names:
                assert (await self._owner(client).ask(FOUND, name=name))["createOrganization"]["errors"] == []

    def _owner(self, client: httpx.AsyncClient) -> callers.Caller:
        return callers.Caller(client=client, url=self.url, token=self.tokens["owner"])


@contextlib.contextmanager
def served(database_url: str, folder: Path) -> Iterator[Demo]:
    """Serve the demo; its owner has a few organizations more, so that their list has pages."""
    environ = callers.environ(database_url, catalog=(ROOT / "catalog.toml").read_text(), folder=folder)
    known = settings.read(environ, folder=folder)
    asyncio.run(_load(known))
    tokens = {name: token(person, known, SystemClock()) for name, person in PEOPLE.items()}
    with servers.running(1, environ=environ, folder=folder) as [server]:
        demo = Demo(url=server.url, tokens=tokens)
        asyncio.run(demo.found(*MORE))
        yield demo


async def _load(known: Settings) -> None:
    services = build(known)
    await services.rollout.start()
    await organizations.load(services)
    await services.aclose()
