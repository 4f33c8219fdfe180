"""Talks to the running server over HTTP, as any client or processor would."""

from typing import Any

import httpx

from domain.clock import SystemClock
from domain.errors import ConfigError
from domain.settings import Settings
from graphql_api.demo.people import ADMINISTRATOR, PEOPLE, Person, token

NAMES = '{ acme: organization(slug: "acme") { id customer { id } } garage: organization(slug: "garage") { id } }'


def ask(settings: Settings, address: str, query: str, who: str) -> dict[str, Any]:
    """Post a GraphQL document as somebody of the demo and give the answer.

    `$acme`, `$acmeCustomer` and `$garage` in it stand for the ids of the demo's organizations and of Acme's customer.

    Raises:
        ConfigError: nobody is called that in the demo, or no server answers at the address.
    """
    if who not in PEOPLE:
        raise ConfigError([f"--as: {who!r} is not one of {', '.join(PEOPLE)}"])
    return _ask(settings, address, {"query": query, "variables": _names(settings, address)}, PEOPLE[who])


def deliver(address: str, body: bytes, signature: str) -> None:
    """Post an event to the Fake's webhook.

    Raises:
        ConfigError: no server answers at the address, or it refuses the event.
    """
    headers = {"content-type": "application/json", "stripe-signature": signature}
    response = _post(f"{address}/webhooks/fake", content=body, headers=headers)
    if not response.is_success:
        raise ConfigError([f"{address} refused the event: {response.text}"])


def _names(settings: Settings, address: str) -> dict[str, str]:
    """Look the demo's ids up, as an administrator would."""
    found = _ask(settings, address, {"query": NAMES}, ADMINISTRATOR)["data"]
    if found["acme"] is None or found["garage"] is None:
        raise ConfigError(["the demo is not loaded; `make run` loads it"])
    return {
        "acme": found["acme"]["id"],
        "acmeCustomer": found["acme"]["customer"]["id"],
        "garage": found["garage"]["id"],
    }


def _ask(settings: Settings, address: str, request: dict[str, Any], person: Person) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token(person, settings, SystemClock())}"}
    answer: dict[str, Any] = _post(f"{address}/graphql", json=request, headers=headers).json()
    return answer


def _post(url: str, **request: Any) -> httpx.Response:
    try:
        return httpx.post(url, timeout=10, **request)
    except httpx.HTTPError as error:
        fault = f"no Seatgate answers at {url} ({type(error).__name__}); start it with `make run`"
        raise ConfigError([fault]) from error
