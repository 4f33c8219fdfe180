"""The domain's closed lists under their GraphQL names, and two of our own. Values read in upper case outside."""

from enum import StrEnum

import strawberry

from domain.billing import DriftAccess, DriftKind, FactSource, PauseBehavior, ProcessorName
from domain.billing import Label as CapabilityLabel
from domain.billing import Proration as ProrationPolicy
from domain.billing import Status as SubscriptionStatus
from domain.billing import WebhookStatus as WebhookEventStatus
from domain.entitlements import Merge as LimitMerge
from domain.entitlements import Reason as DecisionReason
from domain.entitlements import StepKind as DecisionStepKind
from domain.entitlements import SummarySource as AdvisorySource
from domain.identity import DeletionStatus
from domain.organizations import InvitationStatus
from domain.organizations import OrganizationOrder as OrganizationOrderField
from domain.scope import ApiScope
from domain.scope import Role as MemberRole

__all__ = [
    "AdvisorySource",
    "AdvisoryState",
    "ApiScope",
    "CapabilityLabel",
    "DecisionReason",
    "DecisionStepKind",
    "DeletionStatus",
    "DriftAccess",
    "DriftKind",
    "FactSource",
    "InvitationStatus",
    "LimitMerge",
    "MemberRole",
    "OrganizationOrderField",
    "PauseBehavior",
    "ProcessorName",
    "ProrationPolicy",
    "SortDirection",
    "SubscriptionStatus",
    "WebhookEventStatus",
]

# Strawberry notes name and description on the domain's own enumeration, which stays as it is.
strawberry.enum(
    ApiScope,
    name="ApiScope",
    description="What an API key may be allowed; in text entitlements:read, …, admin. ADMIN makes an administrator.",
)
strawberry.enum(MemberRole, name="MemberRole", description="Ranks: OWNER over ADMIN over MEMBER.")
strawberry.enum(
    OrganizationOrderField, name="OrganizationOrderField", description="What organizations can be sorted by."
)
strawberry.enum(
    ProcessorName, name="ProcessorName", description="Who can bill; the first of PROCESSORS takes new subscriptions."
)
strawberry.enum(
    SubscriptionStatus,
    name="SubscriptionStatus",
    description="As Stripe names them; anything unknown reads as INCOMPLETE.",
)
strawberry.enum(PauseBehavior, name="PauseBehavior", description="What becomes of invoices meanwhile.")
strawberry.enum(
    WebhookEventStatus,
    name="WebhookEventStatus",
    description="RECEIVED waits (also for waitingFor), FAILED is tried again, DEAD is not.",
)
strawberry.enum(
    FactSource,
    name="FactSource",
    description="COMMAND: the processor's answer to a command of ours; in the fold it ranks as a FETCH.",
)
strawberry.enum(ProrationPolicy, name="ProrationPolicy", description="How the processor settles the running period.")
strawberry.enum(
    CapabilityLabel,
    name="CapabilityLabel",
    description="In text: native, host-owned, unsupported, testing/local-only.",
)
strawberry.enum(
    InvitationStatus, name="InvitationStatus", description="EXPIRED is told by the clock at the time of reading."
)
strawberry.enum(
    DecisionStepKind,
    name="DecisionStepKind",
    description="Kinds of links; DEFAULT: what the catalog gives without a plan.",
)
strawberry.enum(DecisionReason, name="DecisionReason", description="Why an answer is what it is; a closed list.")
strawberry.enum(
    DeletionStatus,
    name="DeletionStatus",
    description="DONE: gone. PENDING: the worker goes on. ABORTED: nothing was cancelled and the user is back.",
)
strawberry.enum(DriftKind, name="DriftKind", description="Kinds of drift.")
strawberry.enum(DriftAccess, name="DriftAccess", description="What it did to access; WRONGLY_GRANTED sorts first.")
strawberry.enum(AdvisorySource, name="AdvisorySource", description="How it was learned.")
strawberry.enum(LimitMerge, name="LimitMerge", description="MAX: the largest counts. SUM: added on top.")


@strawberry.enum(description="The way a list is sorted.")
class SortDirection(StrEnum):
    """The way a list is sorted."""

    ASC = "ASC"
    DESC = "DESC"


@strawberry.enum(description="DISABLED: STRIPE_NATIVE_SYNC is off.")
class AdvisoryState(StrEnum):
    """What is known of Stripe's own entitlements of a customer."""

    DISABLED = "DISABLED"
    NOT_OBSERVED = "NOT_OBSERVED"
    RECORDED = "RECORDED"
