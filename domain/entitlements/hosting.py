"""A host's resolver in the place of mirror and catalog: asked for many at once, for so long and no longer.

What a host raises is held here, in one place, and denies whom it was asked for; what makes no sense denies one alone.
"""

import asyncio
import inspect
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from domain.billing import Customer, CustomerReading
from domain.clock import Clock
from domain.db import Database, Session
from domain.entitlements.answers import EntitlementSet
from domain.entitlements.billables import Payer
from domain.entitlements.catalog import UNLIMITED
from domain.entitlements.in_force import InForce
from domain.entitlements.resolver import FAILED, Resolved
from domain.entitlements.snapshot import customers_by_payers, visible_holdings
from domain.entitlements.sources import answers
from domain.errors import ConfigError, contained

log = logging.getLogger(__name__)


class Resolver(Protocol):
    """What a host hands to `create_app(resolver=…)` to say itself what customers have."""

    @property
    def name(self) -> str:
        """How telemetry calls it: the class's name in snake case, unless a host says otherwise."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    async def resolve(
        self, *, customers: Sequence[Customer], at: datetime, session: Session | None
    ) -> Mapping[str, Resolved]:
        """Say what each of these customers has at `at`, by customer id; all of them, in one go.

        `session` is the caller's transaction where there is one, as when a seat is claimed: it holds locks, so nothing
        is asked over a network then, and nothing is ever written. Raising, taking too long, and an answer that is none
        deny every customer that was asked for; one that is left out, or whose answer makes no sense, is denied alone.
        """


class _Answer(BaseModel):
    """What an answer must be for everything that reads one."""

    model_config = ConfigDict(strict=True, from_attributes=True)

    plans: frozenset[str]
    active_plans: frozenset[str]
    grace_plans: frozenset[str]
    expired_grace_plans: frozenset[str]
    features: frozenset[str]
    grace_features: frozenset[str]
    override_ends: Mapping[str, AwareDatetime | None]
    quantities: Mapping[str, Annotated[int, Field(ge=0, le=UNLIMITED)]]
    unmapped_price_ids: tuple[str, ...]
    fresh_until: AwareDatetime | None
    turns_at: AwareDatetime | None
    valid_until: AwareDatetime | None
    failed: bool


def check_resolver(given: object) -> None:
    """Check that a host's resolver is one.

    Raises:
        ConfigError: it has no async `resolve`, or no name.
    """
    faults = []
    if not inspect.iscoroutinefunction(getattr(given, "resolve", None)):
        faults.append("resolver: resolve is missing or not async")
    if not isinstance(name := getattr(given, "name", None), str) or not name:
        faults.append("resolver: name is missing or no text")
    if faults:
        raise ConfigError(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What a host's resolver says. It is asked for customers that are there and stay, for `seconds` at most."""

    database: Database
    clock: Clock
    in_force: InForce
    resolver: Resolver
    seconds: float

    @property
    def name(self) -> str:
        """Who answers."""
        return self.resolver.name

    async def one(self, payer: Payer) -> Resolved:
        """Give what one customer has."""
        return (await self.many([payer])).get(payer, Resolved())

    async def many(self, payers: Sequence[Payer]) -> Mapping[Payer, Resolved]:
        """Give the same of many; the host is asked when the read is over."""
        async with self.database.snapshot() as session:
            customers = await customers_by_payers(session, payers)
        return await self._by_payer(customers, None)

    async def within(self, session: Session, payers: Sequence[Payer]) -> Mapping[Payer, Resolved]:
        """Give the same inside the caller's transaction; a failing host leaves the transaction as it was."""
        return await self._by_payer(await customers_by_payers(session, payers), session)

    async def visible(self, reading: CustomerReading, customer_ids: Sequence[str]) -> dict[str, EntitlementSet]:
        """Give all answers; what they were worked out from is the host's."""
        found = await visible_holdings(self.database, reading, customer_ids)
        at = self.clock.now()
        staying = [holdings.customer for holdings in found.values() if holdings.customer.closing_at is None]
        resolved = await self._ask(staying, at, None)
        catalog = self.in_force.catalog
        return {
            id: answers(catalog, holdings, at, None, resolved.get(id, Resolved())) for id, holdings in found.items()
        }

    async def _by_payer(self, customers: Mapping[Payer, Customer], session: Session | None) -> Mapping[Payer, Resolved]:
        asked = {customer.id: customer for customer in customers.values()}
        resolved = await self._ask(list(asked.values()), self.clock.now(), session)
        return {payer: resolved[customer.id] for payer, customer in customers.items()}

    async def _ask(self, customers: Sequence[Customer], at: datetime, session: Session | None) -> dict[str, Resolved]:
        """Ask the host, the one place that holds what may go wrong there."""
        if not customers:
            return {}
        outcome = await contained(self._resolved(customers, at, session), log=log, where=f"resolver {self.name}")
        return outcome.value or {customer.id: FAILED for customer in customers}

    async def _resolved(
        self, customers: Sequence[Customer], at: datetime, session: Session | None
    ) -> dict[str, Resolved]:
        async with asyncio.timeout(self.seconds):
            if session is None:
                given = await self.resolver.resolve(customers=customers, at=at, session=None)
            else:
                async with session.begin_nested():
                    given = await self.resolver.resolve(customers=customers, at=at, session=session)
        return {
            customer.id: sound(given.get(customer.id), name=self.name, customer_id=customer.id)
            for customer in customers
        }


def sound(given: object, *, name: str, customer_id: str) -> Resolved:
    """Let pass an answer that everybody can read, its quantities in order; whatever else it is denies."""
    if not isinstance(given, Resolved):
        log.warning("resolver %s says nothing of %s", name, customer_id)
        return FAILED
    try:
        _Answer.model_validate(given)
    except ValidationError as error:
        log.warning("resolver %s makes no sense of %s", name, customer_id, exc_info=error)
        return FAILED
    return FAILED if given.failed else replace(given, quantities=dict(sorted(given.quantities.items())))
