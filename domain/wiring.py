"""The one screen where the two halves meet: organizations own the seams, billing owns the seats, wiring joins them.

Nothing else knows both. Without the billing callbacks and hook handed in here, organizations work on unlimited.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from domain import billing, outbox
from domain.billing import (
    Closing,
    Commands,
    Customer,
    CustomerReading,
    Departing,
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
from domain.hooks import LifecycleHook, LifecycleHooks, lifecycle_hooks
from domain.identity import Deletions, User, Users
from domain.organizations import (
    Entry,
    Members,
    Membership,
    Organization,
    OrganizationCallbacks,
    Organizations,
    Ownership,
    Purging,
    Reading,
    Standing,
    organizations_seen_by,
    require_replaceable,
    role_in,
)
from domain.scope import Role, Scope
from domain.settings import Settings
from domain.worker import Job, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that Seatgate can do, wired together. `aclose` lets running work finish first."""

    settings: Settings
    database: Database
    clock: Clock
    catalog: Catalog
    processors: Mapping[ProcessorName, Processor]
    users: Users
    deletions: Deletions
    organizations: Organizations
    members: Members
    ownership: Ownership
    standing: Standing
    entitlements: Entitlements
    commands: Commands
    inbox: Inbox
    worker: Worker

    def reading(self, scope: Scope) -> Reading:
        """Give the reads of organizations that a caller may make."""
        return Reading(scope=scope)

    def customers(self, scope: Scope) -> CustomerReading:
        """Give the reads of customers that a caller may make."""
        return CustomerReading(scope=scope, own_organizations=organizations_seen_by)

    async def aclose(self) -> None:
        """Let running work finish and let go of the database, then of the processors that it spoke to."""
        await self.database.aclose()
        for processor in self.processors.values():
            await processor.aclose()


class SeatCallbacks(OrganizationCallbacks):
    """Billing's answer to the seams: a customer for each organization, a seat for each member."""

    def __init__(self, *, entitlements: Entitlements, clock: Clock) -> None:
        self._entitlements = entitlements
        self._clock = clock

    async def after_create_organization(self, *, session: Session, organization: Organization, **_: object) -> None:
        """Give the organization its customer, in its founding transaction."""
        owner = Owner(kind=OwnerKind.ORGANIZATION, id=organization.id)
        await billing.create_customer(session, owner=owner, at=organization.created_at)

    async def after_delete_organization(self, *, session: Session, organization: Organization, **_: object) -> None:
        """Let the organization's subscriptions end with their periods, and at once when it can no longer come back."""
        now = self._clock.now()
        owner = Owner(kind=OwnerKind.ORGANIZATION, id=organization.id)
        await billing.close_customer(session, owner=owner, at=organization.restorable_until or now, now=now)

    async def after_restore_organization(self, *, session: Session, organization: Organization, **_: object) -> None:
        """Take that back."""
        owner = Owner(kind=OwnerKind.ORGANIZATION, id=organization.id)
        await billing.reopen_customer(session, owner=owner, now=self._clock.now())

    async def before_add_member(
        self, *, session: Session, organization: Organization, user: User, entry: Entry, **_: object
    ) -> None:
        """Take a seat; the founding owner's is taken without asking.

        Raises:
            SeatLimitReached: every seat is taken.
        """
        if entry is Entry.FOUNDING:
            await billing.seats.found(session, organization_id=organization.id, user_id=user.id)
            return
        await billing.seats.claim(
            session,
            organization_id=organization.id,
            user_id=user.id,
            limit=self._entitlements.seat_limit,
            now=self._clock.now(),
        )

    async def after_member_remove(self, *, session: Session, membership: Membership, **_: object) -> None:
        """Give the seat back."""
        await billing.seats.release(session, organization_id=membership.organization_id, user_id=membership.user_id)


class Leaving(LifecycleHook):
    """Organizations' part in a user's going: none loses its last owner, and every place is given up."""

    def __init__(self, members: Members) -> None:
        self._members = members

    async def check(self, *, session: Session, user: User, **_: object) -> None:
        """Let pass whom every living organization can do without.

        Raises:
            LastOwner: the user is the only owner of one who stays.
        """
        await require_replaceable(session, user=user)

    async def apply(self, *, session: Session, user: User, scope: Scope) -> None:
        """End every membership, as if each had been removed."""
        await self._members.remove_all_of(session, user=user, scope=scope, operation="deleteUser")


def build(
    settings: Settings,
    *,
    callbacks: Sequence[OrganizationCallbacks] = (),
    hooks: Mapping[str, object] | None = None,
    clock: Clock | None = None,
) -> Services:
    """Wire everything together for one process; nothing is connected yet.

    The host's callbacks and hooks run first, in the order given, and billing's last, so that a seat is claimed only
    for somebody whom everybody else lets in.

    Raises:
        ConfigError: the catalog is wrong, or a hook has an unknown name.
    """
    clock = clock or SystemClock()
    prices = catalog.read([Path(path) for path in settings.catalog])
    database = open_database(settings.database_url)
    processors = _processors(settings, database, clock)
    entitlements = Entitlements(database=database, clock=clock, catalog=prices)
    seams = (*callbacks, SeatCallbacks(entitlements=entitlements, clock=clock))
    seconds = settings.callback_seconds
    commands = Commands(database=database, clock=clock, processors=processors, prices=prices, role_for=_role_for)
    purging = Purging(database=database, clock=clock, callbacks=seams, callback_seconds=seconds)
    inbox = Inbox(database=database, clock=clock, processors=processors)
    fetches = Fetches(database=database, clock=clock, processors=processors)
    members = Members(clock=clock, callbacks=seams, callback_seconds=seconds)
    joined = _hooks(hooks or {}, members, commands)
    deletions = Deletions(database=database, clock=clock, hooks=joined.on_delete, policy=settings.on_cancel_failure)
    return Services(
        settings=settings,
        database=database,
        clock=clock,
        catalog=prices,
        processors=processors,
        users=Users(database=database, clock=clock, hooks=joined, issuer=settings.jwt_issuer or ""),
        deletions=deletions,
        organizations=Organizations(clock=clock, callbacks=seams, callback_seconds=seconds),
        members=members,
        ownership=Ownership(clock=clock, callbacks=seams, callback_seconds=seconds),
        standing=Standing(clock=clock, callbacks=seams, callback_seconds=seconds, restore_days=settings.restore_days),
        entitlements=entitlements,
        commands=commands,
        inbox=inbox,
        worker=Worker(jobs=_jobs(commands, inbox, fetches, deletions) | {"organizations": purging.purge_due}),
    )


def _hooks(given: Mapping[str, object], members: Members, commands: Commands) -> LifecycleHooks:
    """Join the host's hooks and ours; when a user is deleted, organizations are asked before billing."""
    ours = {"on_register": _customer_of_user, "on_delete": Leaving(members)}
    return lifecycle_hooks(given, ours, {"on_delete": Departing(commands)})


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


def _jobs(commands: Commands, inbox: Inbox, fetches: Fetches, deletions: Deletions) -> dict[str, Job]:
    """List what the worker goes round; where the Fake is configured its time passes and its webhooks arrive."""
    fake = inbox.processors.get(ProcessorName.FAKE)
    closing = Closing(commands=commands)
    deliveries: dict[str, outbox.Deliver] = {Fetches.TOPIC: fetches.deliver, Closing.TOPIC: closing.deliver}
    jobs: dict[str, Job] = {
        "intents": commands.finish_open,
        "inbox": inbox.retry_due,
        "fetches": fetches.settle_owed,
        "deletions": deletions.finish_due,
        "closing": closing.find_due,
    }
    if isinstance(fake, FakeProcessor):
        deliveries[fake.TOPIC] = fake.deliverer(inbox)
        jobs["fake"] = partial(fake.advance, 0)
    return jobs | {"outbox": partial(outbox.deliver_due, inbox.database, inbox.clock, deliveries)}


async def _customer_of_user(*, session: Session, user: User, **_: object) -> None:
    await billing.create_customer(session, owner=Owner(kind=OwnerKind.USER, id=user.id), at=user.created_at)


async def _role_for(session: Session, scope: Scope, customer: Customer) -> Role | None:
    if scope.administrator or customer.owner_id == scope.user_id:
        return Role.OWNER
    return await role_in(session, organization_id=customer.owner_id, user_id=scope.user_id)
