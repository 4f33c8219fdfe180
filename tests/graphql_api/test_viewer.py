"""The caller and other people."""

import pytest

from tests.support.api import Api

NOW = "2026-11-21T12:00:00.000000Z"


async def test_the_viewer_is_whom_the_token_names(api: Api) -> None:
    answer = await api.ask("""{ viewer {
        actor { __typename ... on User { name email createdAt issuer subject } }
        effectiveActor { ... on User { name } }
        administrator scopes
        memberships { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }
    } }""")

    assert answer.data["viewer"] == {
        "actor": {
            "__typename": "User",
            "name": "Ann",
            "email": "ann@example.com",
            "createdAt": NOW,
            "issuer": None,
            "subject": None,
        },
        "effectiveActor": {"name": "Ann"},
        "administrator": False,
        "scopes": [],
        "memberships": {
            "totalCount": 0,
            "nodes": [],
            "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
        },
    }


async def test_an_administrator_is_told_who_vouches_for_whom(api: Api) -> None:
    ann = await api.user("ann")

    answer = await api.ask("query($id: ID!) { node(id: $id) { ... on User { issuer subject } } }", "ada", id=ann)

    assert answer.data["node"] == {"issuer": "", "subject": "ann"}


async def test_memberships_of_the_viewer_come_oldest_first(api: Api) -> None:
    for name in ("Zebra", "Acme", "Mole"):
        await api.organization(name=name)
        api.clock.forward(seconds=1)
    await api.organization("bob", "Bob's")

    answer = await api.ask("{ viewer { memberships(first: 2) { totalCount nodes { role organization { name } } } } }")

    assert answer.data["viewer"]["memberships"] == {
        "totalCount": 3,
        "nodes": [
            {"role": "OWNER", "organization": {"name": "Zebra"}},
            {"role": "OWNER", "organization": {"name": "Acme"}},
        ],
    }


async def test_a_user_has_a_customer_that_nobody_else_sees(api: Api) -> None:
    organization = await api.organization()
    await api.holds(organization["customer"])
    await api.join(organization, "bob")
    ann = await api.user("ann")
    document = "query($id: ID!) { node(id: $id) { ... on User { name customer { createdAt owner { __typename } } } } }"

    own = await api.ask(document, "ann", id=ann)
    fellow = await api.ask(document, "bob", id=ann)
    administrator = await api.ask(document, "ada", id=ann)

    assert own.data["node"]["customer"] == {"createdAt": NOW, "owner": {"__typename": "User"}}
    assert fellow.data["node"] == {"name": "Ann", "customer": None}
    assert administrator.data == own.data


async def test_whoever_shares_no_organization_is_not_there(api: Api) -> None:
    ann, _ = await api.user("ann"), await api.user("bob")

    answer = await api.ask("query($id: ID!) { node(id: $id) { id } }", "bob", id=ann)

    assert answer.data == {"node": None}


async def test_every_prefix_of_ours_finds_its_object(api: Api) -> None:
    organization = await api.organization()
    await api.holds(organization["customer"])
    subscription = (await api.rows("billing_subscriptions"))[0].id
    wanted = {
        "User": await api.user("ann"),
        "Organization": organization["id"],
        "Membership": organization["memberships"]["nodes"][0]["id"],
        "Customer": organization["customer"]["id"],
        "BillingSubscription": subscription,
    }

    for kind, id in wanted.items():
        answer = await api.ask("query($id: ID!) { node(id: $id) { __typename id } }", id=id)

        assert answer.data["node"] == {"__typename": kind, "id": id}


@pytest.mark.parametrize(
    "id",
    ["", "x", "org", "org_", "org_1", f"org_{'0' * 32}", f"xyz_{'0' * 32}", f"ORG_{'0' * 32}", f"aud_{'0' * 32}", "✓"],
)
async def test_what_names_nothing_is_null(api: Api, id: str) -> None:
    answer = await api.ask("query($id: ID!) { node(id: $id) { id } }", id=id)

    assert answer.data == {"node": None}


async def test_the_server_tells_strangers_what_runs_here_and_what_is_sold(api: Api) -> None:
    answer = await api.ask(
        """{ __typename serverInfo { version catalogVersion processors { name livemode } }
             plans(first: 1) { nodes { name } } }""",
        None,
    )

    assert answer.data["__typename"] == "Query"
    assert answer.data["serverInfo"] == {
        "version": "0.1.0",
        "catalogVersion": api.services.catalog.version,
        "processors": [{"name": "FAKE", "livemode": False}],
    }
    assert answer.data["plans"] == {"nodes": [{"name": "basic"}]}


@pytest.mark.parametrize(
    "field",
    [
        "viewer { administrator }",
        'node(id: "x") { id }',
        "organizations { totalCount }",
        'organization(slug: "acme") { id }',
        'customer(id: "x") { id }',
        'entitlements(customerId: "x") { plans }',
    ],
)
async def test_strangers_are_told_to_show_a_credential(api: Api, field: str) -> None:
    answer = await api.ask(f"{{ {field} serverInfo {{ version }} }}", None)

    assert answer.codes == ["UNAUTHENTICATED"]
    assert answer.body["data"][field.partition("(")[0].split(" ")[0]] is None
    assert answer.body["data"]["serverInfo"] == {"version": "0.1.0"}
