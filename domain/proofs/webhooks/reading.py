"""Reading what an endpoint has made of it all: from an address of its own, or through Seatgate's GraphQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from domain.errors import ConfigError
from domain.proofs.webhooks.model import KNOWN

Shown = Mapping[str, Any]
"""What is shown of one subscription, by the names of `model.fields`; those that are not there are not judged."""

NOT_FOUND = 404
SUBSCRIPTIONS = """
query($account: ProcessorAccountRef!, $after: String) {
  customer(account: $account) {
    subscriptions(first: 50, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        processorId status items { priceId quantity } cancelAtPeriodEnd cancelAt endedAt pauseCollection { behavior }
      }
    }
  }
}
"""


class Unreadable(Exception):
    """What was shown is none of the shapes that are documented."""


class Reader(Protocol):
    """Reads final states."""

    async def prepare(self, customers: tuple[str, ...]) -> None:
        """See whether these customers can be read at all.

        Raises:
            ConfigError: they cannot.
        """

    async def read(self, customer: str, subscription: str) -> Shown | None:
        """Read one subscription; None when it is not shown.

        Raises:
            Unreadable: the answer is in no shape that we know.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class StateUrl:
    """An address with `{subscription}`, and perhaps `{customer}`, that answers a GET with Stripe-like JSON, or 404."""

    url: str
    client: httpx.AsyncClient

    async def prepare(self, customers: tuple[str, ...]) -> None:
        """See whether there is anybody."""
        try:
            await self.read(customers[0], "sub_nobody")
        except Unreadable as error:
            raise ConfigError([f"--state-url: {error}"]) from error

    async def read(self, customer: str, subscription: str) -> Shown | None:
        """Ask the address."""
        url = self.url.replace("{subscription}", subscription).replace("{customer}", customer)
        try:
            answer = await self.client.get(url)
        except httpx.HTTPError as error:
            raise Unreadable(f"no answer ({type(error).__name__})") from error
        if answer.status_code == NOT_FOUND:
            return None
        if not answer.is_success:
            raise Unreadable(f"the answer is {answer.status_code}")
        try:
            return stripe_like(answer.json())
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unreadable(f"the answer is not as documented ({type(error).__name__}: {error})") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphql:
    """A Seatgate, asked as an administrator; `processor` is FAKE or STRIPE."""

    url: str
    token: str
    processor: str
    client: httpx.AsyncClient

    async def prepare(self, customers: tuple[str, ...]) -> None:
        """See whether every customer is linked."""
        try:
            unknown = [customer for customer in customers if await self._page(customer, None) is None]
        except Unreadable as error:
            raise ConfigError([f"--graphql: {error}"]) from error
        if unknown:
            raise ConfigError([f"--customer: nobody has linked {', '.join(unknown)}, so that no event would count"])

    async def read(self, customer: str, subscription: str) -> Shown | None:
        """Look through the customer's subscriptions."""
        after = None
        while page := await self._page(customer, after):
            for node in page["nodes"]:
                if node["processorId"] == subscription:
                    return _of_seatgate(node)
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        return None

    async def _page(self, customer: str, after: str | None) -> Any:
        account = {"processor": self.processor, "processorId": customer}
        body = {"query": SUBSCRIPTIONS, "variables": {"account": account, "after": after}}
        headers = {"authorization": f"Bearer {self.token}"}
        try:
            answer = (await self.client.post(self.url, json=body, headers=headers)).json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unreadable(f"no usable answer ({type(error).__name__})") from error
        if answer.get("errors") or not isinstance(answer.get("data"), dict):
            raise Unreadable(f"the answer is {answer.get('errors') or answer}")
        found = answer["data"]["customer"]
        return None if found is None else found["subscriptions"]


def stripe_like(document: Any) -> Shown:
    """Read `{"status", "items": [{"price", "quantity"}], …}`, and a whole subscription of Stripe's as well.

    Items are a list or Stripe's list object, a price is an id or an object with one. Instants are seconds.
    `pause_collection` counts as paused unless it is null or false.
    """
    items = document["items"]["data"] if isinstance(document["items"], dict) else document["items"]
    shown: dict[str, Any] = {
        name: document[name] for name in ("cancel_at_period_end", "cancel_at", "ended_at") if name in document
    }
    if "pause_collection" in document:
        pause = document["pause_collection"]
        shown["pause_collection"] = pause is not None and pause is not False
    return shown | {"status": _status(document["status"]), "items": _items(items, "price")}


def _of_seatgate(node: Any) -> Shown:
    return {
        "status": _status(node["status"].lower()),
        "items": _items(node["items"], "priceId"),
        "pause_collection": node["pauseCollection"] is not None,
        "cancel_at_period_end": node["cancelAtPeriodEnd"],
        "cancel_at": _seconds(node["cancelAt"]),
        "ended_at": _seconds(node["endedAt"]),
    }


def _items(items: Any, price: str) -> tuple[tuple[str, int | None], ...]:
    read = [
        (item[price]["id"] if isinstance(item[price], dict) else item[price], item.get("quantity")) for item in items
    ]
    return tuple(sorted(read, key=repr))


def _status(status: str) -> str:
    return status if status in KNOWN else "incomplete"


def _seconds(instant: str | None) -> int | None:
    return None if instant is None else int(datetime.fromisoformat(instant).timestamp())
