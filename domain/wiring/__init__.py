"""The one screen where the two halves meet: organizations own the seams, billing owns the seats, wiring joins them.

Nothing else knows both. Without the billing callbacks and hook handed in here, organizations work on unlimited.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domain import identity
from domain.audit import Forwarder, Forwarding, Sealer, Timelines
from domain.billing import (
    Accesses,
    Commands,
    CustomerReading,
    CustomerReconciling,
    Errands,
    Fetches,
    Following,
    Inbox,
    Linking,
    Processor,
    ProcessorName,
    Reconciling,
    Replaying,
    Schedule,
    keep_waiting,
)
from domain.clock import Clock, SystemClock
from domain.db import Database, open_database
from domain.entitlements import Catalog, Entitlements, InForce, Overriding, catalog
from domain.hooks import LifecycleHooks
from domain.identity import AuthAdapter, AuthAuditForwarder, Deletions, StepUp, Users
from domain.mail import Mailer
from domain.organizations import (
    InvitationReading,
    Invitations,
    Members,
    OrganizationCallbacks,
    Organizations,
    Ownership,
    Purging,
    Reading,
    Standing,
    Tidying,
    organizations_seen_by,
)
from domain.scope import Scope
from domain.settings import Settings
from domain.telemetry import Telemetry
from domain.wiring import gauges, jobs
from domain.wiring.handlers import handlers_of
from domain.wiring.processors import processors_of
from domain.wiring.seams import CatalogAccesses, SeatCallbacks, hooks_of, role_for
from domain.worker import Worker

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that Seatgate can do, wired together. `aclose` lets running work finish first."""

    settings: Settings
    database: Database
    clock: Clock
    users: Users
    deletions: Deletions
    step_up: StepUp
    organizations: Organizations
    members: Members
    ownership: Ownership
    standing: Standing
    invitations: Invitations
    entitlements: Entitlements
    commands: Commands
    inbox: Inbox
    schedule: Schedule
    forwarding: Forwarding
    worker: Worker

    @property
    def catalog(self) -> Catalog:
        """The catalog in force."""
        return self.entitlements.catalog

    @property
    def processors(self) -> Mapping[ProcessorName, Processor]:
        """The configured processors, the rail of new subscriptions first."""
        return self.inbox.processors

    @property
    def replaying(self) -> Replaying:
        """What applies stored events again."""
        return Replaying(inbox=self.inbox)

    @property
    def linking(self) -> Linking:
        """What links accounts that were made elsewhere."""
        return Linking(clock=self.clock, processors=self.processors)

    @property
    def overriding(self) -> Overriding:
        """What grants and revokes overrides."""
        return Overriding(clock=self.clock, in_force=self.entitlements.in_force)

    @property
    def reconciling(self) -> Reconciling:
        """What compares the mirror with the processors, and heals it."""
        return self.schedule.reconciling

    @property
    def customer_reconciling(self) -> CustomerReconciling:
        """The command that compares one customer."""
        return CustomerReconciling(reconciling=self.reconciling)

    @property
    def telemetry(self) -> Telemetry:
        """Where what happens is told."""
        return self.database.telemetry

    async def metrics(self, *, accept: str = "") -> tuple[bytes, str]:
        """Write every metric for Prometheus, and say the content type; what cannot be read in time is left out."""
        return self.telemetry.exposition(await gauges.read(self.database, self.clock), accept=accept)

    def reading(self, scope: Scope) -> Reading:
        """Give the reads of organizations that a caller may make."""
        return Reading(scope=scope)

    def invitation_reading(self, scope: Scope) -> InvitationReading:
        """Give the reads of invitations that a caller may make."""
        return InvitationReading(scope=scope, clock=self.clock)

    def customers(self, scope: Scope) -> CustomerReading:
        """Give the reads of customers that a caller may make."""
        return CustomerReading(scope=scope, own_organizations=organizations_seen_by)

    def timelines(self, scope: Scope) -> Timelines:
        """Give the reads of the audit ledger that a caller may make."""
        return Timelines(scope=scope, roles_of=self.reading(scope).roles)

    async def aclose(self) -> None:
        """Let running work finish and let go of the database, then of the processors that it spoke to."""
        await self.schedule.aclose()
        await self.forwarding.aclose()
        await self.database.aclose()
        for processor in self.processors.values():
            await processor.aclose()


def build(
    settings: Settings,
    *,
    callbacks: Sequence[OrganizationCallbacks] = (),
    hooks: Mapping[str, object] | None = None,
    auth: AuthAdapter | None = None,
    forwarders: Sequence[Forwarder] = (),
    clock: Clock | None = None,
    mailer: Mailer | None = None,
    telemetry: Telemetry | None = None,
) -> Services:
    """Wire everything together for one process; nothing is connected yet.

    The host's callbacks and hooks run first, in the order given, and billing's last, so that a seat is claimed only
    for somebody whom everybody else lets in. Mail goes out through `mailer`; without one through the configured server,
    or to the log. What happens is told to `telemetry`, without one to one of this application's own.

    Raises:
        ConfigError: the catalog or the adapter is wrong, a hook has an unknown name, or two forwarders have one name.
    """
    clock, database = clock or SystemClock(), open_database(settings.database_url, telemetry=telemetry)
    forwarding = Forwarding(database=database, clock=clock, forwarders=_told(forwarders, auth, database))
    in_force = InForce(catalog.read(settings.catalog))
    entitlements = Entitlements(database=database, clock=clock, in_force=in_force)
    rooms = _Rooms(database=database, clock=clock, processors=processors_of(settings, database, clock))
    doors = _doors(settings, clock, callbacks, entitlements)
    members, inbox = doors.made(Members), rooms.made(Inbox, handlers=handlers_of(settings))
    commands = rooms.made(Commands, prices=in_force, role_for=role_for, accesses=CatalogAccesses(entitlements))
    schedule = _schedule(rooms, inbox, in_force, commands.accesses)
    users, deletions = _people(settings, database, clock, hooks_of(hooks or {}, members, commands))
    return Services(
        settings=settings,
        database=database,
        clock=clock,
        users=users,
        deletions=deletions,
        step_up=StepUp(database=database, clock=clock, adapter=auth),
        organizations=doors.made(Organizations),
        members=members,
        ownership=doors.made(Ownership),
        standing=doors.made(Standing, restore_days=settings.restore_days),
        invitations=doors.made(Invitations, secret_keys=settings.secret_keys, days=settings.invitation_days),
        entitlements=entitlements,
        commands=commands,
        inbox=inbox,
        schedule=schedule,
        forwarding=forwarding,
        worker=_worker(settings, entitlements, rooms, doors, commands, inbox, schedule, deletions, forwarding, mailer),
    )


def _people(settings: Settings, database: Database, clock: Clock, hooks: LifecycleHooks) -> tuple[Users, Deletions]:
    """Let hooks look on when users come, and when they go."""
    users = Users(database=database, clock=clock, hooks=hooks, issuer=settings.jwt_issuer or "")
    policy = settings.on_cancel_failure
    return users, Deletions(database=database, clock=clock, hooks=hooks.on_delete, policy=policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rooms:
    """What every room of billing that speaks to a processor is made of."""

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]

    def made(self, kind: Callable[..., T], **more: object) -> T:
        """Make one of them."""
        return kind(database=self.database, clock=self.clock, processors=self.processors, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doors:
    """What every command of organizations is made of: the clock, and who may refuse, in how long."""

    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    seconds: float

    def made(self, kind: Callable[..., T], **more: object) -> T:
        """Make one of them."""
        return kind(clock=self.clock, callbacks=self.callbacks, callback_seconds=self.seconds, **more)


def _schedule(rooms: _Rooms, inbox: Inbox, in_force: InForce, accesses: Accesses) -> Schedule:
    """Let the mirror be compared with what processors hold, and quantities with the seats that they shall follow."""
    wanted = Following(errands=rooms.made(Errands), rules_of=in_force.seat_quantity_of).wanted
    return Schedule(rooms.made(Reconciling, inbox=inbox, prices=in_force, accesses=accesses, wanted=wanted))


def _doors(
    settings: Settings, clock: Clock, callbacks: Sequence[OrganizationCallbacks], entitlements: Entitlements
) -> _Doors:
    """Let the host's callbacks run first and billing's last."""
    seats = SeatCallbacks(entitlements=entitlements, clock=clock, invitation_days=settings.invitation_days)
    return _Doors(clock=clock, callbacks=(*callbacks, seats), seconds=settings.callback_seconds)


def _told(forwarders: Sequence[Forwarder], auth: AuthAdapter | None, database: Database) -> Sequence[Forwarder]:
    """Name everybody who is told of audit events: the host's forwarders, then its adapter's `log_audit`.

    Raises:
        ConfigError: the adapter is none.
    """
    if auth is None:
        return forwarders
    identity.check_adapter(auth)
    return (*forwarders, AuthAuditForwarder(auth, database=database))


def _worker(
    settings: Settings,
    entitlements: Entitlements,
    rooms: _Rooms,
    doors: _Doors,
    commands: Commands,
    inbox: Inbox,
    schedule: Schedule,
    deletions: Deletions,
    forwarding: Forwarding,
    mailer: Mailer | None,
) -> Worker:
    """Make the worker with all that it goes round."""
    database, clock, in_force = rooms.database, rooms.clock, entitlements.in_force
    sealer = Sealer(database=database, keys=settings.secret_keys)
    fetches = rooms.made(Fetches, unlinked=keep_waiting)
    return Worker(
        jobs=jobs.billing(commands, inbox, fetches)
        | jobs.following(rooms.made(Errands), fetches, in_force)
        | jobs.organizations(doors.made(Purging, database=database), doors.made(Tidying, database=database))
        | {"deletions": deletions.finish_due}
        | jobs.mail(settings, database, clock, mailer)
        | jobs.audit(sealer, forwarding)
        | jobs.prunings(database, clock)
        | jobs.reconciling(schedule)
        | jobs.watching(entitlements),
        told=lambda: database.telemetry.round_ended(clock.now()),
    )
