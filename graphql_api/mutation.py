"""What can be written: the fields of Mutation, each made in the module of its feature."""

from typing import Any

import strawberry
from strawberry.extensions import FieldExtension

from graphql_api import (
    billing_mutations,
    drift,
    fake_controls,
    identity_mutations,
    inbox_mutations,
    invitation_mutations,
    key_mutations,
    membership_mutations,
    organization_mutations,
    override_mutations,
    ownership_mutations,
    plan_changes,
    subscription_mutations,
)
from graphql_api.described import described
from graphql_api.enums import ApiScope
from graphql_api.limits import Cost
from graphql_api.permissions import require_scope
from graphql_api.rate_limits import Limited
from graphql_api.unit_of_work import Refusals, UnitOfWork


def _write(
    resolver: Any,
    run: Refusals,
    scope: ApiScope | None = None,
    limited: Limited | None = None,
    *,
    cost: int | None = None,
) -> Any:
    # The extension listed last runs first: nobody without a credential is counted or opens a transaction.
    asked = [limited, require_scope(scope) if scope else None]
    extensions: list[FieldExtension] = [run, *filter(None, asked)]
    directives = [Cost(weight=cost)] if cost else []
    return strawberry.mutation(
        resolver=resolver, extensions=extensions, directives=directives, description=resolver.__doc__
    )


def _billing(resolver: Any) -> Any:
    return _write(resolver, Refusals(), ApiScope.BILLING_WRITE, cost=10)


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
    create_api_key: key_mutations.CreateApiKeyPayload | None = _write(key_mutations.create_api_key, UnitOfWork())
    revoke_api_key: key_mutations.RevokeApiKeyPayload | None = _write(key_mutations.revoke_api_key, UnitOfWork())
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
        drift.reconcile_customer, Refusals(), ApiScope.ADMIN, cost=20
    )
    grant_override: override_mutations.GrantOverridePayload | None = _write(
        override_mutations.grant_override, UnitOfWork(), ApiScope.ADMIN
    )
    revoke_override: override_mutations.RevokeOverridePayload | None = _write(
        override_mutations.revoke_override, UnitOfWork(), ApiScope.ADMIN
    )
