"""The one screen where the two halves meet: organizations own the seams, billing owns the seats, wiring joins them.

Nothing else knows both. Without the billing callbacks and hook handed in here, organizations work on unlimited.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from domain import billing, idempotency, identity, outbox, rates
from domain.billing import (
    Commands,
    Customer,
    CustomerReading,
    Fetches,
    Inbox,
    Owner,
    OwnerKind,
    Processor,
    ProcessorName,
)
from domain.billing.processors.fake import FakeProcessor
from domain.clock import Clock, SystemClock
from domain.db import Database, Session, open_database
from domain.entitlements import Catalog, Entitlements, catalog
from domain.hooks import lifecycle_hooks
from domain.identity import AuthAdapter, StepUp, User, Users
from domain.mail import LogMailer, Mailer, SmtpMailer
from domain.organizations import (
    Entry,
    Invitation,
    InvitationMail,
    InvitationReading,
    Invitations,
    InvitationStatus,
    Members,
    Membership,
    Organization,
    OrganizationCallbacks,
    Organizations,
    Ownership,
    Purging,
    Reading,
    Standing,
    Tidying,
    organizations_seen_by,
    role_in,
)
from domain.scope import Role, Scope
from domain.settings import Environment, Settings
from domain.worker import Job, Seldom, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that Seatgate can do, wired together. `aclose` lets running work finish first."""

    settings: Settings
    database: Database
    clock: Clock
    catalog: Catalog
    processors: Mapping[ProcessorName, Processor]
    users: Users
    step_up: StepUp
    organizations: Organizations
    members: Members
    ownership: Ownership
    standing: Standing
    invitations: Invitations
    entitlements: Entitlements
    commands: Commands
    inbox: Inbox
    worker: Worker

    def reading(self, scope: Scope) -> Reading:
        """Give the reads of organizations that a caller may make."""
        return Reading(scope=scope)

    def invitation_reading(self, scope: Scope) -> InvitationReading:
        """Give the reads of invitations that a caller may make."""
        return InvitationReading(scope=scope, clock=self.clock)

    def customers(self, scope: Scope) -> CustomerReading:
        """Give the reads of customers that a caller may make."""
        return CustomerReading(scope=scope, own_organizations=organizations_seen_by)

    async def aclose(self) -> None:
        """Let running work finish and let go of the database, then of the processors that it spoke to."""
        await self.database.aclose()
        for processor in self.processors.values():
            await processor.aclose()


class SeatCallbacks(OrganizationCallbacks):
    """Billing's answer to the seams: a customer for each organization, a seat for each member and each invitation."""

    def __init__(self, *, entitlements: Entitlements, clock: Clock, invitation_days: int) -> None:
        self._entitlements = entitlements
        self._clock = clock
        self._invitation_days = timedelta(days=invitation_days)

    async def after_create_organization(self, *, session: Session, organization: Organization, **_: object) -> None:
        """Give the organization its customer, in its founding transaction."""
        owner = Owner(kind=OwnerKind.ORGANIZATION, id=organization.id)
        await billing.create_customer(session, owner=owner, at=organization.created_at)

    async def before_add_member(
        self,
        *,
        session: Session,
        organization: Organization,
        user: User,
        entry: Entry,
        invitation: Invitation | None,
        **_: object,
    ) -> None:
        """Take a seat; the founding owner's is taken without asking, and an invitation's becomes the member's.

        Raises:
            SeatLimitReached: every seat is taken.
        """
        if entry is Entry.FOUNDING:
            await billing.seats.found(session, organization_id=organization.id, user_id=user.id)
        elif invitation is not None:
            held = billing.seats.invited(organization_id=organization.id, email=invitation.email)
            await billing.seats.turn(session, organization_id=organization.id, invitation=held, user_id=user.id)
        else:
            await self._claim(session, organization, billing.seats.member(user.id), self._clock.now())

    async def after_member_remove(self, *, session: Session, membership: Membership, **_: object) -> None:
        """Give the seat back."""
        holder = billing.seats.member(membership.user_id)
        await billing.seats.release(session, organization_id=membership.organization_id, holder=holder)

    async def before_invite(self, *, session: Session, organization: Organization, email: str, **_: object) -> None:
        """Take a seat for as long as the invitation lives, or a moment longer, having looked at the clock later.

        Raises:
            SeatLimitReached: every seat is taken.
        """
        now = self._clock.now()
        expires_at = now + self._invitation_days
        holder = billing.seats.invited(organization_id=organization.id, email=email, expires_at=expires_at)
        await self._claim(session, organization, holder, now)

    async def after_invitation_end(
        self, *, session: Session, invitation: Invitation, outcome: InvitationStatus, **_: object
    ) -> None:
        """Give the seat back, unless it has become a member's."""
        if outcome is not InvitationStatus.ACCEPTED:
            holder = billing.seats.invited(organization_id=invitation.organization_id, email=invitation.email)
            await billing.seats.release(session, organization_id=invitation.organization_id, holder=holder)

    async def _claim(
        self, session: Session, organization: Organization, holder: billing.seats.Holder, now: datetime
    ) -> None:
        limit = self._entitlements.seat_limit
        await billing.seats.claim(session, organization_id=organization.id, holder=holder, limit=limit, now=now)


def build(
    settings: Settings,
    *,
    callbacks: Sequence[OrganizationCallbacks] = (),
    hooks: Mapping[str, object] | None = None,
    auth: AuthAdapter | None = None,
    clock: Clock | None = None,
    mailer: Mailer | None = None,
) -> Services:
    """Wire everything together for one process; nothing is connected yet.

    The host's callbacks and hooks run first, in the order given, and billing's last, so that a seat is claimed only
    for somebody whom everybody else lets in. Mail goes out through `mailer`; without one through the configured server,
    or to the log.

    Raises:
        ConfigError: the catalog or the adapter is wrong, or a hook has an unknown name.
    """
    if auth is not None:
        identity.check_adapter(auth)
    clock = clock or SystemClock()
    prices = catalog.read([Path(path) for path in settings.catalog])
    joined_hooks = lifecycle_hooks(hooks or {}, {"on_register": _customer_of_user})
    database = open_database(settings.database_url)
    processors = _processors(settings, database, clock)
    entitlements = Entitlements(database=database, clock=clock, catalog=prices)
    days, seconds = settings.invitation_days, settings.callback_seconds
    seams = (*callbacks, SeatCallbacks(entitlements=entitlements, clock=clock, invitation_days=days))
    invitations = Invitations(
        clock=clock, callbacks=seams, callback_seconds=seconds, secret_keys=settings.secret_keys, days=days
    )
    commands = Commands(database=database, clock=clock, processors=processors, prices=prices, role_for=_role_for)
    purging = Purging(database=database, clock=clock, callbacks=seams, callback_seconds=seconds)
    inbox = Inbox(database=database, clock=clock, processors=processors)
    fetches = Fetches(database=database, clock=clock, processors=processors)
    return Services(
        settings=settings,
        database=database,
        clock=clock,
        catalog=prices,
        processors=processors,
        users=Users(database=database, clock=clock, hooks=joined_hooks),
        step_up=StepUp(database=database, clock=clock, adapter=auth),
        organizations=Organizations(clock=clock, callbacks=seams, callback_seconds=seconds),
        members=Members(clock=clock, callbacks=seams, callback_seconds=seconds),
        ownership=Ownership(clock=clock, callbacks=seams, callback_seconds=seconds),
        standing=Standing(clock=clock, callbacks=seams, callback_seconds=seconds, restore_days=settings.restore_days),
        invitations=invitations,
        entitlements=entitlements,
        commands=commands,
        inbox=inbox,
        worker=Worker(
            jobs=_jobs(commands, inbox, fetches)
            | _inviting_jobs(settings, database, invitations, mailer)
            | {"organizations": purging.purge_due}
        ),
    )


def _processors(settings: Settings, database: Database, clock: Clock) -> dict[ProcessorName, Processor]:
    """Make the adapters of the configured processors; the libraries of the others are never imported."""
    made: dict[ProcessorName, Processor] = {}
    for name in map(ProcessorName, settings.processors):
        if name is ProcessorName.STRIPE:
            from domain.billing.processors.stripe import StripeProcessor  # noqa: PLC0415 - loaded only when chosen

            assert settings.stripe_api_key is not None, "the settings have been checked"
            made[name] = StripeProcessor(
                api_key=settings.stripe_api_key,
                webhook_secrets=settings.stripe_webhook_secrets,
                clock=clock,
                api_base=settings.stripe_api_base,
            )
        else:
            made[name] = FakeProcessor(database=database, clock=clock, webhook_secrets=settings.fake_webhook_secrets)
    return made


def _jobs(commands: Commands, inbox: Inbox, fetches: Fetches) -> dict[str, Job]:
    """List what the worker goes round; where the Fake is configured its time passes and its webhooks arrive."""
    fake = inbox.processors.get(ProcessorName.FAKE)
    deliveries: dict[str, outbox.Deliver] = {Fetches.TOPIC: fetches.deliver}
    jobs: dict[str, Job] = {
        "intents": commands.finish_open,
        "inbox": inbox.retry_due,
        "fetches": fetches.settle_owed,
    }
    if isinstance(fake, FakeProcessor):
        deliveries[fake.TOPIC] = fake.deliverer(inbox)
        jobs["fake"] = partial(fake.advance, 0)
    jobs["outbox"] = partial(outbox.deliver_due, inbox.database, inbox.clock, deliveries)
    return jobs | _prunings(inbox.database, inbox.clock)


def _prunings(database: Database, clock: Clock) -> dict[str, Job]:
    """List what forgets what is worth nothing more; seldom, so that an idle worker stays idle."""
    prunings = {
        "used keys": idempotency.prune,
        "counted tries": rates.prune,
        "used proofs": identity.prune_proofs,
    }
    return {name: Seldom(partial(prune, database, clock), clock=clock) for name, prune in prunings.items()}


def _inviting_jobs(
    settings: Settings, database: Database, invitations: Invitations, mailer: Mailer | None
) -> dict[str, Job]:
    """List what the worker does for invitations: telling the invited, and ending what has expired."""
    clock = invitations.clock
    tidying = Tidying(
        database=database,
        clock=clock,
        callbacks=invitations.callbacks,
        callback_seconds=invitations.callback_seconds,
    )
    letters = InvitationMail(
        database=database,
        clock=clock,
        mailer=mailer or _mailer(settings, clock),
        secret_keys=settings.secret_keys,
        public_url=settings.public_url,
    )
    return {
        "invitations": tidying.tidy_due,
        "mail": partial(outbox.deliver_due, database, clock, {letters.TOPIC: letters.deliver}),
    }


def _mailer(settings: Settings, clock: Clock) -> Mailer:
    """Make the mailer that the settings ask for; without a server the log shows tokens in development only."""
    if settings.mail_url is None or settings.mail_from is None:
        return LogMailer(shows_secrets=settings.environment is Environment.DEVELOPMENT)
    return SmtpMailer(settings.mail_url, sender=settings.mail_from, clock=clock)


async def _customer_of_user(*, session: Session, user: User, **_: object) -> None:
    await billing.create_customer(session, owner=Owner(kind=OwnerKind.USER, id=user.id), at=user.created_at)


async def _role_for(session: Session, scope: Scope, customer: Customer) -> Role | None:
    if scope.administrator or customer.owner_id == scope.user_id:
        return Role.OWNER
    return await role_in(session, organization_id=customer.owner_id, user_id=scope.user_id)
