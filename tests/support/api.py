"""Seatgate over HTTP, as a client sees it: the whole application on a fresh database, and people with tokens."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import select
from starlette.applications import Starlette

from domain import settings
from domain.billing import ProcessorName
from domain.billing.customers import link_account
from domain.billing.processors.signatures import sign
from domain.db import Base
from domain.ids import CustomerId
from domain.wiring import Services
from graphql_api.app import create_app
from tests.domain.billing.processors import stripe_json
from tests.support import tables
from tests.support.clock import FixedClock

ADMINISTRATOR = "ada"
JWT_SECRET = "a-secret-for-tests-that-signs-every-token"
WEBHOOK_SECRET = "a-secret-for-tests-that-signs-every-event"
ERRORS = "errors { __typename ... on UserError { code message path } }"
CATALOG = """
past_due_grace = 7
seat_limit = "seats"

[default]
limits = { seats = 1 }

[plans.pro]
features = ["api", "reports"]
limits = { seats = 3, projects = 20 }
price_ids = ["price_pro_monthly", "price_pro_yearly"]

[plans.team]
features = ["api", "reports", "sso"]
limits = { seats = { per = "quantity", max = 25 }, projects = "unlimited" }
price_ids = ["price_team_monthly"]

[plans.basic]
features = ["api"]
price_ids = ["price_basic"]

[plans.seat_pack]
add_on = true
limits = { seats = { per = "quantity", times = 5, merge = "sum" } }
price_ids = ["price_seat_pack"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response. `body` leaves out what was paid for it, and `data` insists that there is no error."""

    response: httpx.Response

    @property
    def body(self) -> dict[str, Any]:
        content: dict[str, Any] = self.response.json()
        return {name: value for name, value in content.items() if name != "extensions"}

    @property
    def cost(self) -> dict[str, Any]:
        found: dict[str, Any] = self.response.json()["extensions"]["cost"]
        return found

    @property
    def data(self) -> Any:
        assert "errors" not in self.body, self.body
        return self.body["data"]

    @property
    def bare(self) -> bytes:
        """The answer to the byte, but for what was paid for it."""
        return re.sub(rb',"extensions":\{"cost":\{[^}]*\}\}', b"", self.response.content)

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]


class Api:
    """Asks the application as one of several people; who has not been seen before becomes a user by asking."""

    def __init__(self, app: Starlette, client: httpx.AsyncClient, clock: FixedClock) -> None:
        self.app = app
        self.client = client
        self.clock = clock
        self.services: Services = app.state.services

    def token(self, who: str, secret: str = JWT_SECRET, **claims: object) -> str:
        now = self.clock.now()
        payload: dict[str, object] = {
            "sub": who,
            "exp": int((now + timedelta(hours=1)).timestamp()),
            "email": f"{who}@example.com",
            "email_verified": True,
            "name": who.title(),
            "scope": "seatgate:admin" if who == ADMINISTRATOR else "",
        }
        return jwt.encode({"alg": "HS256"}, payload | claims, OctKey.import_key(secret))

    async def ask(self, document: str, who: str | None = "ann", /, **variables: object) -> Answer:
        headers = {"accept": "application/graphql-response+json"}
        if who is not None:
            headers["authorization"] = f"Bearer {self.token(who)}"
        content = {"query": document, "variables": variables}
        return Answer(response=await self.client.post("/graphql", json=content, headers=headers))

    async def do(self, mutation: str, who: str | None, select: str = "", /, **input: object) -> Any:
        """Run one mutation and give its payload, errors and all."""
        return (await self.try_to(mutation, who, select, **input)).data[mutation]

    async def try_to(self, mutation: str, who: str | None, select: str = "", /, **input: object) -> Answer:
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {select} {ERRORS} }} }}"
        return await self.ask(document, who, input=input)

    async def user(self, who: str) -> str:
        found = await self.ask("{ viewer { actor { ... on User { id } } } }", who)
        return str(found.data["viewer"]["actor"]["id"])

    async def organization(self, owner: str = "ann", name: str = "Acme", **input: object) -> dict[str, Any]:
        chosen = "organization { id slug customer { id } memberships { nodes { id } } }"
        made = await self.do("createOrganization", owner, chosen, name=name, **input)
        assert made["errors"] == []
        organization: dict[str, Any] = made["organization"]
        return organization

    async def join(self, organization: Mapping[str, Any], who: str, role: str = "MEMBER", by: str = "ada") -> str:
        """Add somebody and give the membership's id; the organization needs a seat for it."""
        user = await self.user(who)
        added = await self.do(
            "addMember", by, "membership { id }", organizationId=organization["id"], userId=user, role=role
        )
        assert added["errors"] == []
        return str(added["membership"]["id"])

    async def holds(
        self, customer: Mapping[str, Any], price: str = "price_team_monthly", quantity: int = 7, **changes: object
    ) -> None:
        """Let a customer have a subscription, told by signed events as the Fake would tell it."""
        account = f"cus_{customer['id']}"
        if number := len(await self.rows("webhook_events")):
            # Two different states in one second would be ambiguous.
            self.clock.forward(seconds=1)
        async with self.services.database.transaction() as session:
            await link_account(
                session,
                customer_id=CustomerId(str(customer["id"])),
                processor=ProcessorName.FAKE,
                livemode=False,
                processor_id=account,
                at=self.clock.now(),
            )
        item = stripe_json.item(quantity=quantity, price={"id": price, "object": "price"})
        told = stripe_json.subscription(
            id=f"sub_{customer['id']}", customer=account, items=stripe_json.items(item), **changes
        )
        posted = await self.post_event(id=f"evt_{number}", created=self.now(), data={"object": told})
        assert posted.status_code == 200

    async def post_event(self, **changes: object) -> httpx.Response:
        return await self.post_webhook(stripe_json.body(**({"created": self.now()} | changes)))

    async def post_webhook(self, body: bytes, **signed: Any) -> httpx.Response:
        at = self.clock.now() + timedelta(seconds=signed.get("late", 0))
        headers = {"stripe-signature": sign(body, signed.get("secret", WEBHOOK_SECRET), at)}
        return await self.client.post("/webhooks/fake", content=body, headers=headers)

    def now(self) -> int:
        return int(self.clock.now().timestamp())

    async def rows(self, table: str) -> list[Any]:
        async with self.services.database.snapshot() as session:
            return list((await session.execute(select(Base.metadata.tables[table]))).all())

    async def round(self) -> int:
        """Send the worker round once, and wait for what it would leave running behind a test's back."""
        done = await self.services.worker.round()
        for turns in (self.services.schedule, self.services.pulling):
            if turns is not None and turns._running is not None:
                await asyncio.wait([turns._running])
        return done

    async def settled(self) -> None:
        """Let the worker go round until every effect that was asked for, and every fetch that is owed, is done."""
        async with asyncio.timeout(60):
            while await self._waits():
                await self.round()

    async def _waits(self) -> bool:
        owing = any(row.fetch_owed for row in await self.rows("billing_subscriptions"))
        return owing or bool(await self.rows("outbox_messages"))

    async def compared(self) -> None:
        """Let the worker compare everything, as it does once when it starts and time stands still."""
        async with asyncio.timeout(60):
            while not any(report.finished_at for report in await self.rows("drift_reports")):
                await self.round()

    async def everything(self) -> dict[str, list[str]]:
        """Give every row of every table, to tell whether anything was written."""
        return await tables.dump(self.services.database)


def make_settings(database_url: str, folder: Path, catalog: str = CATALOG, **variables: str) -> settings.Settings:
    (folder / "catalog.toml").write_text(catalog)
    environment = {
        "DATABASE_URL": database_url,
        # A slow machine is no failure.
        "CALLBACK_SECONDS": "30",
        "JWT_SECRETS": JWT_SECRET,
        "SECRET_KEYS": "a-secret-for-tests-that-signs-every-cursor",
    } | variables
    if "JWKS_URL" in variables:
        del environment["JWT_SECRETS"]
    if "fake" in environment.get("PROCESSORS", "fake"):
        environment.setdefault("FAKE_WEBHOOK_SECRETS", WEBHOOK_SECRET)
    return settings.read({f"SEATGATE_{name}": value for name, value in environment.items()}, folder=folder)


@contextlib.asynccontextmanager
async def serving(
    database_url: str,
    folder: Path,
    clock: FixedClock,
    variables: Mapping[str, str] | None = None,
    *,
    catalog: str = CATALOG,
    worker: bool = False,
    **host: Any,
) -> AsyncIterator[Api]:
    """Run the whole application for as long as the block lasts; `host` is what a host adds.

    Its worker goes round when a test asks it to, or by itself where `worker` says so.
    """
    app = create_app(
        make_settings(database_url, folder, catalog, **variables or {}), clock=clock, worker=worker, **host
    )
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://seatgate.example") as client,
    ):
        yield Api(app, client, clock)


def plain(value: object) -> str:
    """Write an answer so that two of them can be compared byte for byte."""
    return json.dumps(value, sort_keys=True)


def user_error(kind: str, code: str, message: str, *path: str) -> dict[str, Any]:
    """Write the error that a payload should hold."""
    return {"__typename": f"{kind}Error", "code": code, "message": message, "path": list(path) or None}
