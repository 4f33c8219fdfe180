"""The Fake in an administrator's hands: its clock, what it says, its faults; and nobody else's."""

from typing import Any, cast

import pytest

from domain.billing import Processor
from domain.billing.processors.fake import FakeProcessor
from domain.billing.states import ProcessorName
from tests.support.api import Api

TEAM = {"priceId": "price_team_monthly", "quantity": 3}
DAY = 86400
CONTROLS: list[tuple[str, dict[str, Any]]] = [
    ("advanceFakeClock", {"seconds": DAY}),
    ("setFakeSubscriptionStatus", {"subscriptionId": "bsb_1", "status": "PAST_DUE"}),
    ("scriptFakeFaults", {"faults": [{"fault": "DROP"}]}),
]


async def bought(api: Api) -> str:
    organization = await api.organization()
    made = await api.do(
        "subscribe", "ann", "subscription { id }", customerId=organization["customer"]["id"], items=[TEAM]
    )
    await api.settled()
    api.clock.forward(seconds=2)
    return str(made["subscription"]["id"])


async def status(api: Api, id: str) -> str:
    found = await api.ask("query($id: ID!) { node(id: $id) { ... on BillingSubscription { status } } }", "ada", id=id)
    return str(found.data["node"]["status"])


@pytest.mark.parametrize(("mutation", "input"), CONTROLS)
@pytest.mark.parametrize("who", ["ann", None])
async def test_nobody_but_an_administrator_may(api: Api, mutation: str, input: dict[str, Any], who: str | None) -> None:
    await api.user("ann")
    before = await api.everything()

    refused = await api.try_to(mutation, who, **input)

    assert refused.codes == ["FORBIDDEN" if who else "UNAUTHENTICATED"]
    assert await api.everything() == before


@pytest.mark.parametrize(("mutation", "input"), CONTROLS)
async def test_where_the_fake_is_not_configured_they_are_unsupported(
    api: Api, mutation: str, input: dict[str, Any]
) -> None:
    await api.user("ada")
    cast("dict[ProcessorName, Processor]", api.services.processors).pop(ProcessorName.FAKE)
    before = await api.everything()

    answer = await api.do(mutation, "ada", **input)

    assert [error["__typename"] for error in answer["errors"]] == ["UnsupportedError"]
    assert await api.everything() == before


async def test_the_clock_moves_by_seconds_or_to_an_instant_and_what_falls_due_happens(either: Api) -> None:
    id = await bought(either)

    by = await either.do("advanceFakeClock", "ada", "now webhooksSent", seconds=31 * DAY)
    to = await either.do("advanceFakeClock", "ada", "now webhooksSent", until="2027-01-01T00:00:00Z")
    await either.settled()

    # A renewal is told with its invoice.
    assert by == {"now": "2026-12-22T12:00:02.000000Z", "webhooksSent": 2, "errors": []}
    assert to == {"now": "2027-01-01T00:00:00.000000Z", "webhooksSent": 0, "errors": []}
    assert await status(either, id) == "ACTIVE"


@pytest.mark.parametrize(
    "input",
    [{}, {"seconds": 1, "until": "2027-01-01T00:00:00Z"}, {"seconds": -1}, {"until": "2026-11-21T11:59:59Z"}],
)
async def test_it_moves_in_one_way_only_and_forward(api: Api, input: dict[str, Any]) -> None:
    await api.user("ada")
    before = await api.everything()

    answer = await api.do("advanceFakeClock", "ada", "now", **input)

    assert [error["__typename"] for error in answer["errors"]] == ["InvalidInputError"]
    assert answer["now"] is None
    assert await api.everything() == before


@pytest.mark.parametrize("said", ["PAST_DUE", "UNPAID", "PAUSED", "TRIALING", "INCOMPLETE", "CANCELED"])
async def test_the_mirror_follows_what_the_fake_is_told_to_say(either: Api, said: str) -> None:
    id = await bought(either)

    answer = await either.do("setFakeSubscriptionStatus", "ada", "subscription { id }", subscriptionId=id, status=said)
    await either.settled()

    assert answer == {"subscription": {"id": id}, "errors": []}
    assert await status(either, id) == said


async def test_what_has_ended_or_is_not_there_says_nothing_else(api: Api) -> None:
    id = await bought(api)
    await api.do("setFakeSubscriptionStatus", "ada", "", subscriptionId=id, status="CANCELED")
    await api.settled()
    before = await api.everything()

    answers = [
        await api.do("setFakeSubscriptionStatus", "ada", "", subscriptionId=which, status="ACTIVE")
        for which in (id, "bsb_1", "nonsense")
    ]

    kinds = [error["__typename"] for answer in answers for error in answer["errors"]]
    assert kinds == ["InvalidInputError", "NotFoundError", "NotFoundError"]
    assert await api.everything() == before


async def test_faults_are_scripted_for_every_process_and_each_hits_once(either: Api) -> None:
    organization = await either.organization()
    customer = organization["customer"]["id"]
    faults = [{"fault": "ERROR_500", "operation": "subscribe"}, {"fault": "DROP"}]
    before = await either.do("scriptFakeFaults", "ada", "waiting", faults=[{"fault": "DROP"}] * 5)

    scripted = await either.do("scriptFakeFaults", "ada", "waiting", faults=faults)
    failed = await either.do("subscribe", "ann", "", customerId=customer, items=[TEAM])

    assert (before["waiting"], scripted["waiting"]) == (5, 2)
    assert [error["__typename"] for error in failed["errors"]] == ["UpstreamUnavailableError"]
    fake = either.services.processors[ProcessorName.FAKE]
    assert isinstance(fake, FakeProcessor)
    cleared = await either.do("scriptFakeFaults", "ada", "waiting", faults=[])
    assert cleared["waiting"] == 0
    assert await either.rows("fake_faults") == []


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "HANG"},
        {"fault": "DELAY", "seconds": 0},
        {"fault": "DROP", "seconds": 5},
        {"fault": "HANG", "seconds": 86401},
        {"fault": "DELAY", "seconds": -1},
        {"fault": "ERROR_500", "operation": "invoice.paid"},
        {"fault": "DROP", "operation": "subscribe"},
    ],
)
async def test_a_fault_that_nothing_can_have_is_refused_and_the_script_stays(api: Api, fault: dict[str, Any]) -> None:
    await api.do("scriptFakeFaults", "ada", "", faults=[{"fault": "LOST_ANSWER"}])
    before = await api.everything()

    answer = await api.do("scriptFakeFaults", "ada", "waiting", faults=[{"fault": "DROP"}, fault])

    assert [(error["__typename"], error["path"]) for error in answer["errors"]] == [
        ("InvalidInputError", ["input", "faults", "1"])
    ]
    assert await api.everything() == before


async def test_no_more_than_a_hundred_faults_wait(api: Api) -> None:
    await api.user("ada")
    before = await api.everything()

    answer = await api.do("scriptFakeFaults", "ada", "waiting", faults=[{"fault": "DROP"}] * 101)

    assert [error["__typename"] for error in answer["errors"]] == ["InvalidInputError"]
    assert await api.everything() == before
