"""The proof of an endpoint: usual faults are found, and nobody is accused who does it right."""

import time
from dataclasses import replace

import httpx
import pytest

from domain.proofs.webhooks import Endpoint, FindingKind, Outcome, Plan, Progress, Proof, StateUrl, Truth
from graphql_api.cli.truth import api
from tests.support import endpoints

BASE = "http://endpoint.test"
PLAN = Plan(tag="t", stories=12, seed=3)


class World:
    """Time that passes when somebody waits for it."""

    def __init__(self) -> None:
        # Signatures are checked against the real time.
        self.ms = time.time_ns() // 1_000_000
        self.truth = Truth(now=lambda: self.ms)
        self.told: list[Progress] = []

    def asking(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(api(self.truth)), base_url="http://api.test")

    async def sleep(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)

    async def prove(self, endpoint: endpoints.Endpoint, plan: Plan) -> Outcome:
        transport = httpx.ASGITransport(endpoint.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport) as client:
            proof = Proof(
                plan=plan,
                endpoint=Endpoint(url=f"{BASE}/hooks", secret=endpoints.SECRET, client=client, sleep=self.sleep),
                truth=self.truth,
                tell=self.told.append,
                reader=StateUrl(url=f"{BASE}/state/{{subscription}}", client=client),
                settle_seconds=0,
                sleep=self.sleep,
            )
            return await proof.run()


def kinds(outcome: Outcome) -> set[FindingKind]:
    return {finding.kind for finding in outcome.findings}


async def test_an_endpoint_that_asks_in_every_case_is_not_accused() -> None:
    world = World()

    outcome = await world.prove(endpoints.AlwaysAsks(world.asking), PLAN)

    assert outcome.findings == ()
    assert outcome.questions > 100
    assert outcome.states > PLAN.stories
    assert world.told[-1].sent <= world.told[-1].of


async def test_going_by_the_time_of_events_is_right_while_no_two_share_a_second() -> None:
    apart = await World().prove(endpoints.NewestWins(), replace(PLAN, ties=False))
    together = await World().prove(endpoints.NewestWins(), PLAN)

    assert apart.findings == ()
    assert kinds(together) == {FindingKind.STATE_WRONG}


@pytest.mark.parametrize(
    ("making", "found"),
    [
        (endpoints.LastWriteWins, {FindingKind.STATE_WRONG}),
        (endpoints.Forgetting, {FindingKind.STATE_WRONG}),
        (endpoints.Refusing, {FindingKind.STATE_WRONG, FindingKind.DUPLICATE_REFUSED}),
        (
            endpoints.Trusting,
            {
                FindingKind.FORGERY_ACCEPTED,
                FindingKind.NONSENSE_CRASHED,
                FindingKind.NONSENSE_GRANTED,
                FindingKind.STATE_WRONG,
            },
        ),
    ],
)
async def test_usual_faults_are_found(making: endpoints.Making, found: set[FindingKind]) -> None:
    outcome = await World().prove(making(), replace(PLAN, ties=False))

    assert found <= kinds(outcome)
