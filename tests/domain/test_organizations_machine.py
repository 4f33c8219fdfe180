"""Whatever happens in whatever order: no seat is oversold, stranded or lost, and every organization keeps an owner."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select, text

from domain.audit import AuditEvent
from domain.billing import ProcessorName, Purchase
from domain.db import Session
from domain.errors import DomainError, InvitationInvalid, LastOwner
from domain.identity import Arrival, DeletionStatus
from domain.organizations import UserRef
from domain.scope import Actor, ActorKind, Role, Scope, system
from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.databases import Engine, PostgreSQL, Sqlite
from tests.support.model import INVITED, RESTORE, Offer, Refusal, Tenant
from tests.support.wired import customer_of, fake_of, wired

T = TypeVar("T")
PEOPLE = ["ann", "bob", "cat", "dan", "eve"]
PRICE = "price_team_monthly"
SYSTEM = system("machine")
person, role = st.sampled_from(PEOPLE), st.sampled_from(list(Role))
tenants = st.sampled_from(["first", "second"])


class Organizations(RuleBasedStateMachine):
    """People come and go by every road there is, in two organizations at once; a plain model says what must be."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.Runner()
        self.clock = FixedClock()
        self.services: Services = wired(self.engine.fresh(self.folder), self.clock)
        self.ids: dict[str, str] = {}
        self.tenants: dict[str, Tenant] = {}
        self.wait(self._begin())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    def teardown(self) -> None:
        self.wait(self.services.aclose())
        self.loop.close()
        shutil.rmtree(self.folder)

    async def _begin(self) -> None:
        for name in PEOPLE:
            await self._arrive(name)
        for name, founder in (("first", "ann"), ("second", "bob")):
            scope = self.scope(founder)
            made = await self.services.database.run(
                partial(self.services.organizations.create, scope=scope, name=name.title())
            )
            items = [Purchase(price_id=PRICE, quantity=3)]
            customer = await customer_of(self.services, made)
            await self.services.commands.subscribe(scope=scope, customer_id=customer, items=items)
            self.tenants[name] = Tenant(id=made.id, members={founder: Role.OWNER})
        await self._settle()

    async def _arrive(self, name: str) -> None:
        self.clock.forward(seconds=1)
        arrival = Arrival(issuer="", subject=name, email=f"{name}@example.com", name=name, issued_at=self.clock.now())
        self.ids[name] = (await self.services.users.arrive(arrival)).id

    async def _settle(self) -> None:
        """Let the worker do whatever is due."""
        while await self.services.worker.round():
            """Go on."""

    def scope(self, name: str) -> Scope:
        return Scope(actor=Actor(kind=ActorKind.USER, id=self.ids[name]))

    async def do(self, work: Callable[..., Awaitable[T]], expected: Refusal, **arguments: Any) -> T | None:
        """Run a command in one transaction and hold that it comes to what the model says."""
        # The ledger is read by time, and time stands still unless it is moved.
        self.clock.forward(milliseconds=1)
        done, refusal = None, None
        try:
            done = await self.services.database.run(partial(work, **arguments))
        except DomainError as refused:
            refusal = type(refused)
        assert refusal is expected
        return done

    async def limit(self, tenant: Tenant) -> int | None:
        async with self.services.database.snapshot() as session:
            return (await self.services.entitlements.seat_usages(session, [tenant.id]))[tenant.id].limit

    def offered(self) -> list[tuple[Tenant, str]]:
        """Name every offer that has not been ended, expired or not."""
        return [(tenant, name) for tenant in self.tenants.values() for name in tenant.offers]

    def inside(self) -> list[tuple[Tenant, str]]:
        """Name every member of every organization, deleted ones too."""
        return [(tenant, name) for tenant in self.tenants.values() for name in tenant.members]

    async def place(self, tenant: Tenant, name: str) -> str:
        query = text("SELECT id FROM memberships WHERE organization_id = :o AND user_id = :u")
        async with self.services.database.snapshot() as session:
            return str((await session.execute(query, {"o": tenant.id, "u": self.ids[name]})).scalar_one())

    @rule(where=tenants, name=person, role=role)
    def add(self, where: str, name: str, role: Role) -> None:
        self.wait(self._add(self.tenants[where], name, role))

    async def _add(self, tenant: Tenant, name: str, role: Role) -> None:
        limit, now = await self.limit_of_living(tenant), self.clock.now()
        expected = tenant.adding(name, limit, now, known=name in self.ids)
        who = UserRef(id=self.ids.get(name, f"usr_{'0' * 32}"))
        await self.do(self.services.members.add, expected, scope=SYSTEM, organization_id=tenant.id, who=who, role=role)
        if expected is None:
            tenant.end_offer(name)
            tenant.members[name] = role
            assert limit is None or len(tenant.members) + len(tenant.living(now)) <= limit

    async def limit_of_living(self, tenant: Tenant) -> int | None:
        return None if tenant.deleted else await self.limit(tenant)

    @rule(where=tenants, name=person, role=role)
    def invite(self, where: str, name: str, role: Role) -> None:
        self.wait(self._invite(self.tenants[where], name, role))

    async def _invite(self, tenant: Tenant, name: str, role: Role) -> None:
        limit, now = await self.limit_of_living(tenant), self.clock.now()
        expected = tenant.inviting(name, limit, now)
        made = await self.do(
            self.services.invitations.invite,
            expected,
            scope=SYSTEM,
            organization_id=tenant.id,
            email=f"{name}@Example.com",
            role=role,
        )
        if made is not None:
            tenant.end_offer(name)
            tenant.offers[name] = Offer(id=made.invitation.id, token=made.token, role=role, expires_at=now + INVITED)
            assert limit is None or len(tenant.members) + len(tenant.living(now)) <= limit

    @precondition(lambda self: self.offered())
    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        tenant, name = data.draw(st.sampled_from(self.offered()))
        if name not in self.ids:
            return
        expected = tenant.accepting(name, self.clock.now())
        offer = tenant.offers[name]
        accept = self.services.invitations.accept
        self.wait(self.do(accept, expected, scope=self.scope(name), token=offer.token))
        if expected is None:
            tenant.members[name] = offer.role
            tenant.end_offer(name)

    @rule(where=tenants, name=person, other=person)
    def accept_what_is_not_ones_own(self, where: str, name: str, other: str) -> None:
        tenant = self.tenants[where]
        if name == other or name not in self.ids:
            return
        tokens = [*tenant.ended[-2:], *([tenant.offers[other].token] if other in tenant.offers else [])]
        for token in tokens:
            accept = self.services.invitations.accept
            self.wait(self.do(accept, InvitationInvalid, scope=self.scope(name), token=token))

    @precondition(lambda self: self.offered())
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        tenant, name = data.draw(st.sampled_from(self.offered()))
        expected = tenant.revoking(name, self.clock.now())
        revoke = self.services.invitations.revoke
        self.wait(self.do(revoke, expected, scope=SYSTEM, invitation_id=tenant.offers[name].id))
        if expected is None:
            tenant.end_offer(name)

    @precondition(lambda self: self.inside())
    @rule(data=st.data(), alone=st.booleans())
    def remove_or_leave(self, data: st.DataObject, alone: bool) -> None:
        tenant, name = data.draw(st.sampled_from(self.inside()))
        expected = tenant.leaving(name)
        if alone:
            leave = self.services.members.leave
            self.wait(self.do(leave, expected, scope=self.scope(name), organization_id=tenant.id))
        else:
            place = self.wait(self.place(tenant, name))
            self.wait(self.do(self.services.members.remove, expected, scope=SYSTEM, membership_id=place))
        if expected is None:
            del tenant.members[name]

    @precondition(lambda self: self.inside())
    @rule(data=st.data(), role=role)
    def change_role(self, data: st.DataObject, role: Role) -> None:
        tenant, name = data.draw(st.sampled_from(self.inside()))
        expected = tenant.changing(name, role)
        place = self.wait(self.place(tenant, name))
        change = self.services.members.change_role
        self.wait(self.do(change, expected, scope=SYSTEM, membership_id=place, role=role))
        if expected is None:
            tenant.members[name] = role

    @precondition(lambda self: self.inside())
    @rule(data=st.data())
    def transfer(self, data: st.DataObject) -> None:
        tenant, to = data.draw(st.sampled_from(self.inside()))
        owners = [name for name in tenant.owners() if name != to]
        if not owners or tenant.deleted:
            return
        place = self.wait(self.place(tenant, to))
        transfer = self.services.ownership.transfer
        scope = self.scope(owners[0])
        self.wait(self.do(transfer, None, scope=scope, organization_id=tenant.id, membership_id=place))
        tenant.members[to], tenant.members[owners[0]] = Role.OWNER, Role.ADMIN

    @rule(name=person)
    def delete_user(self, name: str) -> None:
        if name not in self.ids:
            return
        living = [tenant for tenant in self.tenants.values() if not tenant.deleted]
        last = any(tenant.owners() == [name] for tenant in living)
        self.clock.forward(milliseconds=1)
        delete = self.services.deletions.delete(scope=self.scope(name), user_id=self.ids[name])
        if last:
            with pytest.raises(LastOwner):
                self.wait(delete)
            return
        assert self.wait(delete) is DeletionStatus.DONE
        del self.ids[name]
        for tenant in self.tenants.values():
            tenant.members.pop(name, None)

    @rule(name=person)
    def come_back(self, name: str) -> None:
        if name not in self.ids:
            self.wait(self._arrive(name))

    @rule(where=tenants, surely=st.integers(0, 3))
    def delete_organization(self, where: str, surely: int) -> None:
        tenant = self.tenants[where]
        # Rarer than all else, or little would ever happen in a living one.
        if tenant.deleted or surely:
            return
        self.wait(self.do(self.services.standing.delete, None, scope=SYSTEM, organization_id=tenant.id))
        tenant.restorable_until = self.clock.now() + RESTORE
        for name in list(tenant.offers):
            tenant.end_offer(name)

    @rule(where=tenants)
    def restore_organization(self, where: str) -> None:
        tenant = self.tenants[where]
        if not tenant.deleted:
            return
        expected = tenant.restoring(self.clock.now())
        restore = self.services.standing.restore
        self.wait(self.do(restore, expected, scope=SYSTEM, organization_id=tenant.id))
        if expected is None:
            tenant.restorable_until = None

    @rule(where=tenants, quantity=st.integers(1, 6))
    def change_the_limit(self, where: str, quantity: int) -> None:
        tenant = self.tenants[where]
        if not tenant.deleted:
            self.wait(self._buy(tenant, quantity))

    async def _buy(self, tenant: Tenant, quantity: int) -> None:
        fake = fake_of(self.services)
        query = text(
            "SELECT processor_id FROM billing_subscriptions s JOIN customers c ON c.id = s.customer_id"
            " WHERE c.owner_id = :o AND s.status = 'active'"
        )
        async with self.services.database.snapshot() as session:
            found = (await session.execute(query, {"o": tenant.id})).scalar_one_or_none()
        if found is None:
            return
        # Two different states in one second would be ambiguous.
        self.clock.forward(seconds=2)
        body = await fake.replace_items(found, [Purchase(price_id=PRICE, quantity=quantity)])
        await self.services.inbox.receive(ProcessorName.FAKE, body, fake.sign(body))
        await self._settle()

    @rule(hours=st.sampled_from([1, 24, 24 * 7]))
    def time_passes(self, hours: int) -> None:
        self.clock.forward(hours=hours)

    @rule()
    @precondition(lambda self: self.tenants)
    def the_worker_comes_round(self) -> None:
        self.wait(self._settle())
        for tenant in self.tenants.values():
            until = tenant.restorable_until
            if until is not None and until < self.clock.now():
                tenant.gone, tenant.members, tenant.offers = True, {}, {}

    @invariant()
    def all_tables_say_what_the_model_says(self) -> None:
        self.wait(self._check())

    async def _check(self) -> None:
        async with self.services.database.snapshot() as session:
            for tenant in self.tenants.values():
                await self._check_members(session, tenant)
                await self._check_seats(session, tenant)

    async def _check_members(self, session: Session, tenant: Tenant) -> None:
        rows = await session.execute(
            text("SELECT user_id, role FROM memberships WHERE organization_id = :o"), {"o": tenant.id}
        )
        found = {user: Role(role) for user, role in rows}
        assert found == {self.ids[name]: role for name, role in tenant.members.items()}
        assert tenant.deleted or tenant.owners()
        assert await self._remembered(session, tenant) == found

    async def _remembered(self, session: Session, tenant: Tenant) -> dict[str, Role]:
        """Read who is in from the ledger alone."""
        query = select(AuditEvent).where(AuditEvent.organization_id == tenant.id)
        found: dict[str, Role] = {}
        for event in (await session.scalars(query.order_by(AuditEvent.occurred_at, AuditEvent.id))).all():
            after, before = event.after or {}, event.before or {}
            match event.action:
                case "organization.created":
                    found[after["owner_id"]] = Role.OWNER
                case "membership.added" | "invitation.accepted":
                    found[after["user_id"]] = Role(after["role"])
                case "membership.removed" | "membership.left":
                    del found[before["user_id"]]
                case "membership.role_changed":
                    found[after["user_id"]] = Role(after["role"])
                case "ownership.transferred":
                    found |= {user: Role(role) for user, role in after["roles"].items()}
        return found

    async def _check_seats(self, session: Session, tenant: Tenant) -> None:
        counted = await session.execute(
            text(
                "SELECT used, (SELECT count(*) FROM seat_holders h WHERE h.organization_id = p.organization_id)"
                " FROM seat_pools p WHERE organization_id = :o"
            ),
            {"o": tenant.id},
        )
        pools = counted.all()
        assert all(used == holders for used, holders in pools)
        if tenant.gone:
            assert all(used == 0 for used, _ in pools)
            return
        usage = (await self.services.entitlements.seat_usages(session, [tenant.id]))[tenant.id]
        assert (usage.used, usage.reserved) == (len(tenant.members), len(tenant.living(self.clock.now())))


def _run(engine: Engine, *, examples: int) -> None:
    Organizations.engine = engine
    run_state_machine_as_test(
        Organizations,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_any_history_keeps_seats_owners_and_the_ledger_right_on_sqlite(sqlite: Sqlite) -> None:
    _run(sqlite, examples=6)


def test_any_history_keeps_seats_owners_and_the_ledger_right_on_postgresql(postgresql: PostgreSQL) -> None:
    _run(postgresql, examples=4)
