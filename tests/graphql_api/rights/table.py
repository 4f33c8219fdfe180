"""Who may what, as the contract says it: one line for each root field and for each nested field that crosses a right.

Written from the contract alone, and without a line of the code that decides. A key that lacks the scope is FORBIDDEN,
whatever is named; a key that acts for a user is that user then. Otherwise a cell says it:

    may   the answer is there, or the command is carried out
    no    FORBIDDEN
    -     not there: null, or NotFoundError
"""

from dataclasses import dataclass
from typing import Final

from domain.scope import ApiScope

MAY, FORBIDDEN, NOT_THERE, UNAUTHENTICATED = "may", "no", "-", "who?"
PUBLIC: Final = {"plans", "serverInfo"}

# The columns: people by their role in the organization; the key of the organization, and of another; a host key; an
# administrator, and a host key with the scope admin. No scope lets a key do what is for people, whoever it acts for.
# A key that lacks what stands in brackets is told null.
TABLE: Final = """
                              | scope              | stranger| member| admin| owner| key| other| host| operator| op key
viewer                        |                    | may     | may   | may  | may  | may| may  | may | may     | may
plans                         |                    | may     | may   | may  | may  | may| may  | may | may     | may
features                      |                    | may     | may   | may  | may  | may| may  | may | may     | may
serverInfo                    |                    | may     | may   | may  | may  | may| may  | may | may     | may
rateLimit                     |                    | may     | may   | may  | may  | may| may  | may | may     | may

node(org)                     | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
node(usr)                     | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
node(mem)                     | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
node(inv)                     | members:write      | -       | -     | may  | may  | may| -    | may | may     | may
node(cst)                     | entitlements:read  | -       | may   | may  | may  | may| -    | may | may     | may
node(cst) of a user           | entitlements:read  | -       | may   | -    | -    | -  | -    | may | may     | may
node(bsb)                     | entitlements:read  | -       | may   | may  | may  | may| -    | may | may     | may
node(aud)                     | audit:read         | -       | -     | -    | may  | may| -    | may | may     | may
node(whe)                     | webhooks:manage    | -       | -     | -    | -    | -  | -    | may | may     | may
node(ovr)                     |                    | -       | -     | -    | -    | -  | -    | -   | may     | may
node(key)                     | (people)           | -       | -     | -    | may  | -  | -    | -   | may     | may
node(key) of the host         |                    | -       | -     | -    | -    | -  | -    | -   | may     | may
nodes                         | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
organization                  | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
organization by slug          | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
organizations                 | organizations:read | may     | may   | may  | may  | may| may  | may | may     | may
customer                      | entitlements:read  | -       | may   | may  | may  | may| -    | may | may     | may
customer by account           | entitlements:read  | no      | no    | no   | no   | no | no   | may | may     | may
entitlements                  | entitlements:read  | -       | may   | may  | may  | may| -    | may | may     | may
entitlements of a user        | entitlements:read  | -       | may   | -    | -    | -  | -    | may | may     | may
entitlements as of            | entitlements:read  | -       | no    | no   | may  | no | -    | may | may     | may
entitlementsBatch             | entitlements:read  | -       | may   | may  | may  | may| -    | may | may     | may
explain                       | entitlements:read  | -       | no    | no   | may  | no | -    | may | may     | may
auditEvents                   | audit:read         | -       | no    | no   | may  | may| -    | may | may     | may
auditEvents of all            | audit:read         | no      | no    | no   | no   | no | no   | may | may     | may
webhookEvents                 | webhooks:manage    | no      | no    | no   | no   | no | no   | may | may     | may
driftReport                   | admin              | no      | no    | no   | no   | no | no   | no  | may     | may
entitlementsChanged           | entitlements:read  | -       | may   | may  | may  | may| -    | may | may     | may
seatsChanged                  | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may

createOrganization            | organizations:write| may     | may   | may  | may  | no | no   | may | may     | may
createOrganization for another| organizations:write| no      | no    | no   | no   | no | no   | may | may     | may
updateOrganization            | organizations:write| -       | no    | may  | may  | may| -    | may | may     | may
deleteOrganization            | organizations:write| -       | no    | no   | may  | no | -    | may | may     | may
restoreOrganization           | organizations:write| -       | -     | -    | may  | -  | -    | may | may     | may
addMember                     | members:write      | -       | no    | may  | may  | may| -    | may | may     | may
addMember by id               | members:write      | -       | no    | -    | -    | -  | -    | may | may     | may
addMember as ADMIN            | members:write      | -       | no    | no   | may  | no | -    | may | may     | may
removeMember                  | members:write      | -       | no    | may  | may  | may| -    | may | may     | may
removeMember, an ADMIN        | members:write      | -       | no    | no   | may  | no | -    | may | may     | may
leaveOrganization             | members:write      | -       | may   | may  | may  | no | no   | no  | -       | no
changeMemberRole              | members:write      | -       | no    | no   | may  | no | -    | may | may     | may
transferOwnership             | members:write      | -       | no    | no   | may  | no | -    | may | may     | may
inviteMember                  | members:write      | -       | no    | may  | may  | may| -    | may | may     | may
inviteMember as OWNER         | members:write      | -       | no    | no   | may  | no | -    | may | may     | may
acceptInvitation              | members:write      | -       | -     | -    | -    | no | no   | no  | -       | no
revokeInvitation              | members:write      | -       | no    | may  | may  | may| -    | may | may     | may
revokeInvitation, an ADMIN's  | members:write      | -       | no    | no   | may  | no | -    | may | may     | may
upsertUser                    | users:write        | no      | no    | no   | no   | no | no   | may | may     | may
deleteUser                    | users:write        | -       | -     | -    | -    | -  | -    | may | may     | may
deleteUser, oneself           | users:write        | may     | may   | may  | may  | -  | -    | may | may     | may
createApiKey                  | people             | -       | no    | no   | may  | no | -    | no  | may     | may
createApiKey of the host      |                    | no      | no    | no   | no   | no | no   | no  | may     | may
revokeApiKey                  | people             | -       | no    | no   | may  | no | -    | no  | may     | may
revokeApiKey of the host      |                    | -       | -     | -    | -    | -  | -    | -   | may     | may
subscribe                     | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
subscribe for a user          | billing:write      | -       | may   | -    | -    | -  | -    | may | may     | may
swapPlan                      | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
updateSubscriptionQuantity    | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
cancelSubscription            | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
resumeSubscription            | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
pauseSubscription             | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
unpauseSubscription           | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
previewPlanChange             | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
createCheckoutSession         | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
createPortalSession           | billing:write      | -       | no    | no   | may  | may| -    | may | may     | may
linkProcessorAccount          | admin              | no      | no    | no   | no   | no | no   | no  | may     | may
replayWebhookEvent            | webhooks:manage    | no      | no    | no   | no   | no | no   | may | may     | may
reconcileCustomer             | admin              | no      | no    | no   | no   | no | no   | no  | may     | may
grantOverride                 | admin              | no      | no    | no   | no   | no | no   | no  | may     | may
revokeOverride                | admin              | no      | no    | no   | no   | no | no   | no  | may     | may
advanceFakeClock              | admin              | no      | no    | no   | no   | no | no   | no  | may     | may
setFakeSubscriptionStatus     | admin              | no      | no    | no   | no   | no | no   | no  | may     | may
scriptFakeFaults              | admin              | no      | no    | no   | no   | no | no   | no  | may     | may

Organization.viewerRole       |                    | -       | may   | may  | may  | -  | -    | -   | -       | -
Organization.seats            | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
Organization.memberships      | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
Organization.invitations      | members:write      | -       | no    | may  | may  | may| -    | may | may     | may
Organization.customer         | entitlements:read  | -       | may   | may  | may  | may| -    | may | may     | may
Organization.auditEvents      | audit:read         | -       | no    | no   | may  | may| -    | may | may     | may
Organization.apiKeys          | people             | -       | no    | no   | may  | no | -    | no  | may     | may
Membership.organization       | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
Membership.user               | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
User.issuer                   |                    | -       | -     | -    | -    | -  | -    | may | may     | may
User.subject                  |                    | -       | -     | -    | -    | -  | -    | may | may     | may
User.customer                 | entitlements:read  | -       | may   | -    | -    | -  | -    | may | may     | may
Invitation.organization       | organizations:read | -       | -     | may  | may  | may| -    | may | may     | may
Invitation.invitedBy          | organizations:read | -       | -     | may  | may  | may| -    | may | may     | may
Customer.owner                | organizations:read | -       | may   | may  | may  | may| -    | may | may     | may
Customer.subscriptions        |                    | -       | may   | may  | may  | may| -    | may | may     | may
Customer.processorAccounts    | (billing:write)    | -       | -     | -    | may  | may| -    | may | may     | may
Customer.entitlements         | entitlements:read  | -       | may   | may  | may  | may| -    | may | may     | may
Customer.overrides            | admin              | -       | no    | no   | no   | no | -    | no  | may     | may
Customer.advisory             | admin              | -       | no    | no   | no   | no | -    | no  | may     | may
BillingSubscription.customer  | entitlements:read  | -       | may   | may  | may  | may| -    | may | may     | may
BillingSubscription.facts     | admin              | -       | no    | no   | no   | no | -    | no  | may     | may
AuditEvent.actor              | organizations:read | -       | -     | -    | may  | may| -    | may | may     | may
AuditEvent.effectiveActor     | organizations:read | -       | -     | -    | may  | may| -    | may | may     | may
AuditEvent.organization       | organizations:read | -       | -     | -    | may  | may| -    | may | may     | may
AuditEvent.subject            | organizations:read | -       | -     | -    | may  | may| -    | may | may     | may
WebhookEvent.customer         | entitlements:read  | -       | -     | -    | -    | -  | -    | may | may     | may
WebhookEvent.payload          | admin              | -       | -     | -    | -    | -  | -    | no  | may     | may
Override.customer             | entitlements:read  | -       | -     | -    | -    | -  | -    | -   | may     | may
Override.createdBy            | organizations:read | -       | -     | -    | -    | -  | -    | -   | may     | may
ApiKey.organization           | organizations:read | -       | -     | -    | may  | -  | -    | -   | may     | may
ApiKey.createdBy              | organizations:read | -       | -     | -    | may  | -  | -    | -   | may     | may
Viewer.memberships            | organizations:read | may     | may   | may  | may  | may| may  | may | may     | may
Decision.reason               | entitlements:read  | -       | -     | may  | may  | may| -    | may | may     | may
Decision.chain                | entitlements:read  | -       | -     | -    | may  | -  | -    | may | may     | may
Quantity.chain                | entitlements:read  | -       | -     | -    | may  | -  | -    | may | may     | may
DecisionStep.fact             | entitlements:read  | -       | -     | -    | -    | -  | -    | -   | may     | may
"""

HARMLESS: Final = {
    # Of what has been shown already, whoever was shown it.
    "AuditEvent.actorLabel",
    "AuditEvent.sealed",
    "AuditEvent.subjectLabel",
    "BillingSubscription.base",
    "BillingSubscription.graceEnd",
    "BillingSubscriptionItem.plan",
    "EntitlementSet.customer",
    "EntitlementSet.decisions",
    "EntitlementSet.entitled",
    "EntitlementSet.hasActivePlan",
    "EntitlementSet.quantities",
    "EntitlementSet.quantity",
    "EntitlementSet.revision",
    "Explanation.decision",
    "Invitation.status",
    "Quantity.remaining",
    "Quantity.used",
    # The lengths of lists that were listed.
    "CatalogFeatureConnection.totalCount",
    "CatalogPlanConnection.totalCount",
    "Connection.totalCount",
    "InvitationConnection.totalCount",
    "MembershipConnection.totalCount",
    "OrganizationConnection.totalCount",
    # Of the server, and of what the caller is.
    "ServerInfo.schemaHash",
    "Viewer.actor",
    "Viewer.effectiveActor",
    # A command's own answer: who may give the command may hear what came of it.
    "AddMemberPayload.seats",
    "InviteMemberPayload.seats",
    "RemoveMemberPayload.seats",
    "RevokeInvitationPayload.seats",
    "SeatLimitReachedError.seats",
    # Behind fields of administrators alone.
    "Drift.customer",
    "DriftReport.drifts",
    "GrantOverridePayload.entitlements",
    "RevokeOverridePayload.entitlements",
    "SubscriptionFact.webhookEvent",
    # By the loaders of `node`, which ask what `node` asks.
    "AlreadyMemberError.membership",
    "AlreadySubscribedError.subscription",
    "DecisionStep.override",
    "DecisionStep.subscription",
    "LastOwnerError.organization",
}
"""Computed fields that cross no right, or none that has no line of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: what a key needs, and the cell of each group of callers.

    `people`: no key has it, whatever its scopes. `secretly`: a key that lacks it hears null.
    """

    name: str
    scope: ApiScope | None
    people: bool
    secretly: bool
    cells: dict[str, str]

    def expected(self, group: str, scopes: frozenset[ApiScope] | None, *, program: bool) -> str:
        """Say what a caller of a group hears; a program shows a key, and `scopes` are all that it may be allowed."""
        if group == "anonymous":
            return MAY if self.name in PUBLIC else UNAUTHENTICATED
        cell, lacking = self.cells[group], NOT_THERE if self.secretly else FORBIDDEN
        if self.people and program and cell == MAY and group != "op key":
            return lacking
        return lacking if scopes is not None and self.scope is not None and self.scope not in scopes else cell


def _read(text: str) -> dict[str, Row]:
    header, *lines = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.strip()]
    rows = {}
    for name, needed, *cells in lines:
        given = needed.strip("()")
        rows[name] = Row(
            name=name,
            scope=ApiScope(given) if given not in {"", "people"} else None,
            people=given == "people",
            secretly=needed.startswith("("),
            cells=dict(zip(header[2:], cells, strict=True)),
        )
        assert set(cells) <= {MAY, FORBIDDEN, NOT_THERE}, name
    return rows


ROWS: Final = _read(TABLE)
GROUPS: Final = next(iter(ROWS.values())).cells.keys()
