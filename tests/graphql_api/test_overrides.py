"""Overrides over HTTP: administrators give and take back, everybody else is told nothing and nothing is written."""

from collections.abc import Mapping
from typing import Any

from tests.support.api import Api, user_error

CHOSEN = """
    override { id feature limit value unlimited reason createdAt expiresAt revokedAt
        createdBy { ... on User { name } } customer { id } }
    entitlements { features quantity(key: "seats") validUntil }
"""
LISTED = """query($id: ID!, $ended: Boolean!, $first: Int, $after: String) { customer(id: $id) {
    overrides(includeEnded: $ended, first: $first, after: $after) {
        nodes { id } pageInfo { hasNextPage endCursor } } } }"""
END = "2026-11-22T12:00:00.000000Z"
REASON = "promised on the phone"


async def given(api: Api, organization: Mapping[str, Any], **input: object) -> str:
    """Let the administrator grant something, and give the override's id."""
    wish = input or {"feature": "sso"}
    made = await api.do(
        "grantOverride", "ada", "override { id }", customerId=organization["customer"]["id"], reason=REASON, **wish
    )
    assert made["errors"] == []
    return str(made["override"]["id"])


async def nodes(api: Api, customer_id: str, *, ended: bool = False, **page: object) -> list[str]:
    found = await api.ask(LISTED, "ada", id=customer_id, ended=ended, **page)
    return [node["id"] for node in found.data["customer"]["overrides"]["nodes"]]


async def test_the_payloads_tell_the_override_and_what_the_customer_has_with_and_without_it(either: Api) -> None:
    organization = await either.organization()
    customer = organization["customer"]

    granted = await either.do(
        "grantOverride", "ada", CHOSEN, customerId=customer["id"], feature="sso", reason=REASON, expiresAt=END
    )
    override = granted["override"]
    revoked = await either.do("revokeOverride", "ada", CHOSEN, overrideId=override["id"], reason="over")

    assert granted == {
        "override": {
            "id": override["id"],
            "feature": "sso",
            "limit": None,
            "value": None,
            "unlimited": False,
            "reason": REASON,
            "createdAt": "2026-11-21T12:00:00.000000Z",
            "expiresAt": END,
            "revokedAt": None,
            "createdBy": {"name": "Ada"},
            "customer": {"id": customer["id"]},
        },
        "entitlements": {"features": ["sso"], "quantity": 1, "validUntil": END},
        "errors": [],
    }
    assert revoked == {
        "override": override | {"revokedAt": "2026-11-21T12:00:00.000000Z"},
        "entitlements": {"features": [], "quantity": 1, "validUntil": None},
        "errors": [],
    }


async def test_a_limit_without_an_end_has_no_value(api: Api) -> None:
    organization = await api.organization()

    granted = await api.do(
        "grantOverride",
        "ada",
        'override { limit value unlimited } entitlements { quantity(key: "seats") }',
        customerId=organization["customer"]["id"],
        limit="seats",
        unlimited=True,
        reason=REASON,
    )

    assert granted["override"] == {"limit": "seats", "value": None, "unlimited": True}
    assert granted["entitlements"] == {"quantity": 2147483647}


async def test_a_raised_seat_limit_lets_in_at_once_and_after_its_end_nobody_goes_and_nobody_comes(either: Api) -> None:
    organization = await either.organization()
    users = [await either.user(name) for name in ("bob", "cy")]

    async def added(user: str) -> Any:
        seats = "seats { limit used available overLimit }"
        return await either.do("addMember", "ada", seats, organizationId=organization["id"], userId=user)

    full = await added(users[0])
    await given(either, organization, limit="seats", value=3, expiresAt=END)
    let_in = await added(users[0])
    either.clock.forward(days=1, microseconds=1)
    before = await either.everything()
    refused = await added(users[1])

    assert [each["__typename"] for each in full["errors"]] == ["SeatLimitReachedError"]
    assert let_in == {"seats": {"limit": 3, "used": 2, "available": 1, "overLimit": False}, "errors": []}
    assert [each["__typename"] for each in refused["errors"]] == ["SeatLimitReachedError"]
    assert await either.everything() == before
    seen = await either.ask(
        "query($id: ID!) { organization(id: $id) { seats { limit used overLimit } memberships { totalCount } } }",
        id=organization["id"],
    )
    assert seen.data["organization"] == {
        "seats": {"limit": 1, "used": 2, "overLimit": True},
        "memberships": {"totalCount": 2},
    }


async def test_refusals_name_their_field_and_leave_nothing(api: Api) -> None:
    customer = (await api.organization())["customer"]["id"]
    grant = {"customerId": customer, "feature": "sso", "reason": REASON}
    await api.user("ada")
    before = await api.everything()

    misspelt = await api.do("grantOverride", "ada", **(grant | {"feature": "soo"}))
    nobody = await api.do("grantOverride", "ada", **(grant | {"customerId": "cst_no"}))
    unknown = await api.do("revokeOverride", "ada", overrideId="ovr_no", reason=REASON)

    message = "The catalog in force declares no such feature, so it would give nothing; is it misspelt?"
    assert misspelt["errors"] == [user_error("InvalidInput", "INVALID_INPUT", message, "input", "feature")]
    assert nobody["errors"] == [
        user_error("NotFound", "NOT_FOUND", "There is no such customer.", "input", "customerId")
    ]
    assert unknown["errors"] == [
        user_error("NotFound", "NOT_FOUND", "There is no such override.", "input", "overrideId")
    ]
    assert await api.everything() == before


async def test_nobody_but_administrators_grants_revokes_lists_or_fetches(api: Api) -> None:
    organization = await api.organization()
    customer = organization["customer"]["id"]
    override = await given(api, organization)
    await api.user("eve")
    before = await api.everything()
    node = "query($id: ID!) { node(id: $id) { id } }"

    for who in ("ann", "eve"):
        granted = await api.try_to("grantOverride", who, customerId=customer, feature="sso", reason=REASON)
        revoked = await api.try_to("revokeOverride", who, overrideId=override, reason=REASON)
        assert granted.codes == revoked.codes == ["FORBIDDEN"]
        assert (await api.ask(node, who, id=override)).data == {"node": None}
    listed = await api.ask(LISTED, "ann", id=customer, ended=True)

    assert (listed.codes, listed.body["data"]) == (["FORBIDDEN"], {"customer": {"overrides": None}})
    assert await api.everything() == before
    assert (await api.ask(node, "ada", id=override)).data == {"node": {"id": override}}


async def test_a_key_grants_once_and_a_replay_shows_the_override_as_it_is(either: Api) -> None:
    customer = (await either.organization())["customer"]["id"]
    grant = {"customerId": customer, "feature": "sso", "reason": REASON, "idempotencyKey": "1"}
    chosen = "override { id revokedAt } entitlements { features }"

    first = await either.do("grantOverride", "ada", chosen, **grant)
    revoke = {"overrideId": first["override"]["id"], "reason": "over", "idempotencyKey": "2"}
    ended = await either.do("revokeOverride", "ada", chosen, **revoke)
    again = await either.do("grantOverride", "ada", chosen, **grant)
    still = await either.do("revokeOverride", "ada", chosen, **revoke)
    other = await either.do("grantOverride", "ada", chosen, **(grant | {"feature": "api"}))

    assert first["entitlements"] == {"features": ["sso"]}
    assert again == still == ended
    assert ended["override"]["revokedAt"] is not None
    assert [each["__typename"] for each in other["errors"]] == ["IdempotencyMismatchError"]
    assert len(await either.rows("overrides")) == 1
    actions = [row.action for row in await either.rows("audit_events")]
    assert (actions.count("override.granted"), actions.count("override.revoked")) == (1, 1)


async def test_overrides_of_a_customer_come_newest_first_and_ended_ones_when_asked_for(api: Api) -> None:
    organization = await api.organization()
    customer, made = organization["customer"]["id"], []
    for number in range(3):
        ends = {"expiresAt": END} if number == 0 else {}
        made.append(await given(api, organization, feature="sso", **ends))
        api.clock.forward(seconds=1)
    await api.do("revokeOverride", "ada", overrideId=made[1], reason="over")
    await given(api, await api.organization("bob", "Other"))
    api.clock.forward(days=1)

    first = await api.ask(LISTED, "ada", id=customer, ended=True, first=2)
    page = first.data["customer"]["overrides"]["pageInfo"]
    cursor = page["endCursor"]

    assert page["hasNextPage"]
    assert await nodes(api, customer) == [made[2]]
    assert await nodes(api, customer, ended=True) == made[::-1]
    assert await nodes(api, customer, ended=True, first=2, after=cursor) == [made[0]]
    assert (await api.ask(LISTED, "ada", id=customer, ended=False, after=cursor)).codes == ["INVALID_CURSOR"]


async def test_the_ledger_leads_to_the_override(api: Api) -> None:
    organization = await api.organization()
    override = await given(api, organization)

    found = await api.ask(
        """query($id: ID!) { auditEvents(organizationId: $id, filter: { actions: ["override.granted"] }) {
            nodes { subjectId subject { ... on Override { feature reason } } actor { ... on User { name } } } } }""",
        "ada",
        id=organization["id"],
    )

    assert found.data["auditEvents"]["nodes"] == [
        {"subjectId": override, "subject": {"feature": "sso", "reason": REASON}, "actor": {"name": "Ada"}}
    ]
