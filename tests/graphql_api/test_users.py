"""Users over HTTP: the host tells of them, they go, and their tokens open nothing from then on."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.billing.processors.fake import Fault, FaultKind
from domain.errors import Refused
from domain.scope import system
from tests.graphql_api.conftest import Serve
from tests.support.api import JWT_SECRET, Api
from tests.support.api import user_error as error
from tests.support.wired import fake_of

NOBODY = f"usr_{'0' * 32}"
DELETION = "deletion { userId status }"
TOLD = "user { id name email issuer subject customer { id } } created"


async def delete(api: Api, who: str, user: str, **input: object) -> Any:
    return await api.do("deleteUser", who, DELETION, userId=user, **input)


async def refused(api: Api, mutation: str, who: str, **input: object) -> dict[str, Any]:
    """Run a mutation that is refused for one reason, and insist that not a row has changed."""
    before = await api.everything()
    payload = await api.do(mutation, who, "__typename", **input)
    assert await api.everything() == before
    (found,) = payload["errors"]
    content: dict[str, Any] = found
    return content


async def test_the_host_tells_of_a_user_and_then_their_token_finds_them(either: Api) -> None:
    await either.user("ada")

    told = await either.do(
        "upsertUser", "ada", TOLD, subject="bob", email="Bob@Example.com", emailVerified=True, name="Bob"
    )
    again = await either.do("upsertUser", "ada", TOLD, subject="bob", name="Robert")

    assert told["errors"] == again["errors"] == []
    assert (told["created"], again["created"]) == (True, False)
    made = told["user"]
    assert made["customer"]["id"].startswith("cst_")
    assert (made["name"], made["email"], made["issuer"], made["subject"]) == ("Bob", "bob@example.com", "", "bob")
    assert (again["user"]["name"], again["user"]["email"]) == ("Robert", None)
    assert await either.user("bob") == made["id"]


async def test_a_key_tells_of_a_user_once(either: Api) -> None:
    await either.user("ada")
    input = {"subject": "bob", "name": "Bob", "idempotencyKey": "k"}
    first = await either.do("upsertUser", "ada", TOLD, **input)
    await either.do("upsertUser", "ada", TOLD, subject="bob", name="Robert")
    before = await either.everything()

    again = await either.do("upsertUser", "ada", TOLD, **input)
    other = await either.do("upsertUser", "ada", "", **(input | {"name": "Rob"}))

    assert await either.everything() == before
    assert (again["created"], again["user"]["id"], again["user"]["name"]) == (True, first["user"]["id"], "Robert")
    assert other["errors"][0]["code"] == "IDEMPOTENCY_MISMATCH"


async def test_only_administrators_tell_of_users(api: Api) -> None:
    await api.user("ann")
    before = await api.everything()

    answer = await api.try_to("upsertUser", "ann", TOLD, subject="bob")

    assert answer.codes == ["FORBIDDEN"]
    assert await api.everything() == before


@pytest.mark.parametrize(
    ("input", "field", "message"),
    [
        ({"subject": ""}, "subject", "This has 1 to 255 printable characters."),
        ({"subject": "bob", "issuer": ""}, "issuer", "This has 1 to 255 printable characters."),
        ({"subject": "bob", "email": "bob"}, "email", "This is no e-mail address."),
    ],
)
async def test_what_cannot_be_is_named(api: Api, input: dict[str, str], field: str, message: str) -> None:
    await api.user("ada")

    found = await refused(api, "upsertUser", "ada", **input)

    assert found == error("InvalidInput", "INVALID_INPUT", message, "input", field)


async def test_who_deletes_themselves_is_gone_and_their_token_with_them(either: Api) -> None:
    ann, _ = await either.user("ann"), await either.user("ada")

    payload = await delete(either, "ann", ann)
    afterwards = await either.ask("{ viewer { administrator } }", "ann")
    gone = await either.ask("query($id: ID!) { node(id: $id) { id } }", "ada", id=ann)
    again = await delete(either, "ada", ann)

    assert payload == again == {"deletion": {"userId": ann, "status": "DONE"}, "errors": []}
    assert afterwards.response.status_code == httpx.codes.UNAUTHORIZED
    assert gone.data["node"] is None


async def test_only_a_newer_token_makes_somebody_new(either: Api) -> None:
    await delete(either, "ann", await either.user("ann"))
    either.clock.forward(minutes=1)
    dated = int((either.clock.now() - timedelta(seconds=1)).timestamp())

    async def status(**claims: int) -> int:
        headers = {"authorization": f"Bearer {either.token('ann', JWT_SECRET, **claims)}"}
        asked = {"query": "{ viewer { actor { ... on User { id } } } }"}
        return (await either.client.post("/graphql", json=asked, headers=headers)).status_code

    asked = [await status(), await status(iat=dated - 120), await status(iat=dated), await status()]

    assert asked == [401, 401, 200, 401]


async def test_a_token_of_somebody_being_deleted_opens_nothing(either: Api) -> None:
    ann = await either.user("ann")
    async with either.services.database.transaction() as session:
        await either.services.deletions.begin(session, scope=system("test"), user_id=ann)

    answer = await either.ask("{ viewer { administrator } }", "ann")
    pending = await delete(either, "ada", ann)

    assert answer.response.status_code == httpx.codes.UNAUTHORIZED
    assert pending["deletion"]["status"] == "PENDING"


async def test_to_others_a_user_is_as_good_as_not_there(api: Api) -> None:
    bob, _ = await api.user("bob"), await api.user("ann")

    found = [await refused(api, "deleteUser", "ann", userId=each) for each in (bob, NOBODY, "x")]

    assert found == [error("NotFound", "NOT_FOUND", "There is no such user.", "input", "userId")] * 3


async def test_the_last_owner_is_told_of_which_organization(api: Api) -> None:
    organization = await api.organization()
    document = """mutation($input: DeleteUserInput!) { deleteUser(input: $input) { deletion { status }
        errors { ... on LastOwnerError { code organization { id } } } } }"""

    answer = await api.ask(document, "ann", input={"userId": await api.user("ann")})

    assert answer.data["deleteUser"] == {
        "deletion": None,
        "errors": [{"code": "LAST_OWNER", "organization": {"id": organization["id"]}}],
    }


async def test_an_aborted_deletion_says_so_beside_the_processors_failure(either: Api) -> None:
    ann = await either.user("ann")
    found = await either.ask("query($id: ID!) { node(id: $id) { ... on User { customer { id } } } }", "ann", id=ann)
    items = [{"priceId": "price_pro_monthly", "quantity": 1}]
    bought = await either.do("subscribe", "ann", customerId=found.data["node"]["customer"]["id"], items=items)
    assert bought["errors"] == []
    fake = fake_of(either.services)
    fake.script([Fault(kind=FaultKind.ERROR_500, operation="cancel")])

    aborted = await delete(either, "ann", ann, idempotencyKey="k")
    back = await either.user("ann")
    again = await delete(either, "ann", ann, idempotencyKey="k")

    assert aborted == {
        "deletion": {"userId": ann, "status": "ABORTED"},
        "errors": [
            error("UpstreamUnavailable", "UPSTREAM_UNAVAILABLE", "The payment processor did not answer."),
        ],
    }
    assert back == ann
    assert again == {"deletion": {"userId": ann, "status": "DONE"}, "errors": []}


async def test_the_customer_of_somebody_gone_stays_and_names_nobody(either: Api) -> None:
    ann = await either.user("ann")
    document = (
        "query($id: ID!) { customer(id: $id) { id owner { ... on User { id } } subscriptions { nodes { id } } } }"
    )
    [customer] = [row.id for row in await either.rows("customers") if row.owner_id == ann]
    before = await either.ask(document, "ada", id=customer)

    await delete(either, "ann", ann)
    after = await either.ask(document, "ada", id=customer)

    assert before.data["customer"]["owner"] == {"id": ann}
    assert after.data["customer"] == {"id": customer, "owner": None, "subscriptions": {"nodes": []}}


async def test_a_host_that_refuses_to_let_somebody_go_is_quoted(serve: Serve) -> None:
    async def refuse(**_: object) -> None:
        raise Refused("owes_money")

    async with serve(hooks={"on_delete": refuse}) as api:
        ann = await api.user("ann")
        document = """mutation($input: DeleteUserInput!) { deleteUser(input: $input) { deletion { status }
            errors { ... on CallbackRefusedError { operation step reason } } } }"""

        answer = await api.ask(document, "ann", input={"userId": ann})

        assert answer.data["deleteUser"] == {
            "deletion": None,
            "errors": [{"operation": "deleteUser", "step": "on_delete", "reason": "owes_money"}],
        }
        assert await api.user("ann") == ann
