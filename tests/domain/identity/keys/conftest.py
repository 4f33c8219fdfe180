"""A house with an organization, and what makes keys of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from domain.db import Database
from domain.identity import ApiKey, ApiKeys, MadeKey, ProvenKey, ShownKey, User
from domain.identity.keys.secret import digest_of
from domain.ids import UserId
from domain.organizations import KeyTenants, Organization
from domain.scope import ApiScope, Role, Scope
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, acting, house


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of a house, in which ann owns acme, and amy and max are its ADMIN and a MEMBER; eve owns nothing."""

    house: House
    clock: FixedClock
    service: ApiKeys
    acme: Organization
    ann: User
    amy: User
    max: User
    eve: User

    async def create(self, *scopes: ApiScope, by: User | Scope = ADMINISTRATOR, **wish: Any) -> MadeKey:
        wanted = {"label": "a program", "scopes": scopes or (ApiScope.ORGANIZATIONS_READ,)} | wish
        return await self.house.database.run(lambda session: self.service.create(session, scope=acting(by), **wanted))

    async def revoke(self, key: ApiKey | str, *, by: User | Scope = ADMINISTRATOR) -> ApiKey:
        id = key if isinstance(key, str) else key.id
        return await self.house.database.run(
            lambda session: self.service.revoke(session, scope=acting(by), api_key_id=id)
        )

    async def prove(self, made: MadeKey | str, *, on_behalf_of: str | None = None) -> ProvenKey:
        secret = made if isinstance(made, str) else made.secret
        user = None if on_behalf_of is None else UserId(on_behalf_of)
        return await self.service.prove(ShownKey(digest=digest_of(secret), on_behalf_of=user))

    async def row(self, made: MadeKey) -> ApiKey:
        return await self.house.row(ApiKey, made.key.id)

    async def seen(self, *made: MadeKey, by: User | Scope) -> list[bool]:
        async with self.house.database.snapshot() as session:
            found = await self.service.reading(acting(by)).by_id(session, [each.key.id for each in made])
        return [each.key.id in found for each in made]


@pytest.fixture
async def keys(database: Database, clock: FixedClock) -> AsyncIterator[Keys]:
    made = house(database, clock)
    ann = await made.user("ann")
    acme = await made.organization(ann)
    await made.pay(acme, seats=3)
    service = ApiKeys(database=database, clock=clock, tenants=KeyTenants())
    yield Keys(
        house=made,
        clock=clock,
        service=service,
        acme=acme,
        ann=ann,
        amy=await made.join(acme, "amy", role=Role.ADMIN),
        max=await made.join(acme, "max"),
        eve=await made.user("eve"),
    )
    await service.aclose()
