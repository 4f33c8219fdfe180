"""How long `seatgate catalog diff` takes over many organizations: `python -m benchmarks.catalogs`.

The organizations are written in bulk into a database of their own, in a folder that is deleted afterwards. Three of
four hold a subscription, one of ten an override, and most have seats taken.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from domain.billing import BillingSubscription, Customer, OwnerKind, ProcessorName, Status, facts
from domain.billing.seats import SeatPool
from domain.billing.states import Item, SubscriptionState
from domain.clock import SystemClock
from domain.db import Database, migrating, open_database
from domain.entitlements import Override, Totals, catalog, diff

BULK = 5000
OLD = """
[default.limits]
seats = 2
[plans.pro]
features = ["api", "reports", "sso"]
limits = { seats = 5, projects = 10 }
price_ids = ["price_pro"]
[plans.team]
features = ["api", "reports"]
limits = { seats = { per = "quantity" } }
price_ids = ["price_team"]
"""
NEW = OLD.replace(', "sso"', "").replace("seats = 5", "seats = 3").replace('price_ids = ["price_team"]', "")


def rows(number: int) -> Iterator[tuple[type[Any], dict[str, Any]]]:
    """Make the rows of one organization's customer."""
    now = SystemClock().now()
    customer, organization = f"cst_{number:032x}", f"org_{number:032x}"
    owner = {"owner_kind": OwnerKind.ORGANIZATION, "owner_id": organization, "closing_at": None}
    yield Customer, {"id": customer, "created_at": now, **owner}
    yield SeatPool, {"organization_id": organization, "used": number % 7}
    if number % 4:
        price = "price_pro" if number % 2 else "price_team"
        items = (Item(processor_id=f"si_{number}", price_id=price, quantity=number % 9),)
        yield (
            BillingSubscription,
            {
                "id": f"bsb_{number:032x}",
                "customer_id": customer,
                "processor": ProcessorName.FAKE,
                "livemode": False,
                "processor_id": f"sub_{number}",
                "status": Status.ACTIVE,
                "state": facts.encode(SubscriptionState(status=Status.ACTIVE, items=items)),
                "last_fact_at": now,
                "fetch_owed": False,
                "fetch_attempts": 0,
                "version": 1,
                "created_at": now,
            },
        )
    if number % 10 == 0:
        given = {"feature": "sso", "reason": "a promise", "created_by": "usr_1", "created_at": now}
        yield Override, {"id": f"ovr_{number:032x}", "customer_id": customer, **given}


async def fill(database: Database, organizations: int) -> None:
    """Write everything, a few thousand organizations at a time."""
    for first in range(0, organizations, BULK):
        made: dict[type[Any], list[dict[str, Any]]] = {}
        for number in range(first, min(first + BULK, organizations)):
            for table, row in rows(number):
                made.setdefault(table, []).append(row)
        async with database.transaction() as session:
            for table, several in made.items():
                await session.execute(insert(table), several)


async def measure(url: str, organizations: int) -> None:
    """Fill the database, compare, and say what it took."""
    database = open_database(url)
    await fill(database, organizations)
    old, new = (catalog.parse({"catalog.toml": text}) for text in (OLD, NEW))
    before, started, totals = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter(), Totals()
    async for _ in diff(database, old, new, now=SystemClock().now(), totals=totals):
        pass
    after, seconds = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - started
    await database.aclose()
    print(
        f"{totals.customers} customers, {totals.losing} lose, {totals.over_limit} over their limit: "
        f"{seconds:.1f} s, {after.ru_utime - before.ru_utime:.1f} s of CPU, {after.ru_maxrss / 1024:.0f} MiB at most"
    )


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--organizations", type=int, default=100_000)
    parser.add_argument("--url", help="a database that is empty and migrated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite+aiosqlite:///{Path(folder) / 'seatgate.db'}"
        if options.url is None:
            migrating.upgrade(url)
        asyncio.run(measure(url, options.organizations))


if __name__ == "__main__":
    main()
