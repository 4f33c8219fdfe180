"""How each line of the table is asked, and what is read out of the answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from domain.organizations import UserRef
from domain.scope import Role
from tests.graphql_api.rights.table import FORBIDDEN, MAY, NOT_THERE, ROWS, UNAUTHENTICATED
from tests.graphql_api.rights.world import ADMINISTRATOR, Caller, Scene
from tests.support.api import ERRORS

PROCESSOR_ID = 'account: {processor: FAKE, processorId: "%(account)s"}'
CHAIN = "chain { kind fact { rank } }"
PAGES = {"successUrl": "https://ann.example/thanks", "cancelUrl": "https://ann.example/back"}
SEATS_MORE = [{"priceId": "price_seat_pack"}]
SWAP = {"subscriptionId": "%(bsb)s", "priceId": "price_basic", "proration": "NONE"}
# What happens to those who may, when somebody who might has been faster.
HAPPENED = {"LastOwnerError", "AlreadySubscribedError", "SubscriptionStateError"}

AT_ONCE = 8

Path = tuple[str | int, ...]
Prepare = Callable[[Scene, Caller], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A root field, its arguments with names of the world's ids in them, and where in the answer to look."""

    text: str
    path: Path
    kind: str = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nested:
    """A field of an object that another line of the table leads to."""

    parent: str
    kind: str
    text: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A mutation's input; `prepare` puts right what earlier callers have changed, and adds to the input."""

    input: Mapping[str, Any] = field(default_factory=dict)
    prepare: Prepare | None = None


def one(text: str, *path: str | int, kind: str = "query") -> Read:
    """Make a read whose path begins with the field's own name."""
    return Read(text=text, path=(text.partition("(")[0].partition(" ")[0], *path), kind=kind)


def node(name: str) -> Read:
    return one(f'node(id: "%({name})s") {{ id }}')


def of_node(parent: str, kind: str, text: str) -> Nested:
    return Nested(parent=parent, kind=kind, text=text, path=("it", text.partition("(")[0].partition(" ")[0]))


ENTITLEMENTS = 'entitlements(customerId: "%(cst)s"'
REASON = 'decisions(features: ["sso"])'

READS: dict[str, Read] = {
    "viewer": one("viewer { administrator }"),
    "plans": one("plans { totalCount }"),
    "features": one("features { totalCount }"),
    "serverInfo": one("serverInfo { version }"),
    "rateLimit": one("rateLimit { limit }"),
    "node(org)": node("org"),
    "node(usr)": node("user max"),
    "node(mem)": node("place mia"),
    "node(inv)": node("inv"),
    "node(cst)": node("cst"),
    "node(cst) of a user": node("own"),
    "node(bsb)": node("bsb"),
    "node(aud)": node("aud"),
    "node(whe)": node("whe"),
    "node(ovr)": node("ovr"),
    "node(key)": node("key"),
    "node(key) of the host": node("host key"),
    "nodes": one('nodes(ids: ["%(org)s"]) { id }', 0),
    "organization": one('organization(id: "%(org)s") { id }'),
    "organization by slug": one('organization(slug: "%(slug)s") { id }'),
    "organizations": one("organizations { totalCount }"),
    "customer": one('customer(id: "%(cst)s") { id }'),
    "customer by account": one(f"customer({PROCESSOR_ID}) {{ id }}"),
    "entitlements": one(f"{ENTITLEMENTS}) {{ plans }}"),
    "entitlements of a user": one('entitlements(customerId: "%(own)s") { plans }'),
    "entitlements as of": one(f'{ENTITLEMENTS}, asOf: "2026-11-21T12:00:00Z") {{ plans }}'),
    "entitlementsBatch": one('entitlementsBatch(customerIds: ["%(cst)s"]) { plans }', 0),
    "explain": one('explain(customerId: "%(cst)s", feature: "sso") { asOf }'),
    "auditEvents": one('auditEvents(organizationId: "%(org)s") { nodes { id } }'),
    "auditEvents of all": one("auditEvents { nodes { id } }"),
    "webhookEvents": one("webhookEvents { nodes { id } }"),
    "driftReport": one("driftReport { customersChecked }"),
    "Viewer.memberships": one("viewer { memberships { totalCount } }", "memberships"),
    "Decision.reason": one(f"{ENTITLEMENTS}) {{ {REASON} {{ reason }} }}", "decisions", 0, "reason"),
    "Decision.chain": one(f"{ENTITLEMENTS}) {{ {REASON} {{ chain {{ kind }} }} }}", "decisions", 0, "chain"),
    "Quantity.chain": one(f"{ENTITLEMENTS}) {{ quantities {{ chain {{ kind }} }} }}", "quantities", 0, "chain"),
    "DecisionStep.fact": one(
        f"{ENTITLEMENTS}) {{ {REASON} {{ {CHAIN} }} }}", "decisions", 0, "chain", "SUBSCRIPTION", "fact"
    ),
    "entitlementsChanged": one('entitlementsChanged(customerId: "%(cst)s") { plans }', kind="subscription"),
    "seatsChanged": one('seatsChanged(organizationId: "%(org)s") { used }', kind="subscription"),
}

NESTED: dict[str, Nested] = {
    "Organization.viewerRole": of_node("node(org)", "Organization", "viewerRole"),
    "Organization.seats": of_node("node(org)", "Organization", "seats { used }"),
    "Organization.memberships": of_node("node(org)", "Organization", "memberships { totalCount }"),
    "Organization.invitations": of_node("node(org)", "Organization", "invitations { totalCount }"),
    "Organization.customer": of_node("node(org)", "Organization", "customer { id }"),
    "Organization.auditEvents": of_node("node(org)", "Organization", "auditEvents { nodes { id } }"),
    "Organization.apiKeys": of_node("node(org)", "Organization", "apiKeys { nodes { id } }"),
    "Membership.organization": of_node("node(mem)", "Membership", "organization { id }"),
    "Membership.user": of_node("node(mem)", "Membership", "user { id }"),
    "User.issuer": of_node("node(usr)", "User", "issuer"),
    "User.subject": of_node("node(usr)", "User", "subject"),
    "User.customer": of_node("node(usr)", "User", "customer { id }"),
    "Invitation.organization": of_node("node(inv)", "Invitation", "organization { id }"),
    "Invitation.invitedBy": of_node("node(inv)", "Invitation", "invitedBy { __typename }"),
    "Customer.owner": of_node("node(cst)", "Customer", "owner { __typename }"),
    "Customer.subscriptions": of_node("node(cst)", "Customer", "subscriptions { nodes { id } }"),
    "Customer.processorAccounts": of_node("node(cst)", "Customer", "processorAccounts { processorId }"),
    "Customer.entitlements": of_node("node(cst)", "Customer", "entitlements { plans }"),
    "Customer.overrides": of_node("node(cst)", "Customer", "overrides { nodes { id } }"),
    "Customer.advisory": of_node("node(cst)", "Customer", "advisory { state }"),
    "BillingSubscription.customer": of_node("node(bsb)", "BillingSubscription", "customer { id }"),
    "BillingSubscription.facts": of_node("node(bsb)", "BillingSubscription", "facts { nodes { rank } }"),
    "AuditEvent.actor": of_node("node(aud)", "AuditEvent", "actor { __typename }"),
    "AuditEvent.effectiveActor": of_node("node(aud)", "AuditEvent", "effectiveActor { __typename }"),
    "AuditEvent.organization": of_node("node(aud)", "AuditEvent", "organization { id }"),
    "AuditEvent.subject": of_node("node(aud)", "AuditEvent", "subject { id }"),
    "WebhookEvent.customer": of_node("node(whe)", "WebhookEvent", "customer { id }"),
    "WebhookEvent.payload": of_node("node(whe)", "WebhookEvent", "payload"),
    "Override.customer": of_node("node(ovr)", "Override", "customer { id }"),
    "Override.createdBy": of_node("node(ovr)", "Override", "createdBy { __typename }"),
    "ApiKey.organization": of_node("node(key)", "ApiKey", "organization { id }"),
    "ApiKey.createdBy": of_node("node(key)", "ApiKey", "createdBy { __typename }"),
}


async def _founder(scene: Scene, caller: Caller) -> Mapping[str, Any]:
    """Let a program name whose the organization shall be; people found their own."""
    people = caller.key is None or caller.user is not None
    return {} if people else {"ownerId": scene.id("user max")}


async def _somebody_by_address(scene: Scene, _: Caller) -> Mapping[str, Any]:
    return {"email": (await scene.newcomer()).email}


async def _somebody_by_id(scene: Scene, _: Caller) -> Mapping[str, Any]:
    return {"userId": (await scene.newcomer()).id}


async def _place(scene: Scene, role: Role) -> Mapping[str, Any]:
    user, services = await scene.newcomer(), scene.api.services
    added = await services.database.run(
        lambda session: services.members.add(
            session, scope=ADMINISTRATOR, organization_id=scene.id("org"), who=UserRef(id=user.id), role=role
        )
    )
    return {"membershipId": added.id}


async def _place_of_member(scene: Scene, _: Caller) -> Mapping[str, Any]:
    return await _place(scene, Role.MEMBER)


async def _place_of_admin(scene: Scene, _: Caller) -> Mapping[str, Any]:
    return await _place(scene, Role.ADMIN)


async def _come_back(scene: Scene, caller: Caller) -> Mapping[str, Any]:
    """Let somebody in again who has left."""
    services, role = scene.api.services, {"member": Role.MEMBER, "admin": Role.ADMIN}.get(caller.group)
    there = {row.user_id for row in await scene.api.rows("memberships") if row.organization_id == scene.id("org")}
    if role is not None and scene.id(f"user {caller.user}") not in there:
        who = UserRef(id=scene.id(f"user {caller.user}"))
        await services.database.run(
            lambda session: services.members.add(
                session, scope=ADMINISTRATOR, organization_id=scene.id("org"), who=who, role=role
            )
        )
    return {}


async def _own_again(scene: Scene, _: Caller) -> Mapping[str, Any]:
    """Give an organization that was handed on back to its owner."""
    services = scene.api.services
    owners = {row.user_id: row for row in await scene.api.rows("memberships") if row.organization_id == scene.id("org")}
    for who, role in (("ann", Role.OWNER), ("mia", Role.MEMBER)):
        change = partial(services.members.change_role, scope=ADMINISTRATOR, role=role)
        await services.database.run(partial(change, membership_id=owners[scene.id(f"user {who}")].id))
    return {}


async def _living(scene: Scene, _: Caller) -> Mapping[str, Any]:
    services = scene.api.services
    row = next(row for row in await scene.api.rows("organizations") if row.id == scene.id("org"))
    if row.deleted_at is not None:
        await services.database.run(
            lambda session: services.standing.restore(session, scope=ADMINISTRATOR, organization_id=row.id)
        )
    return {}


async def _deleted(scene: Scene, _: Caller) -> Mapping[str, Any]:
    services = scene.api.services
    row = next(row for row in await scene.api.rows("organizations") if row.id == scene.id("gone"))
    if row.deleted_at is None:
        await services.database.run(
            lambda session: services.standing.delete(session, scope=ADMINISTRATOR, organization_id=row.id)
        )
    return {}


async def _offer(scene: Scene, role: Role) -> Mapping[str, Any]:
    services, email = scene.api.services, f"guest-{len(await scene.api.rows('invitations'))}@example.com"
    invited = await services.database.run(
        lambda session: services.invitations.invite(
            session, scope=ADMINISTRATOR, organization_id=scene.id("org"), email=email, role=role
        )
    )
    return {"invitationId": invited.invitation.id}


async def _offer_to_member(scene: Scene, _: Caller) -> Mapping[str, Any]:
    return await _offer(scene, Role.MEMBER)


async def _offer_to_admin(scene: Scene, _: Caller) -> Mapping[str, Any]:
    return await _offer(scene, Role.ADMIN)


async def _stranger(scene: Scene, _: Caller) -> Mapping[str, Any]:
    return {"userId": (await scene.newcomer()).id}


async def _oneself(scene: Scene, caller: Caller) -> Mapping[str, Any]:
    return {"userId": scene.id(f"user {caller.user or 'mia'}")}


async def _other_plan(scene: Scene, _: Caller) -> Mapping[str, Any]:
    """Name the plan that is not held."""
    row = next(row for row in await scene.api.rows("billing_subscriptions") if row.id == scene.id("bsb"))
    return {"priceId": "price_basic" if "price_team_monthly" in str(row.state) else "price_team_monthly"}


async def _present(scene: Scene, _: Caller) -> Mapping[str, Any]:
    given = {"customerId": scene.id("cst"), "feature": "sso", "reason": "a present"}
    made = await scene.api.do("grantOverride", "ada", "override { id }", **given)
    return {"overrideId": made["override"]["id"]}


ORGANIZATION, CUSTOMER, SUBSCRIPTION = (
    {"organizationId": "%(org)s"},
    {"customerId": "%(cst)s"},
    {"subscriptionId": "%(bsb)s"},
)

WRITES: dict[str, Write] = {
    "createOrganization": Write(input={"name": "Another"}, prepare=_founder),
    "createOrganization for another": Write(input={"name": "Another", "ownerId": "%(user mia)s"}),
    "updateOrganization": Write(input={**ORGANIZATION, "name": "Another"}),
    "deleteOrganization": Write(input=ORGANIZATION, prepare=_living),
    "restoreOrganization": Write(input={"organizationId": "%(gone)s"}, prepare=_deleted),
    "addMember": Write(input=ORGANIZATION, prepare=_somebody_by_address),
    "addMember by id": Write(input=ORGANIZATION, prepare=_somebody_by_id),
    "addMember as ADMIN": Write(input={**ORGANIZATION, "role": "ADMIN"}, prepare=_somebody_by_address),
    "removeMember": Write(prepare=_place_of_member),
    "removeMember, an ADMIN": Write(prepare=_place_of_admin),
    "leaveOrganization": Write(input=ORGANIZATION, prepare=_come_back),
    "changeMemberRole": Write(input={"membershipId": "%(place mia)s", "role": "ADMIN"}),
    "transferOwnership": Write(input={**ORGANIZATION, "membershipId": "%(place mia)s"}, prepare=_own_again),
    "inviteMember": Write(input={**ORGANIZATION, "email": "another@example.com"}),
    "inviteMember as OWNER": Write(input={**ORGANIZATION, "email": "another@example.com", "role": "OWNER"}),
    "acceptInvitation": Write(input={"token": "%(token)s"}),
    "revokeInvitation": Write(prepare=_offer_to_member),
    "revokeInvitation, an ADMIN's": Write(prepare=_offer_to_admin),
    "upsertUser": Write(input={"subject": "somebody"}),
    "deleteUser": Write(prepare=_stranger),
    "deleteUser, oneself": Write(prepare=_oneself),
    "createApiKey": Write(input={**ORGANIZATION, "label": "another", "scopes": ["MEMBERS_WRITE"]}),
    "createApiKey of the host": Write(input={"label": "another", "scopes": ["MEMBERS_WRITE"]}),
    "revokeApiKey": Write(input={"apiKeyId": "%(key)s"}),
    "revokeApiKey of the host": Write(input={"apiKeyId": "%(host key)s"}),
    "subscribe": Write(input={**CUSTOMER, "items": SEATS_MORE}),
    "subscribe for a user": Write(input={"customerId": "%(own)s", "items": SEATS_MORE}),
    "swapPlan": Write(input=SWAP, prepare=_other_plan),
    "updateSubscriptionQuantity": Write(input={**SUBSCRIPTION, "quantity": 25, "priceId": "price_team_monthly"}),
    "cancelSubscription": Write(input=SUBSCRIPTION),
    "resumeSubscription": Write(input=SUBSCRIPTION),
    "pauseSubscription": Write(input=SUBSCRIPTION),
    "unpauseSubscription": Write(input=SUBSCRIPTION),
    "previewPlanChange": Write(input=SWAP),
    "createCheckoutSession": Write(input={**CUSTOMER, "items": SEATS_MORE, **PAGES}),
    "createPortalSession": Write(input={**CUSTOMER, "returnUrl": "https://ann.example/"}),
    "linkProcessorAccount": Write(
        input={"customerId": "%(elsewhere)s", "processor": "FAKE", "processorId": "cus_elsewhere"}
    ),
    "replayWebhookEvent": Write(input={"webhookEventId": "%(whe)s"}),
    "reconcileCustomer": Write(input=CUSTOMER),
    "grantOverride": Write(input={**CUSTOMER, "feature": "sso", "reason": "a present"}),
    "revokeOverride": Write(input={"reason": "no present"}, prepare=_present),
    "advanceFakeClock": Write(input={"seconds": 1}),
    "setFakeSubscriptionStatus": Write(input={**SUBSCRIPTION, "status": "ACTIVE"}),
    "scriptFakeFaults": Write(input={"faults": []}),
}


def expected(name: str, caller: Caller) -> str:
    """Say what a caller should hear."""
    return ROWS[name].expected(caller.group, caller.scopes, program=caller.key is not None)


async def reads(scene: Scene, caller: Caller) -> dict[str, str]:
    """Ask every read, several at a time, so that no refusal erases another's answer; say what came of each."""
    fields = {name: (asked.text, asked.path[1:]) for name, asked in READS.items() if asked.kind == "query"}
    heard = await _together(scene, caller, fields | {name: _way(name, caller) for name in NESTED})
    for name, asked in READS.items():
        if asked.kind == "subscription":
            answer = await scene.watch(caller, f"subscription {{ it: {asked.text} }}" % scene.world.ids)
            heard[name] = outcome(answer.body, "it", asked.path[1:])
    return heard


def expected_reads(caller: Caller) -> dict[str, str]:
    """Say what should come of them."""
    due = {name: expected(name, caller) for name in READS}
    for name, asked in NESTED.items():
        # Nobody hears more of an object than of what leads there.
        open_to_group = expected(asked.parent, replace(caller, scopes=None)) == MAY
        due[name] = expected(name if open_to_group else asked.parent, caller)
    return due


def _way(name: str, caller: Caller) -> tuple[str, Path]:
    """Go to an object and ask for a field of it.

    Where a key lacks nothing but the scope that leads there, the object has been shown to it all the same, as the
    answer to a command would; everybody else goes there by themselves.
    """
    asked = NESTED[name]
    led, reached = expected(asked.parent, caller), expected(asked.parent, replace(caller, scopes=None))
    way = "shown" if led != reached == MAY else "node"
    id = READS[asked.parent].text.partition('"')[2].partition('"')[0]
    return f'{way}(id: "{id}") {{ ... on {asked.kind} {{ {asked.text} }} }}', asked.path[1:]


async def _together(scene: Scene, caller: Caller, fields: Mapping[str, tuple[str, Path]]) -> dict[str, str]:
    heard: dict[str, str] = {}
    names = list(fields)
    for start in range(0, len(names), AT_ONCE):
        asked = {f"f{place}": name for place, name in enumerate(names[start : start + AT_ONCE])}
        document = " ".join(f"{alias}: {fields[name][0]}" for alias, name in asked.items())
        answer = await scene.ask(caller, f"{{ {document} }}" % scene.world.ids)
        heard |= {name: outcome(answer.body, alias, fields[name][1]) for alias, name in asked.items()}
    return heard


async def write(scene: Scene, name: str, caller: Caller, prepared: Mapping[str, Any]) -> str:
    """Give a command, and say what came of it."""
    field, input = name.partition(" ")[0].rstrip(","), {**WRITES[name].input, **prepared}
    kind = f"{field[0].upper()}{field[1:]}Input"
    document = f"mutation($input: {kind}!) {{ {field}(input: $input) {{ {ERRORS} }} }}"
    filled = {key: value % scene.world.ids if isinstance(value, str) else value for key, value in input.items()}
    answer = await scene.ask(caller, document, input=filled)
    return outcome(answer.body, field, ())


def outcome(body: Mapping[str, Any], alias: str, path: Path) -> str:
    """Read what came of one field out of an answer, and fail for everything that the table has no word for."""
    codes = {error["extensions"]["code"] for error in body.get("errors", ()) if error["path"][0] == alias}
    if codes:
        assert len(codes) == 1, body
        return {"UNAUTHENTICATED": UNAUTHENTICATED, "FORBIDDEN": FORBIDDEN}[codes.pop()]
    found: Any = body["data"][alias]
    for step in path:
        if found is not None:
            found = next(each for each in found if each["kind"] == step) if step == "SUBSCRIPTION" else found[step]
    if found is None:
        return NOT_THERE
    kinds = {error["__typename"] for error in found.get("errors", ())} if isinstance(found, dict) else set()
    if kinds & {"NotFoundError", "InvitationInvalidError"}:
        return NOT_THERE
    assert kinds <= HAPPENED, body
    return MAY
