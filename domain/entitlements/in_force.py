"""The catalog in force: which one it is, since when, and every one before it.

The newest period of the history counts for every process; a process holds the catalog that it knows of and never reads
a file between two answers.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from domain.billing.quantities import SeatQuantity
from domain.db import Base, Counter, JsonDocument, Key, UtcDateTime
from domain.entitlements.catalog import Catalog


class StoredCatalog(Base):
    """One catalog by its content: `version` is its hash, `document` all that it says."""

    __tablename__ = "catalogs"

    version: Mapped[str] = mapped_column(Key, primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JsonDocument)


class CatalogPeriod(Base):
    """From `in_force_at` on this catalog counts, until the next period begins; appended and never changed."""

    __tablename__ = "catalog_periods"

    sequence: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    version: Mapped[str] = mapped_column(Key, ForeignKey("catalogs.version"))
    in_force_at: Mapped[datetime] = mapped_column(UtcDateTime)


class InForce:
    """The catalog that this process answers by. Asked anew for each answer, because it may be replaced at any time."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._told: list[Callable[[], None]] = []

    @property
    def catalog(self) -> Catalog:
        """The catalog as it is now."""
        return self._catalog

    def replace(self, catalog: Catalog) -> None:
        """Answer by another catalog from here on, and tell whoever wants to know."""
        self._catalog = catalog
        for told in self._told:
            told()

    def when_replaced(self, told: Callable[[], None]) -> None:
        """Let somebody know each time that another catalog is answered by."""
        self._told.append(told)

    def is_known(self, price_id: str) -> bool:
        """Say whether some plan has this price."""
        return self._catalog.is_known(price_id)

    def has_base(self, price_ids: Iterable[str]) -> bool:
        """Say whether not all of these prices are add-ons, as for a base subscription."""
        return self._catalog.has_base(price_ids)

    def is_add_on(self, price_id: str) -> bool:
        """Say whether the price's plan is an add-on; an unknown price is not."""
        return self._catalog.is_add_on(price_id)

    def seat_quantity_of(self, price_id: str) -> SeatQuantity | None:
        """Tell how the quantity of a price follows the seats; None when it does not."""
        return self._catalog.seat_quantity_of(price_id)
