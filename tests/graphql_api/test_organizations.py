"""Founding, finding and listing organizations, and the pages of a list."""

import base64
from typing import Any

import pytest

from tests.support.api import Api

NOW = "2026-11-21T12:00:00.000000Z"
LIST = """query($first: Int, $after: String, $last: Int, $before: String, $orderBy: OrganizationOrder) {
    organizations(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy) {
        totalCount edges { cursor node { name } } nodes { name }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""


async def test_whoever_founds_an_organization_owns_it_and_sits_in_it(either: Api) -> None:
    made = await either.do(
        "createOrganization",
        "ann",
        """organization { slug name externalId createdAt updatedAt viewerRole
             seats { limit used reserved available overLimit }
             memberships { totalCount nodes { role joinedAt user { name } } }
             customer { createdAt owner { ... on Organization { name } } } }""",
        name="  Acme & Söhne ",
        externalId="crm-7",
    )

    assert made == {
        "organization": {
            "slug": "acme-sohne",
            "name": "Acme & Söhne",
            "externalId": "crm-7",
            "createdAt": NOW,
            "updatedAt": NOW,
            "viewerRole": "OWNER",
            "seats": {"limit": 1, "used": 1, "reserved": 0, "available": 0, "overLimit": False},
            "memberships": {"totalCount": 1, "nodes": [{"role": "OWNER", "joinedAt": NOW, "user": {"name": "Ann"}}]},
            "customer": {"createdAt": NOW, "owner": {"name": "Acme & Söhne"}},
        },
        "errors": [],
    }
    assert [row.action for row in await either.rows("audit_events")] == ["user.registered", "organization.created"]


async def test_a_slug_made_from_a_taken_name_is_another_one(api: Api) -> None:
    first, second = await api.organization(), await api.organization()

    assert first["slug"] == "acme"
    assert second["slug"].startswith("acme-")


SLUG = "A slug has 3 to 63 lower-case letters, digits and hyphens, begins with a letter and ends with no hyphen."
NAME = "A name has 1 to 255 printable characters."
EXTERNAL = "An external id has 1 to 255 printable characters."


@pytest.mark.parametrize(
    ("input", "message", "field"),
    [
        ({"slug": "taken"}, "This slug is taken.", "slug"),
        ({"externalId": "taken"}, "This externalId is taken.", "externalId"),
        *(({"slug": slug}, SLUG, "slug") for slug in ("ab", "Abc", "1abc", "abc-", "a_b", "äbc", "a" * 64, "")),
        *(({"name": name}, NAME, "name") for name in ("", "   ", "x" * 256, "a\nb", "a\u200bb")),
        *(({"externalId": value}, EXTERNAL, "externalId") for value in ("", "x" * 256, "a\tb")),
    ],
)
async def test_what_cannot_be_is_refused_and_leaves_nothing(
    api: Api, input: dict[str, str], message: str, field: str
) -> None:
    await api.organization("bob", slug="taken", externalId="taken")
    await api.user("ann")
    before = await api.everything()

    refused = await api.do("createOrganization", "ann", "organization { id }", **({"name": "Acme"} | input))

    assert refused == {
        "organization": None,
        "errors": [
            {
                "__typename": "InvalidInputError",
                "code": "INVALID_INPUT",
                "message": message,
                "path": ["input", field],
            }
        ],
    }
    assert await api.everything() == before


async def test_a_name_of_255_and_slugs_of_3_and_63_can_be(api: Api) -> None:
    await api.organization(name="x" * 255, slug="abc")
    await api.organization(slug="a" * 63)


async def test_only_administrators_found_for_others(either: Api) -> None:
    bob = await either.user("bob")
    await either.user("ann")
    before = await either.everything()

    forbidden = await either.try_to("createOrganization", "ann", name="Acme", ownerId=bob)
    unknown = await either.try_to("createOrganization", "ann", name="Acme", ownerId=f"usr_{'0' * 32}")
    assert await either.everything() == before

    made = await either.do(
        "createOrganization",
        "ada",
        "organization { viewerRole memberships { nodes { role user { name } } } }",
        name="Acme",
        ownerId=bob,
    )
    missing = await either.do("createOrganization", "ada", name="Acme", ownerId=f"usr_{'0' * 32}")

    assert forbidden.codes == unknown.codes == ["FORBIDDEN"]
    assert forbidden.body == unknown.body
    assert made["organization"] == {
        "viewerRole": None,
        "memberships": {"nodes": [{"role": "OWNER", "user": {"name": "Bob"}}]},
    }
    assert missing["errors"] == [
        {
            "__typename": "NotFoundError",
            "code": "NOT_FOUND",
            "message": "There is no such user.",
            "path": ["input", "ownerId"],
        }
    ]


@pytest.mark.parametrize("name", ["id", "slug", "externalId"])
async def test_an_organization_is_found_by_each_of_its_names(api: Api, name: str) -> None:
    made = await api.organization(slug="acme", externalId="crm-7")
    value = {"id": made["id"], "slug": "acme", "externalId": "crm-7"}[name]
    kind = "ID" if name == "id" else "String"
    document = f"query($value: {kind}) {{ organization({name}: $value) {{ id }} }}"

    own = await api.ask(document, value=value)
    another = await api.ask(document, "bob", value=value)
    missing = await api.ask(document, "bob", value="nothing")
    administrator = await api.ask(document, "ada", value=value)

    assert own.data == administrator.data == {"organization": {"id": made["id"]}}
    assert another.data == missing.data == {"organization": None}


@pytest.mark.parametrize(
    "arguments", ["", '(id: "a", slug: "b")', "(id: null, slug: null)", '(id: "a", slug: "b", externalId: "c")']
)
async def test_two_names_or_none_are_bad_input(api: Api, arguments: str) -> None:
    answer = await api.ask(f"{{ organization{arguments} {{ id }} }}")

    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.body["errors"][0]["message"] == "Give exactly one of id, slug and externalId."


async def found(api: Api, *names: str) -> None:
    for name in names:
        await api.organization(name=name)
        api.clock.forward(seconds=1)


async def page(api: Api, **variables: Any) -> Any:
    return (await api.ask(LIST, **variables)).data["organizations"]


def names(page: Any) -> list[str]:
    assert page["nodes"] == [edge["node"] for edge in page["edges"]]
    return [node["name"] for node in page["nodes"]]


@pytest.mark.parametrize(
    ("field", "direction", "expected"),
    [
        ("CREATED_AT", "ASC", ["Bison", "Aal", "Zebra"]),
        ("CREATED_AT", "DESC", ["Zebra", "Aal", "Bison"]),
        ("NAME", "ASC", ["Aal", "Bison", "Zebra"]),
        ("NAME", "DESC", ["Zebra", "Bison", "Aal"]),
    ],
)
async def test_a_list_pages_both_ways_in_either_order(
    either: Api, field: str, direction: str, expected: list[str]
) -> None:
    await found(either, "Bison", "Aal", "Zebra")
    await either.organization("bob", "Not ann's")
    order = {"field": field, "direction": direction}

    first = await page(either, first=2, orderBy=order)
    second = await page(either, first=2, after=first["pageInfo"]["endCursor"], orderBy=order)
    last = await page(either, last=2, orderBy=order)
    earlier = await page(either, last=2, before=last["pageInfo"]["startCursor"], orderBy=order)

    assert names(first) + names(second) == expected
    assert names(earlier) + names(last) == expected
    assert [each["totalCount"] for each in (first, second, last, earlier)] == [3] * 4
    flags = [(each["pageInfo"]["hasPreviousPage"], each["pageInfo"]["hasNextPage"]) for each in (first, second)]
    assert flags == [(False, True), (True, False)]
    flags = [(each["pageInfo"]["hasPreviousPage"], each["pageInfo"]["hasNextPage"]) for each in (earlier, last)]
    assert flags == [(False, True), (True, False)]


async def test_a_list_begins_with_the_oldest_and_administrators_see_all(api: Api) -> None:
    await found(api, "Bison", "Aal")
    await api.organization("bob", "Crab")

    own = (await api.ask("{ organizations { nodes { name } } }")).data
    everyone = (await api.ask("{ organizations { totalCount nodes { name viewerRole } } }", "ada")).data

    assert own == {"organizations": {"nodes": [{"name": "Bison"}, {"name": "Aal"}]}}
    assert [node["name"] for node in everyone["organizations"]["nodes"]] == ["Bison", "Aal", "Crab"]
    assert everyone["organizations"]["totalCount"] == 3
    assert {node["viewerRole"] for node in everyone["organizations"]["nodes"]} == {None}


@pytest.mark.parametrize(
    "variables", [{"first": 0}, {"first": -1}, {"first": 101}, {"last": 0}, {"last": 101}, {"first": 1, "last": 1}]
)
async def test_a_page_of_another_size_than_1_to_100_is_bad_input(api: Api, variables: dict[str, int]) -> None:
    answer = await api.ask(LIST, **variables)

    assert answer.codes == ["BAD_USER_INPUT"]
    assert answer.body["data"] == {"organizations": None}


async def test_a_page_of_100_can_be(api: Api) -> None:
    assert names(await page(api, first=100)) == names(await page(api, last=100)) == []


class TestCursors:
    """Only what we signed for this very list moves through it."""

    async def cursor(self, api: Api) -> str:
        await found(api, "Bison", "Aal")
        return str((await page(api, first=1))["pageInfo"]["endCursor"])

    async def refused(self, api: Api, cursor: str, **variables: object) -> bool:
        answers = [await api.ask(LIST, **{name: cursor, **variables}) for name in ("after", "before")]
        return all(answer.codes == ["INVALID_CURSOR"] for answer in answers)

    async def test_a_cursor_changed_anywhere_is_refused(self, api: Api) -> None:
        cursor = await self.cursor(api)
        places = [0, 5, 15, 20, len(cursor) // 2, len(cursor) - 1]
        changed = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in places]

        for text in [*changed, cursor + "!", cursor + "=", cursor + "A", cursor[:-1], "", "A", "ä", "null", " "]:
            assert await self.refused(api, text), text

    async def test_a_cursor_that_says_the_right_thing_without_our_signature_is_refused(self, api: Api) -> None:
        cursor = await self.cursor(api)
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        forged = base64.urlsafe_b64encode(bytes(12) + raw[12:]).decode().rstrip("=")

        assert await self.refused(api, forged)

    async def test_a_cursor_of_another_order_or_list_is_refused(self, api: Api) -> None:
        cursor = await self.cursor(api)
        plans = await api.ask("{ plans(first: 1) { pageInfo { endCursor } } }")
        viewer = await api.ask("{ viewer { memberships { pageInfo { endCursor } } } }")

        assert await self.refused(api, cursor, orderBy={"field": "NAME"})
        assert await self.refused(api, cursor, orderBy={"field": "CREATED_AT", "direction": "DESC"})
        assert await self.refused(api, plans.data["plans"]["pageInfo"]["endCursor"])
        assert await self.refused(api, viewer.data["viewer"]["memberships"]["pageInfo"]["endCursor"])

    async def test_a_cursor_of_another_organizations_members_is_refused(self, api: Api) -> None:
        one, two = await api.organization(), await api.organization()
        document = """query($id: ID!, $after: String) { organization(id: $id) {
            memberships(after: $after) { pageInfo { endCursor } } } }"""
        answer = await api.ask(document, id=one["id"])
        cursor = answer.data["organization"]["memberships"]["pageInfo"]["endCursor"]

        again = await api.ask(document, id=one["id"], after=cursor)
        other = await api.ask(document, id=two["id"], after=cursor)

        assert again.data["organization"]["memberships"]["pageInfo"]["endCursor"] is None
        assert other.codes == ["INVALID_CURSOR"]

    async def test_a_cursor_outlives_the_row_that_it_came_from(self, api: Api) -> None:
        organization = await api.organization()
        await api.holds(organization["customer"])
        for who in ("bob", "cy"):
            api.clock.forward(seconds=1)
            membership = await api.join(organization, who)
            if who == "bob":
                bobs = membership
        document = """query($id: ID!, $first: Int, $after: String) { organization(id: $id) {
            memberships(first: $first, after: $after) { nodes { user { name } } pageInfo { endCursor } } } }"""
        first = (await api.ask(document, id=organization["id"], first=2)).data["organization"]["memberships"]
        await api.do("removeMember", "ann", membershipId=bobs)

        rest = await api.ask(document, id=organization["id"], after=first["pageInfo"]["endCursor"])

        assert rest.data["organization"]["memberships"]["nodes"] == [{"user": {"name": "Cy"}}]
