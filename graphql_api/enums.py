"""The domain's closed lists, under their GraphQL names and in upper case."""

from enum import StrEnum

import strawberry

from domain import billing, entitlements
from domain.organizations import OrganizationOrder as _OrganizationOrder
from domain.scope import Role

MemberRole = strawberry.enum(Role, name="MemberRole", description="Ranks: OWNER over ADMIN over MEMBER.")
OrganizationOrderField = strawberry.enum(
    _OrganizationOrder, name="OrganizationOrderField", description="What organizations can be sorted by."
)
ProcessorName = strawberry.enum(
    billing.ProcessorName,
    name="ProcessorName",
    description="Who can bill; the first of PROCESSORS takes new subscriptions.",
)
SubscriptionStatus = strawberry.enum(
    billing.Status, name="SubscriptionStatus", description="As Stripe names them; anything unknown reads as INCOMPLETE."
)
PauseBehavior = strawberry.enum(
    billing.PauseBehavior, name="PauseBehavior", description="What becomes of invoices meanwhile."
)
DecisionReason = strawberry.enum(
    entitlements.Reason, name="DecisionReason", description="Why an answer is what it is; a closed list."
)
LimitMerge = strawberry.enum(
    entitlements.Merge, name="LimitMerge", description="MAX: the largest counts. SUM: added on top."
)


@strawberry.enum(description="What an API key may be allowed; in text entitlements:read, …, admin.")
class ApiScope(StrEnum):
    """What an API key may be allowed. ADMIN makes an administrator."""

    ENTITLEMENTS_READ = "entitlements:read"
    ORGANIZATIONS_READ = "organizations:read"
    ORGANIZATIONS_WRITE = "organizations:write"
    MEMBERS_WRITE = "members:write"
    BILLING_WRITE = "billing:write"
    AUDIT_READ = "audit:read"
    WEBHOOKS_MANAGE = "webhooks:manage"
    USERS_WRITE = "users:write"
    ADMIN = "admin"


@strawberry.enum(description="The way a list is sorted.")
class SortDirection(StrEnum):
    """The way a list is sorted."""

    ASC = "ASC"
    DESC = "DESC"
