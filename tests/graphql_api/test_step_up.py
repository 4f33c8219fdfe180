"""Step-up over HTTP: a host's mutation asks for a fresh proof, and its deed and the proof stand or fall together."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pyotp
import pytest
import strawberry
from strawberry import Info

from domain.errors import InvalidInput
from domain.identity import TotpAdapter
from graphql_api import unit_of_work
from graphql_api.auth import JwtAdapter
from graphql_api.context import Context
from graphql_api.scalars import JSON
from graphql_api.unit_of_work import Refusals, UnitOfWork
from graphql_api.user_errors import IdempotencyInProgressError, InvalidInputError, StepUpRequiredError
from tests.support import tables
from tests.support.adapters import CarefulHost, Host
from tests.support.api import Api, make_settings, serving
from tests.support.clock import FixedClock

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
FACTS = "errors { __typename ... on UserError { code path } ... on StepUpRequiredError { action challenge } }"


@strawberry.input
class BurnInput:
    name: str
    step_up: JSON | None = None
    idempotency_key: str | None = None


BurnError = Annotated[
    StepUpRequiredError | InvalidInputError | IdempotencyInProgressError, strawberry.union("BurnError")
]


@strawberry.type
class BurnPayload:
    name: str | None = None
    errors: list[BurnError] = strawberry.field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    async def replayed(cls, info: Info[Context, None], answer: dict[str, Any]) -> "BurnPayload":
        return cls(name=answer["name"])


async def burn(info: Info[Context, None], input: BurnInput) -> BurnPayload | None:
    """Found an organization behind a proof: anything that leaves rows would do."""
    services, session = info.context.services, unit_of_work.session()
    await services.step_up.require(session, scope=info.context.caller, action="burn", proof=input.step_up)
    made = await services.organizations.create(session, scope=info.context.caller, name=input.name)
    return BurnPayload(name=made.name)


async def singe(info: Info[Context, None], input: BurnInput) -> BurnPayload | None:
    """Ask for a proof in a transaction of one's own, as commands of several steps do."""
    services = info.context.services

    async def body(session: Any) -> None:
        await services.step_up.require(session, scope=info.context.caller, action="singe", proof=input.step_up)
        if input.name == "":
            raise InvalidInput("A name.")

    await services.database.run(body)
    return BurnPayload(name=input.name)


@strawberry.type
class Deeds:
    burn: BurnPayload | None = strawberry.mutation(resolver=burn, extensions=[UnitOfWork()])
    singe: BurnPayload | None = strawberry.mutation(resolver=singe, extensions=[Refusals()])


@contextlib.asynccontextmanager
async def asking_for_proofs(url: str, folder: Path, clock: FixedClock, host: Host) -> AsyncIterator["Deed"]:
    async with serving(url, folder, clock, mutation=[Deeds], auth=host) as api:
        yield Deed(api)


class Deed:
    """Does the host's deeds as one of its guests."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def ask(self, mutation: str = "burn", who: str = "ann", **input: Any) -> dict[str, Any]:
        document = f"mutation($input: BurnInput!) {{ {mutation}(input: $input) {{ name {FACTS} }} }}"
        response = await self.api.client.post(
            "/graphql",
            json={"query": document, "variables": {"input": {"name": "Acme"} | input}},
            headers={"x-guest": who},
        )
        content: dict[str, Any] = response.json()
        return content

    async def done(self, mutation: str = "burn", **input: Any) -> dict[str, Any]:
        content = await self.ask(mutation, **input)
        assert "errors" not in content, content
        payload: dict[str, Any] = content["data"][mutation]
        return payload


@pytest.fixture
def host() -> CarefulHost:
    return CarefulHost()


@pytest.fixture
async def deed(database_url: str, tmp_path: Path, clock: FixedClock, host: CarefulHost) -> AsyncIterator[Deed]:
    async with asking_for_proofs(database_url, tmp_path, clock, host) as deed:
        # Who has been seen before leaves no rows by arriving.
        await deed.ask()
        host.challenges.clear()
        yield deed


def required(action: str, number: int) -> dict[str, Any]:
    return {
        "name": None,
        "errors": [
            {
                "__typename": "StepUpRequiredError",
                "code": "STEP_UP_REQUIRED",
                "path": ["input", "stepUp"],
                "action": action,
                "challenge": {"number": number},
            }
        ],
    }


DONE = {"name": "Acme", "errors": []}


@pytest.mark.parametrize("mutation", ["burn", "singe"])
async def test_without_a_right_proof_a_challenge_comes_back_and_nothing_is_left(deed: Deed, mutation: str) -> None:
    async with tables.unchanged(deed.api.services.database):
        proofs: list[Any] = [None, {"word": "wrong"}, "x", []]
        answers = [await deed.done(mutation, stepUp=proof) for proof in proofs]
        absent = await deed.done(mutation)

    assert [*answers, absent] == [required(mutation, number) for number in range(1, 6)]


@pytest.mark.parametrize("mutation", ["burn", "singe"])
async def test_a_right_proof_opens_once(deed: Deed, mutation: str) -> None:
    first = await deed.done(mutation, stepUp={"word": "right"})
    async with tables.unchanged(deed.api.services.database):
        second = await deed.done(mutation, stepUp={"word": "right"})

    assert (first, second) == (DONE, required(mutation, 1))
    assert len(await deed.api.rows("used_proofs")) == 1


async def test_a_deed_that_is_refused_gives_its_proof_back(deed: Deed) -> None:
    async with tables.unchanged(deed.api.services.database):
        refused = await deed.done(name="", stepUp={"word": "right"})

    assert [error["__typename"] for error in refused["errors"]] == ["InvalidInputError"]
    assert await deed.done(stepUp={"word": "right"}) == DONE


async def test_the_sixth_wrong_proof_within_five_minutes_is_one_too_many(
    deed: Deed, clock: FixedClock, host: CarefulHost
) -> None:
    for number in range(5):
        await deed.done(stepUp={"word": f"wrong {number}"})

    async with tables.unchanged(deed.api.services.database):
        limited = await deed.ask(stepUp={"word": "right"})
    still_asked = await deed.done()
    clock.forward(minutes=5)

    assert limited["data"] == {"burn": None}
    (error,) = limited["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["extensions"]["retryAfterSeconds"] == 300
    assert len(host.looked_at) == 5
    assert still_asked == required("burn", 6)
    assert await deed.done(stepUp={"word": "right"}) == DONE


async def test_a_replay_needs_no_second_proof_and_another_proof_is_no_other_input(
    deed: Deed, host: CarefulHost
) -> None:
    first = await deed.done(stepUp={"word": "right"}, idempotencyKey="k")
    async with tables.unchanged(deed.api.services.database):
        again = [await deed.done(stepUp=proof, idempotencyKey="k") for proof in (None, {"word": "wrong"})]

    assert [first, *again] == [DONE] * 3
    assert len(host.looked_at) == 1


async def test_a_refusal_for_want_of_a_proof_does_not_use_the_key(deed: Deed) -> None:
    asked = await deed.done(idempotencyKey="k")

    assert (asked, await deed.done(stepUp={"word": "right"}, idempotencyKey="k")) == (required("burn", 1), DONE)


async def test_where_the_host_has_no_step_up_nobody_is_asked(
    database_url: str, tmp_path: Path, clock: FixedClock
) -> None:
    async with asking_for_proofs(database_url, tmp_path, clock, Host()) as deed:
        assert await deed.done() == DONE


async def test_one_time_codes_open_on_top_of_bearer_tokens(
    database_url: str, tmp_path: Path, clock: FixedClock
) -> None:
    async def secret_of(session: Any, user: Any) -> str | None:
        return SECRET if user.subject == "ann" else None

    inside = JwtAdapter.of(make_settings(database_url, tmp_path), clock=clock)
    auth = TotpAdapter(inside, secret_of=secret_of, clock=clock)
    proof = {"code": pyotp.TOTP(SECRET).at(clock.now())}
    async with serving(database_url, tmp_path, clock, mutation=[Deeds], auth=auth) as api:
        document = f"mutation($input: BurnInput!) {{ burn(input: $input) {{ name {FACTS} }} }}"
        tries = [("ann", None), ("bob", proof), ("ann", proof), ("ann", proof)]
        answers = [await api.ask(document, who, input={"name": "Acme", "stepUp": given}) for who, given in tries]

    told = [answer.data["burn"] for answer in answers]
    assert [payload["name"] for payload in told] == [None, None, "Acme", None]
    assert told[0]["errors"][0]["challenge"] == told[1]["errors"][0]["challenge"] == {"kind": "totp"}
