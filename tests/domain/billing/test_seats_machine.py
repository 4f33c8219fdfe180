"""Whatever happens in whatever order, the counter equals the holder rows and nobody comes in over the limit."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from domain.billing import seats
from domain.billing.seats import Holder, SeatPool
from domain.db import open_database
from domain.errors import SeatLimitReached
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite

T = TypeVar("T")
ORGANIZATION = "org_1"
USERS = [f"usr_{number}" for number in range(6)]


def invited(user: str, expires_at: datetime | None = None) -> Holder:
    return seats.invited(organization_id=ORGANIZATION, email=f"{user}@example.com", expires_at=expires_at)


class Seats(RuleBasedStateMachine):
    """Members come and go, the limit moves, the invited accept or let it expire; a plain model says what must be."""

    template: Sqlite

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.Runner()
        self.database = self.loop.run(self._open())
        self.clock = FixedClock()
        self.limit: int | None = 3
        self.members = {"usr_owner"}
        self.invitations: dict[str, datetime] = {}

    async def _open(self) -> Any:
        database = open_database(self.template.fresh(self.folder))
        await database.run(lambda s: seats.found(s, organization_id=ORGANIZATION, user_id="usr_owner"))
        return database

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    def teardown(self) -> None:
        self.wait(self.database.aclose())
        self.loop.close()
        shutil.rmtree(self.folder)

    async def seats_now(self, *_: object) -> int | None:
        return self.limit

    def claim(self, holder: Holder) -> bool:
        """Claim as the model says it must go, and say whether a seat was free."""
        living = self.living()
        full = self.limit is not None and len(self.members) + len(living) >= self.limit
        claim = self.database.run(
            lambda s: seats.claim(
                s, organization_id=ORGANIZATION, holder=holder, limit=self.seats_now, now=self.clock.now()
            )
        )
        if full:
            # The refusal undoes everything, so what has expired is not let go either.
            with pytest.raises(SeatLimitReached):
                self.wait(claim)
            return False
        self.wait(claim)
        self.invitations = living
        return True

    def living(self) -> dict[str, datetime]:
        return {user: at for user, at in self.invitations.items() if at > self.clock.now()}

    @rule(user=st.sampled_from(USERS))
    def add(self, user: str) -> None:
        if user not in self.members and user not in self.invitations and self.claim(seats.member(user)):
            self.members.add(user)

    @rule(user=st.sampled_from(USERS))
    def remove(self, user: str) -> None:
        self.release(seats.member(user))
        self.members.discard(user)

    def release(self, holder: Holder) -> None:
        self.wait(self.database.run(lambda s: seats.release(s, organization_id=ORGANIZATION, holder=holder)))

    @rule(limit=st.none() | st.integers(0, 6))
    def change_the_limit(self, limit: int | None) -> None:
        self.limit = limit

    @rule(user=st.sampled_from(USERS), minutes=st.integers(1, 90))
    def invite(self, user: str, minutes: int) -> None:
        """Invite, or invite again: what was offered before ends first."""
        if user in self.members:
            return
        self.end(user)
        expires_at = self.clock.now() + timedelta(minutes=minutes)
        if self.claim(invited(user, expires_at)):
            self.invitations[user] = expires_at

    @rule(user=st.sampled_from(USERS))
    def accept(self, user: str) -> None:
        """Accept what is living, whatever the limit says by now."""
        if user in self.members or user not in self.living():
            return
        held = invited(user)
        self.wait(
            self.database.run(lambda s: seats.turn(s, organization_id=ORGANIZATION, invitation=held, user_id=user))
        )
        del self.invitations[user]
        self.members.add(user)

    @rule(user=st.sampled_from(USERS))
    def end(self, user: str) -> None:
        """Revoke, supersede, or find expired."""
        self.release(invited(user))
        self.invitations.pop(user, None)

    @rule(minutes=st.integers(1, 60))
    def time_passes(self, minutes: int) -> None:
        self.clock.forward(minutes=minutes)

    @invariant()
    def the_counter_equals_the_holders_and_the_count_adds_up(self) -> None:
        self.wait(self._check())

    async def _check(self) -> None:
        async with self.database.snapshot() as session:
            pool = await session.get_one(SeatPool, ORGANIZATION)
            counted = (await seats.counts(session, [ORGANIZATION], now=self.clock.now()))[ORGANIZATION]
        assert pool.used == len(self.members) + len(self.invitations)
        assert counted.used == len(self.members)
        assert counted.reserved == sum(at > self.clock.now() for at in self.invitations.values())


def test_the_counter_equals_the_holders_after_any_history(sqlite: Sqlite) -> None:
    Seats.template = sqlite

    run_state_machine_as_test(
        Seats,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
