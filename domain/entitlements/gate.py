"""The gate: one road to yes, a matched grant on a row that counts. Every doubt is a denial with a reason.

What Stripe itself says of entitlements never comes near this room.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError

from domain.billing import BillingSubscription, Customer, CustomerReading, OwnerKind, SeatCount, Standing, seats
from domain.clock import Clock
from domain.db import Database, Session
from domain.entitlements import decisions, resolver
from domain.entitlements.answers import EntitlementSet, SeatUsage
from domain.entitlements.catalog import UNLIMITED, Catalog
from domain.entitlements.decisions import Decision
from domain.entitlements.in_force import InForce
from domain.entitlements.past import Moment, Recalled, recall
from domain.entitlements.resolver import FAILED, Given, Granted, Held, Resolved, UnmappedPrice
from domain.entitlements.snapshot import (
    Found,
    Holdings,
    found_by_customer,
    found_by_owner,
    found_by_owners,
    visible_holdings,
)
from domain.entitlements.telling import Check, tell_unmapped
from domain.errors import DomainError, contained
from domain.identity import User
from domain.organizations import Organization

log = logging.getLogger(__name__)

Billable = Organization | User | Customer | BillingSubscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlements:
    """Answers what customers have paid for. Reads the primary's current rows; asks no processor and writes nothing."""

    database: Database
    clock: Clock
    in_force: InForce

    @property
    def catalog(self) -> Catalog:
        """The catalog in force."""
        return self.in_force.catalog

    async def entitled(self, billable: Billable | None, feature: str, *, surface: str | None = None) -> bool:
        """Say whether a billable has a feature; every doubt is no, and nothing is ever raised."""
        return (await self.decide(billable, feature, surface=surface)).granted

    async def has_active_plan(self, billable: Billable | None, plan: str, *, surface: str | None = None) -> bool:
        """Say whether a billable holds a plan, named by itself or by a price of it; every doubt is no."""
        check = self._check(billable, surface)
        decision = decisions.decide_plan(await self._resolved(billable), self.catalog, plan)
        check.of_plan(decision)
        return decision.granted

    async def decide(self, billable: Billable | None, feature: str, *, surface: str | None = None) -> Decision:
        """Say whether a billable has a feature, and why; a failure to find out is the reason `error`."""
        check = self._check(billable, surface)
        decision = decisions.decide_feature(await self._resolved(billable), feature)
        check.of_feature(decision)
        return decision

    async def features_for(self, billable: Billable | None) -> list[str]:
        """List a billable's features, sorted; empty in doubt."""
        check = self._check(billable)
        resolved = await self._resolved(billable)
        check.of_features(resolved)
        return sorted(resolved.features)

    async def entitlement_quantity(self, billable: Billable | None, key: str) -> int:
        """Count how many of something a billable may have: 0 in doubt, UNLIMITED when there is no end."""
        check = self._check(billable)
        resolved = await self._resolved(billable)
        check.of_quantity(resolved, key)
        return decisions.quantity(resolved, key)

    async def visible(self, reading: CustomerReading, customer_ids: Sequence[str]) -> dict[str, EntitlementSet]:
        """Give all answers for customers; those that are not there or not the caller's are left out."""
        found, now = await visible_holdings(self.database, reading, customer_ids), self.clock.now()
        return {customer_id: self._answers(holdings, now) for customer_id, holdings in found.items()}

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
        Refusals stand in their places: Forbidden for those of whose past the caller does not hear (administrators do,
        owners of the organization, and a user for the own customer), InvalidInput where no catalog was in force yet.

        Raises:
            InvalidInput: an instant is in the future.
        """
        moment = Moment.of(as_of, known_at, now=self.clock.now())
        found = await recall(self.database, reading, customer_ids, moment)
        return {
            customer_id: one if isinstance(one, DomainError) else _looked_back(one, moment)
            for customer_id, one in found.items()
        }

    async def seat_limit(self, session: Session, organization_id: str) -> int | None:
        """Tell an organization's seat limit inside the caller's transaction; None is unlimited, a doubt is 0."""
        return (await self._seat_limits(session, [organization_id])).get(organization_id, 0)

    async def seat_usages(self, session: Session, organization_ids: Sequence[str]) -> dict[str, SeatUsage]:
        """Read the seats of many organizations; `session` is one snapshot, so limit and counts add up."""
        limits = await self._seat_limits(session, organization_ids)
        counted = await seats.counts(session, organization_ids, now=self.clock.now())
        return {id: _usage(limits.get(id, 0), count) for id, count in counted.items()}

    def given_by(self, rows: Sequence[Standing], granted: Sequence[Granted] = (), *, now: datetime) -> Resolved:
        """Work out what these rows and overrides of one customer would give at `now`, all of them; nothing in doubt."""
        try:
            return resolver.resolve(self.catalog, [_held(row) for row in rows], granted, now=now)
        except UnmappedPrice:
            return FAILED

    async def _seat_limits(self, session: Session, organization_ids: Sequence[str]) -> Mapping[str, int | None]:
        found, now = await found_by_owners(session, OwnerKind.ORGANIZATION, organization_ids), self.clock.now()
        seat_limit = self.catalog.seat_limit
        limits = {id: decisions.quantity(self._resolve(_given(rows), now), seat_limit) for id, rows in found.items()}
        return {id: None if limit == UNLIMITED else limit for id, limit in limits.items()}

    def _check(self, billable: object, surface: str | None = None) -> Check:
        return Check(
            telemetry=self.database.telemetry,
            catalog=self.catalog,
            resolver="local_map",
            billable=billable,
            surface=surface,
        )

    async def _resolved(self, billable: Billable | None) -> Resolved:
        outcome = await contained(self._read(billable), log=log, where="gate")
        return FAILED if outcome.value is None else outcome.value

    async def _read(self, billable: Billable | None) -> Resolved:
        found = await _found_of(self.database, billable)
        return Resolved() if found is None else self._resolve(_given(found), self.clock.now())

    def _answers(self, holdings: Holdings, now: datetime) -> EntitlementSet:
        given = _given(holdings.found) if holdings.customer.closing_at is None else Given()
        return EntitlementSet(
            customer=holdings.customer,
            role=holdings.role,
            as_of=now,
            known_at=now,
            catalog=self.catalog,
            given=given,
            resolved=self._resolve(given, now) if holdings.customer.closing_at is None else Resolved(),
        )

    def _resolve(self, given: Given | None, now: datetime) -> Resolved:
        resolved = _resolve(self.catalog, given, now)
        tell_unmapped(self.database.telemetry, resolved.unmapped_price_ids, now=now)
        return resolved


def _resolve(catalog: Catalog, given: Given | None, now: datetime) -> Resolved:
    """Work out what one customer has; nothing in doubt."""
    if given is None:
        return FAILED
    try:
        return resolver.resolve(catalog, given.held, given.granted, now=now)
    except UnmappedPrice as error:
        return replace(FAILED, unmapped_price_ids=error.price_ids)


def _looked_back(recalled: Recalled, moment: Moment) -> EntitlementSet:
    given = _given(recalled)
    return EntitlementSet(
        customer=recalled.customer,
        role=recalled.role,
        as_of=moment.as_of,
        known_at=moment.known_at,
        catalog=recalled.catalog,
        given=given,
        resolved=_resolve(recalled.catalog, given, moment.as_of) if recalled.counted else Resolved(),
        heard=recalled.heard,
    )


def _given(found: Found | Recalled) -> Given | None:
    """Make sense of what was read; rows that cannot be read fail for their own customer and for no other."""
    try:
        return found.given
    except ValidationError:
        log.exception("what is known of a subscription cannot be read")
        return None


async def _found_of(database: Database, billable: Billable | None) -> Found | None:
    """Read the rows and overrides of a billable's customer; None for whatever is none."""
    match billable:
        case Organization():
            return await found_by_owner(database, OwnerKind.ORGANIZATION, billable.id)
        case User():
            return await found_by_owner(database, OwnerKind.USER, billable.id)
        case Customer():
            return await found_by_customer(database, billable.id)
        case BillingSubscription():
            return await found_by_customer(database, billable.customer_id)
        case _:
            return None


def _held(row: Standing) -> Held:
    return Held(
        subscription_id=row.subscription_id,
        processor=row.processor,
        state=row.state,
        past_due_since=row.past_due_since,
        last_fact_at=row.last_fact_at,
    )


def _usage(limit: int | None, count: SeatCount) -> SeatUsage:
    return SeatUsage(limit=limit, used=count.used, reserved=count.reserved)
