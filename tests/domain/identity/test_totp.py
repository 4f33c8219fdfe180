"""One-time codes: this step's and its neighbours', each once; and nobody without a secret."""

from typing import Any

import pyotp
import pytest

from domain.db import Database, Session
from domain.identity import Asking, TotpAdapter, User, check_adapter
from domain.wiring import Services
from tests.support.adapters import Guest, Host
from tests.support.clock import FixedClock
from tests.support.tables import unchanged
from tests.support.wired import user

# RFC 6238, appendix B, gives 94287082 at 59 seconds for this secret; six digits are its last six.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


async def secret_of(session: Session, user: User) -> str | None:
    assert await session.get(User, user.id) is user
    return {"ann": SECRET, "eve": ""}.get(user.subject)


@pytest.fixture
def adapter(clock: FixedClock) -> TotpAdapter:
    return TotpAdapter(Host(admins={"Ann"}), secret_of=secret_of, clock=clock)


def code(clock: FixedClock, *, steps: int = 0) -> str:
    return pyotp.TOTP(SECRET).at(clock.now(), counter_offset=steps)


async def verified(adapter: TotpAdapter, services: Services, who: str, proof: Any) -> bool:
    scope = await user(services, who)
    async with services.database.transaction() as session:
        return await adapter.verify_step_up(
            session=session, user=await session.get_one(User, scope.actor.id), action="deleteUser", proof=proof
        )


def test_it_is_an_adapter_with_step_up(adapter: TotpAdapter) -> None:
    check_adapter(adapter)


async def test_the_code_of_the_standard_opens_at_its_time(services: Services) -> None:
    then = FixedClock(services.clock.now().fromtimestamp(59, services.clock.now().tzinfo))
    adapter = TotpAdapter(Host(), secret_of=secret_of, clock=then)

    assert await verified(adapter, services, "ann", {"code": "287082"})


@pytest.mark.parametrize(("steps", "opens"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_neighbouring_steps_code_opens_and_no_further_one(
    adapter: TotpAdapter, services: Services, clock: FixedClock, steps: int, opens: bool
) -> None:
    assert await verified(adapter, services, "ann", {"code": code(clock, steps=steps)}) is opens


async def test_each_step_opens_once_however_the_proof_is_spelled(
    adapter: TotpAdapter, services: Services, clock: FixedClock
) -> None:
    proofs = [{"code": code(clock)}, {"code": code(clock)}, {"code": code(clock), "more": 1}]
    first = [await verified(adapter, services, "ann", proof) for proof in proofs]
    clock.forward(seconds=30)
    late = await verified(adapter, services, "ann", proofs[0])
    fresh = await verified(adapter, services, "ann", {"code": code(clock)})

    assert (first, late, fresh) == ([True, False, False], False, True)


@pytest.mark.parametrize("who", ["bob", "eve"])
async def test_who_has_no_secret_is_never_let_pass(
    adapter: TotpAdapter, services: Services, database: Database, clock: FixedClock, who: str
) -> None:
    await user(services, who)

    async with unchanged(database):
        assert not await verified(adapter, services, who, {"code": code(clock)})


@pytest.mark.parametrize(
    "proof",
    ["287082", 287082, None, [], {}, {"code": 287082}, {"code": "28708"}, {"code": "\u0662" * 6}, {"code": "abcdef"}],
)
async def test_what_is_no_code_of_six_digits_opens_nothing(
    adapter: TotpAdapter, services: Services, database: Database, proof: Any
) -> None:
    await user(services, "ann")

    async with unchanged(database):
        assert not await verified(adapter, services, "ann", proof)


async def test_the_challenge_does_not_tell_who_has_an_app(adapter: TotpAdapter, services: Services) -> None:
    asked = []
    for who in ("ann", "bob"):
        scope = await user(services, who)
        async with services.database.snapshot() as session:
            found = await session.get_one(User, scope.actor.id)
        asked.append(await adapter.step_up_challenge(user=found, action="deleteUser"))

    assert asked == [{"kind": "totp"}] * 2


async def test_everything_else_is_asked_of_the_adapter_inside(adapter: TotpAdapter) -> None:
    visitor = await adapter.current_user(
        asking=Asking(headers={"x-guest": "ann"}, path="/graphql", remote_address=None)
    )

    assert isinstance(visitor, Guest)
    assert adapter.user_schema() is Guest
    assert await adapter.require_admin(visitor=visitor)
    assert await adapter.actor_id(visitor=visitor) == "Ann-3"
    await adapter.log_audit(user=None, event="event")
    assert adapter._adapter.told == [(None, "event")]  # type: ignore[attr-defined]  # the test's own host
