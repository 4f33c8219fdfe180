"""Talks to the running server over HTTP, as any client or processor would."""

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from domain.clock import SystemClock
from domain.errors import ConfigError
from domain.settings import Settings
from graphql_api.demo.people import ADMINISTRATOR, PEOPLE, Person, token

NAMES = '{ acme: organization(slug: "acme") { id customer { id } } garage: organization(slug: "garage") { id } }'


def ask(settings: Settings, address: str, query: str, who: str) -> dict[str, Any]:
    """Post a GraphQL document as somebody of the demo and give the answer, without what was paid for it.

    `$acme`, `$acmeCustomer` and `$garage` in it stand for the ids of the demo's organizations and of Acme's customer.

    Raises:
        ConfigError: nobody is called that in the demo, or no server answers at the address.
    """
    if who not in PEOPLE:
        raise ConfigError([f"--as: {who!r} is not one of {', '.join(PEOPLE)}"])
    answer = _ask(settings, address, {"query": query, "variables": _names(settings, address)}, PEOPLE[who])
    return {name: answer[name] for name in ("data", "errors") if name in answer}


def deliver(address: str, body: bytes, signature: str) -> None:
    """Post an event to the Fake's webhook.

    Raises:
        ConfigError: no server answers at the address, or it refuses the event.
    """
    _post(f"{address}/webhooks/fake", body, {"stripe-signature": signature})


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
    return _post(f"{address}/graphql", json.dumps(request).encode(), headers)


def _post(url: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    request = Request(url, body, {"content-type": "application/json", **headers})  # noqa: S310 - our own server's address
    try:
        with urlopen(request, timeout=10) as response:  # noqa: S310 - the same
            answer: dict[str, Any] = json.load(response)
    except HTTPError as error:
        raise ConfigError([f"{url} answers {error.code}: {error.read().decode(errors='replace')}"]) from error
    except OSError as error:
        raise ConfigError([f"no Seatgate answers at {url} ({error}); start it with `make run`"]) from error
    return answer
