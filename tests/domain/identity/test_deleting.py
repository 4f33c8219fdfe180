"""Deleting a user: who may, what keeps one, what is left, and that a crash between any two steps is made up for."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.billing import seats
from domain.db import Database, Session
from domain.errors import (
    CallbackRefused,
    IdempotencyInProgress,
    IdempotencyMismatch,
    LastOwner,
    NotFound,
    Refused,
    Unavailable,
)
from domain.hooks import Irrevocable, LifecycleHook, Undecided
from domain.idempotency import Call
from domain.identity import Deletions, DeletionStatus, Person
from domain.identity.going import LEASE, Progress
from domain.identity.models import DeletionStage
from domain.organizations import Organization, UserRef
from domain.scope import Role, Scope, system
from domain.settings import OnCancelFailure
from domain.wiring import Services
from tests.support.clock import FixedClock
from tests.support.leaving import TEAM, audited, deletion_row, user_row
from tests.support.tables import scalar, unchanged
from tests.support.triggers import accept_inserts, refuse_inserts
from tests.support.wired import customer_of, member, organization, user

ADMINISTRATOR = system("test")
DONE, PENDING, ABORTED = DeletionStatus.DONE, DeletionStatus.PENDING, DeletionStatus.ABORTED
NOBODY = f"usr_{'0' * 32}"


class Deed(LifecycleHook):
    """A host's deed outside: raises what it was given, one by one, and then succeeds."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.told: list[tuple[str, Any]] = []

    async def check(self, *, session: Any, user: Any, scope: Scope) -> None:
        self.told.append(("check", user.id))

    async def perform(self, *, user: Any, operation_id: str) -> None:
        self.told.append(("perform", operation_id))
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error

    async def apply(self, *, session: Any, user: Any, scope: Scope) -> None:
        self.told.append(("apply", user.id))

    @property
    def steps(self) -> list[str]:
        return [step for step, _ in self.told]


@pytest.fixture
async def ann(services: Services) -> Scope:
    return await user(services, "ann")


def with_hooks(services: Services, *hooks: LifecycleHook, **changes: Any) -> Deletions:
    """Let these hooks of a host run before our own."""
    return replace(services.deletions, hooks=(*hooks, *services.deletions.hooks), **changes)


async def delete(services: Services, scope: Scope, who: Scope | str | None = None) -> DeletionStatus:
    whom = scope if who is None else who
    id = whom.actor.id if isinstance(whom, Scope) else whom
    return await services.deletions.delete(scope=scope, user_id=id)


def call(clock: FixedClock, scope: Scope, key: str = "once", digest: str = "same") -> Call:
    return Call(actor_id=scope.actor.id, operation="deleteUser", key=key, digest=digest, now=clock.now())


async def keys(database: Database) -> Any:
    return await scalar(database, "SELECT count(*) FROM idempotency_keys")


class TestWhoMay:
    async def test_oneself_and_administrators(self, services: Services, ann: Scope) -> None:
        bob = await user(services, "bob")

        assert await delete(services, ann) is DONE
        assert await delete(services, ADMINISTRATOR, bob) is DONE
        assert await scalar(services.database, "SELECT count(*) FROM users") == 0

    async def test_for_others_a_user_is_as_good_as_not_there(self, services: Services, ann: Scope) -> None:
        bob = await user(services, "bob")
        gone = await user(services, "cy")
        await delete(services, gone)

        refusals = []
        async with unchanged(services.database):
            for who in (bob.actor.id, gone.actor.id, NOBODY, "", "x"):
                with pytest.raises(NotFound) as refused:
                    await delete(services, ann, who)
                refusals.append((refused.value.message, refused.value.path))
            with pytest.raises(NotFound):
                await delete(services, ADMINISTRATOR, NOBODY)

        assert set(map(str, refusals)) == {str(("There is no such user.", ["input", "userId"]))}

    async def test_asking_again_tells_that_it_is_done(self, services: Services, ann: Scope) -> None:
        await delete(services, ann)

        async with unchanged(services.database):
            assert await delete(services, ADMINISTRATOR, ann) is DONE


class TestWhatKeepsAUser:
    async def test_a_host_that_refuses_leaves_everything_as_it_was(self, services: Services, ann: Scope) -> None:
        class Refusing(LifecycleHook):
            async def check(self, **_: Any) -> None:
                raise Refused("holds a lease")

        after = Deed()

        async with unchanged(services.database):
            with pytest.raises(CallbackRefused) as refused:
                await with_hooks(services, Refusing(), after).delete(scope=ann, user_id=ann.actor.id)

        assert (refused.value.operation, refused.value.step) == ("deleteUser", "on_delete")
        assert refused.value.reason == "holds a lease"
        assert after.told == []

    async def test_a_check_that_takes_too_long_is_a_refusal(self, services: Services, ann: Scope) -> None:
        class Slow(LifecycleHook):
            async def check(self, **_: Any) -> None:
                await asyncio.Event().wait()

        async with unchanged(services.database):
            with pytest.raises(CallbackRefused, match="refused") as refused:
                await with_hooks(services, Slow(), check_seconds=0.2).delete(scope=ann, user_id=ann.actor.id)

        assert refused.value.reason == "timeout"

    async def test_the_last_owner_of_a_living_organization_stays(self, services: Services, ann: Scope) -> None:
        acme = await organization(services, ann)
        await member(services, acme, await user(services, "bob"), Role.ADMIN)

        async with unchanged(services.database):
            with pytest.raises(LastOwner) as refused:
                await delete(services, ann)

        assert refused.value.organization_id == acme.id

    async def test_an_owner_who_is_being_deleted_is_no_owner_for_the_others(
        self, services: Services, ann: Scope
    ) -> None:
        acme, bob = await organization(services, ann), await user(services, "bob")
        await member(services, acme, bob, Role.OWNER)
        async with services.database.transaction() as session:
            await services.deletions.begin(session, scope=ann, user_id=ann.actor.id)

        async with unchanged(services.database):
            with pytest.raises(LastOwner):
                await delete(services, bob)
            mine = await scalar(
                services.database, "SELECT id FROM memberships WHERE user_id = :user", user=bob.actor.id
            )
            with pytest.raises(LastOwner):
                async with services.database.transaction() as session:
                    await services.members.remove(session, scope=bob, membership_id=mine)

    async def test_of_two_owners_who_go_at_once_one_stays(self, services: Services, ann: Scope) -> None:
        acme, bob = await organization(services, ann), await user(services, "bob")
        await member(services, acme, bob, Role.OWNER)

        outcomes = await asyncio.gather(delete(services, ann), delete(services, bob), return_exceptions=True)

        assert sorted(map(type, outcomes), key=str) == sorted([DeletionStatus, LastOwner], key=str)
        assert await scalar(services.database, "SELECT count(*) FROM memberships") == 1

    async def test_a_deleted_organization_keeps_nobody(self, services: Services, ann: Scope) -> None:
        await organization(services, ann)
        async with services.database.transaction() as session:
            acme = await services.reading(ADMINISTRATOR).organization(session, slug="acme")
            assert acme is not None
            acme.deleted_at = services.clock.now()

        assert await delete(services, ann) is DONE
        assert await scalar(services.database, "SELECT count(*) FROM memberships") == 0


async def test_who_is_added_while_they_go_is_out_again_or_never_came_in(services: Services, ann: Scope) -> None:
    bob = await user(services, "bob")
    homes = [await organization(services, bob, f"Home {number}") for number in range(6)]
    for home in homes:
        await services.commands.subscribe(scope=bob, customer_id=await customer_of(services, home), items=TEAM)

    async def add(home: Organization) -> None:
        async def added(session: Session) -> None:
            who = UserRef(email="ann@example.com")
            await services.members.add(session, scope=ADMINISTRATOR, organization_id=home.id, who=who, role=Role.MEMBER)

        with contextlib.suppress(NotFound):
            await services.database.run(added)

    await asyncio.gather(*map(add, homes[:3]), delete(services, ann), *map(add, homes[3:]))

    assert await user_row(services, ann) is None
    assert await scalar(services.database, "SELECT count(*) FROM memberships") == len(homes)
    assert await scalar(services.database, "SELECT count(*) FROM seat_holders") == len(homes)
    assert await scalar(services.database, "SELECT sum(used) FROM seat_pools") == len(homes)


async def unlimited(*_: object) -> None:
    """Let a seat be taken whatever has been paid for."""


async def test_what_is_left_of_a_user_names_nobody(services: Services, ann: Scope) -> None:
    bob = await user(services, "bob")
    homes = [await organization(services, bob, name) for name in ("Acme", "Bolt")]
    for home in homes:
        await member(services, home, ann, Role.ADMIN)
        async with services.database.transaction() as session:
            holder = seats.member(ann.actor.id)
            await seats.claim(
                session, organization_id=home.id, holder=holder, limit=unlimited, now=services.clock.now()
            )

    status = await delete(services, ann)

    assert status is DONE
    assert await user_row(services, ann) is None
    for column in ("memberships WHERE user_id", "seat_holders WHERE holder_id"):
        assert await scalar(services.database, f"SELECT count(*) FROM {column} = :user", user=ann.actor.id) == 0
    assert await scalar(services.database, "SELECT max(used) FROM seat_pools") == 1
    row = await deletion_row(services, ann)
    assert (row.stage, row.person, row.due_at, row.finished_at) == (
        DeletionStage.DONE,
        None,
        None,
        services.clock.now(),
    )
    assert await audited(services, "membership.removed", "user.deletion_started", "user.deleted") == [
        "membership.removed",
        "membership.removed",
        "user.deleted",
        "user.deletion_started",
    ]


async def test_hooks_run_in_order_each_in_its_step(services: Services, ann: Scope) -> None:
    first, second = Deed(), Deed()

    await with_hooks(services, first, second).delete(scope=ann, user_id=ann.actor.id)

    assert first.steps == second.steps == ["check", "perform", "apply"]
    assert first.told[1] == second.told[1]


async def test_who_acts_outside_is_given_a_plain_copy(services: Services, ann: Scope) -> None:
    given: list[Any] = []

    class Noting(LifecycleHook):
        async def perform(self, *, user: Any, operation_id: str) -> None:
            given.append(user)

    await with_hooks(services, Noting()).delete(scope=ann, user_id=ann.actor.id)

    [person] = given
    assert isinstance(person, Person)
    told = person.id, person.issuer, person.subject, person.email, person.name
    assert told == (ann.actor.id, "test", "ann", "ann@example.com", "ann")


class TestFailures:
    async def test_before_anything_is_done_a_failure_brings_the_user_back(self, services: Services, ann: Scope) -> None:
        status = await with_hooks(services, Deed(OSError())).delete(scope=ann, user_id=ann.actor.id)

        row, deletion = await user_row(services, ann), await deletion_row(services, ann)
        assert status is ABORTED
        assert row is not None
        assert row.deleting_at is None
        assert (deletion.stage, deletion.person, deletion.due_at) == (DeletionStage.ABORTED, None, None)
        assert await audited(services) == ["user.deletion_aborted", "user.deletion_started", "user.registered"]

    @pytest.mark.parametrize("error", [Irrevocable(), Undecided(), TimeoutError(), Unavailable()])
    async def test_in_doubt_and_past_return_it_is_pending_and_the_worker_goes_on(
        self, services: Services, ann: Scope, clock: FixedClock, error: Exception
    ) -> None:
        deed = Deed(error)
        deletions = with_hooks(services, deed)

        status = await deletions.delete(scope=ann, user_id=ann.actor.id)
        too_early = await deletions.finish_due()
        clock.forward(seconds=2)
        in_time = await deletions.finish_due()

        assert (status, too_early, in_time) == (PENDING, 0, 1)
        assert deed.steps == ["check", "perform", "perform", "apply"]
        assert deed.told[1] == deed.told[2]
        assert await user_row(services, ann) is None

    async def test_a_doubt_that_turns_out_as_a_failure_brings_the_user_back(
        self, services: Services, ann: Scope, clock: FixedClock
    ) -> None:
        deletions = with_hooks(services, Deed(Undecided(), OSError()))

        await deletions.delete(scope=ann, user_id=ann.actor.id)
        clock.forward(seconds=2)
        await deletions.finish_due()

        assert (await deletion_row(services, ann)).stage is DeletionStage.ABORTED

    async def test_after_another_hooks_deed_there_is_no_way_back_even_for_a_later_process(
        self, services: Services, ann: Scope, clock: FixedClock
    ) -> None:
        first, second = Deed(None, OSError()), Deed(OSError(), OSError())
        deletions = with_hooks(services, first, second)

        status = await deletions.delete(scope=ann, user_id=ann.actor.id)
        for _ in range(3):
            clock.forward(seconds=10)
            await deletions.finish_due()

        assert status is PENDING
        assert await user_row(services, ann) is None
        assert "user.deletion_aborted" not in await audited(services)

    async def test_a_deed_that_hangs_is_answered_in_time_and_finished_behind_the_answer(
        self, services: Services, ann: Scope
    ) -> None:
        go_on = asyncio.Event()

        class Slow(LifecycleHook):
            async def perform(self, **_: Any) -> None:
                await go_on.wait()

        deletions = with_hooks(services, Slow(), answer_seconds=0.3)

        status = await deletions.delete(scope=ann, user_id=ann.actor.id)
        meanwhile = await user_row(services, ann)
        go_on.set()
        await asyncio.wait(services.database._running)

        assert status is PENDING
        assert meanwhile is not None
        assert await user_row(services, ann) is None

    async def test_applying_that_fails_is_tried_again(self, services: Services, ann: Scope, clock: FixedClock) -> None:
        deed = Deed()
        await refuse_inserts(services.database, "user_tombstones")
        deletions = with_hooks(services, deed)

        status = await deletions.delete(scope=ann, user_id=ann.actor.id)
        half = await deletion_row(services, ann)
        await accept_inserts(services.database, "user_tombstones")
        clock.forward(seconds=2)
        await deletions.finish_due()

        assert (status, half.stage) == (PENDING, DeletionStage.PERFORMED)
        assert deed.steps == ["check", "perform", "apply", "apply"]
        assert await user_row(services, ann) is None

    async def test_when_it_shall_proceed_the_user_goes_first_and_the_deeds_follow_from_what_is_kept(
        self, services: Services, ann: Scope, clock: FixedClock
    ) -> None:
        deed = Deed(OSError(), Undecided())
        deletions = with_hooks(services, deed, policy=OnCancelFailure.PROCEED)

        status = await deletions.delete(scope=ann, user_id=ann.actor.id)
        kept = (await deletion_row(services, ann)).person
        for _ in range(3):
            clock.forward(seconds=10)
            await deletions.finish_due()

        assert status is DONE
        assert kept is not None
        assert deed.steps == ["check", "apply", "perform", "perform", "perform"]
        assert len({told for step, told in deed.told if step == "perform"}) == 1
        row = await deletion_row(services, ann)
        assert (row.person, row.due_at) == (None, None)


class TestCrashes:
    """Somebody stops after some steps, and another process takes the deletion up when the lease has run out."""

    async def steps(self, services: Services, deletions: Deletions, scope: Scope, count: int) -> Progress:
        async with services.database.transaction() as session:
            progress = await deletions.begin(session, scope=scope, user_id=scope.actor.id)
        for _ in range(count):
            progress = await deletions.step(progress)
        return progress

    @pytest.mark.parametrize("policy", OnCancelFailure)
    @pytest.mark.parametrize("count", [0, 1, 2])
    async def test_it_is_taken_up_after_any_step(
        self, services: Services, ann: Scope, clock: FixedClock, policy: OnCancelFailure, count: int
    ) -> None:
        deed = Deed()
        deletions = with_hooks(services, deed, policy=policy)

        await self.steps(services, deletions, ann, count)
        too_early = await deletions.finish_due()
        clock.forward(seconds=LEASE.total_seconds())
        await deletions.finish_due()

        assert too_early == 0
        assert await user_row(services, ann) is None
        row = await deletion_row(services, ann)
        assert (row.stage, row.person, row.due_at) == (DeletionStage.DONE, None, None)
        assert deed.steps.count("perform") == deed.steps.count("apply") == 1
        assert await audited(services) == ["user.deleted", "user.deletion_started", "user.registered"]

    @pytest.mark.parametrize("count", [0, 1])
    async def test_whoever_has_lost_the_lease_changes_nothing_any_more(
        self, services: Services, ann: Scope, clock: FixedClock, count: int
    ) -> None:
        deed = Deed()
        deletions = with_hooks(services, deed)
        slow = await self.steps(services, deletions, ann, count)
        clock.forward(seconds=LEASE.total_seconds())
        await deletions.finish_due()

        async with unchanged(services.database):
            for error in (None, OSError(), Irrevocable()):
                deed.errors = [error]
                late = await deletions.step(slow)
                assert (late.status, late.leased) == (DONE, False)

    async def test_two_workers_take_one_deletion_up_once(
        self, services: Services, ann: Scope, clock: FixedClock
    ) -> None:
        deed = Deed()
        deletions = with_hooks(services, deed)
        await self.steps(services, deletions, ann, 0)
        clock.forward(seconds=LEASE.total_seconds())

        taken = await asyncio.gather(*(deletions.finish_due() for _ in range(4)))

        assert sum(taken) == deed.steps.count("perform") == 1

    async def test_waits_grow_to_an_hour(self, services: Services, ann: Scope, clock: FixedClock) -> None:
        deletions = with_hooks(services, Deed(*[Undecided()] * 20))
        await deletions.delete(scope=ann, user_id=ann.actor.id)

        waits = []
        for _ in range(14):
            due = (await deletion_row(services, ann)).due_at
            assert due is not None
            waits.append(due - clock.now())
            clock.forward(seconds=waits[-1].total_seconds())
            await deletions.finish_due()

        assert waits[:3] == [timedelta(seconds=2), timedelta(seconds=4), timedelta(seconds=8)]
        assert waits[-1] == timedelta(hours=1)


class TestIdempotencyKeys:
    async def test_what_is_done_is_kept_and_told_again(self, services: Services, ann: Scope, clock: FixedClock) -> None:
        deed = Deed()
        deletions = with_hooks(services, deed)
        first = await deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=call(clock, ADMINISTRATOR))

        async with unchanged(services.database):
            again = await deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=call(clock, ADMINISTRATOR))
            with pytest.raises(IdempotencyMismatch):
                await deletions.delete(
                    scope=ADMINISTRATOR, user_id=ann.actor.id, call=call(clock, ADMINISTRATOR, digest="other")
                )

        assert (first, again) == (DONE, DONE)
        assert deed.steps.count("perform") == 1

    async def test_pending_is_kept_and_asking_again_tells_how_far_it_is_by_then(
        self, services: Services, ann: Scope, clock: FixedClock
    ) -> None:
        deletions = with_hooks(services, Deed(Undecided()))
        told = []

        for key in ("once", "once", "twice"):
            made = call(clock, ADMINISTRATOR, key)
            told.append(await deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=made))
        clock.forward(seconds=10)
        await deletions.finish_due()
        for key in ("once", "twice"):
            made = call(clock, ADMINISTRATOR, key)
            told.append(await deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=made))

        assert told == [PENDING, PENDING, PENDING, DONE, DONE]

    async def test_before_the_first_answer_a_twin_is_told_to_wait(
        self, services: Services, ann: Scope, clock: FixedClock
    ) -> None:
        made = call(clock, ADMINISTRATOR)
        async with services.database.transaction() as session:
            await services.deletions.begin(session, scope=ADMINISTRATOR, user_id=ann.actor.id, call=made)

        with pytest.raises(IdempotencyInProgress):
            await services.deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=made)
        clock.forward(seconds=LEASE.total_seconds())
        await services.deletions.finish_due()

        assert await services.deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=made) is DONE

    async def test_an_abort_frees_the_key_and_a_refusal_never_takes_it(
        self, services: Services, ann: Scope, clock: FixedClock
    ) -> None:
        deletions = with_hooks(services, Deed(OSError()))
        made = call(clock, ADMINISTRATOR)

        aborted = await deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=made)
        freed = await keys(services.database)
        with pytest.raises(NotFound):
            await deletions.delete(scope=ADMINISTRATOR, user_id=NOBODY, call=made)
        refused = await keys(services.database)
        again = await deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=made)

        assert (aborted, freed, refused, again) == (ABORTED, 0, 0, DONE)

    async def test_a_key_that_told_of_a_deletion_never_begins_another(
        self, services: Services, ann: Scope, clock: FixedClock
    ) -> None:
        deletions = with_hooks(services, Deed(Undecided(), OSError()))
        first, second = (call(clock, ADMINISTRATOR, key) for key in ("first", "second"))
        for made in (first, second):
            await deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=made)
        clock.forward(seconds=10)
        await deletions.finish_due()

        told = await deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=second)

        assert told is ABORTED
        assert await user_row(services, ann) is not None

    async def test_a_pruned_key_stops_no_worker(self, services: Services, ann: Scope, clock: FixedClock) -> None:
        deletions = with_hooks(services, Deed(Undecided()))
        await deletions.delete(scope=ADMINISTRATOR, user_id=ann.actor.id, call=call(clock, ADMINISTRATOR))
        async with services.database.transaction() as session:
            await call(clock, ADMINISTRATOR).forget(session)
        clock.forward(seconds=10)

        await deletions.finish_due()

        assert await user_row(services, ann) is None
        assert await keys(services.database) == 0
