"""Endpoints for Stripe's webhooks as people write them: most with the usual faults, one that asks in every case."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import httpx
import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SECRET = "whsec_of_an_endpoint"

Document = dict[str, Any]


class Endpoint:
    """Keeps subscriptions by id and shows them at `/state/{id}`. What is kept of an event, `take` decides."""

    def __init__(self) -> None:
        self.kept: dict[str, Document] = {}
        self.app = Starlette(
            routes=[Route("/hooks", self._receive, methods=["POST"]), Route("/state/{id}", self._show)]
        )

    async def take(self, event: Document) -> None:
        raise NotImplementedError  # every endpoint says for itself

    def verified(self, body: bytes, signature: str | None) -> Document | None:
        try:
            stripe.WebhookSignature.verify_header(body.decode(), signature or "", SECRET, tolerance=300)
        except (stripe.SignatureVerificationError, ValueError, TypeError):
            return None
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return event if readable(event) else None

    async def _receive(self, request: Request) -> Response:
        event = self.verified(await request.body(), request.headers.get("stripe-signature"))
        if event is None:
            return Response(status_code=400)
        await self.take(event)
        return Response(status_code=204)

    async def _show(self, request: Request) -> Response:
        found = self.kept.get(request.path_params["id"])
        return Response(status_code=404) if found is None else JSONResponse(found)


def readable(event: Any) -> bool:
    """Look closely at whatever is kept and shown."""
    try:
        document = event["data"]["object"]
        items = document["items"]["data"]
        return (
            isinstance(event["id"], str)
            and isinstance(event["created"], int)
            and 0 < event["created"] < 10**12
            and document["object"] == "subscription"
            and document["status"]
            in {"incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused"}
            and all(isinstance(item["price"]["id"], str) and count(item.get("quantity", 0)) for item in items)
            and (document["ended_at"] is None or isinstance(document["ended_at"], int))
            and (document["pause_collection"] is None or isinstance(document["pause_collection"], dict))
        )
    except (TypeError, KeyError):
        return False


class LastWriteWins(Endpoint):
    """Trusts that events come in their order and once."""

    async def take(self, event: Document) -> None:
        self.kept[event["data"]["object"]["id"]] = event["data"]["object"]


class NewestWins(Endpoint):
    """Goes by the time of events, so that it is right until two of them share a second."""

    def __init__(self) -> None:
        super().__init__()
        self._times: dict[str, int] = defaultdict(int)

    async def take(self, event: Document) -> None:
        document = event["data"]["object"]
        if event["created"] >= self._times[document["id"]]:
            self._times[document["id"]] = event["created"]
            self.kept[document["id"]] = document


class AlwaysAsks(Endpoint):
    """Believes no event and fetches what it is about."""

    def __init__(self, api: Callable[[], httpx.AsyncClient]) -> None:
        super().__init__()
        self._api = api
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, event: Document) -> None:
        id = event["data"]["object"]["id"]
        async with self._turns[id], self._api() as api:
            answer = await api.get(f"/v1/subscriptions/{id}")
            if answer.is_success:
                self.kept[id] = answer.json()


class Trusting(LastWriteWins):
    """Checks no signature, and reads whatever comes."""

    def verified(self, body: bytes, signature: str | None) -> Document | None:
        event: Document = json.loads(body)
        event["data"]["object"]["items"]["data"][0]["price"]["id"].lower()
        return event


class Refusing(LastWriteWins):
    """Answers a repeated event as a fault."""

    def __init__(self) -> None:
        super().__init__()
        self._ids: set[str] = set()

    def verified(self, body: bytes, signature: str | None) -> Document | None:
        event = super().verified(body, signature)
        if event is None or event["id"] in self._ids:
            return None
        self._ids.add(event["id"])
        return event


class Forgetting(NewestWins):
    """Does not know the end of a subscription."""

    async def take(self, event: Document) -> None:
        if not event["type"].endswith(".deleted"):
            await super().take(event)


def count(quantity: Any) -> bool:
    return isinstance(quantity, int) and 0 <= quantity < 2**31


Making = Callable[[], Endpoint]
