"""Seatgate itself in a benchmark: a database full of paying organizations, and its application over it."""

import os
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OctKey
from starlette.types import ASGIApp

from benchmarks.questions import CANDIDATES, CATALOG, ORGANIZATIONS, PRICE, SEATS, Tenant, email
from domain import settings
from domain.billing import Owner, OwnerKind, Purchase, find_customer
from domain.db import Session, migrating
from domain.identity import Arrival, User
from domain.organizations import Organization
from domain.scope import Actor, ActorKind, Scope
from domain.settings import Settings
from domain.wiring import Services, build
from graphql_api.app import create_app
from graphql_api.cli.serving import settled

SECRET = "a secret of the benchmark that is long enough to sign with"
LAST_SECOND = 4_000_000_000


def configured(folder: Path) -> Settings:
    """Read settings for a database and a catalog in a folder."""
    place = folder / "catalog.toml"
    place.write_text(CATALOG)
    environ = {
        "SEATGATE_DATABASE_URL": os.environ.get("BENCH_DATABASE_URL", f"sqlite+aiosqlite:///{folder / 'ours.db'}"),
        "SEATGATE_CATALOG": str(place),
        **dict.fromkeys(["SEATGATE_JWT_SECRETS", "SEATGATE_SECRET_KEYS", "SEATGATE_FAKE_WEBHOOK_SECRETS"], SECRET),
    }
    return settings.read(environ, folder=folder)


def migrate(folder: Path) -> None:
    """Make the tables; to be called outside of an event loop."""
    migrating.upgrade(configured(folder).database_url)


async def fill(folder: Path) -> list[Tenant]:
    """Make organizations with subscriptions bought through the Fake, each with an owner of its own, and candidates."""
    services = build(configured(folder))
    tenants = [await _tenant(services, f"owner-{number}") for number in range(ORGANIZATIONS)]
    for number in range(CANDIDATES):
        await _arrive(services, f"candidate-{number}", email(number))
    while await services.worker.round():
        """Let the Fake's webhooks arrive."""
    await services.aclose()
    return tenants


def app(folder: Path) -> ASGIApp:
    """Make the application."""
    return settled(create_app(configured(folder)))


async def _tenant(services: Services, subject: str) -> Tenant:
    owner = await _arrive(services, subject, None)
    scope = Scope(actor=Actor(kind=ActorKind.USER, id=owner.id))

    async def found(session: Session) -> Organization:
        return await services.organizations.create(session, scope=scope, name=subject)

    organization = await services.database.run(found)
    async with services.database.snapshot() as session:
        customer = await find_customer(session, owner=Owner(kind=OwnerKind.ORGANIZATION, id=organization.id))
    assert customer is not None
    items = [Purchase(price_id=PRICE, quantity=SEATS)]
    await services.commands.subscribe(scope=scope, customer_id=customer.id, items=items)
    # Whoever is no administrator may add thirty by address in a minute.
    claims = {"sub": subject, "exp": LAST_SECOND, "scope": "seatgate:admin"}
    token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
    return Tenant(organization_id=organization.id, customer_id=customer.id, token=token)


async def _arrive(services: Services, subject: str, address: str | None) -> User:
    return await services.users.arrive(Arrival(issuer="", subject=subject, email=address, name=None, issued_at=None))
