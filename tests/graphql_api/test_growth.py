"""What an operation asks of the database grows with its depth alone, never with its pages: every field of every type.

The schema says what there is to walk, so a field that is added is walked without anybody's remembering it.
"""

import re
from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    Undefined,
    build_schema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    print_ast,
)
from sqlalchemy import select

from domain.billing import BillingSubscription, Status
from graphql_api.schema import print_schema
from tests.support.api import Api
from tests.support.statements import statements

OURS = build_schema(print_schema())
# Among five neighbours in the ledger is every kind of event that the world below is made with.
FEW, MANY = 5, 8
# What fields that must be told something are told.
TOLD = {
    "entitled": 'feature: "api"',
    "hasActivePlan": 'plan: "team"',
    "quantity": 'key: "seats"',
    "entitlementsBatch": "customerIds: $customers",
    "nodes": "ids: $ids",
}
# One thing each, which is reached through lists too, and what stands in no table.
LEFT_OUT = {
    "node",
    "organization",
    "customer",
    "entitlements",
    "explain",
    "rateLimit",
    "plans",
    "features",
    "serverInfo",
}
# An administrator is in no organization.
OTHERS = {"viewer"}
OPERATORS = {"auditEvents", "webhookEvents", "driftReport"}


@dataclass(frozen=True)
class Way:
    """How to come to objects of a type from the root: calls of fields, outermost first."""

    calls: tuple[str, ...] = ()
    through_list: bool = False

    def document(self, selection: str) -> str:
        text = " { ".join((*self.calls, selection)) + " }" * len(self.calls)
        used = [f"${name}: {kind}" for name, kind in VARIABLES.items() if re.search(rf"\${name}\b", text)]
        return f"query({', '.join(used)}) {{ {text} }}" if used else f"{{ {text} }}"


VARIABLES = {"n": "Int", "customers": "[ID!]!", "ids": "[ID!]!"}


def many(field: GraphQLField) -> bool:
    kind = field.type
    while hasattr(kind, "of_type"):
        if is_list_type(kind):
            return True
        kind = kind.of_type
    return False


def call(kind: GraphQLObjectType, name: str, field: GraphQLField) -> str:
    told = [TOLD[name]] if name in TOLD and field.args else []
    if "first" in field.args:
        told.append("first: $n")
    return f"{name}({', '.join(told)})" if told else name


def needs_more(name: str, field: GraphQLField) -> bool:
    required = [arg for arg in field.args.values() if str(arg.type).endswith("!") and arg.default_value is Undefined]
    return bool(required) and name not in TOLD


def ways(*, for_operators: bool) -> dict[str, Way]:
    """Find the shortest way that leads to each type through a list; others than operators have fewer ways."""
    assert OURS.query_type is not None
    left_out = LEFT_OUT | (OTHERS if for_operators else OPERATORS)
    found: dict[str, Way] = {}
    seen: set[tuple[str, bool]] = set()
    waiting = deque([(OURS.query_type, Way())])
    while waiting:
        kind, way = waiting.popleft()
        if (kind.name, way.through_list) in seen:
            continue
        seen.add((kind.name, way.through_list))
        if way.through_list:
            found[kind.name] = way
        for name, field in fields(kind, for_operators=for_operators).items():
            inner = get_named_type(field.type)
            if isinstance(inner, GraphQLObjectType) and not (kind is OURS.query_type and name in left_out):
                waiting.append((inner, Way((*way.calls, call(kind, name, field)), way.through_list or many(field))))
    return found


def fields(kind: GraphQLObjectType, *, for_operators: bool) -> dict[str, GraphQLField]:
    """Give the fields that can be asked for as they are; those of administrators for operators alone."""
    return {
        name: field
        for name, field in kind.fields.items()
        if not needs_more(name, field) and (for_operators or "ADMIN" not in directives(field))
    }


def directives(field: GraphQLField) -> str:
    return " ".join(print_ast(directive) for directive in (field.ast_node and field.ast_node.directives) or ())


def selection(kind: GraphQLObjectType, name: str) -> str:
    """Ask for a field and, of what it gives, for everything that is no object again; of a list for its rows."""
    field = kind.fields[name]
    inner = get_named_type(field.type)
    called = call(kind, name, field)
    if is_leaf_type(inner):
        return called
    if is_abstract_type(inner):
        return f"{called} {{ __typename ... on Node {{ id }} }}"
    assert isinstance(inner, GraphQLObjectType)
    if "nodes" in inner.fields:
        rows = get_named_type(inner.fields["nodes"].type)
        assert isinstance(rows, GraphQLObjectType)
        return f"{called} {{ {leaves(inner)} nodes {{ {leaves(rows)} }} }}"
    return f"{called} {{ {leaves(inner)} }}"


def leaves(kind: GraphQLObjectType) -> str:
    asked = [
        call(kind, name, field)
        for name, field in kind.fields.items()
        if is_leaf_type(get_named_type(field.type)) and not needs_more(name, field)
    ]
    return " ".join(asked or ["__typename"])


async def world(api: Api) -> dict[str, Any]:
    """Let there be several of everything that lists hold."""
    customers, ids = [], []
    for number in range(MANY):
        organization = await api.organization(slug=f"acme-{number}")
        await api.holds(organization["customer"], quantity=25)
        customers.append(organization["customer"]["id"])
        ids.append(organization["id"])
        for guest in range(MANY):
            email = f"guest-{number}-{guest}@example.com"
            override = {"limit": "seats", "value": 30 + guest, "reason": "a try"}
            await api.join(organization, f"member-{number}-{guest}")
            api.clock.forward(seconds=1)
            await api.do("inviteMember", "ann", organizationId=organization["id"], email=email)
            api.clock.forward(seconds=1)
            await api.do("grantOverride", "ada", customerId=customers[-1], **override)
            key = {"label": "a program", "scopes": ["AUDIT_READ"], "organizationId": organization["id"]}
            await api.do("createApiKey", "ann", **key)
            api.clock.forward(seconds=1)
    async with api.services.database.transaction() as session:
        for row in (await session.execute(select(BillingSubscription))).scalars():
            row.status, row.state = Status.CANCELED, row.state | {"status": "canceled"}
    await api.services.reconciling.everything(report_only=True)
    return {"customers": customers, "ids": ids}


async def cost(api: Api, document: str, who: str, **variables: Any) -> tuple[int, str]:
    # Time stands still, and so many questions would empty their caller's bucket.
    api.clock.forward(seconds=1)
    with statements(api.services.database) as sent:
        answer = await api.ask(document, who, **variables)
    return len(sent), answer.response.text


@pytest.mark.parametrize("who", ["ada", "ann"])
async def test_no_field_costs_more_statements_for_more_rows(api: Api, who: str) -> None:
    given = await world(api)
    less = given | {"customers": given["customers"][:FEW], "ids": given["ids"][:FEW]}
    grown: dict[str, tuple[int, int]] = {}
    unanswered: dict[str, str] = {}
    for_operators = who == "ada"
    for kind, way in ways(for_operators=for_operators).items():
        here = OURS.type_map[kind]
        assert isinstance(here, GraphQLObjectType)
        for name in fields(here, for_operators=for_operators):
            document = way.document(selection(here, name))
            few, little = await cost(api, document, who, **less, n=FEW)
            more, much = await cost(api, document, who, **given, n=MANY)
            if few != more:
                grown[f"{kind}.{name}"] = (few, more)
            if len(much) <= len(little) or '"errors"' in much:
                unanswered[f"{kind}.{name}"] = much[:300]

    assert grown == {}
    assert unanswered == {}
