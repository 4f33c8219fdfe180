"""Everybody who may have something, page by page: customers with what they hold and how many seats are taken."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import and_, bindparam, func, select

from domain.billing import Customer, Owner, OwnerKind
from domain.billing.seats import SeatPool
from domain.db import Session
from domain.entitlements.snapshot import STAYING, Found, holdings
from domain.ids import CustomerId

_PAGE = (
    select(Customer.id, Customer.owner_kind, Customer.owner_id)
    .where(STAYING, Customer.id > bindparam("after"))
    .order_by(Customer.id)
    .limit(bindparam("size"))
    .subquery()
)
_POOLED = and_(SeatPool.organization_id == _PAGE.c.owner_id, _PAGE.c.owner_kind == OwnerKind.ORGANIZATION)
_OF_EVERYBODY = (
    holdings(_PAGE.c.id, _PAGE.c.owner_kind, _PAGE.c.owner_id, SeatPool.used)
    .join(_PAGE, _PAGE.c.id == Customer.id)
    .outerjoin(SeatPool, _POOLED)
    .order_by(_PAGE.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A customer that stays, whose it is, what may grant something, and how many seats are held at most."""

    customer_id: CustomerId
    owner: Owner
    seats_held: int
    found: Found = field(default_factory=Found)


async def count_everybody(session: Session) -> int:
    """Count the customers that stay."""
    return (await session.execute(select(func.count()).select_from(Customer).where(STAYING))).scalar_one()


async def page_of_everybody(session: Session, *, after: str, size: int) -> Sequence[Owned]:
    """Read what the next customers after an id hold, in the order of their ids; no caller is asked for."""
    gathered: dict[str, Owned] = {}
    for row in await session.execute(_OF_EVERYBODY, {"after": after, "size": size}):
        owned = gathered.get(row[0])
        if owned is None:
            owner = Owner(kind=row[1], id=row[2])
            owned = gathered[row[0]] = Owned(customer_id=row[0], owner=owner, seats_held=row[3] or 0)
        owned.found.take(row[4:])
    return list(gathered.values())
