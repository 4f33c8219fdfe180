"""Deleting and restoring an organization: who sees what of it meanwhile, and that it comes back whole."""

from collections.abc import Mapping
from typing import Any

import pytest

from domain.errors import Refused
from domain.organizations import OrganizationCallbacks
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_memberships import paid, refused
from tests.support.api import Api
from tests.support.api import user_error as error

MISSING = error("NotFound", "NOT_FOUND", "There is no such organization.", "input", "organizationId")
SEEN = """query($org: ID!, $cst: ID!, $mem: ID!, $usr: ID!) {
    byId: organization(id: $org) { restorableUntil viewerRole memberships { totalCount } customer { id } }
    byExternalId: organization(externalId: "crm-7") { restorableUntil }
    bySlug: organization(slug: "acme") { id }
    node(id: $org) { ... on Organization { restorableUntil } }
    organizations { totalCount nodes { id } }
    viewer { memberships { totalCount nodes { id } } }
    customer(id: $cst) { id owner { ... on Organization { id } } }
    entitlements(customerId: $cst) { features }
    membership: node(id: $mem) { id }
    user: node(id: $usr) { id }
}"""


async def house(api: Api) -> dict[str, str]:
    """Give ann an organization with bob, an admin, and cy, a member; the ids are those that `SEEN` asks for."""
    organization = await api.organization(externalId="crm-7")
    await api.holds(organization["customer"])
    await api.join(organization, "bob", "ADMIN")
    membership = await api.join(organization, "cy")
    return {
        "org": organization["id"],
        "cst": organization["customer"]["id"],
        "mem": membership,
        "usr": await api.user("cy"),
    }


def when(api: Api) -> str:
    """Say the end of the window of what is deleted now."""
    return api.clock.now().replace(month=12, day=5).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def test_an_organization_is_hidden_at_once_and_comes_back_whole(either: Api) -> None:
    ids = await house(either)
    whole = {who: (await either.ask(SEEN, who, **ids)).data for who in ("ann", "bob", "cy")}

    deleted = await either.do("deleteOrganization", "ann", "organizationId restorableUntil", organizationId=ids["org"])
    hidden = {who: (await either.ask(SEEN, who, **ids)).data for who in ("ann", "bob", "cy", "ada")}
    restored = await either.do(
        "restoreOrganization", "ann", "organization { slug restorableUntil seats { used } }", organizationId=ids["org"]
    )

    until = when(either)
    assert deleted == {"organizationId": ids["org"], "restorableUntil": until, "errors": []}
    nothing: dict[str, Any] = dict.fromkeys(
        ["byId", "byExternalId", "bySlug", "node", "customer", "entitlements", "membership", "user"]
    )
    none = {"totalCount": 0, "nodes": []}
    nothing |= {"organizations": none, "viewer": {"memberships": none}}
    assert hidden["bob"] == nothing
    assert hidden["cy"] == nothing | {"user": {"id": ids["usr"]}}
    shown = {"restorableUntil": until, "viewerRole": "OWNER", "memberships": None, "customer": {"id": ids["cst"]}}
    left: dict[str, Any] = {
        "byId": shown,
        "byExternalId": {"restorableUntil": until},
        "node": {"restorableUntil": until},
        "customer": {"id": ids["cst"], "owner": {"id": ids["org"]}},
        "entitlements": {"features": []},
    }
    assert hidden["ann"] == nothing | left
    to_administrators = shown | {"viewerRole": None, "memberships": {"totalCount": 3}}
    people = {"membership": {"id": ids["mem"]}, "user": {"id": ids["usr"]}}
    assert hidden["ada"] == nothing | left | people | {"byId": to_administrators}
    assert restored == {
        "organization": {"slug": "acme", "restorableUntil": None, "seats": {"used": 3}},
        "errors": [],
    }
    assert {who: (await either.ask(SEEN, who, **ids)).data for who in ("ann", "bob", "cy")} == whole


async def test_nobody_but_an_owner_or_an_administrator_deletes(api: Api) -> None:
    ids = await house(api)
    await api.user("eve")
    before = await api.everything()

    for who in ("bob", "cy"):
        denied = await api.try_to("deleteOrganization", who, organizationId=ids["org"])
        assert (denied.codes, denied.body["data"]) == (["FORBIDDEN"], {"deleteOrganization": None})
    assert await refused(api, "deleteOrganization", "eve", organizationId=ids["org"]) == MISSING
    assert await api.everything() == before
    assert (await api.do("deleteOrganization", "ada", "organizationId", organizationId=ids["org"]))["errors"] == []


@pytest.mark.parametrize("who", ["ann", "bob", "cy", "ada"])
async def test_nothing_can_be_done_in_what_is_deleted(api: Api, who: str) -> None:
    ids = await house(api)
    await api.user("dee")
    await api.user(who)
    await api.do("deleteOrganization", "ann", organizationId=ids["org"])
    await api.settled()
    there: dict[str, object] = {"organizationId": ids["org"]}
    deeds: Mapping[str, dict[str, object]] = {
        "updateOrganization": there | {"name": "Apex"},
        "deleteOrganization": there,
        "leaveOrganization": there,
        "addMember": there | {"email": "dee@example.com"},
        "transferOwnership": there | {"membershipId": ids["mem"]},
        "removeMember": {"membershipId": ids["mem"]},
        "changeMemberRole": {"membershipId": ids["mem"], "role": "ADMIN"},
    }

    for mutation, input in deeds.items():
        found = await refused(api, mutation, who, **input)
        assert found["__typename"] == "NotFoundError"


async def test_a_taken_slug_is_named_and_another_will_do(either: Api) -> None:
    ids = await house(either)
    await either.do("deleteOrganization", "ann", organizationId=ids["org"])
    assert (await either.organization("dee"))["slug"] == "acme"
    await either.settled()

    found = await refused(either, "restoreOrganization", "ann", organizationId=ids["org"])
    restored = await either.do(
        "restoreOrganization", "ann", "organization { slug }", organizationId=ids["org"], slug="acme-2"
    )

    expected = error("InvalidInput", "INVALID_INPUT", "This slug is taken; give another.", "input", "slug")
    assert found == expected
    assert restored == {"organization": {"slug": "acme-2"}, "errors": []}


async def test_after_the_window_there_is_nothing_to_restore(either: Api) -> None:
    ids = await house(either)
    await either.do("deleteOrganization", "ann", organizationId=ids["org"])
    await either.settled()
    for who in ("bob", "cy"):
        assert await refused(either, "restoreOrganization", who, organizationId=ids["org"]) == MISSING
    either.clock.forward(days=15)

    answers = [await either.do("restoreOrganization", who, organizationId=ids["org"]) for who in ("ann", "ada")]
    await either.round()

    assert answers == [{"errors": [MISSING]}] * 2
    assert (await either.ask(SEEN, "ann", **ids)).data["byId"] is None
    assert await either.rows("memberships") == await either.rows("seat_holders") == []


async def test_a_replayed_deletion_says_how_it_stands_to_whoever_may_still_restore(either: Api) -> None:
    ids = await house(either)
    delete = {"organizationId": ids["org"], "idempotencyKey": "1"}
    chosen = "organizationId restorableUntil"

    first = await either.do("deleteOrganization", "ann", chosen, **delete)
    again = await either.do("deleteOrganization", "ann", chosen, **delete)
    await either.do("restoreOrganization", "ann", organizationId=ids["org"], idempotencyKey="1")
    restored = await either.do("deleteOrganization", "ann", chosen, **delete)
    twice = await either.do(
        "restoreOrganization", "ann", "organization { slug }", organizationId=ids["org"], idempotencyKey="1"
    )

    assert first == again == {"organizationId": ids["org"], "restorableUntil": when(either), "errors": []}
    assert restored == first | {"restorableUntil": None}
    assert twice == {"organization": {"slug": "acme"}, "errors": []}
    actions = [row.action for row in await either.rows("audit_events")]
    assert (actions.count("organization.deleted"), actions.count("organization.restored")) == (1, 1)


async def test_a_replay_tells_nothing_to_whoever_is_no_owner_any_more(either: Api) -> None:
    ids = await house(either)
    delete = {"organizationId": ids["org"], "idempotencyKey": "1"}
    await either.do("deleteOrganization", "ann", **delete)
    await either.do("restoreOrganization", "ann", organizationId=ids["org"], idempotencyKey="1")
    await either.do("transferOwnership", "ann", organizationId=ids["org"], membershipId=ids["mem"])

    for mutation in ("deleteOrganization", "restoreOrganization"):
        denied = await either.try_to(mutation, "ann", **delete)
        assert (denied.codes, denied.body["data"]) == (["FORBIDDEN"], {mutation: None})
    await either.do("leaveOrganization", "ann", organizationId=ids["org"])
    for mutation in ("deleteOrganization", "restoreOrganization"):
        gone = await either.do(mutation, "ann", **delete)
        assert gone == {"errors": [MISSING]}


class Guard(OrganizationCallbacks):
    """A host that lets nothing come back."""

    async def after_restore_organization(self, **_: object) -> None:
        raise Refused("not paid")


async def test_a_host_that_refuses_a_restoration_is_told_as_invalid_input(serve: Serve) -> None:
    async with serve(callbacks=[Guard()]) as api:
        organization = await paid(api)
        await api.do("deleteOrganization", "ann", organizationId=organization["id"])
        await api.settled()

        found = await refused(api, "restoreOrganization", "ann", organizationId=organization["id"])

    message = "A host refused: not paid"
    assert found == error("InvalidInput", "INVALID_INPUT", message, "input", "organizationId")
