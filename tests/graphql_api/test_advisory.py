"""What Stripe itself grants: told to administrators, and without a trace in any answer of a gate."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import strawberry
from sqlalchemy import text

from domain.billing import Customer
from domain.entitlements.advisory import SummarySource
from domain.entitlements.advisory.summaries import Summary, keep
from domain.scope import system
from graphql_api.permissions import require_feature
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_gates import Host, own_organization
from tests.support.api import Api
from tests.support.granting import told
from tests.support.statements import statements

GUIDE = Path(__file__).parents[2] / "docs/advisory.md"
STRIPE = {"PROCESSORS": "fake,stripe", "STRIPE_API_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRETS": "whsec_1"}
ON = STRIPE | {"STRIPE_NATIVE_SYNC": "advisory"}
ADVISORY = "advisory { state source lookupKeys complete observedAt }"
ONE = f"query($id: ID!) {{ customer(id: $id) {{ {ADVISORY} }} }}"
GATES = ("decorated", "extended", "classed", "engined", "shut")
EVERYTHING = """query($id: ID!) { entitlements(customerId: $id) {
    asOf knownAt catalogVersion revision validUntil plans features
    quantities { key value unlimited used remaining }
    sso: entitled(feature: "sso") pro: hasActivePlan(plan: "pro") seats: quantity(key: "seats")
    decisions { feature granted reason validUntil }
} }"""


@strawberry.type
class Shut:
    @require_feature("sso", billable=own_organization)
    @strawberry.field
    def shut(self) -> str:
        return "never"


async def observe(api: Api, customer_id: str, *keys: str, complete: bool = True, source: str = "webhook") -> None:
    """Let Stripe grant these and nothing else."""
    summary = Summary(
        news=told(*keys, complete=complete),
        source=SummarySource(source),
        livemode=False,
        at=api.clock.forward(seconds=1),
        event_id="evt_1",
    )
    async with api.services.database.transaction() as session:
        customer = await session.get_one(Customer, customer_id)
        await keep(session, customer.id, summary, scope=system("test"), now=api.clock.now())


async def test_switched_off_nothing_is_told_and_nothing_read(serve: Serve) -> None:
    async with serve(STRIPE) as api:
        customer = (await api.organization())["customer"]["id"]
        await observe(api, customer, "space")

        with statements(api.services.database) as sent:
            answer = await api.ask(ONE, "ada", id=customer)

    nothing: dict[str, Any] = {"source": None, "lookupKeys": [], "complete": False, "observedAt": None}
    assert answer.data["customer"]["advisory"] == {"state": "DISABLED"} | nothing
    assert not naming(sent)


async def test_administrators_are_told_what_is_known_and_how(serve: Serve) -> None:
    async with serve(ON) as api:
        customer = (await api.organization())["customer"]["id"]
        seen = [(await api.ask(ONE, "ada", id=customer)).data["customer"]["advisory"]]
        await observe(api, customer, "sso", "api", complete=False)
        seen.append((await api.ask(ONE, "ada", id=customer)).data["customer"]["advisory"])
        await observe(api, customer, source="pull")
        seen.append((await api.ask(ONE, "ada", id=customer)).data["customer"]["advisory"])

    assert seen == [
        {"state": "NOT_OBSERVED", "source": None, "lookupKeys": [], "complete": False, "observedAt": None},
        {
            "state": "RECORDED",
            "source": "WEBHOOK",
            "lookupKeys": ["api", "sso"],
            "complete": False,
            "observedAt": "2026-11-21T12:00:01.000000Z",
        },
        {
            "state": "RECORDED",
            "source": "PULL",
            "lookupKeys": [],
            "complete": True,
            "observedAt": "2026-11-21T12:00:02.000000Z",
        },
    ]


async def test_nobody_else_is_told(serve: Serve) -> None:
    async with serve(ON) as api:
        customer = (await api.organization())["customer"]["id"]
        await observe(api, customer, "space")

        answer = await api.ask(ONE, "ann", id=customer)

    assert (answer.codes, answer.body["data"]) == (["FORBIDDEN"], {"customer": {"advisory": None}})


async def test_many_are_read_in_one_statement(serve: Serve) -> None:
    async with serve(ON) as api:
        for number in range(3):
            made = await api.organization("ann", f"Acme {number}")
            await observe(api, made["customer"]["id"], f"key_{number}")

        with statements(api.services.database) as sent:
            answer = await api.ask(f"{{ organizations {{ nodes {{ customer {{ {ADVISORY} }} }} }} }}", "ada")

    told = [node["customer"]["advisory"]["lookupKeys"] for node in answer.data["organizations"]["nodes"]]
    assert sorted(told) == [["key_0"], ["key_1"], ["key_2"]]
    assert len(naming(sent)) == 1


def naming(sent: list[str]) -> list[str]:
    return [statement for statement in sent if "entitlement_summaries" in statement]


async def answers(api: Api, organization: Mapping[str, Any]) -> list[object]:
    """Ask every gate and every read of entitlements, in GraphQL and in Python, and give what came, byte for byte."""
    id, entitlements = organization["customer"]["id"], api.services.entitlements
    said: list[object] = [(await api.ask(f"{{ {gate} }}")).bare for gate in GATES]
    said += [(await api.ask(EVERYTHING, who, id=id)).bare for who in ("ann", "ada", "eve")]
    seats = "query($id: ID!) { node(id: $id) { ... on Organization { seats { limit used available } } } }"
    said.append((await api.ask(seats, id=organization["id"])).bare)
    async with api.services.database.snapshot() as session:
        customer = await session.get_one(Customer, id)
        said.append(await entitlements.seat_limit(session, organization["id"]))
    said += [await entitlements.decide(customer, feature) for feature in ("reports", "sso", "api", "space")]
    said += [await entitlements.has_active_plan(customer, "pro"), await entitlements.features_for(customer)]
    return [*said, await entitlements.entitlement_quantity(customer, "seats")]


@pytest.mark.parametrize("price", ["price_pro_monthly", None])
async def test_no_answer_of_a_gate_differs_by_a_byte_whatever_is_observed(serve: Serve, price: str | None) -> None:
    hosts = {"query": [Host, Shut]}
    async with serve(STRIPE, **hosts) as api:
        organization = await api.organization()
        if price is not None:
            await api.holds(organization["customer"], price)
        api.clock.forward(seconds=10)
        now, id = api.clock.now(), organization["customer"]["id"]
        off = await answers(api, organization)
    seen = {}
    async with serve(ON, **hosts) as api:
        seen["missing"] = await answers(api, organization)
        granting = {"granting all": ["api", "reports", "sso"], "granting nothing": [], "truncated": ["sso"]}
        for name, keys in granting.items():
            await observe(api, id, *keys, complete=name != "truncated")
            back(api, now)
            seen[name] = await answers(api, organization)
        async with api.services.database.transaction() as session:
            await session.execute(text("UPDATE entitlement_summaries SET occurred_at = '2020-01-01 00:00:00.000000'"))
        seen["stale"] = await answers(api, organization)
        async with api.services.database.transaction() as session:
            await session.execute(text("UPDATE entitlement_summaries SET features = '7'"))
        seen["unreadable"] = await answers(api, organization)
    async with serve(STRIPE, **hosts) as api:
        seen["off again"] = await answers(api, organization)

    assert {name: said == off for name, said in seen.items()} == dict.fromkeys(seen, True)


def back(api: Api, now: Any) -> None:
    api.clock.forward(seconds=(now - api.clock.now()).total_seconds())


async def test_no_gate_and_no_read_of_entitlements_sends_a_statement_that_names_the_summaries(serve: Serve) -> None:
    async with serve(ON, query=[Host, Shut]) as api:
        organization = await api.organization()
        await api.holds(organization["customer"])
        await observe(api, organization["customer"]["id"], "api", "reports", "sso")

        with statements(api.services.database) as sent:
            await answers(api, organization)
            await api.join(organization, "bob")
        with statements(api.services.database) as sent_for_the_advice:
            await api.ask(ONE, "ada", id=organization["customer"]["id"])

    assert len(sent) > len(GATES)
    assert naming(sent) == []
    assert len(naming(sent_for_the_advice)) == 1


async def test_the_query_of_the_guide_is_answered(serve: Serve) -> None:
    [document] = re.findall(r"^```graphql\n(.*?)^```", GUIDE.read_text(), flags=re.MULTILINE | re.DOTALL)
    async with serve(ON) as api:
        organization = await api.organization()
        await api.holds(organization["customer"])
        await observe(api, organization["customer"]["id"], "space")

        told = (await api.ask(document, "ada", id=organization["customer"]["id"])).data["customer"]

    assert (told["advisory"]["lookupKeys"], told["entitlements"]["features"]) == (["space"], ["api", "reports", "sso"])
