"""Not yours and not there are one answer, byte for byte, wherever an id goes in; the schema says where that is."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, build_schema, get_named_type

from graphql_api.schema import print_schema
from tests.graphql_api.test_invitations import invite
from tests.support.api import Api, plain

OURS = build_schema(print_schema())
# What kind of object each id of the schema names; a new place must be added here.
KINDS = {
    "organization(id)": "org",
    "organization(slug)": "slug",
    "organization(externalId)": "external",
    "node(id)": "org usr mem inv cst bsb aud whe ovr key",
    "nodes(ids)": "org usr mem inv cst bsb aud whe ovr key",
    "customer(id)": "cst",
    "auditEvents(organizationId)": "org",
    "auditEvents(filter.actorId)": "usr",
    "auditEvents(filter.subjectId)": "mem",
    "entitlements(customerId)": "cst",
    "entitlementsBatch(customerIds)": "cst",
    "explain(customerId)": "cst",
    "createOrganization(input.ownerId)": "usr",
    "updateOrganization(input.organizationId)": "org",
    "deleteOrganization(input.organizationId)": "org",
    "restoreOrganization(input.organizationId)": "org",
    "addMember(input.organizationId)": "org",
    "addMember(input.userId)": "usr",
    "removeMember(input.membershipId)": "mem",
    "leaveOrganization(input.organizationId)": "org",
    "changeMemberRole(input.membershipId)": "mem",
    "transferOwnership(input.organizationId)": "org",
    "transferOwnership(input.membershipId)": "mem",
    "inviteMember(input.organizationId)": "org",
    "revokeInvitation(input.invitationId)": "inv",
    "deleteUser(input.userId)": "usr",
    "createApiKey(input.organizationId)": "org",
    "revokeApiKey(input.apiKeyId)": "key",
    "subscribe(input.customerId)": "cst",
    "cancelSubscription(input.subscriptionId)": "bsb",
    "swapPlan(input.subscriptionId)": "bsb",
    "updateSubscriptionQuantity(input.subscriptionId)": "bsb",
    "resumeSubscription(input.subscriptionId)": "bsb",
    "pauseSubscription(input.subscriptionId)": "bsb",
    "unpauseSubscription(input.subscriptionId)": "bsb",
    "previewPlanChange(input.subscriptionId)": "bsb",
    "createCheckoutSession(input.customerId)": "cst",
    "createPortalSession(input.customerId)": "cst",
    "linkProcessorAccount(input.customerId)": "cst",
    "reconcileCustomer(input.customerId)": "cst",
    "replayWebhookEvent(input.webhookEventId)": "whe",
    "setFakeSubscriptionStatus(input.subscriptionId)": "bsb",
    "webhookEvents(filter.customerId)": "cst",
    "grantOverride(input.customerId)": "cst",
    "revokeOverride(input.overrideId)": "ovr",
}


def places() -> Iterator[str]:
    """Name every argument of a root field, and every field of its inputs, that takes an id."""
    assert OURS.query_type is not None
    assert OURS.mutation_type is not None
    for name, field in (OURS.query_type.fields | OURS.mutation_type.fields).items():
        for arg, given in field.args.items():
            kind = get_named_type(given.type)
            if kind.name == "ID":
                yield f"{name}({arg})"
            if isinstance(kind, GraphQLInputObjectType):
                ids = (inner for inner in kind.fields if get_named_type(kind.fields[inner].type).name == "ID")
                yield from (f"{name}({arg}.{inner})" for inner in ids)


def test_every_place_that_takes_an_id_is_known() -> None:
    assert {*places()} <= {*KINDS}


async def tenants(api: Api) -> tuple[dict[str, str], dict[str, Any]]:
    """Give the ids of ann's tenant, and what else eve must say in each mutation of her own."""
    theirs = await api.organization("ann", slug="theirs", externalId="crm-7")
    await api.holds(theirs["customer"])
    subscription = (await api.rows("billing_subscriptions"))[0].id
    invited = await invite(api, theirs, "guest@example.com")
    remembered = next(row.id for row in await api.rows("audit_events") if row.organization_id == theirs["id"])
    given = {"customerId": theirs["customer"]["id"], "feature": "sso", "reason": "a present"}
    present = await api.do("grantOverride", "ada", "override { id }", **given)
    program = {"organizationId": theirs["id"], "label": "theirs", "scopes": ["ORGANIZATIONS_READ"]}
    key = await api.do("createApiKey", "ann", "apiKey { id }", **program)
    own = await api.organization("eve", "Eve's")
    await api.holds(own["customer"])
    others = {
        "org": theirs["id"],
        "usr": await api.user("ann"),
        "mem": theirs["memberships"]["nodes"][0]["id"],
        "inv": invited["invitation"]["id"],
        "cst": theirs["customer"]["id"],
        "bsb": subscription,
        "aud": remembered,
        "ovr": present["override"]["id"],
        "key": key["apiKey"]["id"],
        "whe": (await api.rows("webhook_events"))[0].id,
        "slug": "theirs",
        "external": "crm-7",
    }
    rest = {
        "createOrganization": {"name": "Another"},
        "updateOrganization": {"name": "Another"},
        "addMember": {"organizationId": own["id"]},
        "changeMemberRole": {"role": "ADMIN"},
        "transferOwnership": {"organizationId": own["id"], "membershipId": own["memberships"]["nodes"][0]["id"]},
        "inviteMember": {"email": "somebody@example.com"},
        "createApiKey": {"label": "eve's", "scopes": ["ORGANIZATIONS_READ"]},
        "subscribe": {"items": [{"priceId": "price_seat_pack"}]},
        "swapPlan": {"priceId": "price_basic", "proration": "NONE"},
        "updateSubscriptionQuantity": {"quantity": 2},
        "previewPlanChange": {"priceId": "price_basic", "proration": "NONE"},
        "createCheckoutSession": {
            "items": [{"priceId": "price_seat_pack"}],
            "successUrl": "https://eve.example/thanks",
            "cancelUrl": "https://eve.example/back",
        },
        "createPortalSession": {"returnUrl": "https://eve.example/"},
        "linkProcessorAccount": {"processor": "FAKE", "processorId": "cus_eve"},
        "setFakeSubscriptionStatus": {"status": "ACTIVE"},
        "auditEvents": {"organizationId": own["id"]},
        "grantOverride": {"feature": "sso", "reason": "a present"},
        "revokeOverride": {"reason": "no present"},
    }
    return others, rest


async def answer(api: Api, place: str, value: str, rest: dict[str, Any]) -> str:
    """Ask as eve with this value, and give the answer with the value and the request's id taken out."""
    field, _, argument = place[:-1].partition("(")
    if argument.startswith("input."):
        name = argument.removeprefix("input.")
        input = rest.get(field, {}) | {name: value}
        if field == "addMember" and name == "organizationId":
            input |= {"email": "ann@example.com"}
        found = await api.try_to(field, "eve", **input)
    elif place.startswith("webhookEvents"):
        asked = "filter: {" + argument.removeprefix("filter.") + ": $value}"
        found = await api.ask(f"query($value: ID!) {{ {field}({asked}) {{ nodes {{ id }} }} }}", "eve", value=value)
    elif argument.startswith("filter."):
        # Of one's own organization: what others did is not found there, and no id is told from another.
        asked = "organizationId: $own, filter: {" + argument.removeprefix("filter.") + ": $value}"
        found = await api.ask(
            f"query($own: ID!, $value: ID!) {{ {field}({asked}) {{ nodes {{ id }} }} }}",
            "eve",
            own=rest[field]["organizationId"],
            value=value,
        )
    else:
        kind = {"slug": "String", "externalId": "String", "customerIds": "[ID!]", "ids": "[ID!]"}.get(argument, "ID")
        more = ', feature: "sso"' if field == "explain" else ""
        found = await api.ask(
            f"query($value: {kind}!) {{ {field}({argument}: $value{more}) {{ __typename }} }}",
            "eve",
            value=[value] if kind.startswith("[") else value,
        )
    return re.sub(r'"requestId": "[0-9a-f]+"', "", plain([found.response.status_code, found.body])).replace(value, "ID")


@pytest.mark.parametrize("place", KINDS)
async def test_what_is_anothers_is_answered_as_what_is_missing(api: Api, place: str) -> None:
    others, rest = await tenants(api)
    before = await api.everything()

    for kind in KINDS[place].split():
        theirs = await answer(api, place, others[kind], rest)
        missing = await answer(api, place, f"{kind}_{'0' * 32}", rest)
        another_kind = await answer(api, place, others["org" if kind != "org" else "usr"], rest)
        malformed = [await answer(api, place, value, rest) for value in ("nobody", "org_", "✓", "' OR 1=1 --")]

        assert {theirs, another_kind, *malformed} == {missing}
        assert "__typename" not in theirs or "Error" in theirs

    assert await api.everything() == before


@pytest.mark.parametrize("place", [place for place in KINDS if "input." in place])
async def test_no_id_at_all_is_refused_by_the_schema_or_by_name(api: Api, place: str) -> None:
    _, rest = await tenants(api)
    field, _, name = place[:-1].partition("(input.")
    before = await api.everything()
    wrong: list[object] = [[], {}, True]

    answers = [await api.try_to(field, "eve", **(rest.get(field, {}) | {name: value})) for value in wrong]

    assert [answer.codes for answer in answers] == [["BAD_USER_INPUT"]] * 3
    assert {answer.response.status_code for answer in answers} == {400}
    assert await api.everything() == before
