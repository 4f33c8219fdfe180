"""What programs do for users and for themselves: whom the ledger names, whose tries and keys count, who is asked."""

from typing import Any

import strawberry
from starlette.routing import Route

from domain.scope import ApiScope
from graphql_api import guards
from graphql_api.permissions import require_feature
from tests.graphql_api.conftest import Serve
from tests.graphql_api.test_guards import unguarded
from tests.graphql_api.test_memberships import paid
from tests.support import tables
from tests.support.adapters import CarefulHost
from tests.support.api import ERRORS, Answer, Api
from tests.support.programs import ON_BEHALF_OF, Program, program

EVERY = [scope for scope in ApiScope if scope is not ApiScope.ADMIN]
ACTED = """query($action: String!) { auditEvents(filter: {actions: [$action]}) { nodes { action actorId effectiveActorId
    actor { __typename ... on ApiKey { id } } effectiveActor { __typename ... on User { id } } } } }"""


async def give(by: Program, mutation: str, select: str = "", /, *, user: str | None = None, **input: object) -> Answer:
    """Run one mutation with a key."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {select} {ERRORS} }} }}"
    return await by.ask(document, on_behalf_of=user, input=input)


async def done(by: Program, mutation: str, select: str = "", /, *, user: str | None = None, **input: object) -> Any:
    payload = (await give(by, mutation, select, user=user, **input)).data[mutation]
    assert payload["errors"] == []
    return payload


async def test_the_ledger_names_the_key_and_the_user_for_whom_it_acted(either: Api) -> None:
    host, ann = await program(either, *EVERY), await either.user("ann")

    made = await done(host, "createOrganization", "organization { id }", user=ann, name="Acme")
    (told,) = (await either.ask(ACTED, "ada", action="organization.created")).data["auditEvents"]["nodes"]
    await done(host, "updateOrganization", organizationId=made["organization"]["id"], name="Another")
    (alone,) = (await either.ask(ACTED, "ada", action="organization.updated")).data["auditEvents"]["nodes"]
    mine = "query($id: ID!) { auditEvents(filter: {actorId: $id}) { nodes { action } } }"
    found = (await either.ask(mine, "ada", id=ann)).data["auditEvents"]["nodes"]

    key = {"__typename": "ApiKey", "id": host.id}
    assert told == {
        "action": "organization.created",
        "actorId": host.id,
        "effectiveActorId": ann,
        "actor": key,
        "effectiveActor": {"__typename": "User", "id": ann},
    }
    assert (alone["actor"], alone["effectiveActor"]) == (key, {"__typename": "ApiKey"})
    assert (alone["actorId"], alone["effectiveActorId"]) == (host.id, host.id)
    assert {"action": "organization.created"} in found
    assert {"action": "organization.updated"} not in found


async def test_a_command_to_a_processor_and_a_deletion_name_both_too(either: Api) -> None:
    host, ann, bob = await program(either, *EVERY), await either.user("ann"), await either.user("bob")
    organization = await either.organization()
    items = [{"priceId": "price_pro_monthly"}]
    customer = organization["customer"]["id"]

    bought = await done(host, "subscribe", user=ann, customerId=customer, items=items, idempotencyKey="1")
    again = await done(host, "subscribe", user=ann, customerId=customer, items=items, idempotencyKey="1")
    gone = await done(host, "deleteUser", "deletion { status }", user=bob, userId=bob, idempotencyKey="1")
    written = {row.action: (row.actor_id, row.effective_actor_id) for row in await either.rows("audit_events")}

    assert bought == again
    assert gone["deletion"] == {"status": "DONE"}
    assert written["subscription.subscribe"] == (host.id, ann)
    assert written["user.deletion_started"] == written["user.deleted"] == (host.id, bob)
    answered = [row.answer for row in await either.rows("idempotency_keys")]
    assert len(answered) == 2
    assert None not in answered


async def test_two_users_of_one_key_and_the_key_itself_use_one_idempotency_key_each_for_themselves(either: Api) -> None:
    host, ann, bob = await program(either, *EVERY), await either.user("ann"), await either.user("bob")
    wish: dict[str, Any] = {"name": "Acme", "idempotencyKey": "1"}

    made = [
        (await done(host, "createOrganization", "organization { id }", user=user, **wish))["organization"]["id"]
        for user in (ann, bob, ann, bob)
    ]
    itself = await done(host, "createOrganization", "organization { id }", **wish, ownerId=ann)

    assert made[:2] == made[2:]
    assert len({*made, itself["organization"]["id"]}) == 3


async def test_a_replay_is_read_by_the_commands_own_scope(either: Api) -> None:
    organization = await paid(either)
    bob = await either.user("bob")
    writer = await program(either, ApiScope.MEMBERS_WRITE, of=organization)
    founder = await program(either, ApiScope.ORGANIZATIONS_WRITE)
    add = {"organizationId": organization["id"], "email": "bob@example.com", "idempotencyKey": "1"}
    found = {"name": "Bob's", "ownerId": bob, "idempotencyKey": "1"}

    added = [await done(writer, "addMember", "membership { id } seats { used }", **add) for _ in range(2)]
    founded = [await done(founder, "createOrganization", "organization { id }", **found) for _ in range(2)]
    further = await give(writer, "addMember", "membership { user { name } }", **add)

    assert added[0] == added[1]
    assert added[0]["seats"] == {"used": 2}
    assert founded[0] == founded[1]
    # What the answer leads on to is a read, and asks what reads ask.
    assert further.codes == ["FORBIDDEN"]
    assert further.body["data"]["addMember"] == {"membership": None, "errors": []}


async def test_guesses_are_counted_for_each_user_of_a_key(api: Api) -> None:
    host, ann, bob = await program(api, *EVERY), await api.user("ann"), await api.user("bob")

    guesses = [await give(host, "acceptInvitation", user=ann, token="nonsense") for _ in range(11)]
    another = await give(host, "acceptInvitation", user=bob, token="nonsense")

    assert [answer.codes for answer in guesses] == [[]] * 10 + [["RATE_LIMITED"]]
    assert another.codes == []


async def test_addresses_are_not_counted_for_the_host_itself_and_are_for_an_organizations_key(api: Api) -> None:
    organization = await paid(api)
    host, tenants = await program(api, *EVERY), await program(api, ApiScope.MEMBERS_WRITE, of=organization)
    ask = {"organizationId": organization["id"], "email": "nobody@example.com"}

    codes = [[(await give(by, "addMember", **ask)).codes for _ in range(31)] for by in (host, tenants)]

    assert codes == [[[]] * 31, [[]] * 30 + [["RATE_LIMITED"]]]


async def test_an_invitation_is_the_users_for_whom_the_key_acts(either: Api) -> None:
    organization = await paid(either)
    host, ann = await program(either, *EVERY), await either.user("ann")
    select = "invitation { invitedBy { __typename ... on User { id } } }"
    asked = {"organizationId": organization["id"], "email": "guest@example.com"}

    by_user = await done(host, "inviteMember", select, user=ann, **asked)
    by_key = await done(host, "inviteMember", select, **asked)

    assert by_user["invitation"]["invitedBy"] == {"__typename": "User", "id": ann}
    # A key sees itself and no other key.
    assert by_key["invitation"]["invitedBy"] == {"__typename": "ApiKey"}


LIST = "{ organizations { totalCount nodes { slug viewerRole } } }"


async def test_lists_hold_what_is_open_to_the_key_and_no_more(either: Api) -> None:
    acme, _ = await either.organization("ann", "Acme"), await either.organization("bob", "Bob's")
    host, tenants = await program(either, *EVERY), await program(either, *EVERY[:3], of=acme)
    ann = await either.user("ann")

    seen = [
        (await by.ask(LIST, on_behalf_of=user)).data["organizations"]
        for by, user in ((host, None), (host, ann), (tenants, None))
    ]

    slugs = [sorted(node["slug"] for node in found["nodes"]) for found in seen]
    assert slugs == [["acme", "bob-s"], ["acme"], ["acme"]]
    assert [found["totalCount"] for found in seen] == [2, 1, 1]
    assert [found["nodes"][0]["viewerRole"] for found in seen] == [None, "OWNER", None]


async def test_what_one_key_may_not_read_erases_nothing_beside_it(api: Api) -> None:
    acme = await api.organization()
    tenants = await program(api, ApiScope.ENTITLEMENTS_READ, of=acme)

    answer = await tenants.ask(
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[acme["id"], acme["customer"]["id"], "org_1"]
    )

    assert answer.codes == ["FORBIDDEN"]
    assert answer.body["data"]["nodes"] == [None, {"id": acme["customer"]["id"]}, None]
    assert answer.body["errors"][0]["path"] == ["nodes", 0]


async def test_a_viewer_hears_what_the_key_may_and_for_whom_it_acts(api: Api) -> None:
    ann = await api.user("ann")
    host = await program(api, ApiScope.BILLING_WRITE, ApiScope.ENTITLEMENTS_READ)
    effective = "effectiveActor { ... on User { id name } }"
    document = f"{{ viewer {{ scopes administrator {effective} memberships {{ totalCount }} }} }}"

    answer = await host.ask(document, on_behalf_of=ann)

    assert answer.codes == ["FORBIDDEN"]
    assert answer.body["data"]["viewer"] == {
        "scopes": ["ENTITLEMENTS_READ", "BILLING_WRITE"],
        "administrator": False,
        "effectiveActor": {"id": ann, "name": "Ann"},
        "memberships": None,
    }


@strawberry.type
class Gated:
    @require_feature("sso")
    @strawberry.field
    def secret(self) -> str:
        return "open"


async def test_a_gate_bills_the_user_for_whom_a_key_acts_and_nobody_for_the_key(serve: Serve) -> None:
    routes = [Route("/secret", guards.require_feature("sso")(unguarded))]
    async with serve(query=[Gated], routes=routes) as api:
        ann, bob = await api.user("ann"), await api.user("bob")
        own = await api.ask("{ viewer { actor { ... on User { customer { id } } } } }", "ann")
        await api.holds(own.data["viewer"]["actor"]["customer"])
        # No scope lets a key through a gate, and none is missing: what counts is what the user has.
        host = await program(api, ApiScope.AUDIT_READ)

        codes = [(await host.ask("{ secret }", on_behalf_of=user)).codes for user in (ann, bob, None)]
        shown = {"authorization": f"Bearer {host.secret}"}
        headers = [shown | ({ON_BEHALF_OF: user} if user else {}) for user in (ann, bob, None)]
        statuses = [(await api.client.get("/secret", headers=each)).status_code for each in headers]

    assert codes == [[], ["FORBIDDEN"], ["FORBIDDEN"]]
    assert statuses == [200, 403, 403]


async def test_a_proof_is_asked_of_the_user_for_whom_a_key_acts_and_of_no_key_for_itself(serve: Serve) -> None:
    async with serve(auth=CarefulHost()) as api:
        host = await program(api, *EVERY)
        user = (await done(host, "upsertUser", "user { id }", subject="ann"))["user"]["id"]
        first, second = [
            (await done(host, "createOrganization", "organization { id }", user=user, name=name))["organization"]["id"]
            for name in ("First", "Second")
        ]
        # What is known of a key in use is written behind the requests' backs.
        await api.services.keys.aclose()
        before = await tables.dump(api.services.database)

        asked = await give(host, "deleteOrganization", user=user, organizationId=first)
        after = await tables.dump(api.services.database)
        await done(host, "deleteOrganization", user=user, organizationId=first, stepUp={"word": "right"})
        again = await give(host, "deleteOrganization", user=user, organizationId=second, stepUp={"word": "right"})
        await done(host, "deleteOrganization", organizationId=second)

    for answer in (asked, again):
        assert [error["__typename"] for error in answer.data["deleteOrganization"]["errors"]] == ["StepUpRequiredError"]
    assert before == after
