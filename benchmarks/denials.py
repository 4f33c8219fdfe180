"""Compare how long a denial takes by its cause: `python -m benchmarks.denials`. Equal work should be equal time.

Both requests of a pair are asked in turns, in one process without a network; the ratio of their medians is printed.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.ours import LAST_SECOND, SECRET
from domain import settings
from domain.billing import Owner, OwnerKind, Purchase, find_customer
from domain.db import Session, migrating
from domain.entitlements import Billable
from domain.identity import Arrival
from domain.organizations import Organization
from domain.scope import Actor, ActorKind, Scope
from domain.settings import Settings
from domain.wiring import Services
from graphql_api import guards
from graphql_api.app import create_app

CATALOG = """
[default]
limits = { seats = 1 }

[plans.basic]
features = ["api"]
price_ids = ["price_basic"]

[plans.pro]
features = ["api", "reports"]
price_ids = ["price_pro"]
"""
REQUESTS, WARMING = 500, 100
PAIRS = (("nothing-bought", "another-plan"), ("not-there", "of-another"))


async def billed(connection: HTTPConnection) -> Billable | None:
    """Bill the organization of the path, if the caller belongs to it."""
    context = await guards.context(connection)
    async with context.database.snapshot() as session:
        return await context.services.reading(context.caller).organization(session, slug=connection.path_params["slug"])


@guards.require_feature("reports", billable=billed)
async def report(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    """Stand behind the guard."""
    return Response()


@contextmanager
def configured() -> Iterator[Settings]:
    """Read settings for a database and a catalog in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "catalog.toml").write_text(CATALOG)
        environ = {
            "SEATGATE_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/seatgate.db",
            **dict.fromkeys(["SEATGATE_JWT_SECRETS", "SEATGATE_SECRET_KEYS", "SEATGATE_FAKE_WEBHOOK_SECRETS"], SECRET),
        }
        yield settings.read(environ, folder=Path(folder))


async def fill(services: Services) -> None:
    """Make two organizations of the caller's and one of another's, one of them with a plan without the feature."""
    for slug, who in (("nothing-bought", "ann"), ("another-plan", "ann"), ("of-another", "bob")):
        user = await services.users.arrive(Arrival(issuer="", subject=who, email=None, name=None, issued_at=None))
        scope = Scope(actor=Actor(kind=ActorKind.USER, id=user.id))

        async def found(session: Session, scope: Scope = scope, slug: str = slug) -> Organization:
            return await services.organizations.create(session, scope=scope, name=slug, slug=slug)

        organization = await services.database.run(found)
        if slug == "nothing-bought":
            continue
        async with services.database.snapshot() as session:
            customer = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=organization.id))
        assert customer is not None
        items = [Purchase(price_id="price_basic", quantity=1)]
        await services.commands.subscribe(scope=scope, customer_id=customer.id, items=items)
    while await services.worker.round():
        """Let the Fake's webhooks arrive."""


async def compare(client: httpx.AsyncClient, pair: tuple[str, str]) -> tuple[float, float]:
    """Give the median microseconds of both denials of a pair."""
    taken: dict[str, list[float]] = {slug: [] for slug in pair}
    for number in range(WARMING + REQUESTS):
        for slug in pair if number % 2 else reversed(pair):
            begun = time.perf_counter()
            answer = await client.get(f"/reports/{slug}")
            if number >= WARMING:
                taken[slug].append((time.perf_counter() - begun) * 1e6)
            assert answer.text == "Forbidden"
    first, second = (statistics.median(taken[slug]) for slug in pair)
    return first, second


async def main(here: Settings) -> None:
    """Measure every pair and print a table."""
    app = create_app(here, routes=[Route("/reports/{slug}", report)], worker=False)
    claims = {"sub": "ann", "exp": LAST_SECOND}
    bearer = f"Bearer {jwt.encode({'alg': 'HS256'}, claims, OctKey.import_key(SECRET))}"
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://localhost", headers={"authorization": bearer}
    )
    async with app.router.lifespan_context(app), client:
        await fill(app.state.services)
        print("| denied for | and for | µs | µs | ratio |\n|---|---|---|---|---|")
        for pair in PAIRS:
            first, second = await compare(client, pair)
            print(f"| {pair[0]} | {pair[1]} | {first:.0f} | {second:.0f} | {first / second:.3f} |")


if __name__ == "__main__":
    with configured() as found:
        print("migrating", file=sys.stderr)
        migrating.upgrade(found.database_url)
        asyncio.run(main(found))
