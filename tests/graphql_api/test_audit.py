"""The ledger over the API: who may read it, what an event tells, and what a page costs."""

from typing import Any

import pytest

from domain import audit
from domain.audit import Sealer
from domain.scope import Actor, ActorKind, Scope
from tests.support.api import Api
from tests.support.statements import statements

EVENTS = """query($id: ID, $filter: AuditEventFilter, $first: Int, $after: String, $last: Int, $before: String) {
  auditEvents(organizationId: $id, filter: $filter, first: $first, after: $after, last: $last, before: $before) {
    nodes { action } pageInfo { hasNextPage hasPreviousPage endCursor } } }"""
FULL = """query($id: ID!) { auditEvents(organizationId: $id) { nodes {
  id occurredAt action actorId actorLabel actor { __typename ... on User { name } ... on SystemActor { part: name } }
  effectiveActorId effectiveActor { __typename } organization { slug } subjectId subjectLabel
  subject { __typename id } requestId idempotencyKey before after sealed } } }"""


async def actions(api: Api, who: str, id: str | None = None, **variables: Any) -> list[str]:
    found = (await api.ask(EVENTS, who, id=id, **variables)).data["auditEvents"]
    return [node["action"] for node in found["nodes"]]


async def full(api: Api, who: str, id: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = (await api.ask(FULL, who, id=id)).data["auditEvents"]["nodes"]
    return nodes


@pytest.fixture
async def acme(either: Api) -> dict[str, Any]:
    acme = await either.organization(slug="acme")
    either.clock.forward(seconds=1)
    await either.holds(acme["customer"])
    either.clock.forward(seconds=1)
    await either.join(acme, "bob", role="ADMIN")
    either.clock.forward(seconds=1)
    await either.join(acme, "mel")
    return acme


async def test_an_owner_reads_what_was_done_newest_first(either: Api, acme: dict[str, Any]) -> None:
    found = await actions(either, "ann", acme["id"])

    assert found == ["membership.added", "membership.added", "subscription.changed", "organization.created"]
    assert found == await actions(either, "ada", acme["id"])


async def test_the_organization_tells_the_same(either: Api, acme: dict[str, Any]) -> None:
    document = 'query { organization(slug: "acme") { auditEvents(filter: {actions: ["membership.added"]}, first: 1)'
    answer = await either.ask(document + " { nodes { action } pageInfo { hasNextPage } edges { cursor } } } }")

    told = answer.data["organization"]["auditEvents"]
    assert (told["nodes"], told["pageInfo"]) == ([{"action": "membership.added"}], {"hasNextPage": True})


@pytest.mark.parametrize("who", ["bob", "mel"])
async def test_admin_and_member_are_forbidden(either: Api, acme: dict[str, Any], who: str) -> None:
    assert (await either.ask(EVENTS, who, id=acme["id"])).codes == ["FORBIDDEN"]
    inside = await either.ask('{ organization(slug: "acme") { auditEvents { nodes { id } } } }', who)
    assert inside.codes == ["FORBIDDEN"]


async def test_to_a_stranger_the_organizations_ledger_is_not_there(either: Api, acme: dict[str, Any]) -> None:
    assert (await either.ask(EVENTS, "eve", id=acme["id"])).data == {"auditEvents": None}
    assert (await either.ask(EVENTS, "eve", id="org_" + "0" * 32)).data == {"auditEvents": None}


async def test_everything_is_for_administrators(either: Api, acme: dict[str, Any]) -> None:
    assert (await either.ask(EVENTS, "ann")).codes == ["FORBIDDEN"]
    assert (await either.ask(EVENTS, None)).codes == ["UNAUTHENTICATED"]
    assert {"user.registered", "organization.created"} <= set(await actions(either, "ada"))


async def test_an_event_tells_who_did_what_to_whom(either: Api, acme: dict[str, Any]) -> None:
    newest = (await full(either, "ann", acme["id"]))[0]
    mel, ada = await either.user("mel"), await either.user("ada")

    assert newest["actorId"] == newest["effectiveActorId"] == ada
    assert (newest["actorLabel"], newest["subjectLabel"]) == ("Ada", "Mel")
    assert newest["actor"] is None, "ada shares no organization with ann, and only her id is told"
    assert newest["organization"] == {"slug": "acme"}
    assert newest["subject"] == {"__typename": "Membership", "id": newest["subjectId"]}
    assert (newest["before"], newest["after"]) == (None, {"user_id": mel, "role": "MEMBER"})
    assert newest["occurredAt"] == "2026-11-21T12:00:03.000000Z"
    assert newest["requestId"]
    assert newest["sealed"] is False


async def test_who_acted_is_told_as_far_as_the_caller_may_see_them(either: Api, acme: dict[str, Any]) -> None:
    events = await full(either, "ann", acme["id"])

    founding = events[-1]
    assert founding["actor"] == {"__typename": "User", "name": "Ann"}
    assert founding["subject"] == {"__typename": "Organization", "id": acme["id"]}
    assert events[2]["actor"] == {"__typename": "SystemActor", "part": "webhook"}
    assert events[2]["actorLabel"] is None


async def test_a_sealed_event_says_so(either: Api, acme: dict[str, Any]) -> None:
    await Sealer(database=either.services.database, keys=either.services.settings.secret_keys).seal_due()

    assert {event["sealed"] for event in await full(either, "ann", acme["id"])} == {True}


async def test_labels_that_were_erased_are_null_and_the_id_stays(either: Api, acme: dict[str, Any]) -> None:
    mel = await either.user("mel")

    await either.services.database.run(lambda session: audit.erase(session, person_id=mel))

    newest = (await full(either, "ann", acme["id"]))[0]
    assert (newest["subjectLabel"], newest["actorLabel"]) == (None, "Ada")


async def test_pages_are_followed_by_cursors_that_fit_no_other_list(either: Api, acme: dict[str, Any]) -> None:
    first = (await either.ask(EVENTS, "ann", id=acme["id"], first=3)).data["auditEvents"]
    cursor = first["pageInfo"]["endCursor"]

    rest = await either.ask(EVENTS, "ann", id=acme["id"], first=3, after=cursor)
    back = (await either.ask(EVENTS, "ann", id=acme["id"], last=2)).data["auditEvents"]
    other = await either.ask(EVENTS, "ada", first=3, after=cursor)

    assert first["pageInfo"]["hasNextPage"]
    assert [node["action"] for node in rest.data["auditEvents"]["nodes"]] == ["organization.created"]
    assert [node["action"] for node in back["nodes"]] == ["subscription.changed", "organization.created"]
    assert other.codes == ["INVALID_CURSOR"]


async def test_filters_narrow_the_timeline(either: Api, acme: dict[str, Any]) -> None:
    async def found(**narrowed: object) -> list[str]:
        return await actions(either, "ann", acme["id"], filter=narrowed)

    assert await found(actions=["organization.created", "user.registered"]) == ["organization.created"]
    assert await found(actorId=await either.user("ann")) == ["organization.created"]
    assert await found(subjectId=acme["id"]) == ["organization.created"]
    assert await found(since="2026-11-21T12:00:03Z") == ["membership.added"]
    assert await found(until="2026-11-21T12:00:01Z") == ["subscription.changed", "organization.created"]
    assert (await either.ask(EVENTS, "ann", id=acme["id"], filter={"actions": ["a.b"] * 21})).codes == [
        "BAD_USER_INPUT"
    ]
    assert (await either.ask(EVENTS, "ann", id=acme["id"], filter={"outcome": "x"})).codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("who", "seen"), [("ann", True), ("ada", True), ("bob", False), ("mel", False), ("eve", False)]
)
async def test_an_event_is_a_node_for_those_who_may_read_it(
    either: Api, acme: dict[str, Any], who: str, seen: bool
) -> None:
    id = (await full(either, "ann", acme["id"]))[0]["id"]

    found = await either.ask("query($id: ID!) { node(id: $id) { id ... on AuditEvent { action } } }", who, id=id)

    assert found.data["node"] == ({"id": id, "action": "membership.added"} if seen else None)


async def test_an_event_that_concerns_no_organization_is_for_administrators(either: Api) -> None:
    await either.user("ann")
    (id, *_) = [row.id for row in await either.rows("audit_events")]

    assert (await either.ask("query($id: ID!) { node(id: $id) { id } }", "ann", id=id)).data == {"node": None}
    assert (await either.ask("query($id: ID!) { node(id: $id) { id } }", "ada", id=id)).data == {"node": {"id": id}}


async def test_a_page_of_twenty_costs_as_many_statements_as_one(api: Api) -> None:
    acme = await api.organization(slug="acme")
    await api.holds(acme["customer"], quantity=25)

    async def cost() -> tuple[int, int]:
        with statements(api.services.database) as sent:
            events = await full(api, "ann", acme["id"])
        return len(events), len(sent)

    await api.join(acme, "bob")
    few, cheap = await cost()
    for number in range(17):
        await api.join(acme, f"member{number}")
    many, dear = await cost()

    assert (few, many) == (3, 20)
    assert cheap == dear <= 9


async def test_what_a_host_logs_stands_in_the_same_timeline(either: Api, acme: dict[str, Any]) -> None:
    scope = Scope(actor=Actor(kind=ActorKind.USER, id=await either.user("ann")), label="Ann")

    async with either.services.database.transaction() as session:
        await audit.log(
            session,
            "report.exported",
            scope=scope,
            at=either.clock.forward(seconds=1),
            subject_id="report-7",
            organization_id=acme["id"],
            metadata={"pages": 3},
        )

    newest = (await full(either, "ann", acme["id"]))[0]
    assert (newest["action"], newest["after"], newest["subject"]) == ("report.exported", {"pages": 3}, None)
