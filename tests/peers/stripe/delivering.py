"""Webhooks on their way: signed, sent in order, tried again when the endpoint says anything but 2xx."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field, replace

import httpx

from tests.peers.stripe import events
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.faults import Faults, Mishap
from tests.peers.stripe.periods import HOUR

RETRIES_AFTER = (HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR)  # after these waits, then never again
DELAY = HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one endpoint; `due` in seconds of the account's clock."""

    event: Document
    endpoint: str
    due: int
    tries: int = 0
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What an endpoint said; status 0 when it could not be reached."""

    event_id: str
    type: str
    status: int


def signature(body: bytes, *, secret: str, at: int) -> str:
    """Sign a body as Stripe does."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


@dataclass(slots=True)
class Deliveries:
    """What has not been delivered yet, in the order in which it is going to be."""

    account: Account
    faults: Faults
    waiting: list[Delivery] = field(default_factory=list)
    sent: list[Delivered] = field(default_factory=list)
    thin: set[str] = field(default_factory=set)  # endpoints that get thin events
    _held: dict[str, list[Delivery]] = field(default_factory=dict)

    def heard(self, event: Document) -> None:
        """Take an event that has just happened to every endpoint that wants it."""
        for endpoint in self.account.all("webhook_endpoint"):
            wanted = any(events.matches(event["type"], pattern) for pattern in endpoint["enabled_events"])
            if wanted and endpoint["status"] == "enabled":
                event["pending_webhooks"] += 1
                told = events.thin(event) if endpoint["id"] in self.thin else event
                told = told if told is not event else event | {"api_version": endpoint["api_version"]}
                body = json.dumps(told, separators=(",", ":")).encode()
                self._queue(Delivery(event=event, endpoint=endpoint["id"], due=event["created"], body=body))

    def _queue(self, delivery: Delivery) -> None:
        held = self._held.pop(delivery.endpoint, [])
        match self.faults.take_webhook(delivery.event["type"]):
            case Mishap.DUPLICATE:
                self.waiting += [delivery, delivery]
            case Mishap.REORDER:
                self._held[delivery.endpoint] = [*held, delivery]
                return
            case Mishap.DELAY:
                self.waiting.append(replace(delivery, due=delivery.due + DELAY))
            case Mishap.DROP:
                pass
            case None:
                self.waiting.append(delivery)
        self.waiting += held

    async def deliver(self, client: httpx.AsyncClient) -> list[Delivered]:
        """Send everything that is due, in order, each once; what is refused is due again later."""
        for held in self._held.values():
            self.waiting += held  # the one to be overtaken waits no longer than for this
        self._held.clear()
        now = self.account.time
        due = sorted((each for each in self.waiting if each.due <= now), key=lambda each: each.due)
        self.waiting = [each for each in self.waiting if each.due > now]
        said = [await self._send(client, delivery, now) for delivery in due]
        self.sent += said
        return said

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery, now: int) -> Delivered:
        endpoint = self.account.find("webhook_endpoint", delivery.endpoint)
        status = 0
        if endpoint is not None:
            signed = signature(delivery.body, secret=events.secret_of(endpoint), at=now)
            headers = {"content-type": "application/json; charset=utf-8", "stripe-signature": signed}
            try:
                answer = await client.post(endpoint["url"], content=delivery.body, headers=headers)
                status = answer.status_code
            except httpx.TransportError:
                pass
            self._after(delivery, status, now)
        return Delivered(event_id=delivery.event["id"], type=delivery.event["type"], status=status)

    def _after(self, delivery: Delivery, status: int, now: int) -> None:
        if httpx.codes.is_success(status):
            delivery.event["pending_webhooks"] = max(0, delivery.event["pending_webhooks"] - 1)
        elif delivery.tries < len(RETRIES_AFTER):
            wait = RETRIES_AFTER[delivery.tries]
            self.waiting.append(replace(delivery, due=now + wait, tries=delivery.tries + 1))
