"""Operations over a socket, on the whole application behind a real server."""

from collections.abc import AsyncGenerator

import strawberry

from tests.graphql_api.conftest import Serve
from tests.support.api import Api
from tests.support.talking import served, talking


@strawberry.type
class Numbers:
    @strawberry.subscription
    async def numbers(self, to: int) -> AsyncGenerator[int]:
        for number in range(to):
            yield number


async def test_queries_mutations_and_subscriptions_are_served(serve: Serve) -> None:
    async with serve(subscription=[Numbers]) as api, served(api.app) as address, talking(address) as talk:
        acknowledged = await talk.introduce(authorization=f"Bearer {api.token('ann')}")
        viewer = await talk.ask("{ viewer { actor { ... on User { name } } } }")
        made = await talk.ask('mutation { createOrganization(input: { name: "Acme" }) { organization { name } } }')
        numbers = await talk.ask("subscription($to: Int!) { numbers(to: $to) }", to=2)

    assert acknowledged == {"type": "connection_ack"}
    assert [said.get("payload") for said in viewer] == [{"data": {"viewer": {"actor": {"name": "Ann"}}}}, None]
    assert made[0]["payload"] == {"data": {"createOrganization": {"organization": {"name": "Acme"}}}}
    assert numbers == [
        {"id": "asked", "type": "next", "payload": {"data": {"numbers": 0}}},
        {"id": "asked", "type": "next", "payload": {"data": {"numbers": 1}}},
        {"id": "asked", "type": "complete"},
    ]


async def test_what_a_mutation_has_changed_is_read_anew_on_the_same_socket(either: Api) -> None:
    read = "query($house: ID!) { node(id: $house) { ... on Organization { name } } }"
    rename = """mutation($input: UpdateOrganizationInput!) {
      updateOrganization(input: $input) { organization { name } errors { __typename } }
    }"""
    async with served(either.app) as address, talking(address) as talk:
        await talk.introduce(authorization=f"Bearer {either.token('ann')}")
        organization = (await either.organization())["id"]
        before = await talk.ask(read, house=organization)
        renamed = await talk.ask(rename, input={"organizationId": organization, "name": "Apex"})
        after = await talk.ask(read, house=organization)

    assert before[0]["payload"]["data"]["node"]["name"] == "Acme"
    assert renamed[0]["payload"]["data"]["updateOrganization"]["errors"] == []
    assert after[0]["payload"]["data"]["node"]["name"] == "Apex"
