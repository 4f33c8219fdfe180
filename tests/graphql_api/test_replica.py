"""What is read of a replica: long lists that nobody's rights choose. All else comes from the database itself.

The replica here is a copy that was made before the tests change anything, and that never catches up.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema, get_named_type
from sqlalchemy import make_url

from domain.db import Database
from graphql_api.schema import print_schema
from tests.graphql_api.test_live import following, of, told
from tests.support.api import Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import PostgreSQL
from tests.support.operating import Browser
from tests.support.statements import statements

OURS = build_schema(print_schema())
REPLICA, PRIMARY, NOWHERE = "replica", "primary", "nowhere"


@dataclass(frozen=True, slots=True)
class List:
    """A list: the table that it shows, what asks for it, and where that is read when ada or ann asks."""

    table: str
    ask: str
    ada: str | None = PRIMARY
    ann: str | None = PRIMARY


# Every list of the schema. A new one stands here, and on the primary unless its selection says that it may lag.
LISTS = {
    "Query.organizations": List("organizations", "organizations { totalCount nodes { id } }", ada=REPLICA),
    "Query.plans": List("", "plans { nodes { name } }", NOWHERE, NOWHERE),
    "Query.features": List("", "features { nodes { key } }", NOWHERE, NOWHERE),
    "Query.auditEvents": List(
        "audit_events", 'auditEvents(organizationId: "$org") { nodes { action } }', REPLICA, REPLICA
    ),
    "Query.webhookEvents": List("webhook_events", "webhookEvents { nodes { id } }", REPLICA, None),
    "Viewer.memberships": List("memberships", "viewer { memberships { totalCount nodes { id } } }"),
    "Organization.memberships": List(
        "memberships", 'organization(id: "$org") { memberships { totalCount nodes { id user { name } } } }'
    ),
    "Organization.invitations": List(
        "invitations", 'organization(id: "$org") { invitations { totalCount nodes { id } } }'
    ),
    "Organization.apiKeys": List("api_keys", 'organization(id: "$org") { apiKeys { nodes { id } } }'),
    "Organization.auditEvents": List(
        "audit_events", 'organization(id: "$org") { auditEvents { nodes { action } } }', REPLICA, REPLICA
    ),
    "Customer.subscriptions": List("billing_subscriptions", 'customer(id: "$cst") { subscriptions { nodes { id } } }'),
    "Customer.overrides": List("overrides", 'customer(id: "$cst") { overrides { nodes { id } } }', ann=None),
    "BillingSubscription.facts": List(
        "subscription_facts", 'customer(id: "$cst") { subscriptions { nodes { facts { nodes { rank } } } } }', ann=None
    ),
    "DriftReport.drifts": List("drifts", "driftReport { drifts { nodes { kind } } }", ann=None),
}
# What is decided or worked out, for somebody who may see all of it.
DECIDED = """{
    viewer { actor { __typename } memberships { nodes { role organization { viewerRole } } } }
    organization(id: "$org") { viewerRole seats { used reserved available } customer { entitlements { plans } } }
    organizations { nodes { id } }
    customer(id: "$cst") { entitlements { features decisions { reason } } processorAccounts { livemode } }
    entitlements(customerId: "$cst") { plans }
    entitlementsBatch(customerIds: ["$cst"]) { plans }
    explain(customerId: "$cst", feature: "sso") { decision { reason chain { detail } } }
    nodes(ids: ["$org", "$cst"]) { id }
}"""


@dataclass(frozen=True, slots=True)
class Lagging:
    """An application whose replica is behind; `acme` stands in both databases, with bob in it."""

    api: Api
    acme: dict[str, Any]
    bob: str

    @property
    def copy(self) -> Database:
        copy = self.api.services.replica._copy
        assert copy is not None
        return copy

    def filled(self, document: str) -> str:
        return document.replace("$org", self.acme["id"]).replace("$cst", self.acme["customer"]["id"])

    async def ask(self, document: str, who: str) -> Any:
        return (await self.api.ask(self.filled(document), who)).data

    async def sent(self, document: str, who: str) -> tuple[list[str], list[str]]:
        """Ask, and give the statements that the database and its copy were sent."""
        with ExitStack() as stack:
            databases = (self.api.services.database, self.copy)
            recorded = [stack.enter_context(statements(each)) for each in databases]
            await self.ask(document, who)
        primary, copy = ([each for each in sent if "alembic_version" not in each] for sent in recorded)
        return primary, copy


@pytest.fixture
async def lagging(postgresql: PostgreSQL, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Lagging]:
    url = postgresql.fresh(tmp_path)
    async with serving(url, tmp_path, clock) as api:
        acme = await api.organization(slug="acme")
        await api.holds(acme["customer"])
        bob = await api.join(acme, "bob")
        await api.do("inviteMember", "ann", organizationId=acme["id"], email="guest@example.com")
        await api.services.reconciling.everything(report_only=True)
    clock.forward(seconds=1)
    async with serving(url, tmp_path, clock, {"DATABASE_REPLICA_URL": postgresql.copied(url)}) as api:
        async with asyncio.timeout(60):
            while not api.services.replica._fit:  # noqa: ASYNC110 - the application looks by itself, and tells nobody
                await asyncio.sleep(0.01)
        yield Lagging(api, acme, bob)


def lists(kind: GraphQLObjectType) -> list[str]:
    return [name for name, field in kind.fields.items() if get_named_type(field.type).name.endswith("Connection")]


def test_every_list_of_the_schema_says_where_it_is_read() -> None:
    kinds = [kind for kind in OURS.type_map.values() if isinstance(kind, GraphQLObjectType)]

    assert {f"{kind.name}.{name}" for kind in kinds for name in lists(kind)} == LISTS.keys()


async def test_each_list_is_read_where_it_says(lagging: Lagging) -> None:
    wrong: dict[tuple[str, str], list[str]] = {}
    for name, each in LISTS.items():
        of_list = re.compile(rf"FROM {each.table}\b" if each.table else "^$")
        for who, where in (("ada", each.ada), ("ann", each.ann)):
            if where is None:
                continue
            primary, copy = await lagging.sent(f"{{ {each.ask} }}", who)
            sent = {PRIMARY: primary, REPLICA: copy}
            found = [place for place in sent if any(of_list.search(statement) for statement in sent[place])]
            others = [statement for statement in copy if not of_list.search(statement)]
            if (found or [NOWHERE], others) != ([where], []):
                wrong[name, who] = [*found, *others]

    assert wrong == {}


@pytest.mark.parametrize("who", ["ann", "bob"])
async def test_nothing_that_is_decided_is_read_of_the_copy(lagging: Lagging, who: str) -> None:
    document = DECIDED if who == "ann" else re.sub("\n    explain.*", "", DECIDED)
    primary, copy = await lagging.sent(document, who)

    assert primary
    assert copy == []


async def test_a_list_that_may_lag_shows_what_the_copy_holds_and_every_other_what_is_there(lagging: Lagging) -> None:
    await lagging.api.organization(name="Newer")
    listed = "{ organizations { totalCount nodes { name } } }"

    assert (await lagging.ask(listed, "ada"))["organizations"] == {"totalCount": 1, "nodes": [{"name": "Acme"}]}
    assert (await lagging.ask(listed, "ann"))["organizations"]["totalCount"] == 2


async def test_who_has_lost_a_right_has_lost_it_whatever_the_copy_knows(lagging: Lagging) -> None:
    ask = """organization(id: "$org") { id } organizations { nodes { id } }
        auditEvents(organizationId: "$org") { nodes { id } }"""
    await lagging.api.do("changeMemberRole", "ann", membershipId=lagging.bob, role="OWNER")
    now_owner = await lagging.ask(f"{{ {ask} }}", "bob")
    await lagging.api.do("removeMember", "ann", membershipId=lagging.bob)
    stranger = await lagging.api.ask(lagging.filled(f"{{ {ask} }}"), "bob")

    assert now_owner["auditEvents"]["nodes"]
    assert now_owner["organizations"]["nodes"] == [{"id": lagging.acme["id"]}]
    assert stranger.body["data"] == {"organization": None, "auditEvents": None, "organizations": {"nodes": []}}


@pytest.mark.parametrize("who", ["ada", "ann"])
async def test_what_is_gone_already_makes_no_list_fail(lagging: Lagging, who: str) -> None:
    """The copy still holds the member who left, the user who is no more and the organization that was deleted."""
    lists = """{ organizations(first: 2) { nodes {
        viewerRole seats { used } customer { entitlements { plans } }
        memberships(first: 3) { nodes { user { name } organization { name } } }
        invitations(first: 3) { nodes { organization { name } } }
        auditEvents(first: 9) { nodes { actor { __typename } actorLabel subject { id } organization { name } } }
    } } }"""
    await lagging.api.do("removeMember", "ann", membershipId=lagging.bob)
    first = await lagging.ask(lists, who)
    await lagging.api.do("deleteUser", "bob", userId=await lagging.api.user("bob"))
    second = await lagging.ask(lists, who)
    await lagging.api.do("deleteOrganization", "ann", organizationId=lagging.acme["id"])
    third = await lagging.ask(lists, who)

    assert len(first["organizations"]["nodes"]) == len(second["organizations"]["nodes"]) == 1
    assert len(third["organizations"]["nodes"]) == (1 if who == "ada" else 0)


async def test_who_changes_something_reads_it_in_the_same_operation(lagging: Lagging) -> None:
    listed = "organization { auditEvents(first: 1) { nodes { action } } }"
    renamed = await lagging.api.do(
        "updateOrganization", "ann", listed, organizationId=lagging.acme["id"], name="Acme & Sons"
    )
    later = await lagging.ask('{ organization(id: "$org") { name auditEvents(first: 1) { nodes { action } } } }', "ann")

    assert renamed["organization"]["auditEvents"]["nodes"] == [{"action": "organization.updated"}]
    assert later["organization"]["name"] == "Acme & Sons"
    assert later["organization"]["auditEvents"]["nodes"] != [{"action": "organization.updated"}]


async def test_who_is_told_of_changes_is_told_of_no_older_state(lagging: Lagging) -> None:
    api = lagging.api
    document = """subscription($of: ID!) { entitlementsChanged(customerId: $of) { customer { owner {
        ... on Organization { auditEvents(first: 1) { nodes { action } } } } } } }"""
    await api.do("updateOrganization", "ann", organizationId=lagging.acme["id"], name="Acme & Sons")
    async with following(api, document, lagging.acme["customer"]["id"], await of(api, "ann")) as heard:
        first = await told(heard)

    assert first["customer"]["owner"]["auditEvents"]["nodes"] == [{"action": "organization.updated"}]


async def test_operators_list_and_find_customers_of_the_copy_and_read_one_of_the_primary(lagging: Lagging) -> None:
    browser, made = Browser(api=lagging.api), await lagging.api.organization(name="Newer", slug="newer")
    newer = f"/admin/customers/{made['customer']['id']}"

    listed, searched = await browser.get("/admin"), await browser.get("/admin?q=newer")
    acme, shown = await browser.get("/admin?q=acme"), await browser.get(newer)

    assert "Acme" in listed.text
    assert "team" in listed.text
    assert newer not in listed.source + searched.source
    assert acme.location == f"/admin/customers/{lagging.acme['customer']['id']}"
    assert "Newer" in shown.text


async def test_a_copy_that_goes_while_it_is_read_fails_nobody(lagging: Lagging, postgresql: PostgreSQL) -> None:
    await lagging.api.organization(name="Newer")
    postgresql.sql(f"DROP DATABASE {lagging.copy.engine.url.database} WITH (FORCE)")

    organizations = (await lagging.ask("{ organizations { totalCount nodes { name } } }", "ada"))["organizations"]
    page = await Browser(api=lagging.api).get("/admin")
    ready = await lagging.api.client.get("/readyz")

    assert organizations == {"totalCount": 2, "nodes": [{"name": "Acme"}, {"name": "Newer"}]}
    assert "Newer" in page.text
    assert ready.status_code == 200


async def test_a_copy_that_is_away_or_not_migrated_keeps_nobody_from_starting(
    postgresql: PostgreSQL, tmp_path: Path, clock: FixedClock
) -> None:
    url, unmigrated = postgresql.fresh(tmp_path), postgresql.fresh(tmp_path, empty=True)
    nowhere = make_url(url).set(database="nothing").render_as_string(hide_password=False)
    for replica in (unmigrated, nowhere):
        async with serving(url, tmp_path, clock, {"DATABASE_REPLICA_URL": replica}) as api:
            await api.services.replica.look()
            ready = await api.client.get("/readyz")

            assert ready.status_code == 200
            assert (await api.ask("{ organizations { totalCount } auditEvents { nodes { id } } }", "ada")).data
