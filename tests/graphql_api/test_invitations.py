"""Invitations over HTTP: offered, shown, accepted and taken back; what is refused leaves nothing."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.graphql_api.test_memberships import paid, refused
from tests.support.api import Api, serving
from tests.support.api import user_error as error
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.mail import Postbox
from tests.support.mail import serving as serving_mail
from tests.support.tables import execute

EMAIL = "bob@example.com"
CHOSEN = "invitation { id email role status } token seats { used reserved available }"


async def invite(api: Api, organization: dict[str, Any], email: str = EMAIL, by: str = "ann", **input: Any) -> Any:
    """Invite, and wait until the mail is on its way, so that the worker changes no row behind a test's back."""
    made = await api.do("inviteMember", by, CHOSEN, organizationId=organization["id"], email=email, **input)
    assert made["errors"] == []
    await at_rest(api)
    return made


async def at_rest(api: Api) -> None:
    async with asyncio.timeout(20):
        while await api.rows("outbox_messages"):
            await api.round()


async def test_an_invitation_is_made_with_its_token_and_its_seat(either: Api) -> None:
    organization = await paid(either, 3)
    chosen = """token seats { used reserved available } invitation { email role status createdAt expiresAt endedAt
        organization { slug } invitedBy { ... on User { name } } }"""

    made = await either.do(
        "inviteMember", "ann", chosen, organizationId=organization["id"], email="Bob@Example.com", role="ADMIN"
    )

    token = made.pop("token")
    assert re.fullmatch(r"inv_[0-9a-f]{32}\.[A-Za-z0-9_-]{43}", token)
    assert made == {
        "seats": {"used": 1, "reserved": 1, "available": 1},
        "invitation": {
            "email": EMAIL,
            "role": "ADMIN",
            "status": "PENDING",
            "createdAt": "2026-11-21T12:00:00.000000Z",
            "expiresAt": "2026-11-28T12:00:00.000000Z",
            "endedAt": None,
            "organization": {"slug": "acme"},
            "invitedBy": {"name": "Ann"},
        },
        "errors": [],
    }


async def test_a_system_that_has_invited_is_named_as_one(api: Api) -> None:
    organization = await paid(api)
    made = await invite(api, organization)
    await execute(api.services.database, "UPDATE invitations SET invited_by_kind = 'system', invited_by_id = 'import'")
    document = """query($id: ID!) { node(id: $id) { ... on Invitation {
        invitedBy { __typename ... on SystemActor { name } } } } }"""

    answer = await api.ask(document, "ann", id=made["invitation"]["id"])

    assert answer.data["node"]["invitedBy"] == {"__typename": "SystemActor", "name": "import"}


async def test_the_invited_accepts_and_nobody_has_to_pay_for_another_seat(either: Api) -> None:
    organization = await paid(either, 2)
    token = (await invite(either, organization, role="ADMIN"))["token"]
    chosen = "membership { id role user { name } organization { slug seats { used reserved available } } }"

    accepted = await either.do("acceptInvitation", "bob", chosen, token=token)

    id = accepted["membership"].pop("id")
    assert accepted == {
        "membership": {
            "role": "ADMIN",
            "user": {"name": "Bob"},
            "organization": {"slug": "acme", "seats": {"used": 2, "reserved": 0, "available": 0}},
        },
        "errors": [],
    }
    assert id in {row.id for row in await either.rows("memberships")}
    assert [row.status for row in await either.rows("invitations")] == ["accepted"]


async def test_a_revoked_invitation_gives_its_seat_back(either: Api) -> None:
    organization = await paid(either, 2)
    made = await invite(either, organization)
    chosen = "invitation { status endedAt } seats { used reserved available }"

    revoked = await either.do("revokeInvitation", "ann", chosen, invitationId=made["invitation"]["id"])

    assert revoked == {
        "invitation": {"status": "REVOKED", "endedAt": "2026-11-21T12:00:00.000000Z"},
        "seats": {"used": 1, "reserved": 0, "available": 1},
        "errors": [],
    }


INVALID = error("InvitationInvalid", "INVITATION_INVALID", "This invitation is not valid.", "input", "token")


async def test_whatever_is_wrong_with_a_token_the_answer_is_one_and_the_same(api: Api) -> None:
    organization = await paid(api)
    token = (await invite(api, organization))["token"]
    for who in ("bob", "cy"):
        await api.user(who)

    answers = [
        await refused(api, "acceptInvitation", who, token=given)
        for who, given in (
            ("cy", token),
            ("ann", token),
            ("bob", token[:-1]),
            ("bob", "nonsense"),
            ("bob", ""),
            ("bob", "✓.✓"),
            ("bob", f"inv_{'0' * 32}.{token.partition('.')[2]}"),
        )
    ]
    await api.do("acceptInvitation", "bob", token=token)
    answers.append(await refused(api, "acceptInvitation", "bob", token=token))

    assert answers == [INVALID] * 8


async def test_an_unverified_address_opens_nothing(api: Api) -> None:
    organization = await paid(api)
    token = (await invite(api, organization))["token"]
    document = "mutation($t: String!) { acceptInvitation(input: { token: $t }) { errors { __typename } } }"
    bearer = api.token("bob", email_verified=False)

    answer = await api.client.post(
        "/graphql",
        json={"query": document, "variables": {"t": token}},
        headers={"authorization": f"Bearer {bearer}"},
    )

    assert answer.json()["data"] == {"acceptInvitation": {"errors": [{"__typename": "InvitationInvalidError"}]}}
    assert len(await api.rows("memberships")) == 1


async def test_a_full_house_and_a_member_are_not_invited(either: Api) -> None:
    organization = await paid(either, 2)
    bobs = await either.join(organization, "bob")
    document = """mutation($input: InviteMemberInput!) { inviteMember(input: $input) { invitation { id } token
        seats { used } errors { __typename ... on UserError { path }
        ... on SeatLimitReachedError { seats { used available } }
        ... on AlreadyMemberError { membership { id } } } } }"""
    before = await either.everything()

    full, member = [
        await either.ask(document, input={"organizationId": organization["id"], "email": email})
        for email in ("cy@example.com", EMAIL)
    ]

    nothing = {"invitation": None, "token": None, "seats": None}
    seats = {"__typename": "SeatLimitReachedError", "path": None, "seats": {"used": 2, "available": 0}}
    assert full.data["inviteMember"] == nothing | {"errors": [seats]}
    already = {"__typename": "AlreadyMemberError", "path": None, "membership": {"id": bobs}}
    assert member.data["inviteMember"] == nothing | {"errors": [already]}
    assert await either.everything() == before


async def test_an_address_that_cannot_be_is_refused_by_name(api: Api) -> None:
    organization = await paid(api)

    found = await refused(api, "inviteMember", "ann", organizationId=organization["id"], email="bob@example.com\nx")

    message = "An address has the form name@example.com and at most 254 ASCII characters."
    assert found == error("InvalidInput", "INVALID_INPUT", message, "input", "email")


async def test_only_a_pending_invitation_is_revoked(api: Api) -> None:
    organization = await paid(api)
    made = await invite(api, organization)
    api.clock.forward(days=7)
    await api.user("ann")

    found = await refused_after_expiry(api, made["invitation"]["id"])

    message = "Only a pending invitation can be revoked."
    assert found == error("InvalidInput", "INVALID_INPUT", message, "input", "invitationId")


async def refused_after_expiry(api: Api, id: str) -> Any:
    """Revoke once the worker has written the expiry down, so that no row changes meanwhile."""
    async with asyncio.timeout(20):
        while [row.status for row in await api.rows("invitations")] == ["pending"]:
            await api.round()
    return await refused(api, "revokeInvitation", "ann", invitationId=id)


@pytest.mark.parametrize("role", ["ADMIN", "MEMBER"])
async def test_who_may_not_invite_is_told_forbidden_and_sees_no_invitation(api: Api, role: str) -> None:
    organization = await paid(api)
    await api.join(organization, "cy", role)
    made = await invite(api, organization, role="OWNER")
    id = made["invitation"]["id"]
    before = await api.everything()

    invited = await api.try_to("inviteMember", "cy", organizationId=organization["id"], email=EMAIL, role="OWNER")
    revoked = await api.try_to("revokeInvitation", "cy", invitationId=id)
    listed = await api.ask('{ organization(slug: "acme") { name invitations { totalCount } } }', "cy")
    node = await api.ask("query($id: ID!) { node(id: $id) { id } }", "cy", id=id)

    assert invited.codes == revoked.codes == ["FORBIDDEN"]
    if role == "ADMIN":
        assert listed.data["organization"]["invitations"] == {"totalCount": 1}
        assert node.data == {"node": {"id": id}}
    else:
        assert listed.codes == ["FORBIDDEN"]
        assert listed.body["data"] == {"organization": {"name": "Acme", "invitations": None}}
        assert node.data == {"node": None}
    assert await api.everything() == before


async def test_invitations_are_listed_newest_first_in_pages_and_by_status(api: Api) -> None:
    organization = await paid(api)
    for number in range(3):
        await invite(api, organization, f"guest{number}@example.com")
        api.clock.forward(seconds=1)
    await invite(api, organization, "guest1@example.com")
    document = """query($status: InvitationStatus, $first: Int, $after: String) { organization(slug: "acme") {
        invitations(status: $status, first: $first, after: $after) { totalCount nodes { email status }
        pageInfo { hasNextPage endCursor } } } }"""

    async def page(**variables: Any) -> Any:
        return (await api.ask(document, "ann", **variables)).data["organization"]["invitations"]

    first = await page(first=2)
    rest = await page(first=2, after=first["pageInfo"]["endCursor"])
    superseded = await page(status="SUPERSEDED")
    foreign = await api.ask(document, "ann", status="PENDING", after=first["pageInfo"]["endCursor"])

    listed = [(node["email"][:6], node["status"]) for node in first["nodes"] + rest["nodes"]]
    assert listed == [
        ("guest1", "PENDING"),
        ("guest2", "PENDING"),
        ("guest1", "SUPERSEDED"),
        ("guest0", "PENDING"),
    ]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (4, True, False)
    assert superseded["totalCount"] == 1
    assert foreign.codes == ["INVALID_CURSOR"]


async def test_a_key_gives_one_effect_and_a_replay_shows_no_token(either: Api) -> None:
    organization = await paid(either, 3)
    first = await invite(either, organization, idempotencyKey="one")
    before = await either.everything()

    again = await either.do(
        "inviteMember", "ann", CHOSEN, organizationId=organization["id"], email=EMAIL, idempotencyKey="one"
    )
    other = await refused(
        either, "inviteMember", "ann", organizationId=organization["id"], email="x@example.com", idempotencyKey="one"
    )

    assert first["token"]
    assert again == first | {"token": None}
    assert other["code"] == "IDEMPOTENCY_MISMATCH"
    assert await either.everything() == before


async def test_a_replay_is_authorized_again(api: Api) -> None:
    organization = await paid(api)
    bobs = await api.join(organization, "bob", "ADMIN")
    made = await invite(api, organization, "guest@example.com", by="bob", idempotencyKey="one")
    revoke = {"invitationId": made["invitation"]["id"], "idempotencyKey": "two"}
    assert (await api.do("revokeInvitation", "bob", **revoke))["errors"] == []
    shown = await api.do("revokeInvitation", "bob", "invitation { status } seats { reserved }", **revoke)
    await api.do("removeMember", "ann", membershipId=bobs)

    invited = await refused(
        api,
        "inviteMember",
        "bob",
        "token",
        organizationId=organization["id"],
        email="guest@example.com",
        idempotencyKey="one",
    )
    revoked = await refused(api, "revokeInvitation", "bob", **revoke)

    assert shown == {"invitation": {"status": "REVOKED"}, "seats": {"reserved": 0}, "errors": []}
    assert invited["code"] == revoked["code"] == "NOT_FOUND"


async def test_accepting_again_with_the_key_shows_the_membership_until_it_is_gone(either: Api) -> None:
    organization = await paid(either, 2)
    token = (await invite(either, organization))["token"]
    accept = {"token": token, "idempotencyKey": "one"}

    first = await either.do("acceptInvitation", "bob", "membership { id }", **accept)
    again = await either.do("acceptInvitation", "bob", "membership { id }", **accept)
    await either.do("removeMember", "ann", membershipId=first["membership"]["id"])
    gone = await either.do("acceptInvitation", "bob", "membership { id }", **accept)

    assert first == again == {"membership": {"id": first["membership"]["id"]}, "errors": []}
    assert gone == {"membership": None, "errors": []}
    assert len(await either.rows("memberships")) == 1


async def test_a_key_that_cannot_be_is_bad_input_where_the_payload_has_no_place_for_it(api: Api) -> None:
    organization = await paid(api)
    token = (await invite(api, organization))["token"]
    await api.user("bob")
    before = await api.everything()

    accepted = await api.try_to("acceptInvitation", "bob", token=token, idempotencyKey="")
    invited = await api.do(
        "inviteMember", "ann", organizationId=organization["id"], email="x@example.com", idempotencyKey=""
    )

    assert (accepted.codes, accepted.body["data"]) == (["BAD_USER_INPUT"], {"acceptInvitation": None})
    assert [each["path"] for each in invited["errors"]] == [["input", "idempotencyKey"]]
    assert await api.everything() == before


async def test_the_link_of_the_mail_opens_the_invitation(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    postbox = Postbox()
    async with serving_mail(postbox):
        environment = {
            "MAIL_URL": f"smtp://127.0.0.1:{postbox.port}",
            "MAIL_FROM": "Seatgate <no-reply@seatgate.example>",
            "PUBLIC_URL": "https://app.example.com",
        }
        async with serving(sqlite.fresh(tmp_path), tmp_path, clock, environment) as api:
            await invite(api, await paid(api, 2))

            (received,) = postbox.received
            parts = {part.get_content_type(): part.get_content() for part in received.iter_parts()}
            links = {
                kind: re.search(r"https://app\.example\.com/invitations/accept\?token=([\w.-]+)", content)
                for kind, content in parts.items()
            }
            in_text, in_html = links["text/plain"], links["text/html"]
            assert in_text
            assert in_html
            assert in_text[1] == in_html[1]
            accepted = await api.do("acceptInvitation", "bob", "membership { role }", token=in_text[1])

    assert accepted == {"membership": {"role": "MEMBER"}, "errors": []}
    assert str(received["To"]) == EMAIL
