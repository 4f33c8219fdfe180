"""Which catalogs have been in force, in their order. Nothing is ever taken out; the newest period's catalog counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import bindparam, func, select, text

from domain.db import Counter, Database, Lookup, Session
from domain.entitlements.catalog import Catalog, decode, encode
from domain.entitlements.in_force import CatalogPeriod, StoredCatalog
from domain.errors import ConfigError

# Others may read meanwhile; who also wants to begin a period waits.
_ONE_AT_A_TIME = text("LOCK TABLE catalog_periods IN SHARE ROW EXCLUSIVE MODE")
_PERIOD: tuple[Any, ...] = (CatalogPeriod.sequence, CatalogPeriod.version, CatalogPeriod.in_force_at)
_PERIODS = select(*_PERIOD).order_by(CatalogPeriod.sequence.desc())
_AFTER = Lookup(
    _PERIODS.add_columns(StoredCatalog.document)
    .join(StoredCatalog, StoredCatalog.version == CatalogPeriod.version)
    .where(CatalogPeriod.sequence > bindparam("known", type_=Counter))
    .limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `in_force_at` on, in UTC, the catalog of this version counts, until the next period begins."""

    sequence: int
    version: str
    in_force_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A period with the catalog that was stored for it; None where this Seatgate cannot make sense of it."""

    period: Period
    catalog: Catalog | None


async def newest_period(database: Database, *, after: int = 0) -> Recorded | None:
    """Read the newest period with its catalog, if its number is above `after`; one read of the newest state.

    Raises:
        Unavailable: the database could not be reached or was too busy.
    """
    for sequence, version, in_force_at, document in await database.look_up(_AFTER, known=after):
        period = Period(sequence=sequence, version=version, in_force_at=in_force_at)
        return Recorded(period=period, catalog=read(version, document))
    return None


async def recorded_at(session: Session, instant: datetime) -> Recorded | None:
    """Find the period that an instant lies in, with its catalog; None before the first."""
    query = (
        _PERIODS.add_columns(StoredCatalog.document)
        .join(StoredCatalog, StoredCatalog.version == CatalogPeriod.version)
        .where(CatalogPeriod.in_force_at <= instant)
        .limit(1)
    )
    row = (await session.execute(query)).first()
    return None if row is None else Recorded(period=_period(row), catalog=read(row.version, row.document))


async def hold(session: Session) -> Period | None:
    """Let nobody else begin a period until this transaction has ended, and give the newest one."""
    if session.locks_rows:
        await session.execute(_ONE_AT_A_TIME)
    row = (await session.execute(_PERIODS.limit(1))).first()
    return None if row is None else _period(row)


async def begin(
    session: Session, catalog: Catalog, *, last: Period | None, at: datetime, again: bool = False
) -> Period | None:
    """Let a catalog come into force at `at`, or, when this clock is behind another one, with the last period.

    `last` comes from `hold`. A catalog that is in force stays so, and one that was in force before comes back only with
    `again`: else None, and nothing is written.
    """
    if await session.get(StoredCatalog, catalog.version) is None:
        session.add(StoredCatalog(version=catalog.version, document=encode(catalog)))
        await session.flush()
    elif not again or (last is not None and last.version == catalog.version):
        return None
    row = CatalogPeriod(version=catalog.version, in_force_at=at if last is None else max(at, last.in_force_at))
    session.add(row)
    await session.flush()
    return _period(row)


async def periods(session: Session) -> Sequence[Period]:
    """List every period, the newest first."""
    return [_period(row) for row in await session.execute(_PERIODS)]


async def find_stored(session: Session, version: str) -> Catalog:
    """Find a stored catalog by its version, or by the beginning of it where only one begins so.

    Raises:
        ConfigError: there is none, there are several, or this Seatgate cannot make sense of it.
    """
    begins = func.substr(StoredCatalog.version, 1, len(version)) == version
    found = (await session.execute(select(StoredCatalog).where(begins).limit(2))).scalars().all()
    if len(found) != 1:
        raise ConfigError([f"{version}: {'several catalogs begin so' if found else 'no such catalog is stored'}"])
    catalog = read(found[0].version, found[0].document)
    if catalog is None:
        raise ConfigError([f"{version}: the stored catalog cannot be read by this Seatgate"])
    return catalog


def read(version: str, document: dict[str, Any]) -> Catalog | None:
    """Make sense of a stored catalog; None when it is damaged, or says what only another Seatgate understands."""
    try:
        catalog = decode(document)
    except ValidationError:
        return None
    return catalog if catalog.version == version else None


def _period(row: Any) -> Period:
    return Period(sequence=row.sequence, version=row.version, in_force_at=row.in_force_at)
