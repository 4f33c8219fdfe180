"""Fresh proofs: asked for where the adapter can, right once, given back when the deed fails, and wrong five times."""

import asyncio
from typing import Any

import pytest

from domain.db import Database, Session
from domain.errors import DomainError, NotFound, RateLimited, StepUpRequired, Unauthenticated
from domain.identity import StepUp, prune_proofs
from domain.scope import Scope, system
from domain.wiring import Services
from tests.support.adapters import CarefulHost, Host
from tests.support.clock import FixedClock
from tests.support.tables import execute, scalar, unchanged
from tests.support.wired import user

ACTION = "deleteOrganization"
RIGHT, WRONG = {"word": "right"}, {"word": "wrong"}


@pytest.fixture
def host() -> CarefulHost:
    return CarefulHost()


@pytest.fixture
def step_up(database: Database, clock: FixedClock, host: CarefulHost) -> StepUp:
    return StepUp(database=database, clock=clock, adapter=host)


@pytest.fixture
async def ann(services: Services) -> Scope:
    return await user(services, "ann")


async def deed(
    step_up: StepUp, scope: Scope, proof: Any = None, *, action: str = ACTION, fails: DomainError | None = None
) -> str:
    """Do something that asks for a proof, as a mutation would, and leave a mark."""

    async def body(session: Session) -> str:
        await step_up.require(session, scope=scope, action=action, proof=proof)
        if fails is not None:
            raise fails
        return "done"

    async with step_up.counted(scope=scope, proof=proof):
        return await step_up.database.run(body)


async def refused(step_up: StepUp, scope: Scope, proof: Any = None, **how: Any) -> StepUpRequired:
    async with unchanged(step_up.database):
        with pytest.raises(StepUpRequired) as caught:
            await deed(step_up, scope, proof, **how)
    return caught.value


async def tries(database: Database) -> int | None:
    found: int | None = await scalar(database, "SELECT tries FROM rate_counts")
    return found


@pytest.mark.parametrize("adapter", [None, Host()])
async def test_without_step_up_everybody_passes_whatever_they_send(
    database: Database, clock: FixedClock, ann: Scope, adapter: Host | None
) -> None:
    async with unchanged(database):
        for proof in (None, WRONG):
            assert await deed(StepUp(database=database, clock=clock, adapter=adapter), ann, proof) == "done"


async def test_without_a_proof_a_challenge_is_made_and_nothing_is_counted(
    step_up: StepUp, ann: Scope, host: CarefulHost, database: Database
) -> None:
    first, second = await refused(step_up, ann), await refused(step_up, ann, action="deleteUser")

    assert (first.action, first.challenge) == (ACTION, {"number": 1})
    assert (second.action, second.challenge) == ("deleteUser", {"number": 2})
    assert first.path == ["input", "stepUp"]
    assert host.challenges == [(ann.actor.id, ACTION), (ann.actor.id, "deleteUser")]
    assert await tries(database) is None


async def test_a_wrong_proof_gets_a_fresh_challenge_and_is_counted(
    step_up: StepUp, ann: Scope, host: CarefulHost, database: Database
) -> None:
    refusal = await refused(step_up, ann, WRONG)

    assert refusal.challenge == {"number": 1}
    assert host.looked_at == [(ACTION, WRONG)]
    assert await tries(database) == 1


@pytest.mark.parametrize("proof", ["", 0, False, [], {}, "right", {"word": None}])
async def test_whatever_is_sent_is_a_proof_and_wrong(
    step_up: StepUp, ann: Scope, proof: Any, database: Database
) -> None:
    await refused(step_up, ann, proof)

    assert await tries(database) == 1


async def test_a_right_proof_opens_once_and_for_no_other_action(
    step_up: StepUp, ann: Scope, host: CarefulHost, database: Database
) -> None:
    opened = await deed(step_up, ann, RIGHT)
    again = await refused(step_up, ann, RIGHT)
    elsewhere = await refused(step_up, ann, {"word": "right"}, action="deleteUser")

    assert opened == "done"
    assert [again.challenge, elsewhere.challenge] == [{"number": 1}, {"number": 2}]
    assert await tries(database) == 2
    assert await scalar(database, "SELECT user_id FROM used_proofs") == ann.actor.id


async def test_a_proof_is_used_up_for_its_user_alone(services: Services, step_up: StepUp, ann: Scope) -> None:
    bob = await user(services, "bob")

    assert [await deed(step_up, scope, RIGHT) for scope in (ann, bob)] == ["done", "done"]


async def test_a_deed_that_fails_gives_the_proof_and_the_try_back(
    step_up: StepUp, ann: Scope, database: Database
) -> None:
    async with unchanged(database):
        with pytest.raises(NotFound):
            await deed(step_up, ann, RIGHT, fails=NotFound("organization"))

    assert await tries(database) == 0
    assert await deed(step_up, ann, RIGHT) == "done"


async def test_of_one_proof_sent_many_times_at_once_one_opens(step_up: StepUp, ann: Scope, database: Database) -> None:
    async def outcome() -> str:
        try:
            return await deed(step_up, ann, RIGHT)
        except (StepUpRequired, RateLimited) as refusal:
            return type(refusal).__name__

    outcomes = await asyncio.gather(*(outcome() for _ in range(8)))

    assert outcomes.count("done") == 1
    assert await scalar(database, "SELECT count(*) FROM used_proofs") == 1


async def test_after_five_wrong_proofs_not_even_a_right_one_is_looked_at_until_the_window_is_over(
    step_up: StepUp, ann: Scope, host: CarefulHost, clock: FixedClock
) -> None:
    for _ in range(5):
        await refused(step_up, ann, WRONG)
    clock.forward(seconds=100)

    async with unchanged(step_up.database):
        with pytest.raises(RateLimited) as limited:
            await deed(step_up, ann, RIGHT)
    seen = len(host.looked_at)
    clock.forward(seconds=200)

    assert (limited.value.retry_after_seconds, seen) == (200, 5)
    assert await deed(step_up, ann, RIGHT) == "done"


async def test_many_wrong_proofs_at_once_are_not_looked_at_more_often_than_five_times(
    step_up: StepUp, ann: Scope, host: CarefulHost
) -> None:
    guesses = (deed(step_up, ann, {"word": str(number)}) for number in range(30))

    outcomes = await asyncio.gather(*guesses, return_exceptions=True)

    assert len(host.looked_at) == 5
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["RateLimited"] * 25 + ["StepUpRequired"] * 5


async def test_right_proofs_are_never_too_many_and_wrong_ones_are_counted_for_each_user(
    services: Services, step_up: StepUp, ann: Scope
) -> None:
    bob = await user(services, "bob")
    for _ in range(5):
        await refused(step_up, bob, WRONG)

    outcomes = [await deed(step_up, ann, {"word": f"right{number}"}) for number in range(7)]

    assert outcomes == ["done"] * 7


async def test_a_caller_who_leaves_takes_no_free_guess(
    step_up: StepUp, ann: Scope, host: CarefulHost, database: Database
) -> None:
    async def hangs(session: Session) -> None:
        await step_up.require(session, scope=ann, action=ACTION, proof=WRONG)

    async def guess() -> None:
        async with step_up.counted(scope=ann, proof=WRONG):
            entered.set()
            await asyncio.sleep(60)
            await database.run(hangs)

    entered = asyncio.Event()
    task = asyncio.create_task(guess())
    await entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert await tries(database) == 1


async def test_what_acts_without_a_person_is_not_asked(step_up: StepUp, host: CarefulHost) -> None:
    assert await deed(step_up, system("command line"), WRONG) == "done"
    assert host.looked_at == []


async def test_an_administrator_is_asked_like_anybody(step_up: StepUp, ann: Scope) -> None:
    administrator = Scope(actor=ann.actor, administrator=True)

    assert (await refused(step_up, administrator)).challenge == {"number": 1}


@pytest.mark.parametrize("change", ["DELETE FROM users", "UPDATE users SET deleting_at = created_at"])
async def test_whoever_is_gone_or_going_proves_nothing(
    step_up: StepUp, ann: Scope, database: Database, change: str
) -> None:
    await execute(database, change)

    for proof in (None, RIGHT):
        with pytest.raises(Unauthenticated):
            await deed(step_up, ann, proof)


async def test_a_proof_that_nobody_counts_is_not_looked_at(
    step_up: StepUp, ann: Scope, host: CarefulHost, database: Database
) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as session:
            await step_up.require(session, scope=ann, action=ACTION, proof=RIGHT)

    assert host.looked_at == []


async def test_an_adapter_that_fails_lets_nobody_pass(step_up: StepUp, ann: Scope, host: CarefulHost) -> None:
    async def verify(**_: Any) -> bool:
        raise ZeroDivisionError

    host.verify_step_up = verify  # type: ignore[method-assign]  # the fault of the test
    async with unchanged(step_up.database):
        with pytest.raises(ZeroDivisionError):
            await deed(step_up, ann, RIGHT)


@pytest.mark.parametrize("answer", [1, "yes", None])
async def test_only_a_plain_yes_opens(step_up: StepUp, ann: Scope, host: CarefulHost, answer: Any) -> None:
    async def verify(**_: Any) -> bool:
        result: bool = answer
        return result

    host.verify_step_up = verify  # type: ignore[method-assign]  # the fault of the test
    assert (await refused(step_up, ann, RIGHT)).challenge == {"number": 1}


async def test_used_proofs_are_forgotten_after_a_day(
    step_up: StepUp, ann: Scope, clock: FixedClock, database: Database
) -> None:
    await deed(step_up, ann, RIGHT)
    clock.forward(hours=24, microseconds=-1)
    early = await prune_proofs(database, clock)
    clock.forward(microseconds=1)

    assert (early, await prune_proofs(database, clock)) == (0, 1)
    assert await scalar(database, "SELECT count(*) FROM used_proofs") == 0
