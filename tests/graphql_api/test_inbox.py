"""The inbox in an operator's hands, and in nobody else's."""

from typing import Any

import pytest

from tests.domain.billing.processors import stripe_json
from tests.support.api import Api, user_error
from tests.support.tables import execute

EVENT = """
    id processor livemode eventId type status occurredAt receivedAt appliedAt
    attempts nextAttemptAt waitingFor lastError
"""
LIST = f"""
    query($filter: WebhookEventFilter, $first: Int, $after: String, $last: Int, $before: String) {{
      webhookEvents(filter: $filter, first: $first, after: $after, last: $last, before: $before) {{
        nodes {{ {EVENT} payload customer {{ id }} }}
        pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }}
      }}
    }}
"""
FACTS = """
    query($id: ID!, $first: Int, $after: String) {
      node(id: $id) { ... on BillingSubscription { facts(first: $first, after: $after) {
        nodes { source type eventId rank occurredAt state webhookEvent { eventId } }
        pageInfo { hasNextPage endCursor }
      } } }
    }
"""
BAD = {"object": {"object": "subscription", "id": "sub_bad"}}


async def listed(api: Api, **filter: object) -> list[str]:
    found = await api.ask(LIST, "ada", filter=filter)
    return [node["eventId"] for node in found.data["webhookEvents"]["nodes"]]


async def ident(api: Api, event_id: str) -> str:
    [row] = [row for row in await api.rows("webhook_events") if row.event_id == event_id]
    return str(row.id)


async def three(api: Api) -> dict[str, Any]:
    """Let one event be applied, one fail and one be ignored, a second apart."""
    acme = await api.organization()
    await api.holds(acme["customer"])
    changed: list[dict[str, Any]] = [{"data": BAD}, {"type": "charge.refunded"}]
    for number, changes in enumerate(changed):
        api.clock.forward(seconds=1)
        await api.post_event(id=f"evt_{number + 1}", **changes)
    return acme


async def test_an_administrator_reads_the_inbox_newest_first(api: Api) -> None:
    acme = await three(api)

    nodes = (await api.ask(LIST, "ada")).data["webhookEvents"]["nodes"]

    assert [(node["eventId"], node["status"], node["lastError"]) for node in nodes] == [
        ("evt_2", "IGNORED", None),
        ("evt_1", "FAILED", "UnreadableEvent"),
        ("evt_0", "APPLIED", None),
    ]
    assert nodes[2]["customer"] == {"id": acme["customer"]["id"]}
    assert nodes[2]["payload"]["data"]["object"]["object"] == "subscription"
    assert (nodes[1]["attempts"], nodes[1]["customer"]) == (1, None)


async def test_pages_run_both_ways(api: Api) -> None:
    await three(api)

    first = (await api.ask(LIST, "ada", first=2)).data["webhookEvents"]
    second = (await api.ask(LIST, "ada", first=2, after=first["pageInfo"]["endCursor"])).data["webhookEvents"]
    last = (await api.ask(LIST, "ada", last=1)).data["webhookEvents"]

    assert [node["eventId"] for node in (*first["nodes"], *second["nodes"])] == ["evt_2", "evt_1", "evt_0"]
    assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)
    assert last["nodes"] == second["nodes"]


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({}, ["evt_2", "evt_1", "evt_0"]),
        ({"processor": "FAKE"}, ["evt_2", "evt_1", "evt_0"]),
        ({"processor": "STRIPE"}, []),
        ({"statuses": ["FAILED", "IGNORED"]}, ["evt_2", "evt_1"]),
        ({"statuses": []}, []),
        ({"types": ["charge.refunded"]}, ["evt_2"]),
        ({"types": ["charge.refunded"], "statuses": ["APPLIED"]}, []),
        ({"customerId": "cst_nobody"}, []),
        ({"since": "2000-01-01T00:00:00Z", "until": "2000-01-02T00:00:00Z"}, []),
    ],
)
async def test_everything_that_a_filter_holds_must_hold(api: Api, filter: dict[str, object], found: list[str]) -> None:
    await three(api)

    assert await listed(api, **filter) == found


async def test_events_of_one_customer_are_found(api: Api) -> None:
    acme = await three(api)

    assert await listed(api, customerId=acme["customer"]["id"]) == ["evt_0"]


@pytest.mark.parametrize("who", ["ann", "bob"])
async def test_nobody_else_reads_the_inbox(api: Api, who: str) -> None:
    await three(api)
    whe = await ident(api, "evt_0")

    assert (await api.ask(LIST, who)).codes == ["FORBIDDEN"]
    assert (await api.ask("query($id: ID!) { node(id: $id) { id } }", who, id=whe)).data == {"node": None}
    assert (await api.ask(LIST, None)).codes == ["UNAUTHENTICATED"]


async def test_an_event_is_a_node(api: Api) -> None:
    await three(api)
    whe = await ident(api, "evt_1")

    found = await api.ask("query($id: ID!) { node(id: $id) { id ... on WebhookEvent { status } } }", "ada", id=whe)

    assert found.data["node"] == {"id": whe, "status": "FAILED"}


class TestFacts:
    async def test_they_come_in_the_order_of_the_fold_with_their_events(self, api: Api) -> None:
        acme = await api.organization()
        await api.holds(acme["customer"], quantity=3)
        await api.holds(acme["customer"], quantity=4)
        [row] = await api.rows("billing_subscriptions")

        first = (await api.ask(FACTS, "ada", id=row.id, first=1)).data["node"]["facts"]
        second = (await api.ask(FACTS, "ada", id=row.id, after=first["pageInfo"]["endCursor"])).data["node"]["facts"]

        facts = [*first["nodes"], *second["nodes"]]
        told = [(fact["eventId"], fact["state"]["items"][0]["quantity"]) for fact in facts]
        assert told == [("evt_0", 3), ("evt_1", 4)]
        assert [fact["webhookEvent"] for fact in facts] == [{"eventId": "evt_0"}, {"eventId": "evt_1"}]
        assert {fact["source"] for fact in facts} == {"EVENT"}
        assert (first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]) == (True, False)

    async def test_a_fact_outlives_its_event(self, api: Api) -> None:
        acme = await api.organization()
        await api.holds(acme["customer"])
        [row] = await api.rows("billing_subscriptions")
        await execute(api.services.database, "DELETE FROM webhook_events")

        [fact] = (await api.ask(FACTS, "ada", id=row.id)).data["node"]["facts"]["nodes"]

        assert (fact["eventId"], fact["webhookEvent"]) == ("evt_0", None)

    async def test_the_owner_does_not_read_them(self, api: Api) -> None:
        acme = await api.organization()
        await api.holds(acme["customer"])
        [row] = await api.rows("billing_subscriptions")

        answer = await api.ask(FACTS, "ann", id=row.id)

        assert answer.codes == ["FORBIDDEN"]


async def again(api: Api, whe: str) -> Any:
    chosen = "webhookEvent { id status }"
    return await api.do("replayWebhookEvent", "ada", chosen, webhookEventId=whe, idempotencyKey="again")


class TestReplaying:
    async def test_a_failed_event_is_applied_when_its_cause_is_gone(self, api: Api) -> None:
        await three(api)
        whe = await ident(api, "evt_1")

        done = await api.do("replayWebhookEvent", "ada", f"webhookEvent {{ {EVENT} }}", webhookEventId=whe)

        assert done["errors"] == []
        assert (done["webhookEvent"]["status"], done["webhookEvent"]["attempts"]) == ("FAILED", 1)
        assert any(row.action == "webhook.replayed" for row in await api.rows("audit_events"))

    async def test_a_key_replays_the_answer_and_not_the_event(self, api: Api) -> None:
        await three(api)
        whe = await ident(api, "evt_0")
        first = await again(api, whe)
        before = await api.everything()

        assert await again(api, whe) == first
        assert await api.everything() == before

    async def test_unknown_events_and_those_of_the_other_mode_are_refused(self, api: Api) -> None:
        await api.user("ada")
        await api.post_event(id="evt_live", livemode=True)
        whe, before = await ident(api, "evt_live"), await api.everything()

        unknown = await api.do("replayWebhookEvent", "ada", webhookEventId="whe_nobody")
        other = await api.do("replayWebhookEvent", "ada", webhookEventId=whe)

        path = ("input", "webhookEventId")
        assert unknown["errors"] == [user_error("NotFound", "NOT_FOUND", "There is no such webhook event.", *path)]
        assert [error["code"] for error in other["errors"]] == ["INVALID_INPUT"]
        assert await api.everything() == before

    async def test_nobody_else_replays(self, api: Api) -> None:
        await three(api)
        whe, before = await ident(api, "evt_0"), await api.everything()

        assert (await api.try_to("replayWebhookEvent", "ann", webhookEventId=whe)).codes == ["FORBIDDEN"]
        assert await api.everything() == before


class TestLinking:
    async def test_what_waited_for_the_account_is_applied(self, api: Api) -> None:
        acme = await api.organization()
        await api.post_event(data={"object": stripe_json.subscription(customer="cus_made_elsewhere")})

        linked = await api.do(
            "linkProcessorAccount",
            "ada",
            "customer { processorAccounts { processorId } }",
            customerId=acme["customer"]["id"],
            processor="FAKE",
            processorId="cus_made_elsewhere",
        )
        await api.services.inbox.retry_due()

        assert linked["customer"] == {"processorAccounts": [{"processorId": "cus_made_elsewhere"}]}
        assert [row.customer_id for row in await api.rows("billing_subscriptions")] == [acme["customer"]["id"]]

    async def test_another_customers_account_is_refused_and_nothing_is_written(self, api: Api) -> None:
        acme, apex = await api.organization(), await api.organization(name="Apex")
        account = {"processor": "FAKE", "processorId": "cus_one"}
        await api.do("linkProcessorAccount", "ada", customerId=acme["customer"]["id"], **account)
        before = await api.everything()

        refused = await api.do("linkProcessorAccount", "ada", customerId=apex["customer"]["id"], **account)

        assert [error["code"] for error in refused["errors"]] == ["INVALID_INPUT"]
        assert await api.everything() == before

    async def test_nobody_else_links(self, api: Api) -> None:
        acme = await api.organization()
        before = await api.everything()
        asked = {"customerId": acme["customer"]["id"], "processor": "FAKE", "processorId": "cus_mine"}

        assert (await api.try_to("linkProcessorAccount", "ann", **asked)).codes == ["FORBIDDEN"]
        assert await api.everything() == before
