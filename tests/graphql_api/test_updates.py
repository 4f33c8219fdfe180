"""Updating an organization: what is left out stays, what is null empties, and what is refused leaves nothing."""

from typing import Any

import pytest

from tests.graphql_api.test_memberships import paid, refused
from tests.support.api import Api
from tests.support.api import user_error as error

CHOSEN = "organization { name slug externalId updatedAt }"
LATER = "2026-11-21T13:00:00.000000Z"


async def test_an_organization_is_called_otherwise(either: Api) -> None:
    organization = await either.organization(externalId="crm-1")
    either.clock.forward(hours=1)

    updated = await either.do(
        "updateOrganization", "ann", CHOSEN, organizationId=organization["id"], name="Apex", slug="apex"
    )

    told = {"name": "Apex", "slug": "apex", "externalId": "crm-1", "updatedAt": LATER}
    assert updated == {"organization": told, "errors": []}
    assert [row.action for row in await either.rows("audit_events")].count("organization.updated") == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ("Acme", "acme", "crm-1")),
        ({"name": None, "slug": None}, ("Acme", "acme", "crm-1")),
        ({"externalId": None}, ("Acme", "acme", None)),
        ({"externalId": "crm-2", "name": "Apex"}, ("Apex", "acme", "crm-2")),
    ],
)
async def test_null_empties_the_external_id_only(api: Api, changed: dict[str, Any], expected: tuple[str, ...]) -> None:
    organization = await api.organization(externalId="crm-1")

    updated = await api.do("updateOrganization", "ann", CHOSEN, organizationId=organization["id"], **changed)

    assert updated["errors"] == []
    assert tuple(updated["organization"][name] for name in ("name", "slug", "externalId")) == expected


@pytest.mark.parametrize(
    ("changed", "message", "field"),
    [
        ({"name": " "}, "A name has 1 to 255 printable characters.", "name"),
        ({"slug": "www"}, "This slug is reserved.", "slug"),
        ({"slug": "taken"}, "This slug is taken.", "slug"),
        ({"externalId": "crm-2"}, "This externalId is taken.", "externalId"),
    ],
)
async def test_a_value_that_cannot_be_or_is_taken_is_refused(
    api: Api, changed: dict[str, str], message: str, field: str
) -> None:
    organization = await api.organization()
    await api.organization("bob", "Taken", externalId="crm-2")

    found = await refused(api, "updateOrganization", "ann", organizationId=organization["id"], **changed)

    assert found == error("InvalidInput", "INVALID_INPUT", message, "input", field)


async def test_admins_update_and_members_may_not(api: Api) -> None:
    organization = await paid(api)
    await api.join(organization, "bob", "ADMIN")
    await api.join(organization, "cy")
    update = {"organizationId": organization["id"], "name": "Apex"}
    before = await api.everything()

    denied = await api.try_to("updateOrganization", "cy", **update)

    assert (denied.codes, denied.body["data"]) == (["FORBIDDEN"], {"updateOrganization": None})
    assert await api.everything() == before
    for who in ("bob", "ada"):
        assert (await api.do("updateOrganization", who, "organization { name }", **update))["errors"] == []


async def test_a_replay_shows_the_organization_as_it_is_to_whoever_may_still_update_it(either: Api) -> None:
    organization = await paid(either)
    bobs = await either.join(organization, "bob", "ADMIN")
    update = {"organizationId": organization["id"], "name": "Apex", "idempotencyKey": "1"}
    await either.do("updateOrganization", "bob", CHOSEN, **update)
    await either.do("updateOrganization", "ann", organizationId=organization["id"], name="Again")

    again = await either.do("updateOrganization", "bob", "organization { name }", **update)
    emptied = await either.do("updateOrganization", "bob", **update, externalId=None)
    await either.do("removeMember", "ann", membershipId=bobs)
    gone = await either.do("updateOrganization", "bob", "organization { name }", **update)

    assert again == {"organization": {"name": "Again"}, "errors": []}
    assert [each["__typename"] for each in emptied["errors"]] == ["IdempotencyMismatchError"]
    assert (gone["organization"], gone["errors"][0]["__typename"]) == (None, "NotFoundError")
    assert [row.action for row in await either.rows("audit_events")].count("organization.updated") == 2
