"""Whatever comes and goes in whatever order, the counter equals the holders, and nobody takes more than the limit."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from domain.billing import Customer, Owner, OwnerKind, create_customer
from domain.db import Database, Session, open_database
from domain.entitlements import UNLIMITED, Counting, Entitlements, InForce, catalog
from domain.entitlements.counting import CountedHolder
from domain.errors import LimitReached
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite

T = TypeVar("T")
HOLDERS = [f"prj_{number}" for number in range(5)]


def catalog_of(limit: int) -> InForce:
    written = '"unlimited"' if limit == UNLIMITED else limit
    return InForce(catalog.parse({"c": f"[default]\nlimits = {{ seats = 1, projects = {written} }}"}))


class Projects(RuleBasedStateMachine):
    """Projects come, fail half-way and go, and the limit moves; a plain set says what must be."""

    template: Sqlite

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.Runner()
        self.limit = 2
        self.held: set[str] = set()
        self.counting = self.wait(self._open())

    @property
    def database(self) -> Database:
        return self.counting.entitlements.database

    async def _open(self) -> Counting:
        database, clock = open_database(self.template.fresh(self.folder)), FixedClock()
        owner = Owner(kind=OwnerKind.ORGANIZATION, id="org_1")
        self.customer: Customer = await database.run(lambda s: create_customer(s, owner=owner, at=clock.now()))
        entitlements = Entitlements(database=database, clock=clock, in_force=catalog_of(self.limit))
        return Counting(entitlements=entitlements, keys=frozenset({"projects"}))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    def teardown(self) -> None:
        self.wait(self.database.aclose())
        self.loop.close()
        shutil.rmtree(self.folder)

    @rule(holder=st.sampled_from(HOLDERS))
    def come(self, holder: str) -> None:
        claim = self.database.run(lambda s: self.counting.claim(s, self.customer, "projects", holder=holder))
        if holder not in self.held and len(self.held) >= self.limit:
            with pytest.raises(LimitReached):
                self.wait(claim)
            return
        self.wait(claim)
        self.held.add(holder)

    @rule(holder=st.sampled_from(HOLDERS), swallowed=st.booleans())
    def fail_half_way(self, holder: str, swallowed: bool) -> None:
        """Claim and fail, in the block or in the whole transaction; nothing is taken by it."""

        async def half(session: Session) -> None:
            async with self.counting.limited(session, self.customer, "projects", holder=holder):
                raise RuntimeError

        async def work(session: Session) -> None:
            if not swallowed:
                await half(session)
            with pytest.raises((RuntimeError, LimitReached)):
                await half(session)

        try:
            self.wait(self.database.run(work))
        except (RuntimeError, LimitReached):
            assert not swallowed

    @rule(holder=st.sampled_from(HOLDERS))
    def go(self, holder: str) -> None:
        self.wait(self.database.run(lambda s: self.counting.release(s, self.customer, "projects", holder=holder)))
        self.held.discard(holder)

    @rule(limit=st.sampled_from([1, 2, 4, UNLIMITED]))
    def change_the_limit(self, limit: int) -> None:
        self.limit = limit
        self.counting.entitlements.in_force.replace(catalog_of(limit).catalog)

    @invariant()
    def the_counter_equals_the_holders(self) -> None:
        self.wait(self._check())

    async def _check(self) -> None:
        async with self.database.snapshot() as session:
            used = (await self.counting.used(session, [self.customer.id]))[self.customer.id]
            holders = set(await session.scalars(select(CountedHolder.holder_id)))
        assert holders == self.held
        assert used == {"projects": len(self.held)}


def test_the_counter_equals_the_holders_after_any_history(sqlite: Sqlite) -> None:
    Projects.template = sqlite

    run_state_machine_as_test(
        Projects,
        settings=settings(
            max_examples=15,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
