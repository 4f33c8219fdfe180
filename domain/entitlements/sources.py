"""Where answers come from: the mirror and the catalog, unless a host's resolver stands in their place.

The gate, all answers of a customer, the limit of seats and everything that is counted ask one source and nothing else,
so that one question has one answer.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from pydantic import ValidationError

from domain.billing import CustomerReading
from domain.clock import Clock
from domain.db import Database, Session
from domain.entitlements import resolver
from domain.entitlements.answers import EntitlementSet
from domain.entitlements.billables import Payer
from domain.entitlements.catalog import Catalog
from domain.entitlements.in_force import InForce
from domain.entitlements.past import Moment, Recalled
from domain.entitlements.resolver import FAILED, Given, Resolved, UnmappedPrice
from domain.entitlements.snapshot import (
    Found,
    Holdings,
    found_by_payer,
    found_by_payers,
    visible_holdings,
)
from domain.entitlements.telling import tell_unmapped

log = logging.getLogger(__name__)


class Source(Protocol):
    """Gives what customers have now. Who is no customer, or one whose owner goes, is missing, and has nothing."""

    @property
    def name(self) -> str:
        """Who answers, for telemetry."""

    async def one(self, payer: Payer) -> Resolved:
        """Give what one customer has.

        Raises:
            Unavailable: the database could not be reached.
        """

    async def many(self, payers: Sequence[Payer]) -> Mapping[Payer, Resolved]:
        """Give the same of many, from one read.

        Raises:
            Unavailable: the database could not be reached.
        """

    async def within(self, session: Session, payers: Sequence[Payer]) -> Mapping[Payer, Resolved]:
        """Give the same inside the caller's transaction."""

    async def visible(self, reading: CustomerReading, customer_ids: Sequence[str]) -> dict[str, EntitlementSet]:
        """Give all answers for customers that the caller may see, those whose owners go with nothing.

        Raises:
            Unavailable: the database could not be reached.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """What the catalog makes of the mirror's rows and of overrides. Each answer is one statement."""

    database: Database
    clock: Clock
    in_force: InForce

    @property
    def name(self) -> str:
        """Who answers."""
        return "local_map"

    async def one(self, payer: Payer) -> Resolved:
        """Give what one customer has."""
        found = await found_by_payer(self.database, payer)
        return Resolved() if found is None else self._resolve(_given(found), self.clock.now())

    async def many(self, payers: Sequence[Payer]) -> Mapping[Payer, Resolved]:
        """Give the same of many."""
        async with self.database.snapshot() as session:
            return await self.within(session, payers)

    async def within(self, session: Session, payers: Sequence[Payer]) -> Mapping[Payer, Resolved]:
        """Give the same inside the caller's transaction."""
        found, now = await found_by_payers(session, payers), self.clock.now()
        return {payer: self._resolve(_given(rows), now) for payer, rows in found.items()}

    async def visible(self, reading: CustomerReading, customer_ids: Sequence[str]) -> dict[str, EntitlementSet]:
        """Give all answers, with what they were worked out from."""
        found, now = await visible_holdings(self.database, reading, customer_ids), self.clock.now()
        return {customer_id: self._answers(holdings, now) for customer_id, holdings in found.items()}

    def _answers(self, holdings: Holdings, now: datetime) -> EntitlementSet:
        if holdings.customer.closing_at is not None:
            return answers(self.in_force.catalog, holdings, now, Given(), Resolved())
        given = _given(holdings.found)
        return answers(self.in_force.catalog, holdings, now, given, self._resolve(given, now))

    def _resolve(self, given: Given | None, now: datetime) -> Resolved:
        resolved = _resolve(self.in_force.catalog, given, now)
        tell_unmapped(self.database.telemetry, resolved.unmapped_price_ids, now=now)
        return resolved


def answers(
    catalog: Catalog, holdings: Holdings, now: datetime, given: Given | None, resolved: Resolved
) -> EntitlementSet:
    """Put all answers for one customer together."""
    return EntitlementSet(
        customer=holdings.customer,
        role=holdings.role,
        as_of=now,
        known_at=now,
        catalog=catalog,
        given=given,
        resolved=resolved,
    )


def looked_back(recalled: Recalled, moment: Moment) -> EntitlementSet:
    """Put all answers for one customer at another moment together."""
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


def _resolve(catalog: Catalog, given: Given | None, now: datetime) -> Resolved:
    """Work out what one customer has; nothing in doubt."""
    if given is None:
        return FAILED
    try:
        return resolver.resolve(catalog, given.held, given.granted, now=now)
    except UnmappedPrice as error:
        return replace(error.denial, unmapped_price_ids=error.price_ids)


def _given(found: Found | Recalled) -> Given | None:
    """Make sense of what was read; rows that cannot be read fail for their own customer and for no other."""
    try:
        return found.given
    except ValidationError:
        log.exception("what is known of a subscription cannot be read")
        return None
