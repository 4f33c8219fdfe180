"""The read behind answers about the past: what was recorded by one instant, as it counts at another.

Everything that grants is kept with the time at which we learned or decided it, so nothing is guessed: facts are folded
by billing's own fold, and the catalog, overrides and closings are those of that time. One snapshot, and as many
statements for a hundred customers as for one. Nothing of the present enters here but who may ask.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, select

from domain.billing import (
    BillingSubscription,
    Customer,
    CustomerClosing,
    CustomerReading,
    ProcessorName,
    SubscriptionFact,
    facts,
)
from domain.billing.facts import Fact
from domain.billing.subscriptions import fact_of
from domain.db import Database, Session
from domain.entitlements import history
from domain.entitlements.answers import owned_by
from domain.entitlements.catalog import Catalog
from domain.entitlements.history import Recorded
from domain.entitlements.overrides import Override
from domain.entitlements.resolver import Given, Granted, Held
from domain.entitlements.snapshot import GRANTED, granted_by, role_of
from domain.errors import DomainError, Forbidden, InvalidInput
from domain.ids import SubscriptionId
from domain.scope import Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Asks what was true at `as_of`, as recorded by `known_at`; both UTC and neither in the future."""

    as_of: datetime
    known_at: datetime

    @classmethod
    def of(cls, as_of: datetime | None, known_at: datetime | None, *, now: datetime) -> "Moment":
        """Make one of what was asked for; what is left out is now.

        Raises:
            InvalidInput: one of them is in the future, of which nothing is known.
        """
        moment = cls(as_of=as_of or now, known_at=known_at or now)
        for name, instant in (("asOf", moment.as_of), ("knownAt", moment.known_at)):
            if instant > now:
                raise InvalidInput(f"{name} is in the future.", path=[name])
        return moment

    @property
    def decided_by(self) -> datetime:
        """The last instant of decisions that count: ours were true from when they were made, and known from then."""
        return min(self.as_of, self.known_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """A customer, the caller's role as it is now, and what was there then; not `counted`: it had nothing at all."""

    customer: Customer
    role: Role | None
    catalog: Catalog
    counted: bool
    told: list[tuple[ProcessorName, SubscriptionFact]] = field(default_factory=list)
    granted: list[Granted] = field(default_factory=list)

    @property
    def heard(self) -> dict[str, SubscriptionFact]:
        """The newest fact of each subscription, in the order of the fold."""
        told = sorted(
            (fact for _, fact in self.told), key=lambda one: (one.occurred_at, one.rank, one.event_id.encode())
        )
        return {fact.subscription_id: fact for fact in told}

    @property
    def given(self) -> Given:
        """Make sense of it.

        Raises:
            pydantic.ValidationError: a fact's state is none that we have written.
        """
        if not self.counted:
            return Given()
        said: dict[tuple[SubscriptionId, ProcessorName], list[Fact]] = {}
        for processor, fact in self.told:
            said.setdefault((fact.subscription_id, processor), []).append(fact_of(fact))
        return Given(held=tuple([_held(*of, told) for of, told in said.items()]), granted=tuple(self.granted))


async def recall(
    database: Database, reading: CustomerReading, customer_ids: Sequence[str], moment: Moment
) -> dict[str, Recalled | DomainError]:
    """Read what was there at a moment; what is not the caller's is left out, and refusals stand in their places.

    Forbidden: the caller may see the customer now, but only its owner hears of its past. InvalidInput: no catalog was
    in force yet, or this Seatgate cannot make sense of the one that was.
    """
    async with database.snapshot() as session:
        seen = await _seen(session, reading, customer_ids, moment)
        recorded = await history.recorded_at(session, moment.decided_by) if seen else None
        found: dict[str, Recalled | DomainError] = {
            row.id: _begun(reading.scope, row, role, recorded, counted) for row, role, counted in seen
        }
        recalled = {id: one for id, one in found.items() if isinstance(one, Recalled)}
        if recalled:
            await _remember_facts(session, recalled, moment)
            await _remember_overrides(session, recalled, moment)
    return found


def _begun(
    scope: Scope,
    customer: Customer,
    role: Role | None,
    recorded: Recorded | None,
    counted: bool,  # noqa: FBT001 - a column
) -> Recalled | DomainError:
    """Begin with a customer, or say why not."""
    if not owned_by(scope, customer, role):
        return Forbidden()
    if recorded is None:
        return InvalidInput("Nothing is known of that time: no catalog was in force yet.", path=["asOf"])
    if recorded.catalog is None:
        return InvalidInput("Nothing can be told of that time: its catalog cannot be read here.", path=["asOf"])
    return Recalled(customer=customer, role=role, catalog=recorded.catalog, counted=counted)


def _held(subscription_id: SubscriptionId, processor: ProcessorName, said: Sequence[Fact]) -> Held:
    folded = facts.fold(said)
    return Held(
        subscription_id=subscription_id,
        processor=processor,
        state=folded.state,
        past_due_since=folded.past_due_since,
        last_fact_at=folded.last_fact_at,
    )


async def _seen(
    session: Session, reading: CustomerReading, customer_ids: Sequence[str], moment: Moment
) -> list[tuple[Customer, Role | None, bool]]:
    """Find the customers that the caller may see now, each with the caller's role and whether it counted then."""
    closing = (
        select(CustomerClosing.closing)
        .where(CustomerClosing.customer_id == Customer.id, CustomerClosing.at <= moment.decided_by)
        .order_by(CustomerClosing.sequence.desc())
        .limit(1)
        .correlate(Customer)
        .scalar_subquery()
    )
    query = reading.visible().where(Customer.id.in_(customer_ids))
    rows = await session.execute(query.add_columns(role_of(reading.scope.looks_as), closing))
    return [(row, role, row.created_at <= moment.decided_by and not gone) for row, role, gone in rows]


async def _remember_facts(session: Session, recalled: Mapping[str, Recalled], moment: Moment) -> None:
    """Add what had been recorded by then and had happened; what we knew counted at once, whatever its clock said."""
    happened = or_(SubscriptionFact.occurred_at <= moment.as_of, SubscriptionFact.recorded_at <= moment.as_of)
    query = (
        select(BillingSubscription.customer_id, BillingSubscription.processor, SubscriptionFact)
        .join(SubscriptionFact, SubscriptionFact.subscription_id == BillingSubscription.id)
        .where(BillingSubscription.customer_id.in_(recalled), SubscriptionFact.recorded_at <= moment.known_at, happened)
        .order_by(BillingSubscription.id, SubscriptionFact.sequence)
    )
    for customer_id, processor, fact in await session.execute(query):
        recalled[customer_id].told.append((processor, fact))


async def _remember_overrides(session: Session, recalled: Mapping[str, Recalled], moment: Moment) -> None:
    """Add the overrides that had been given and not been taken back; their ends are the resolver's affair."""
    query = select(Override.customer_id, *GRANTED).where(
        Override.customer_id.in_(recalled),
        Override.created_at <= moment.decided_by,
        or_(Override.revoked_at.is_(None), Override.revoked_at > moment.decided_by),
    )
    for customer_id, *columns in await session.execute(query):
        recalled[customer_id].granted.append(granted_by(columns))
