"""A process that changes one organization at random: `-m tests.support.changing ORGANIZATION CUSTOMER SEED COUNT`.

It says of each change, once it is committed, what was true then: how the seats were, or which features there were. With
a COUNT of 0 it changes something, says that it holds it, and never commits.
"""

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from domain import settings
from domain.billing import Owner, OwnerKind
from domain.db import Session
from domain.entitlements import Wish
from domain.errors import SeatLimitReached
from domain.ids import Prefix, prefix_of
from domain.organizations import UserRef
from domain.scope import Role, system
from domain.wiring import Services, build
from tests.support.arenas import arrive

TORN = "torn"
CATALOG = """
[plans.team]
limits = { seats = { per = "quantity" } }
price_ids = ["price_team"]
[plans.extra]
features = ["a", "b", "c", "d", "torn"]
price_ids = ["price_extra"]
"""
BY = system("test")


@dataclass(slots=True, kw_only=True)
class Changing:
    """Takes back only what it has done itself, so that several do not stand in each other's way."""

    services: Services
    organization_id: str
    customer_id: str
    chance: Random
    done: list[str] = field(default_factory=list)

    async def change(self, number: int) -> dict[str, object]:
        """Do something, and give what was true when it was done; nothing where there was no room."""
        undone = self.chance.choice(self.done) if self.done and self.chance.random() < 0.5 else None
        kind = self.chance.choice("mio")
        user_id = (await arrive(self.services, f"{os.getpid()}-{number}")).id
        feature = self.chance.choice("abcd")

        async def body(session: Session) -> tuple[str, dict[str, object]]:
            what = await (self._do(session, kind, user_id, feature) if undone is None else self._undo(session, undone))
            return what, await self._truth(session, what)

        try:
            what, told = await self.services.database.run(body)
        except SeatLimitReached:
            return {}
        if undone is None:
            self.done.append(what)
        else:
            self.done.remove(undone)
        return told

    async def tear(self) -> None:
        """Hold a change for ever."""
        async with self.services.database.transaction() as session:
            await self._give(session, TORN)
            say("held")
            await asyncio.Event().wait()

    async def _do(self, session: Session, kind: str, user_id: str, feature: str) -> str:
        services, here = self.services, self.organization_id
        if kind == "m":
            who = UserRef(id=user_id)
            added = await services.members.add(session, scope=BY, organization_id=here, who=who, role=Role.MEMBER)
            return added.id
        if kind == "i":
            email = f"{user_id}@guests.example"
            invite = services.invitations.invite
            return (await invite(session, scope=BY, organization_id=here, email=email, role=Role.MEMBER)).invitation.id
        return await self._give(session, feature)

    async def _undo(self, session: Session, id: str) -> str:
        if prefix_of(id) is Prefix.MEMBERSHIP:
            await self.services.members.remove(session, scope=BY, membership_id=id)
        elif prefix_of(id) is Prefix.INVITATION:
            await self.services.invitations.revoke(session, scope=BY, invitation_id=id)
        else:
            await self.services.overriding.revoke(session, scope=BY, override_id=id, reason="enough")
        return id

    async def _give(self, session: Session, feature: str) -> str:
        wish, grant = Wish(feature=feature), self.services.overriding.grant
        return (await grant(session, scope=BY, customer_id=self.customer_id, wish=wish, reason="a present")).id

    async def _truth(self, session: Session, id: str) -> dict[str, object]:
        """Read what was changed, whose lock this transaction holds."""
        answers = self.services.entitlements
        if prefix_of(id) is Prefix.OVERRIDE:
            await session.flush()
            owner = Owner(kind=OwnerKind.ORGANIZATION, id=self.organization_id)
            return {"features": sorted((await answers.source.within(session, [owner]))[owner].features)}
        usage = (await answers.seat_usages(session, [self.organization_id]))[self.organization_id]
        return {"seats": [usage.used, usage.reserved]}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def work(organization_id: str, customer_id: str, seed: int, count: int) -> None:
    services = build(settings.read(os.environ, folder=Path.cwd()))
    changing = Changing(
        services=services, organization_id=organization_id, customer_id=customer_id, chance=Random(seed)
    )
    if count == 0:
        await changing.tear()
    for number in range(count):
        say(json.dumps(await changing.change(number)))
    await services.aclose()


if __name__ == "__main__":
    organization, customer, *numbers = sys.argv[1:]
    asyncio.run(work(organization, customer, *map(int, numbers)))
