"""The one screen where the two halves meet: organizations own the seams, billing owns the seats, wiring joins them.

Nothing else knows both. Without the billing callbacks and hook handed in here, organizations work on unlimited.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domain import identity
from domain.audit import Forwarder, Forwarding, Sealer, Timelines
from domain.billing import (
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
from domain.entitlements import Catalog, Counting, Entitlements, Overriding, Resolver, Rollout
from domain.entitlements.advisory import Pulling
from domain.identity import ApiKeys, AuthAdapter, AuthAuditForwarder, Deletions, StepUp, Users
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
from domain.wiring import jobs
from domain.wiring.answering import counting_of
from domain.wiring.hearing import Hearing, hearing_of
from domain.wiring.people import people_of
from domain.wiring.processors import Rooms, rooms_of
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
    keys: ApiKeys
    organizations: Organizations
    members: Members
    ownership: Ownership
    standing: Standing
    invitations: Invitations
    counting: Counting
    rollout: Rollout
    commands: Commands
    hearing: Hearing
    schedule: Schedule
    forwarding: Forwarding
    worker: Worker

    @property
    def entitlements(self) -> Entitlements:
        """What customers have paid for."""
        return self.counting.entitlements

    @property
    def catalog(self) -> Catalog:
        """The catalog in force."""
        return self.entitlements.catalog

    @property
    def inbox(self) -> Inbox:
        """What receives events and applies them."""
        return self.hearing.inbox

    @property
    def pulling(self) -> Pulling | None:
        """What reads Stripe's own entitlements; None where they are not observed."""
        return self.hearing.pulling

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
        if self.pulling is not None:
            await self.pulling.aclose()
        await self.forwarding.aclose()
        await self.keys.aclose()
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
    resolver: Resolver | None = None,
    counted: Collection[str] = (),
    clock: Clock | None = None,
    mailer: Mailer | None = None,
    telemetry: Telemetry | None = None,
) -> Services:
    """Wire everything together for one process; nothing is connected yet.

    The host's callbacks and hooks run first, in the order given, and billing's last, so that a seat is claimed only
    for somebody whom everybody else lets in. `resolver` says what customers have in the place of catalog and mirror;
    `counted` names the limits that the host claims from. Mail goes out through `mailer`; without one through the
    configured server, or to the log. What happens is told to `telemetry`, by default to one of this application's own.

    Raises:
        ConfigError: the catalog, the adapter or the resolver is wrong, a hook has an unknown name, two forwarders have
            one name, or no plan declares what is counted.
    """
    clock, database = clock or SystemClock(), open_database(settings.database_url, telemetry=telemetry)
    rollout = Rollout.of(settings.catalog, database=database, clock=clock)
    forwarding = Forwarding(database=database, clock=clock, forwarders=_told(forwarders, auth, database))
    counting = counting_of(settings, database, clock, rollout, resolver, counted)
    rooms, doors = rooms_of(settings, database, clock), _doors(settings, clock, callbacks, counting.entitlements)
    members, (hearing, commands, schedule) = doors.made(Members), _billing(settings, rooms, counting.entitlements)
    people = people_of(settings, database, clock, hooks_of(hooks or {}, members, commands), auth)
    return Services(
        settings=settings,
        database=database,
        clock=clock,
        **people._asdict(),
        organizations=doors.made(Organizations),
        members=members,
        ownership=doors.made(Ownership),
        standing=doors.made(Standing, restore_days=settings.restore_days),
        invitations=doors.made(Invitations, secret_keys=settings.secret_keys, days=settings.invitation_days),
        counting=counting,
        rollout=rollout,
        commands=commands,
        hearing=hearing,
        schedule=schedule,
        forwarding=forwarding,
        worker=_worker(
            settings, counting, rooms, doors, commands, hearing, schedule, people.deletions, forwarding, mailer
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doors:
    """What every command of organizations is made of: the clock, and who may refuse, in how long."""

    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    seconds: float

    def made(self, kind: Callable[..., T], **more: object) -> T:
        """Make one of them."""
        return kind(clock=self.clock, callbacks=self.callbacks, callback_seconds=self.seconds, **more)


def _billing(settings: Settings, rooms: Rooms, entitlements: Entitlements) -> tuple[Hearing, Commands, Schedule]:
    """Let processors tell, people buy, and what both hold be compared, quantities with the seats to follow too."""
    hearing = hearing_of(settings, rooms)
    in_force, accesses = entitlements.in_force, CatalogAccesses(entitlements)
    judging = {"prices": in_force, "accesses": accesses}
    wanted = Following(errands=rooms.made(Errands), rules_of=in_force.seat_quantity_of).wanted
    heard = {"inbox": hearing.inbox, "on_gap": hearing.on_gap}
    return (
        hearing,
        rooms.made(Commands, role_for=role_for, **judging),
        Schedule(rooms.made(Reconciling, wanted=wanted, **judging, **heard)),
    )


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
    counting: Counting,
    rooms: Rooms,
    doors: _Doors,
    commands: Commands,
    hearing: Hearing,
    schedule: Schedule,
    deletions: Deletions,
    forwarding: Forwarding,
    mailer: Mailer | None,
) -> Worker:
    """Make the worker with all that it goes round."""
    database, clock = rooms.database, rooms.clock
    sealer = Sealer(database=database, keys=settings.secret_keys)
    fetches = rooms.made(Fetches, unlinked=keep_waiting)
    return Worker(
        jobs=jobs.billing(commands, hearing.inbox, fetches)
        | jobs.following(rooms.made(Errands), fetches, counting.entitlements.in_force)
        | jobs.organizations(doors.made(Purging, database=database), doors.made(Tidying, database=database))
        | {"deletions": deletions.finish_due}
        | jobs.mail(settings, database, clock, mailer)
        | jobs.audit(sealer, forwarding)
        | jobs.prunings(database, clock)
        | jobs.reconciling(schedule)
        | jobs.observing(hearing.pulling)
        | jobs.watching(counting.entitlements),
        told=lambda: database.telemetry.round_ended(clock.now()),
    )
