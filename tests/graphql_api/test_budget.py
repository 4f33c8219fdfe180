"""Each caller has a bucket: what is asked is paid from it, what is left is told, and who has nothing left waits."""

from typing import Any

import pytest
import strawberry
from strawberry import Info

from domain.errors import RateLimited
from domain.identity.keys.secret import new_secret
from domain.ids import OrganizationId, UserId
from domain.scope import Actor, ActorKind, KeyRights, Scope
from graphql_api.context import Context
from graphql_api.limits import Allowances, buckets
from graphql_api.limits.buckets import ADDRESS_POINTS, CREDENTIAL_POINTS, GUESS_POINTS, HOST_POINTS, MAX_POINTS, Buckets
from tests.graphql_api.conftest import Serve
from tests.support.api import Api
from tests.support.clock import FixedClock
from tests.support.programs import Program, program
from tests.support.statements import statements

BUDGET = "rateLimit { limit remaining used resetAt cost nodeCount }"
GUESSES = ADDRESS_POINTS // GUESS_POINTS
# With a hundred pages of nine each it costs 101 points.
DEAR = "{ organizations(first: 100) { nodes { memberships(first: 9) { totalCount } } } }"
JSON = {"accept": "application/json"}


async def spent(api: Api, who: str, points: int) -> None:
    """Leave a caller with nothing but what `points` were not enough for."""
    bucket = api.app.state.recognition.allowances.of(
        Scope(actor=Actor(kind=ActorKind.USER, id=await api.user(who))), None
    )
    bucket.take(bucket.standing().remaining - points)


async def test_what_an_operation_costs_is_told_with_what_is_left(api: Api) -> None:
    ann = await api.user("ann")

    first, second = await api.ask(DEAR), await api.ask("{ viewer { actor { ... on User { id } } } }")

    assert first.cost == {
        "requested": 101,
        "nodeCount": 1000,
        "limit": CREDENTIAL_POINTS,
        "remaining": CREDENTIAL_POINTS - 2 - 101,
        "resetAt": "2026-11-21T12:00:00.618000Z",
    }
    assert (second.cost["requested"], second.cost["remaining"]) == (2, CREDENTIAL_POINTS - 2 - 101 - 2)
    assert second.data["viewer"]["actor"]["id"] == ann


async def test_the_budget_can_be_asked_for(api: Api) -> None:
    await api.ask(DEAR)

    found = await api.ask(f"{{ {BUDGET} plans(first: 7) {{ totalCount }} }}")

    assert found.data["rateLimit"] == {
        "limit": CREDENTIAL_POINTS,
        "remaining": CREDENTIAL_POINTS - 101 - 2,
        "used": 101 + 2,
        "resetAt": found.cost["resetAt"],
        "cost": 2,
        "nodeCount": 7,
    }


async def test_headers_tell_the_same_of_every_answer(api: Api) -> None:
    found = await api.ask(DEAR)
    malformed = await api.client.post("/graphql", content=b"[]", headers={"content-type": "application/json"})
    unfit = await api.ask("{ nothing }")

    told = [
        {name: value for name, value in answer.headers.items() if name.startswith("ratelimit-")}
        for answer in (found.response, malformed, unfit.response)
    ]
    assert told == [
        {"ratelimit-limit": "10000", "ratelimit-remaining": "9899", "ratelimit-reset": "1"},
        {"ratelimit-limit": "1000", "ratelimit-remaining": "999", "ratelimit-reset": "1"},
        {"ratelimit-limit": "10000", "ratelimit-remaining": "9898", "ratelimit-reset": "1"},
    ]


async def test_who_has_nothing_left_waits_as_long_as_is_said(either: Api) -> None:
    await spent(either, "ann", 100)
    before = await either.everything()

    refused = await either.ask(DEAR)

    assert (refused.response.status_code, refused.codes) == (429, ["RATE_LIMITED"])
    assert refused.body.keys() == {"errors"}
    (error,) = refused.body["errors"]
    assert error["message"] == "Too many requests; try again later."
    assert error["extensions"]["retryAfterSeconds"] == 1
    assert refused.response.headers["retry-after"] == "1"
    assert refused.cost | {"resetAt": None} == {
        "requested": 101,
        "nodeCount": 1000,
        "limit": CREDENTIAL_POINTS,
        "remaining": 99,
        "resetAt": None,
    }
    assert await either.everything() == before
    either.clock.forward(seconds=1)
    assert (await either.ask(DEAR)).data["organizations"] == {"nodes": []}


async def test_plain_json_has_the_refusal_with_status_200(api: Api) -> None:
    await spent(api, "ann", 1)
    signed = {"authorization": f"Bearer {api.token('ann')}"}

    answer = await api.client.post("/graphql", json={"query": DEAR}, headers=signed | JSON)

    assert answer.status_code == 200
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["RATE_LIMITED"]
    assert answer.headers["retry-after"] == "1"


async def test_a_mutation_that_cannot_be_paid_writes_nothing(either: Api) -> None:
    await either.ask("{ viewer { actor { __typename } } }")
    await spent(either, "ann", 0)
    before = await either.everything()

    refused = await either.try_to("createOrganization", "ann", name="Acme")

    assert refused.codes == ["RATE_LIMITED"]
    assert await either.everything() == before


async def test_a_new_document_of_somebody_with_nothing_left_is_not_even_read(api: Api) -> None:
    await spent(api, "ann", 0)

    answers = [await api.ask(document) for document in ("{", "{ nothing }", "mutation { nothing }", "{ a b: } #")]

    assert [answer.codes for answer in answers] == [["RATE_LIMITED"]] * 4
    assert "cost" not in answers[0].response.json().get("extensions", {})


async def test_what_is_refused_is_paid_like_a_question(api: Api) -> None:
    asked = ["{", "{ nothing }", "{ shelf", "{ plans(first: 20000) { totalCount } }"]
    await api.user("ann")

    for document in asked:
        refused = await api.ask(document)
        assert refused.response.status_code == 400

    left = await api.ask("{ rateLimit { used } }")
    assert left.data["rateLimit"]["used"] == 2 + len(asked) + 1


async def test_each_caller_pays_alone(api: Api) -> None:
    await spent(api, "ann", 0)

    assert (await api.ask("{ rateLimit { used } }", "ann")).codes == ["RATE_LIMITED"]
    assert (await api.ask("{ rateLimit { used } }", "bob")).data == {"rateLimit": {"used": 1}}
    assert (await api.ask("{ serverInfo { version } }", None)).codes == []


async def test_strangers_pay_by_their_address(api: Api) -> None:
    public = "{ plans(first: 100) { nodes { limits { key } } } }"
    found = [await api.ask(public, None) for _ in range(ADDRESS_POINTS // 101 + 1)]

    assert [answer.codes for answer in found] == [[]] * 9 + [["RATE_LIMITED"]]
    assert found[0].cost["remaining"] == ADDRESS_POINTS - 101
    assert (await api.ask(public, "ann")).codes == []


async def test_whoever_guesses_credentials_is_stopped_and_nobody_else_of_the_address(api: Api) -> None:
    await api.user("ann")
    bad = {"authorization": "Bearer nonsense", "accept": "application/json"}
    asked = {"query": "{ serverInfo { version } }"}

    answers = [await api.client.post("/graphql", json=asked, headers=bad) for _ in range(GUESSES)]
    last = await api.client.post("/graphql", json=asked, headers=bad)

    assert {answer.status_code for answer in answers} == {401}
    assert answers[-1].headers["ratelimit-remaining"] == "0"
    assert (last.status_code, last.headers["retry-after"]) == (429, "1")
    assert last.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert (await api.ask(asked["query"], None)).codes == ["RATE_LIMITED"]
    assert (await api.ask(asked["query"], "ann")).codes == []


async def test_a_key_is_looked_up_only_for_an_address_that_can_pay_for_a_guess(api: Api) -> None:
    right = await program(api)
    wrong = Program(api=api, id=right.id, secret=new_secret(right.id))
    address = api.app.state.recognition.allowances.of_address("127.0.0.1")
    before = address.standing().remaining

    assert await right.is_known()
    assert address.standing().remaining == before
    assert (await wrong.ask()).response.status_code == 401
    assert address.standing().remaining == before - GUESS_POINTS
    address.take(before - GUESS_POINTS)
    with statements(api.services.database) as sent:
        answers = [await wrong.ask(), await right.ask()]

    assert ([answer.response.status_code for answer in answers], sent) == ([429, 429], [])
    api.clock.forward(seconds=1)
    assert await right.is_known()


async def test_a_token_of_somebody_who_is_no_more_is_a_guess_too(api: Api) -> None:
    await api.do("deleteUser", "eve", userId=await api.user("eve"))
    address = api.app.state.recognition.allowances.of_address("127.0.0.1")
    before = address.standing().remaining

    assert (await api.ask("{ viewer { administrator } }", "eve")).response.status_code == 401
    assert address.standing().remaining == before - GUESS_POINTS


async def test_malformed_requests_are_paid_by_their_address(api: Api) -> None:
    async def send() -> int:
        answer = await api.client.post("/graphql", content=b"[]", headers={"content-type": "application/json"})
        return answer.status_code

    first = [await send() for _ in range(3)]
    api.app.state.recognition.allowances.of_address("127.0.0.1").take(ADDRESS_POINTS - 3)

    assert (first, await send()) == ([400] * 3, 429)


async def test_operators_who_guess_are_told_to_wait(api: Api) -> None:
    api.app.state.recognition.allowances.of_address("127.0.0.1").take(ADDRESS_POINTS)

    answer = await api.client.get("/admin", headers={"authorization": "Bearer nonsense"})

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


class TestDryRun:
    async def test_it_prices_the_operation_and_runs_nothing_of_it(self, either: Api) -> None:
        organization = await either.organization()
        before = await either.everything()

        found = await either.ask(
            "query($id: ID!, $n: Int) { "
            "b: rateLimit(dryRun: true) { cost nodeCount remaining } ...F __schema { description } __typename } "
            "fragment F on Query { organization(id: $id) { memberships(first: $n) { nodes { user { id } } } } "
            'broken: organization { id } explain(customerId: "x", feature: "y") { asOf } }',
            id=organization["id"],
            n=30,
        )

        assert found.data == {
            "b": {"cost": 1 + 2 + 30 + 1 + 5 + 10, "nodeCount": 30, "remaining": found.cost["remaining"]},
            "organization": None,
            "broken": None,
            "explain": None,
            "__schema": None,
            "__typename": "Query",
        }
        assert found.cost["requested"] == 49
        assert await either.everything() == before

    async def test_it_costs_the_asking_alone(self, api: Api) -> None:
        await api.user("ann")
        document = f"query($dry: Boolean!) {{ rateLimit(dryRun: $dry) {{ used cost }} {DEAR[1:]}"

        dry, wet = await api.ask(document, dry=True), await api.ask(document, dry=False)

        assert dry.data == {"rateLimit": {"used": 2 + 1, "cost": 102}, "organizations": None}
        assert wet.data == {"rateLimit": {"used": 2 + 1 + 102, "cost": 102}, "organizations": {"nodes": []}}

    async def test_a_host_s_field_that_cannot_be_null_does_not_run_either(self, serve: Serve) -> None:
        ran: list[str] = []

        @strawberry.type
        class Hosts:
            @strawberry.field
            def counted(self, info: Info[Context, None]) -> int:
                ran.append("counted")
                return 1

        async with serve(query=[Hosts]) as api:
            found = await api.ask("{ counted rateLimit(dryRun: true) { cost } }")

        assert (found.data, ran) == ({"counted": None, "rateLimit": {"cost": 2}}, [])

    async def test_strangers_learn_nothing_by_it(self, api: Api) -> None:
        found = await api.ask("{ rateLimit(dryRun: true) { cost } plans { totalCount } }", None)

        assert found.codes == ["UNAUTHENTICATED"]
        assert found.body["data"] == {"rateLimit": None, "plans": None}


def user(id: str) -> Scope:
    return Scope(actor=Actor(kind=ActorKind.USER, id=id))


def key(id: str, organization: str | None = None, on_behalf_of: str | None = None) -> Scope:
    rights = KeyRights(scopes=frozenset(), organization_id=OrganizationId(organization) if organization else None)
    behalf = UserId(on_behalf_of) if on_behalf_of else None
    return Scope(actor=Actor(kind=ActorKind.API_KEY, id=id), key=rights, on_behalf_of=behalf)


def remaining(allowances: Allowances, scope: Scope | None, address: str | None = None) -> int:
    return allowances.of(scope, address).standing().remaining


def test_a_host_key_has_more_and_less_for_each_user_it_acts_for(clock: FixedClock) -> None:
    allowances = Allowances(clock, processes=1)
    allowances.of(key("key_1", on_behalf_of="usr_1"), None).take(7)

    assert remaining(allowances, key("key_1")) == HOST_POINTS
    assert remaining(allowances, key("key_1", on_behalf_of="usr_1")) == CREDENTIAL_POINTS - 7
    assert remaining(allowances, key("key_1", on_behalf_of="usr_2")) == CREDENTIAL_POINTS
    assert remaining(allowances, user("usr_1")) == CREDENTIAL_POINTS
    assert remaining(allowances, key("key_2", "org_1")) == CREDENTIAL_POINTS


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:DB8:1:2:ffff::", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("somewhere", "somewhere", True),
        ("", None, True),
    ],
)
def test_an_address_is_counted_however_it_is_written_and_a_network_of_ipv6_as_one(
    one: str, other: str | None, shared: bool, clock: FixedClock
) -> None:
    allowances = Allowances(clock, processes=1)
    allowances.of(None, one).take(1)

    assert remaining(allowances, None, other) == ADDRESS_POINTS - shared


def test_points_come_back_steadily_and_never_more_than_there_were(clock: FixedClock) -> None:
    found = Buckets(clock, points=6000, processes=1)
    found.take("a", 6000)
    left: list[Any] = []
    for seconds in (0, 0.001, 0.009, 0.5, 59, 600):
        clock.forward(seconds=seconds)
        left.append(found.standing("a").remaining)

    assert left == [0, 0, 1, 51, 5951, 6000]
    clock.forward(seconds=-3600)
    assert found.standing("a").remaining == 0


def test_what_cannot_be_paid_takes_nothing_and_can_be_paid_when_it_was_said(clock: FixedClock) -> None:
    found = Buckets(clock, points=6000, processes=1)
    found.take("a", 5500)

    with pytest.raises(RateLimited) as refused:
        found.take("a", 1000)

    assert refused.value.retry_after_seconds == 5
    assert found.standing("a").remaining == 500
    clock.forward(seconds=5)
    found.take("a", 1000)
    assert found.standing("a").remaining == 0


def test_points_that_are_given_back_fill_no_bucket_over(clock: FixedClock) -> None:
    found = Buckets(clock, points=6000, processes=1)
    found.take("a", 10)
    found.give_back("a", 5)
    assert found.standing("a").remaining == 5995
    found.give_back("a", 50)
    assert found.standing("a").remaining == 6000


@pytest.mark.parametrize("processes", [1, 2, 4, 256])
def test_processes_share_what_comes_back_and_each_can_pay_for_the_dearest_operation(
    processes: int, clock: FixedClock
) -> None:
    found = [Buckets(clock, points=CREDENTIAL_POINTS, processes=processes) for _ in range(processes)]
    for each in found:
        each.take("a", each.standing("a").remaining)
        each.take("b", MAX_POINTS)
    clock.forward(seconds=6)

    together = sum(each.standing("a").remaining for each in found)
    assert CREDENTIAL_POINTS // 10 - processes <= together <= CREDENTIAL_POINTS // 10


def test_buckets_are_bounded_and_the_longest_unused_goes_first(clock: FixedClock) -> None:
    found = Buckets(clock, points=6000, processes=1)
    found.take("first", 1)
    found.take("second", 1)
    found.take("first", 1)
    for number in range(buckets.KEPT_BUCKETS - 1):
        found.take(str(number), 1)

    assert len(found) == buckets.KEPT_BUCKETS
    assert (found.standing("first").remaining, found.standing("second").remaining) == (5998, 6000)
