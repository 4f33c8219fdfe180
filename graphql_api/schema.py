"""The schema: Seatgate's own fields, a host's beside them, and the checks that every gate really guards."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import strawberry
from graphql import Undefined
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.tools import merge_types

from domain import ids
from domain.errors import ConfigError
from domain.ids import Prefix
from graphql_api import (
    billing_mutations,
    drift,
    fake_controls,
    identity,
    identity_mutations,
    inbox_mutations,
    invitation_mutations,
    loaders,
    membership_mutations,
    organization_mutations,
    override_mutations,
    ownership_mutations,
    plan_changes,
    subscription_mutations,
)
from graphql_api.audit import AuditEvent, list_audit_events
from graphql_api.catalog import CatalogFeature, CatalogPlan, list_features, list_plans
from graphql_api.connections import Connection, CountedConnection
from graphql_api.credentials import ask_for_credentials
from graphql_api.customers import BillingSubscription, Customer, find_customer
from graphql_api.described import described
from graphql_api.entitlements import EntitlementSet, find_entitlements, list_entitlements
from graphql_api.enums import ApiScope
from graphql_api.errors import MaskingSchema
from graphql_api.explaining import Explanation, explain
from graphql_api.identity import User, Viewer
from graphql_api.invitations import Invitation
from graphql_api.limits import Limits
from graphql_api.loaders import FreshLoaders
from graphql_api.node import Node
from graphql_api.organizations import Membership, Organization, find_organization, list_organizations
from graphql_api.overrides import Override
from graphql_api.permissions import require_scope
from graphql_api.rate_limits import Limited
from graphql_api.scalars import SCALARS
from graphql_api.server import ServerInfo, tell_server_info
from graphql_api.unit_of_work import Refusals, UnitOfWork
from graphql_api.webhook_events import WebhookEvent, list_webhook_events


async def find_node(id: strawberry.ID) -> Node | None:
    """Any object by its id; the prefix names the type."""
    found = loaders.current()
    nodes: dict[Prefix | None, tuple[DataLoader[str, Any], Callable[[Any], Node | None]]] = {
        Prefix.ORGANIZATION: (found.organizations, Organization.of),
        Prefix.USER: (found.users, User.of),
        Prefix.MEMBERSHIP: (found.memberships, Membership.of),
        Prefix.INVITATION: (found.invitations, Invitation.of),
        Prefix.CUSTOMER: (found.customers, Customer.of),
        Prefix.SUBSCRIPTION: (found.subscriptions, BillingSubscription.of),
        Prefix.AUDIT_EVENT: (found.audit_events, AuditEvent.of),
        Prefix.WEBHOOK_EVENT: (found.webhook_events, WebhookEvent.of),
        Prefix.OVERRIDE: (found.override_nodes, Override.of),
    }
    known = nodes.get(ids.prefix_of(id))
    if known is None:
        return None
    loader, dress = known
    return dress(await loader.load(id))


def _read(resolver: Any, scope: ApiScope | None = None) -> Any:
    extensions: list[FieldExtension] = [require_scope(scope)] if scope else []
    return strawberry.field(resolver=resolver, extensions=extensions, description=resolver.__doc__)


def _write(resolver: Any, run: Refusals, scope: ApiScope | None = None, limited: Limited | None = None) -> Any:
    # The extension listed last runs first: nobody without a credential is counted or opens a transaction.
    asked = [limited, require_scope(scope) if scope else None]
    extensions: list[FieldExtension] = [run, *filter(None, asked)]
    return strawberry.mutation(resolver=resolver, extensions=extensions, description=resolver.__doc__)


def _billing(resolver: Any) -> Any:
    return _write(resolver, Refusals(), ApiScope.BILLING_WRITE)


@described
class Query:
    """Reads. Without a credential only serverInfo, plans and __typename answer."""

    viewer: Viewer | None = _read(identity.viewer)
    node: Node | None = _read(find_node)
    organization: Organization | None = _read(find_organization, ApiScope.ORGANIZATIONS_READ)
    organizations: CountedConnection[Organization] | None = _read(list_organizations, ApiScope.ORGANIZATIONS_READ)
    customer: Customer | None = _read(find_customer, ApiScope.ENTITLEMENTS_READ)
    entitlements: EntitlementSet | None = _read(find_entitlements, ApiScope.ENTITLEMENTS_READ)
    entitlements_batch: list[EntitlementSet | None] | None = _read(list_entitlements, ApiScope.ENTITLEMENTS_READ)
    explain: Explanation | None = _read(explain)
    plans: CountedConnection[CatalogPlan] | None = _read(list_plans)
    features: CountedConnection[CatalogFeature] | None = _read(list_features)
    audit_events: Connection[AuditEvent] | None = _read(list_audit_events, ApiScope.AUDIT_READ)
    webhook_events: Connection[WebhookEvent] | None = _read(list_webhook_events, ApiScope.WEBHOOKS_MANAGE)
    drift_report: drift.DriftReport | None = _read(drift.find_drift_report, ApiScope.ADMIN)
    server_info: ServerInfo | None = _read(tell_server_info)


@described
class Mutation:
    """Writes. Each takes one input and gives one payload; siblings run one after the other."""

    create_organization: organization_mutations.CreateOrganizationPayload | None = _write(
        organization_mutations.create_organization, UnitOfWork()
    )
    update_organization: organization_mutations.UpdateOrganizationPayload | None = _write(
        organization_mutations.update_organization, UnitOfWork()
    )
    delete_organization: organization_mutations.DeleteOrganizationPayload | None = _write(
        organization_mutations.delete_organization, UnitOfWork()
    )
    restore_organization: organization_mutations.RestoreOrganizationPayload | None = _write(
        organization_mutations.restore_organization, UnitOfWork()
    )
    add_member: membership_mutations.AddMemberPayload | None = _write(
        membership_mutations.add_member,
        UnitOfWork(),
        ApiScope.MEMBERS_WRITE,
        # By address one could find out who is here.
        Limited(most=30, when=membership_mutations.by_address),
    )
    remove_member: membership_mutations.RemoveMemberPayload | None = _write(
        membership_mutations.remove_member, UnitOfWork(), ApiScope.MEMBERS_WRITE
    )
    leave_organization: membership_mutations.LeaveOrganizationPayload | None = _write(
        membership_mutations.leave_organization, UnitOfWork()
    )
    change_member_role: membership_mutations.ChangeMemberRolePayload | None = _write(
        membership_mutations.change_member_role, UnitOfWork()
    )
    transfer_ownership: ownership_mutations.TransferOwnershipPayload | None = _write(
        ownership_mutations.transfer_ownership, UnitOfWork()
    )
    invite_member: invitation_mutations.InviteMemberPayload | None = _write(
        invitation_mutations.invite_member, UnitOfWork(), ApiScope.MEMBERS_WRITE
    )
    accept_invitation: invitation_mutations.AcceptInvitationPayload | None = _write(
        invitation_mutations.accept_invitation,
        UnitOfWork(),
        # Each try is a guess at a token.
        limited=Limited(most=10),
    )
    revoke_invitation: invitation_mutations.RevokeInvitationPayload | None = _write(
        invitation_mutations.revoke_invitation, UnitOfWork(), ApiScope.MEMBERS_WRITE
    )
    upsert_user: identity_mutations.UpsertUserPayload | None = _write(
        identity_mutations.upsert_user, UnitOfWork(), ApiScope.USERS_WRITE
    )
    delete_user: identity_mutations.DeleteUserPayload | None = _write(
        identity_mutations.delete_user, Refusals(), ApiScope.USERS_WRITE
    )
    subscribe: billing_mutations.SubscribePayload | None = _billing(billing_mutations.subscribe)
    swap_plan: subscription_mutations.SwapPlanPayload | None = _billing(subscription_mutations.swap_plan)
    update_subscription_quantity: subscription_mutations.UpdateSubscriptionQuantityPayload | None = _billing(
        subscription_mutations.update_subscription_quantity
    )
    cancel_subscription: subscription_mutations.CancelSubscriptionPayload | None = _billing(
        subscription_mutations.cancel_subscription
    )
    resume_subscription: subscription_mutations.ResumeSubscriptionPayload | None = _billing(
        subscription_mutations.resume_subscription
    )
    pause_subscription: subscription_mutations.PauseSubscriptionPayload | None = _billing(
        subscription_mutations.pause_subscription
    )
    unpause_subscription: subscription_mutations.UnpauseSubscriptionPayload | None = _billing(
        subscription_mutations.unpause_subscription
    )
    preview_plan_change: plan_changes.PreviewPlanChangePayload | None = _billing(plan_changes.preview_plan_change)
    create_checkout_session: billing_mutations.CreateCheckoutSessionPayload | None = _billing(
        billing_mutations.create_checkout_session
    )
    create_portal_session: billing_mutations.CreatePortalSessionPayload | None = _billing(
        billing_mutations.create_portal_session
    )
    link_processor_account: inbox_mutations.LinkProcessorAccountPayload | None = _write(
        inbox_mutations.link_processor_account, UnitOfWork(), ApiScope.ADMIN
    )
    replay_webhook_event: inbox_mutations.ReplayWebhookEventPayload | None = _write(
        inbox_mutations.replay_webhook_event, UnitOfWork(), ApiScope.WEBHOOKS_MANAGE
    )
    advance_fake_clock: fake_controls.AdvanceFakeClockPayload | None = _write(
        fake_controls.advance_fake_clock, Refusals(), ApiScope.ADMIN
    )
    set_fake_subscription_status: fake_controls.SetFakeSubscriptionStatusPayload | None = _write(
        fake_controls.set_fake_subscription_status, Refusals(), ApiScope.ADMIN
    )
    script_fake_faults: fake_controls.ScriptFakeFaultsPayload | None = _write(
        fake_controls.script_fake_faults, Refusals(), ApiScope.ADMIN
    )
    reconcile_customer: drift.ReconcileCustomerPayload | None = _write(
        drift.reconcile_customer, Refusals(), ApiScope.ADMIN
    )
    grant_override: override_mutations.GrantOverridePayload | None = _write(
        override_mutations.grant_override, UnitOfWork(), ApiScope.ADMIN
    )
    revoke_override: override_mutations.RevokeOverridePayload | None = _write(
        override_mutations.revoke_override, UnitOfWork(), ApiScope.ADMIN
    )


def print_schema(
    *, query: Sequence[type] = (), mutation: Sequence[type] = (), subscription: Sequence[type] = ()
) -> str:
    """Print the schema sorted, with the gates that stand on its fields."""
    return build_schema(query=query, mutation=mutation, subscription=subscription, sort=True).as_str() + "\n"


def build_schema(
    *,
    query: Sequence[type] = (),
    mutation: Sequence[type] = (),
    subscription: Sequence[type] = (),
    sort: bool = False,
) -> MaskingSchema:
    """Make the schema of Seatgate's fields and a host's own types of root fields.

    A sorted schema is for printing only: Strawberry cannot tell the members of its unions apart. Asked for again, the
    same schema is given, because it knows nothing of the application that it serves.
    """
    return _built(tuple(query), tuple(mutation), tuple(subscription), sort=sort)


@lru_cache(maxsize=8)
def _built(
    query: tuple[type, ...], mutation: tuple[type, ...], subscription: tuple[type, ...], *, sort: bool
) -> MaskingSchema:
    schema = MaskingSchema(
        query=_joined("Query", (Query, *query)),
        mutation=_joined("Mutation", (Mutation, *mutation)),
        subscription=_joined("Subscription", subscription) if subscription else None,
        types=[
            Organization,
            Membership,
            Invitation,
            User,
            Customer,
            BillingSubscription,
            AuditEvent,
            WebhookEvent,
            Override,
        ],
        extensions=[Limits, FreshLoaders],
        config=StrawberryConfig(scalar_map=SCALARS, sort_schema=sort),
    )
    _leave_out_null_defaults(schema)
    ask_for_credentials(schema)
    return schema


def _joined(name: str, kinds: tuple[type, ...]) -> type:
    """Put the fields of types side by side under one name, with the description of the first.

    Raises:
        ConfigError: a field's name stands twice; nothing may take the place of a field of ours unseen.
    """
    first = kinds[0].__strawberry_definition__  # type: ignore[attr-defined]  # all are Strawberry's types
    if kinds == (first.origin,) and first.name == name:
        return kinds[0]
    names = [field.name for kind in kinds for field in kind.__strawberry_definition__.fields]  # type: ignore[attr-defined]  # as above
    if twice := sorted({field for field in names if names.count(field) > 1}):
        raise ConfigError([f"{name}: the field {field} stands twice" for field in twice])
    joined = merge_types(name, kinds)
    joined.__strawberry_definition__.description = first.description  # type: ignore[attr-defined]  # as above
    return joined


def _leave_out_null_defaults(schema: MaskingSchema) -> None:
    """Let what may be left out be left out: Python's None is no default that a client should see."""
    for kind in schema._schema.type_map.values():  # noqa: SLF001 - Strawberry keeps graphql-core's schema nowhere else
        for field in getattr(kind, "fields", {}).values():
            for value in (field, *getattr(field, "args", {}).values()):
                if getattr(value, "default_value", Undefined) is None:
                    value.default_value = Undefined
