"""Catalogs that differ in all that an answer depends on, and a way to put one in force."""

from datetime import datetime

from domain.db import Session
from domain.entitlements import Catalog, catalog
from domain.entitlements.catalog import encode
from domain.entitlements.in_force import CatalogPeriod, StoredCatalog

PLANS = """
[default]
features = ["reading"]
limits = { seats = 1 }

[plans.pro]
features = ["api", "reports"]
limits = { seats = 3, projects = 20 }
price_ids = ["price_pro"]

[plans.team]
features = ["api", "reports", "sso"]
limits = { seats = { per = "quantity", max = 25 }, projects = "unlimited" }
price_ids = ["price_team"]

[plans.pack]
add_on = true
limits = { seats = { per = "quantity", times = 5, merge = "sum" } }
price_ids = ["price_pack"]
"""
POORER = """
[default]
limits = { seats = 2 }

[plans.pro]
features = ["api"]
limits = { seats = 2 }
price_ids = ["price_pro", "price_team"]

[plans.old]
features = ["reports"]
limits = { seats = { per = "quantity" } }
price_ids = ["price_old"]
"""
CATALOGS: tuple[Catalog, ...] = tuple(
    catalog.parse({"catalog.toml": text})
    for text in (
        PLANS,
        "past_due_grace = 7\n" + PLANS,
        'past_due_grace = "dunning"\ndunning_grace_days = 3\nstale_after_hours = 72\n' + PLANS,
        'unmapped_action = "raise"\n' + PLANS,
        "past_due_grace = 2\nstale_after_hours = 24\n" + POORER,
    )
)


async def put_in_force(session: Session, catalog: Catalog, *, at: datetime) -> None:
    """Let a catalog be the one of the history from `at` on."""
    if await session.get(StoredCatalog, catalog.version) is None:
        session.add(StoredCatalog(version=catalog.version, document=encode(catalog)))
        await session.flush()
    session.add(CatalogPeriod(version=catalog.version, in_force_at=at))
    await session.flush()
