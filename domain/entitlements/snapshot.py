"""The one read behind every answer: a customer's subscription rows that can grant anything and its overrides, at once.

The statements are made once and given their values when they run: putting one together anew costs more than running it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, ScalarSelect, Select, and_, bindparam, or_, select

from domain.billing import (
    BillingSubscription,
    CallerParameter,
    Customer,
    CustomerReading,
    Owner,
    OwnerKind,
    OwnOrganizations,
    facts,
    lifecycle,
    owned_by,
)
from domain.db import Database, Key, Lookup, Session
from domain.entitlements.billables import Payer
from domain.entitlements.overrides import Override
from domain.entitlements.resolver import Given, Granted, Held
from domain.ids import CustomerId
from domain.organizations import Membership
from domain.scope import Role

T = TypeVar("T")

_HELD = (
    BillingSubscription.id,
    BillingSubscription.processor,
    BillingSubscription.state,
    BillingSubscription.past_due_since,
    BillingSubscription.last_fact_at,
)
GRANTED = (Override.id, Override.feature, Override.limit_key, Override.value, Override.expires_at)
"""The columns that `granted_by` reads."""

_WIDTH = len(_HELD)

_COUNTS = and_(
    BillingSubscription.customer_id == Customer.id,
    BillingSubscription.status.in_(lifecycle.CANDIDATE_STATUSES),
)
_LIVES = and_(Override.customer_id == Customer.id, Override.revoked_at.is_(None))


def holdings(*columns: Any) -> Select[Any]:
    """Select these columns of customers, then what each holds and what it was given."""
    query = select(*columns, *_HELD, *GRANTED).select_from(Customer)
    return query.outerjoin(BillingSubscription, _COUNTS).outerjoin(Override, _LIVES)


# A customer whose owner goes is to these reads as if it were not there: no plan, and no default either.
STAYING = Customer.closing_at.is_(None)
_OWNED = and_(Customer.owner_kind == bindparam("kind"), Customer.owner_id == bindparam("owner"))
_OF_OWNER = Lookup(holdings().where(STAYING, _OWNED))
_OF_CUSTOMER = Lookup(holdings().where(STAYING, Customer.id == bindparam("customer")))
_CUSTOMER = tuple(Customer.__table__.columns)
_NAMES = (Customer.id, Customer.owner_kind, Customer.owner_id)
_MOST = 5000
"""How many customers one statement asks for: both engines have a limit to the values of a statement."""


@dataclass(frozen=True, slots=True)
class Found:
    """One customer's rows as they were read, by their ids: each stands in as many lines as there are of the others."""

    held: dict[str, Sequence[Any]] = field(default_factory=dict)
    granted: dict[str, Sequence[Any]] = field(default_factory=dict)

    def take(self, columns: Sequence[Any]) -> None:
        """Add what one line of the answer shows."""
        if columns[0] is not None:
            self.held[columns[0]] = columns
        if columns[_WIDTH] is not None:
            self.granted[columns[_WIDTH]] = columns[_WIDTH:]

    @property
    def given(self) -> Given:
        """Make sense of it.

        Raises:
            pydantic.ValidationError: a subscription's state is none that we have written.
        """
        return Given(
            held=tuple([_held(columns) for columns in self.held.values()]),
            granted=tuple([granted_by(columns) for columns in self.granted.values()]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """A customer, the caller's role as a member of the organization that owns it, and what may grant something."""

    customer: Customer
    role: Role | None
    found: Found = field(default_factory=Found)


async def visible_holdings(
    database: Database, reading: CustomerReading, customer_ids: Sequence[str]
) -> dict[str, Holdings]:
    """Read what customers hold and who asks, in one statement; what is not the caller's is left out.

    Raises:
        Forbidden: the key lacks the scope.
    """
    reading.require()
    kind = (reading.own_organizations, reading.scope.everywhere)
    caller = reading.scope.looks_as
    if len(customer_ids) == 1:
        return _gathered(await database.look_up(_visible_one(*kind), caller=caller, customer=customer_ids[0]))
    async with database.snapshot() as session:
        values = {"caller": caller, "customers": list(customer_ids)}
        return _gathered((await session.execute(_visible_many(*kind), values)).all())


async def found_by_payer(database: Database, payer: Payer) -> Found | None:
    """Read what one customer holds, the shortest way; no caller is asked for. None: there is none that stays."""
    if isinstance(payer, Owner):
        rows = await database.look_up(_OF_OWNER, kind=payer.kind.value, owner=payer.id)
    else:
        rows = await database.look_up(_OF_CUSTOMER, customer=payer)
    found = Found()
    for row in rows:
        found.take(row)
    return found if rows else None


async def found_by_payers(session: Session, payers: Sequence[Payer]) -> dict[Payer, Found]:
    """Read what many customers hold inside the caller's transaction, in one statement; each is there by both names.

    A customer without rows is there and empty; who is no customer that stays is missing.
    """
    gathered: dict[str, tuple[Owner, Found]] = {}
    for kinds, values in _asked(payers):
        for row in await session.execute(_found_by(kinds), values):
            owner = Owner(kind=row[1], id=row[2])
            gathered.setdefault(row[0], (owner, Found()))[1].take(row[3:])
    return _by_both_names(gathered)


async def customers_by_payers(session: Session, payers: Sequence[Payer]) -> dict[Payer, Customer]:
    """Read the customers alone, those whose owners go left out; each is there by both names."""
    gathered: dict[str, tuple[Owner, Customer]] = {}
    for kinds, values in _asked(payers):
        for row in await session.execute(_customers_by(kinds), values):
            customer = _customer(row)
            gathered[customer.id] = Owner(kind=customer.owner_kind, id=customer.owner_id), customer
    return _by_both_names(gathered)


def role_of(caller: CallerParameter) -> ScalarSelect[Role]:
    """Select the caller's role in the organization that owns the customer of the statement around."""
    member = and_(Membership.organization_id == Customer.owner_id, Membership.user_id == caller)
    return select(Membership.role).where(member).correlate(Customer).scalar_subquery()


async def granted_to(session: Session, customer_ids: Sequence[str]) -> dict[str, tuple[Granted, ...]]:
    """Read the overrides that have not been revoked, by customer, inside the caller's transaction."""
    query = select(Override.customer_id, *GRANTED).where(
        Override.customer_id.in_(customer_ids), Override.revoked_at.is_(None)
    )
    gathered: dict[str, list[Granted]] = {}
    for customer_id, *columns in (await session.execute(query)).all():
        gathered.setdefault(customer_id, []).append(granted_by(columns))
    return {customer_id: tuple(granted) for customer_id, granted in gathered.items()}


def _held(columns: Sequence[Any]) -> Held:
    return Held(
        subscription_id=columns[0],
        processor=columns[1],
        state=facts.decode(columns[2]),
        past_due_since=columns[3],
        last_fact_at=columns[4],
    )


def granted_by(columns: Sequence[Any]) -> Granted:
    """Make sense of an override that was read."""
    return Granted(
        override_id=columns[0],
        feature=columns[1],
        limit=columns[2],
        value=columns[3] or 0,
        expires_at=columns[4],
    )


def _customer(columns: Sequence[Any]) -> Customer:
    """Make a customer that belongs to no session, so that whoever is handed it changes nothing by it."""
    return Customer(**{column.key: value for column, value in zip(_CUSTOMER, columns, strict=True)})


def _gathered(found: Sequence[Sequence[Any]]) -> dict[str, Holdings]:
    gathered: dict[str, Holdings] = {}
    for row in found:
        columns, role, rest = row[: len(_CUSTOMER)], row[len(_CUSTOMER)], row[len(_CUSTOMER) + 1 :]
        holdings = gathered.get(columns[0])
        if holdings is None:
            customer = _customer(columns)
            holdings = gathered[customer.id] = Holdings(customer=customer, role=Role(role) if role else None)
        holdings.found.take(rest)
    return gathered


def _by_both_names(gathered: dict[str, tuple[Owner, T]]) -> dict[Payer, T]:
    named: dict[Payer, T] = {}
    for customer_id, (owner, found) in gathered.items():
        named[CustomerId(customer_id)] = named[owner] = found
    return named


_Kinds = frozenset[OwnerKind | None]
"""What kinds of owners are named, None where a customer is itself."""


def _asked(payers: Sequence[Payer]) -> Iterator[tuple[_Kinds, dict[str, list[str]]]]:
    """Sort payers by how they are named, into what each statement is given."""
    for start in range(0, len(payers), _MOST):
        named: dict[OwnerKind | None, list[str]] = {}
        for payer in payers[start : start + _MOST]:
            kind, id = (payer.kind, payer.id) if isinstance(payer, Owner) else (None, payer)
            named.setdefault(kind, []).append(id)
        yield frozenset(named), {_parameter(kind): ids for kind, ids in named.items()}


def _parameter(kind: OwnerKind | None) -> str:
    return f"of_{kind or 'customer'}"


def _one_of(kinds: _Kinds) -> ColumnElement[bool]:
    """Name only what is asked for: an empty list in the condition would keep PostgreSQL from its indexes."""
    return or_(*[_one_of_kind(kind) for kind in (*OwnerKind, None) if kind in kinds])


def _one_of_kind(kind: OwnerKind | None) -> ColumnElement[bool]:
    ids: BindParameter[Any] = bindparam(_parameter(kind), expanding=True)
    return Customer.id.in_(ids) if kind is None else and_(Customer.owner_kind == kind, Customer.owner_id.in_(ids))


@lru_cache(maxsize=8)
def _found_by(kinds: _Kinds) -> Select[Any]:
    return holdings(*_NAMES).where(STAYING, _one_of(kinds))


@lru_cache(maxsize=8)
def _customers_by(kinds: _Kinds) -> Select[Any]:
    return select(*_CUSTOMER).where(STAYING, _one_of(kinds))


@lru_cache(maxsize=8)
def _visible_one(own_organizations: OwnOrganizations, everyone: bool) -> Lookup:  # noqa: FBT001 - a key of the cache
    return Lookup(_visible(own_organizations, everyone).where(Customer.id == bindparam("customer")))


@lru_cache(maxsize=8)
def _visible_many(own_organizations: OwnOrganizations, everyone: bool) -> Select[Any]:  # noqa: FBT001 - the same
    return _visible(own_organizations, everyone).where(Customer.id.in_(bindparam("customers", expanding=True)))


def _visible(own_organizations: OwnOrganizations, everyone: bool) -> Select[Any]:  # noqa: FBT001 - the same
    caller = bindparam("caller", type_=Key)
    query = holdings(*_CUSTOMER, role_of(caller))
    return query if everyone else query.where(owned_by(caller, own_organizations))
