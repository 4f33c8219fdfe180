"""The gate: one road to yes, a matched grant on a row that counts. Every doubt is a denial with a reason.

What Stripe itself says of entitlements never comes near this room.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from domain.billing import CustomerReading, Owner, OwnerKind, SeatCount, Standing, seats
from domain.clock import Clock
from domain.db import Database, Session
from domain.entitlements import decisions, resolver
from domain.entitlements.answers import EntitlementSet, SeatUsage
from domain.entitlements.billables import Billable, Payer, payer_of
from domain.entitlements.catalog import UNLIMITED, Catalog
from domain.entitlements.decisions import Decision
from domain.entitlements.hosting import Host, Resolver
from domain.entitlements.in_force import InForce
from domain.entitlements.past import Moment, recall
from domain.entitlements.resolver import FAILED, Granted, Held, Resolved, UnmappedPrice
from domain.entitlements.sources import Mirror, Source, looked_back
from domain.entitlements.telling import Telling
from domain.errors import DomainError, InvalidInput, attempted, contained
from domain.telemetry import started

log = logging.getLogger(__name__)

T = TypeVar("T")

SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """Answers what customers have paid for. Reads the primary's current rows; asks no processor and writes nothing.

    Questions about billables raise nothing, whatever is handed in, and are answered within `seconds`: every doubt, and
    every answer that has not come by then, is no. Those inside a caller's transaction are answered or fail with it.
    """

    database: Database
    clock: Clock
    in_force: InForce
    resolver: Resolver | None = None
    seconds: float = SECONDS
    source: Source = field(init=False)
    telling: Telling = field(init=False)

    def __post_init__(self) -> None:
        """Let the host's resolver answer where there is one."""
        database, clock, in_force = self.database, self.clock, self.in_force
        source: Source = Mirror(database=database, clock=clock, in_force=in_force)
        if (host := self.resolver) is not None:
            source = Host(database=database, clock=clock, in_force=in_force, resolver=host, seconds=self.seconds)
        object.__setattr__(self, "source", source)
        telling = Telling(telemetry=database.telemetry, in_force=in_force, resolver=source.name)
        object.__setattr__(self, "telling", telling)

    @property
    def catalog(self) -> Catalog:
        """The catalog in force."""
        return self.in_force.catalog

    async def entitled(self, billable: Billable | None, feature: str, *, surface: str | None = None) -> bool:
        """Say whether a billable has a feature; every doubt is no."""
        return (await self.decide(billable, feature, surface=surface)).granted

    async def entitled_many(
        self, billables: Sequence[Billable | None], feature: str, *, surface: str | None = None
    ) -> list[bool]:
        """Say the same of many billables, in their order and from one read, as a batched loader wants it."""
        decided = await self.decide_many(billables, [feature], surface=surface)
        return [any(decision.granted for decision in each.values()) for each in decided]

    async def has_active_plan(self, billable: Billable | None, plan: str, *, surface: str | None = None) -> bool:
        """Say whether a billable holds a plan, named by itself or by a price of it; every doubt is no."""
        since = started()
        decision = await _answered(self._plan_decided(billable, plan)) or decisions.failed(plan)
        self.telling.of_plan(since, decision, billable, surface)
        return decision.granted

    async def decide(self, billable: Billable | None, feature: str, *, surface: str | None = None) -> Decision:
        """Say whether a billable has a feature, and why; a failure to find out is the reason `error`."""
        since = started()
        decision = await _answered(self._decided(billable, feature)) or decisions.failed(feature)
        self.telling.of_feature(since, decision, billable, surface)
        return decision

    async def decide_many(
        self, billables: Sequence[Billable | None], features: Sequence[str], *, surface: str | None = None
    ) -> list[dict[str, Decision]]:
        """Decide each feature for each billable, from one read: one mapping by feature a billable, in their order.

        The same may stand there twice, and None; each doubt denies only itself. What is no string names no feature and
        is left out. Nothing comes back for what cannot be listed at all.
        """
        return await _answered(self._all_decided(billables, features, surface)) or []

    async def features_for(self, billable: Billable | None) -> list[str]:
        """List a billable's features, sorted; empty in doubt."""
        since = started()
        resolved = await _answered(self._of(billable)) or FAILED
        self.telling.of_features(since, resolved, billable)
        return sorted(resolved.features)

    async def entitlement_quantity(self, billable: Billable | None, key: str) -> int:
        """Count how many of something a billable may have: 0 in doubt, UNLIMITED when there is no end."""
        since = started()
        resolved, amount = await _answered(self._quantity(billable, key)) or (FAILED, 0)
        self.telling.of_quantity(since, resolved, key, amount, billable)
        return amount

    async def visible(self, reading: CustomerReading, customer_ids: Sequence[str]) -> dict[str, EntitlementSet]:
        """Give all answers for customers; those that are not there or not the caller's are left out.

        Raises:
            Forbidden: the key lacks the scope.
            Unavailable: the database could not be reached.
        """
        return await self.source.visible(reading, customer_ids)

    async def limit(self, session: Session, payer: Payer, key: str) -> int | None:
        """Tell a customer's limit of something inside the caller's transaction; None is unlimited, a doubt is 0."""
        return (await self._limits(session, [payer], key)).get(payer, 0)

    async def visible_at(
        self,
        reading: CustomerReading,
        customer_ids: Sequence[str],
        *,
        as_of: datetime | None = None,
        known_at: datetime | None = None,
    ) -> dict[str, EntitlementSet | DomainError]:
        """Give all answers as true at `as_of`, from what was recorded by `known_at`; both are now unless given.

        With both the same it is what the gate answered then. Those that are not there or not the caller's are left out.
        Refusals stand in their places: Forbidden for those of whose past the caller does not hear (administrators and
        host keys do, owners of the organization, and a user for the own customer), InvalidInput where no catalog was in
        force yet.

        Raises:
            Forbidden: the key lacks the scope.
            InvalidInput: an instant is in the future, or a host's resolver answers, which keeps no past here.
        """
        moment = Moment.of(as_of, known_at, now=self.clock.now())
        if self.resolver is not None:
            raise InvalidInput("Answers about the past are not kept here.")
        found = await recall(self.database, reading, customer_ids, moment)
        return {
            customer_id: one if isinstance(one, DomainError) else looked_back(one, moment)
            for customer_id, one in found.items()
        }

    async def seat_limit(self, session: Session, organization_id: str) -> int | None:
        """Tell an organization's seat limit inside the caller's transaction; None is unlimited, a doubt is 0."""
        return await self.limit(session, _organization(organization_id), self.catalog.seat_limit)

    async def seat_usages(self, session: Session, organization_ids: Sequence[str]) -> dict[str, SeatUsage]:
        """Read the seats of many organizations; `session` is one snapshot, so limit and counts add up."""
        found = await self.source.within(session, [_organization(id) for id in organization_ids])
        counted = await seats.counts(session, organization_ids, now=self.clock.now())
        key, nothing = self.catalog.seat_limit, Resolved()
        return {id: _usage(found.get(_organization(id), nothing), key, count) for id, count in counted.items()}

    def given_by(self, rows: Sequence[Standing], granted: Sequence[Granted] = (), *, now: datetime) -> Resolved:
        """Work out what these rows and overrides of one customer would give at `now`, all of them; nothing in doubt.

        A host's resolver is not asked: it answers for customers as they are, and these rows need not be.
        """
        try:
            return resolver.resolve(self.catalog, [_held(row) for row in rows], granted, now=now)
        except UnmappedPrice as error:
            return error.denial

    async def _limits(self, session: Session, payers: Sequence[Payer], key: str) -> Mapping[Payer, int | None]:
        found = await self.source.within(session, payers)
        return {payer: _limit(resolved, key) for payer, resolved in found.items()}

    async def _decided(self, billable: Billable | None, feature: str) -> Decision:
        return decisions.decide_feature(await self._of(billable), feature)

    async def _plan_decided(self, billable: Billable | None, plan: str) -> Decision:
        return decisions.decide_plan(await self._of(billable), self.catalog, plan)

    async def _quantity(self, billable: Billable | None, key: str) -> tuple[Resolved, int]:
        resolved = await self._of(billable)
        return resolved, decisions.quantity(resolved, key)

    async def _all_decided(
        self, billables: Sequence[Billable | None], features: Sequence[str], surface: str | None
    ) -> list[dict[str, Decision]]:
        since, asked, names, decided = started(), list(billables), _names(features), []
        for billable, resolved in zip(asked, await self._all_resolved(asked), strict=True):
            each = {name: decisions.decide_feature(resolved, name) for name in names}
            for decision in each.values():
                self.telling.of_feature(since, decision, billable, surface)
            decided.append(each)
        return decided

    async def _of(self, billable: object) -> Resolved:
        """Find what the customer has that pays for a billable; who is billed by nobody has nothing."""
        payer = payer_of(billable)
        return Resolved() if payer is None else await _answered(self._one(payer)) or FAILED

    async def _all_resolved(self, billables: Sequence[object]) -> list[Resolved]:
        """Find the same for many; one whose id cannot even be read fails alone."""
        named = [attempted(partial(payer_of, billable), log=log, where="gate") for billable in billables]
        payers = list({one.value for one in named if one.value is not None})
        outcome = await contained(self._many(payers), log=log, where="gate")
        found = dict.fromkeys(payers, FAILED) if outcome.value is None else outcome.value
        nothing = Resolved()
        return [found.get(one.value, nothing) if one.value else FAILED if one.error else nothing for one in named]

    async def _one(self, payer: Payer) -> Resolved:
        async with asyncio.timeout(self.seconds):
            return await self.source.one(payer)

    async def _many(self, payers: Sequence[Payer]) -> Mapping[Payer, Resolved]:
        async with asyncio.timeout(self.seconds):
            return await self.source.many(payers) if payers else {}


def _names(features: Sequence[Any]) -> list[str]:
    """Tell names from what is none. A single name is a sequence of letters too, and nobody means those."""
    return [features] if isinstance(features, str) else [name for name in features if isinstance(name, str)]


async def _answered(asked: Awaitable[T]) -> T | None:
    """Await an answer; None when anything goes wrong on the way."""
    return (await contained(asked, log=log, where="gate")).value


def _organization(id: str) -> Owner:
    return Owner(kind=OwnerKind.ORGANIZATION, id=id)


def _held(row: Standing) -> Held:
    return Held(
        subscription_id=row.subscription_id,
        processor=row.processor,
        state=row.state,
        past_due_since=row.past_due_since,
        last_fact_at=row.last_fact_at,
    )


def _limit(resolved: Resolved, key: str) -> int | None:
    limit = decisions.quantity(resolved, key)
    return None if limit == UNLIMITED else limit


def _usage(resolved: Resolved, key: str, count: SeatCount) -> SeatUsage:
    # From the instant of its expiry on, an invitation holds no seat any more.
    ends = [resolved.valid_until, count.next_expiry and count.next_expiry - datetime.resolution]
    valid_until = min(filter(None, ends), default=None)
    return SeatUsage(limit=_limit(resolved, key), used=count.used, reserved=count.reserved, valid_until=valid_until)
