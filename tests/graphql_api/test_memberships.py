"""Letting people in and out: what is answered, what is refused, and that a refusal leaves nothing."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.api import Api
from tests.support.api import user_error as error

NOW = "2026-11-21T12:00:00.000000Z"
NOBODY = f"usr_{'0' * 32}"


async def paid(api: Api, seats: int = 7) -> dict[str, Any]:
    """Give ann an organization with this many seats."""
    organization = await api.organization()
    await api.holds(organization["customer"], quantity=seats)
    return organization


async def test_a_member_is_added_by_id_or_by_verified_address(either: Api) -> None:
    organization = await paid(either)
    chosen = "membership { role joinedAt user { name } organization { slug } } seats { limit used available }"
    bob = await either.user("bob")
    await either.user("cy")
    await either.join(organization, "dee", "ADMIN")

    by_id = await either.do("addMember", "ada", chosen, organizationId=organization["id"], userId=bob)
    by_email = await either.do(
        "addMember", "ann", chosen, organizationId=organization["id"], email="CY@example.com", role="ADMIN"
    )

    place = {"joinedAt": NOW, "organization": {"slug": "acme"}}
    assert by_id == {
        "membership": {"role": "MEMBER", "user": {"name": "Bob"}} | place,
        "seats": {"limit": 7, "used": 3, "available": 4},
        "errors": [],
    }
    assert by_email == {
        "membership": {"role": "ADMIN", "user": {"name": "Cy"}} | place,
        "seats": {"limit": 7, "used": 4, "available": 3},
        "errors": [],
    }
    actions = [row.action for row in await either.rows("audit_events")]
    assert actions.count("membership.added") == 3


async def test_a_member_is_removed_and_the_seat_is_free_again(either: Api) -> None:
    organization = await paid(either, 2)
    bobs = await either.join(organization, "bob")

    removed = await either.do(
        "removeMember", "ann", "removedMembershipId seats { limit used available }", membershipId=bobs
    )

    assert removed == {
        "removedMembershipId": bobs,
        "seats": {"limit": 2, "used": 1, "available": 1},
        "errors": [],
    }
    assert len(await either.rows("memberships")) == len(await either.rows("seat_holders")) == 1
    assert "membership.removed" in [row.action for row in await either.rows("audit_events")]


async def refused(api: Api, mutation: str, who: str, select: str = "", /, **input: object) -> dict[str, Any]:
    """Run a mutation that is refused for one reason, and insist that not a row has changed."""
    before = await api.everything()
    payload = await api.do(mutation, who, select, **input)
    assert await api.everything() == before
    (found,) = payload["errors"]
    content: dict[str, Any] = found
    return content


async def test_a_full_house_is_refused_with_its_seats(either: Api) -> None:
    organization, bob, _ = await either.organization(), await either.user("bob"), await either.user("ada")
    document = """mutation($input: AddMemberInput!) { addMember(input: $input) { membership { id } seats { used }
        errors { ... on SeatLimitReachedError { code message path seats { limit used available overLimit } } } } }"""
    before = await either.everything()

    answer = await either.ask(document, "ada", input={"organizationId": organization["id"], "userId": bob})

    assert answer.data["addMember"] == {
        "membership": None,
        "seats": None,
        "errors": [
            {
                "code": "SEAT_LIMIT_REACHED",
                "message": "All seats are taken.",
                "path": None,
                "seats": {"limit": 1, "used": 1, "available": 0, "overLimit": False},
            }
        ],
    }
    assert await either.everything() == before


async def test_adding_twice_is_refused_with_the_membership(either: Api) -> None:
    organization = await paid(either)
    bobs = await either.join(organization, "bob")
    document = """mutation($input: AddMemberInput!) { addMember(input: $input) {
        errors { __typename ... on AlreadyMemberError { code message path membership { id } } } } }"""
    before = await either.everything()

    answer = await either.ask(document, "ann", input={"organizationId": organization["id"], "email": "bob@example.com"})

    expected = error("AlreadyMember", "ALREADY_MEMBER", "This user is already a member.")
    assert answer.data["addMember"]["errors"] == [expected | {"membership": {"id": bobs}}]
    assert await either.everything() == before


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ({}, error("InvalidInput", "INVALID_INPUT", "Give exactly one of userId and email.", "input")),
        (
            {"userId": NOBODY, "email": "bob@example.com"},
            error("InvalidInput", "INVALID_INPUT", "Give exactly one of userId and email.", "input"),
        ),
        ({"userId": NOBODY}, error("NotFound", "NOT_FOUND", "There is no such user.", "input", "userId")),
        ({"userId": "x"}, error("NotFound", "NOT_FOUND", "There is no such user.", "input", "userId")),
        ({"email": "no@example.com"}, error("NotFound", "NOT_FOUND", "There is no such user.", "input", "email")),
        ({"email": ""}, error("NotFound", "NOT_FOUND", "There is no such user.", "input", "email")),
    ],
)
async def test_whoever_cannot_be_found_is_not_added(api: Api, who: Mapping[str, str], expected: dict[str, Any]) -> None:
    organization = await paid(api)
    await api.user("bob")

    assert await refused(api, "addMember", "ann", organizationId=organization["id"], **who) == expected


async def test_a_user_who_shares_nothing_with_the_caller_is_not_found_by_id(api: Api) -> None:
    organization, bob = await paid(api), await api.user("bob")

    found = await refused(api, "addMember", "ann", organizationId=organization["id"], userId=bob)

    assert found == error("NotFound", "NOT_FOUND", "There is no such user.", "input", "userId")


async def test_the_last_owner_stays(either: Api) -> None:
    organization = await paid(either)
    own = organization["memberships"]["nodes"][0]["id"]
    await either.user("ada")
    document = """mutation($input: RemoveMemberInput!) { removeMember(input: $input) { removedMembershipId
        errors { __typename ... on LastOwnerError { code message path organization { slug } } } } }"""
    before = await either.everything()

    answers = [await either.ask(document, who, input={"membershipId": own}) for who in ("ann", "ada")]

    expected = error("LastOwner", "LAST_OWNER", "An organization keeps at least one owner.")
    for answer in answers:
        assert answer.data["removeMember"] == {
            "removedMembershipId": None,
            "errors": [expected | {"organization": {"slug": "acme"}}],
        }
    assert await either.everything() == before


async def test_one_of_two_owners_may_go(either: Api) -> None:
    organization = await paid(either)
    own = organization["memberships"]["nodes"][0]["id"]
    await either.join(organization, "bob", "OWNER")

    removed = await either.do("removeMember", "ann", "seats { used }", membershipId=own)

    assert removed == {"seats": {"used": 1}, "errors": []}


@pytest.mark.parametrize("who", ["ann", "bob", "eve"])
async def test_a_membership_that_is_not_there_is_not_found(api: Api, who: str) -> None:
    await paid(api)
    await api.user(who)

    found = await refused(api, "removeMember", who, membershipId=f"mem_{'0' * 32}")

    assert found == error("NotFound", "NOT_FOUND", "There is no such membership.", "input", "membershipId")


RANKS = ["OWNER", "ADMIN", "MEMBER"]
MAY = {("OWNER", role) for role in RANKS} | {("ADMIN", "MEMBER")}


@pytest.mark.parametrize("own", RANKS)
@pytest.mark.parametrize("other", RANKS)
async def test_who_may_give_and_take_which_role(api: Api, own: str, other: str) -> None:
    organization = await paid(api)
    await api.join(organization, "bob", own)
    theirs = await api.join(organization, "cy", other)
    await api.user("dee")
    before = await api.everything()

    added = await api.try_to("addMember", "bob", organizationId=organization["id"], email="dee@example.com", role=other)
    removed = await api.try_to("removeMember", "bob", membershipId=theirs)

    if (own, other) in MAY:
        assert added.data["addMember"]["errors"] == removed.data["removeMember"]["errors"] == []
    else:
        assert added.codes == removed.codes == ["FORBIDDEN"]
        assert added.body["data"] == {"addMember": None}
        assert await api.everything() == before


async def test_a_role_that_does_not_exist_is_refused_before_anything_runs(api: Api) -> None:
    organization = await paid(api)
    before = await api.everything()

    answer = await api.try_to("addMember", "ann", organizationId=organization["id"], userId=NOBODY, role="KING")

    assert (answer.response.status_code, answer.codes) == (400, ["BAD_USER_INPUT"])
    assert await api.everything() == before


async def test_one_refused_root_field_neither_undoes_nor_hides_another(either: Api) -> None:
    organization = await paid(either, 2)
    for who in ("bob", "cy"):
        await either.user(who)
    document = """mutation($bob: AddMemberInput!, $cy: AddMemberInput!) {
        a: addMember(input: $bob) { membership { user { name } } seats { used } errors { __typename } }
        b: addMember(input: $cy) { membership { id } errors { __typename } }
        forbidden: createOrganization(input: { name: "For another", ownerId: "usr_x" }) { organization { id } }
        c: createOrganization(input: { name: "Next" }) { organization { slug } errors { __typename } }
    }"""
    add = {"organizationId": organization["id"]}

    answer = await either.ask(document, bob=add | {"email": "bob@example.com"}, cy=add | {"email": "cy@example.com"})

    assert answer.body["data"] == {
        "a": {"membership": {"user": {"name": "Bob"}}, "seats": {"used": 2}, "errors": []},
        "b": {"membership": None, "errors": [{"__typename": "SeatLimitReachedError"}]},
        "forbidden": None,
        "c": {"organization": {"slug": "next"}, "errors": []},
    }
    assert answer.codes == ["FORBIDDEN"]
    assert len(await either.rows("organizations")) == 2
    assert len(await either.rows("memberships")) == 3


async def test_each_root_field_reads_what_the_one_before_has_written(api: Api) -> None:
    organization = await paid(api)
    bobs = await api.join(organization, "bob")
    await api.user("cy")
    document = """mutation($cy: AddMemberInput!, $bobs: RemoveMemberInput!) {
        a: addMember(input: $cy) { seats { used } membership { organization { seats { used } } } }
        b: removeMember(input: $bobs) { seats { used } } }"""

    answer = await api.ask(
        document, cy={"organizationId": organization["id"], "email": "cy@example.com"}, bobs={"membershipId": bobs}
    )

    assert answer.data == {
        "a": {"seats": {"used": 3}, "membership": {"organization": {"seats": {"used": 3}}}},
        "b": {"seats": {"used": 2}},
    }
