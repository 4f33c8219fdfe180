"""Leaving, changing roles and handing an organization on."""

from typing import Any

import pytest

from tests.graphql_api.test_memberships import paid, refused
from tests.support.api import Api
from tests.support.api import user_error as error

NO_ORGANIZATION = error("NotFound", "NOT_FOUND", "There is no such organization.", "input", "organizationId")
NO_MEMBERSHIP = error("NotFound", "NOT_FOUND", "There is no such membership.", "input", "membershipId")
OWNER_LEFT = error("LastOwner", "LAST_OWNER", "An organization keeps at least one owner.")
BOTH = "newOwner { id role } formerOwner { id role }"


async def roles(api: Api, organization: dict[str, Any]) -> dict[str, str]:
    document = "query($id: ID!) { organization(id: $id) { memberships { nodes { role user { name } } } } }"
    found = (await api.ask(document, "ada", id=organization["id"])).data["organization"]["memberships"]["nodes"]
    return {node["user"]["name"]: node["role"] for node in found}


async def test_a_member_leaves_and_sees_nothing_of_it_any_more(either: Api) -> None:
    organization = await paid(either)
    bobs = await either.join(organization, "bob")
    leave = {"organizationId": organization["id"], "idempotencyKey": "1"}

    left = await either.do("leaveOrganization", "bob", "removedMembershipId", **leave)
    again = await either.do("leaveOrganization", "bob", "removedMembershipId", **leave)
    anew = await either.do("leaveOrganization", "bob", "removedMembershipId", organizationId=organization["id"])
    seen = await either.ask("query($id: ID!) { organization(id: $id) { id } }", "bob", id=organization["id"])

    assert left == again == {"removedMembershipId": bobs, "errors": []}
    assert anew == {"removedMembershipId": None, "errors": [NO_ORGANIZATION]}
    assert seen.data == {"organization": None}
    assert len(await either.rows("memberships")) == len(await either.rows("seat_holders")) == 1


async def test_the_last_owner_neither_leaves_nor_steps_down(either: Api) -> None:
    organization = await paid(either)
    own = organization["memberships"]["nodes"][0]["id"]
    slug = "errors { ... on LastOwnerError { organization { slug } } }"

    left = await refused(either, "leaveOrganization", "ann", slug, organizationId=organization["id"])
    down = await refused(either, "changeMemberRole", "ann", slug, membershipId=own, role="ADMIN")

    assert left == down == OWNER_LEFT | {"organization": {"slug": "acme"}}


async def test_a_role_is_changed_and_a_replay_tells_of_it_to_owners_only(either: Api) -> None:
    organization = await paid(either)
    bobs, cys = await either.join(organization, "bob", "OWNER"), await either.join(organization, "cy")
    change = {"membershipId": cys, "role": "ADMIN", "idempotencyKey": "1"}

    changed = await either.do("changeMemberRole", "bob", "membership { id role }", **change)
    await either.do("changeMemberRole", "ann", membershipId=cys, role="MEMBER")
    again = await either.do("changeMemberRole", "bob", "membership { id role }", **change)
    await either.do("changeMemberRole", "ann", membershipId=bobs, role="ADMIN")
    denied = await either.try_to("changeMemberRole", "bob", "membership { id role }", **change)

    assert changed == {"membership": {"id": cys, "role": "ADMIN"}, "errors": []}
    assert again == {"membership": {"id": cys, "role": "MEMBER"}, "errors": []}
    assert (denied.codes, denied.body["data"]) == (["FORBIDDEN"], {"changeMemberRole": None})
    assert await roles(either, organization) == {"Ann": "OWNER", "Bob": "ADMIN", "Cy": "MEMBER"}


@pytest.mark.parametrize("who", ["bob", "cy"])
async def test_only_owners_change_roles_and_hand_on(api: Api, who: str) -> None:
    organization = await paid(api)
    await api.join(organization, "bob", "ADMIN")
    cys = await api.join(organization, "cy")
    before = await api.everything()

    answers = [
        await api.try_to("changeMemberRole", who, membershipId=cys, role="OWNER"),
        await api.try_to("transferOwnership", who, organizationId=organization["id"], membershipId=cys),
    ]

    assert [answer.codes for answer in answers] == [["FORBIDDEN"]] * 2
    assert await api.everything() == before


async def test_an_organization_is_handed_on(either: Api) -> None:
    organization = await paid(either)
    own = organization["memberships"]["nodes"][0]["id"]
    bobs = await either.join(organization, "bob")
    hand = {"organizationId": organization["id"], "membershipId": bobs, "idempotencyKey": "1"}

    done = await either.do("transferOwnership", "ann", BOTH, **hand)
    again = await either.do("transferOwnership", "ann", BOTH, **hand, stepUp={"code": "another"})

    expected = {"newOwner": {"id": bobs, "role": "OWNER"}, "formerOwner": {"id": own, "role": "ADMIN"}, "errors": []}
    assert done == again == expected
    assert [row.action for row in await either.rows("audit_events")].count("ownership.transferred") == 1
    await either.do("leaveOrganization", "ann", organizationId=organization["id"])
    gone = await either.do("transferOwnership", "ann", BOTH, **hand)
    assert gone == {"newOwner": None, "formerOwner": None, "errors": [NO_ORGANIZATION]}


async def test_an_administrator_makes_an_owner_without_being_one(either: Api) -> None:
    organization = await paid(either)
    bobs = await either.join(organization, "bob")
    hand = {"organizationId": organization["id"], "membershipId": bobs, "idempotencyKey": "1"}

    done = await either.do("transferOwnership", "ada", BOTH, **hand)
    again = await either.do("transferOwnership", "ada", BOTH, **hand)

    assert done == again == {"newOwner": {"id": bobs, "role": "OWNER"}, "formerOwner": None, "errors": []}
    assert await roles(either, organization) == {"Ann": "OWNER", "Bob": "OWNER"}


async def test_nobody_hands_on_to_themselves_or_to_a_stranger(api: Api) -> None:
    organization, other = await paid(api), await api.organization("bob", "Bob's")
    own, bobs = (each["memberships"]["nodes"][0]["id"] for each in (organization, other))

    oneself = await refused(api, "transferOwnership", "ann", BOTH, organizationId=organization["id"], membershipId=own)
    stranger = await refused(
        api, "transferOwnership", "ann", BOTH, organizationId=organization["id"], membershipId=bobs
    )

    message = "This membership is your own."
    assert oneself == error("InvalidInput", "INVALID_INPUT", message, "input", "membershipId")
    assert stranger == NO_MEMBERSHIP
