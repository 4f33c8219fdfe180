"""Who may look people up by address how often: counted for each caller, whatever came of it."""

from typing import Any

import strawberry
from strawberry import Info

from graphql_api.context import Context
from graphql_api.rate_limits import Limited
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_memberships import paid
from tests.support.api import Api

MOST = 30


async def look_up(api: Api, organization: str, who: str = "ann", times: int = 1) -> list[Any]:
    """Try to add somebody who is not there, and name each outcome."""
    outcomes = []
    for _ in range(times):
        answer = await api.try_to("addMember", who, organizationId=organization, email="nobody@example.com")
        outcomes.append(answer.codes or [error["code"] for error in answer.data["addMember"]["errors"]])
    return outcomes


async def test_thirty_addresses_a_minute_and_the_next_is_told_when(either: Api) -> None:
    organization = (await paid(either))["id"]

    found = await look_up(either, organization, times=MOST)
    either.clock.forward(seconds=20)
    before = await either.everything()
    answer = await either.try_to("addMember", "ann", organizationId=organization, email="bob@example.com")
    after = await either.everything()
    either.clock.forward(seconds=40)

    assert found == [["NOT_FOUND"]] * MOST
    assert answer.body["data"] == {"addMember": None}
    (error,) = answer.body["errors"]
    assert error["message"] == "Too many requests; try again later."
    assert error["extensions"] == {
        "code": "RATE_LIMITED",
        "requestId": answer.response.headers["x-request-id"],
        "retryAfterSeconds": 40,
    }
    assert before == after
    assert await look_up(either, organization) == [["NOT_FOUND"]]


async def test_each_caller_is_counted_alone_and_strangers_too(api: Api) -> None:
    organization = (await paid(api))["id"]

    strangers = await look_up(api, organization, "eve", times=MOST + 1)

    assert strangers == [["NOT_FOUND"]] * MOST + [["RATE_LIMITED"]]
    assert await look_up(api, organization) == [["NOT_FOUND"]]


async def test_who_is_named_by_id_is_not_counted(api: Api) -> None:
    organization = await paid(api)
    bob = await api.user("bob")
    await look_up(api, organization["id"], times=MOST)

    added = await api.do("addMember", "ann", organizationId=organization["id"], userId=bob)

    assert [error["code"] for error in added["errors"]] == ["NOT_FOUND"]


async def test_administrators_who_see_everybody_anyway_are_not_counted(api: Api) -> None:
    organization = (await paid(api))["id"]

    assert await look_up(api, organization, "ada", times=MOST + 1) == [["NOT_FOUND"]] * (MOST + 1)


@strawberry.input
class GuessInput:
    token: str


async def guess(info: Info[Context, None], input: GuessInput) -> bool:
    return True


@strawberry.type
class Guesses:
    guess: bool | None = strawberry.mutation(resolver=guess, extensions=[Limited(most=1)])


async def test_the_anonymous_are_refused_before_they_are_counted(serve: Serve) -> None:
    document = 'mutation { guess(input: { token: "x" }) }'
    async with serve(mutation=[Guesses]) as api:
        anonymous = [(await api.ask(document, None)).codes for _ in range(2)]
        uncounted = await api.rows("rate_counts")
        ann = [(await api.ask(document, "ann")).codes for _ in range(2)]

    assert (anonymous, uncounted) == ([["UNAUTHENTICATED"]] * 2, [])
    assert ann == [[], ["RATE_LIMITED"]]
