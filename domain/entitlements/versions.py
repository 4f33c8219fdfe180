"""How far the rows are on which answers rest: cheap to read for many at once, compared and never interpreted.

No row is written for it. Rows of the mirror and pools of seats count their own changes, overrides, what is revoked of
them and closings only become more; so equal versions mean that nothing has changed in between. Versions know nothing of
what time alone brings about, nor of the catalog.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Select, and_, bindparam, func, select

from domain.billing import BillingSubscription, Customer, CustomerClosing, OwnerKind
from domain.billing.seats import SeatPool
from domain.db import Database
from domain.entitlements.overrides import Override

MOST = 500
"""How many one statement asks for."""

Version = tuple[Any, ...]

_HEARD = (
    select(func.coalesce(func.sum(BillingSubscription.version), 0))
    .where(BillingSubscription.customer_id == Customer.id)
    .correlate(Customer)
    .scalar_subquery()
)
_GIVEN = (
    select(func.count() + func.count(Override.revoked_at))
    .where(Override.customer_id == Customer.id)
    .correlate(Customer)
    .scalar_subquery()
)
_CLOSED = (
    select(func.count())
    .select_from(CustomerClosing)
    .where(CustomerClosing.customer_id == Customer.id)
    .correlate(Customer)
    .scalar_subquery()
)
_ENTITLED = (_HEARD, _GIVEN, _CLOSED)
_ASKED: BindParameter[Any] = bindparam("asked", expanding=True)
_OF_CUSTOMERS = select(Customer.id, *_ENTITLED).where(Customer.id.in_(_ASKED))
_OF_SEATS = (
    select(SeatPool.organization_id, SeatPool.version, *_ENTITLED)
    .outerjoin(
        Customer, and_(Customer.owner_id == SeatPool.organization_id, Customer.owner_kind == OwnerKind.ORGANIZATION)
    )
    .where(SeatPool.organization_id.in_(_ASKED))
)


async def versions_of_customers(database: Database, customer_ids: Sequence[str]) -> Mapping[str, Version]:
    """Tell how far what these customers have is, as committed now; those that are not there are left out.

    Raises:
        Unavailable: the database could not be reached or was too busy.
    """
    return await _read(database, _OF_CUSTOMERS, customer_ids)


async def versions_of_seats(database: Database, organization_ids: Sequence[str]) -> Mapping[str, Version]:
    """Tell the same of the seats of these organizations, their limits included.

    Raises:
        Unavailable: the database could not be reached or was too busy.
    """
    return await _read(database, _OF_SEATS, organization_ids)


async def _read(database: Database, query: Select[Any], ids: Sequence[str]) -> dict[str, Version]:
    found: dict[str, Version] = {}
    for start in range(0, len(ids), MOST):
        async with database.snapshot() as session:
            rows = await session.execute(query, {"asked": ids[start : start + MOST]})
            found |= {id: tuple(version) for id, *version in rows}
    return found
