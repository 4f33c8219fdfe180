"""Every attack of the corpus is refused by each way in, with its code, at little cost, and without having run."""

import json
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import httpx
import pytest

from tests.graphql_api.adversarial import ATTACKS, Attack
from tests.graphql_api.toy import RESPONSE_JSON, app, client, codes, token

CHEAP_SECONDS = 0.05
LONGEST_QUERY_STRING = 60 * 1024
SIGNED = {"accept": RESPONSE_JSON, "authorization": f"Bearer {token()}"}


def query_string(attack: Attack) -> str:
    given = attack.request.items()
    return urlencode({name: value if isinstance(value, str) else json.dumps(value) for name, value in given})


FITTING = {name: attack for name, attack in ATTACKS.items() if len(query_string(attack)) <= LONGEST_QUERY_STRING}


async def cheaply(send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Ask until it has taken little computing, five times at most: a busy machine may be slow once."""
    for _ in range(5):
        before = time.process_time()
        response = await send()
        if time.process_time() - before < CHEAP_SECONDS:
            return response
    raise AssertionError("this was dear every time")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_an_attack_by_post_is_refused_cheaply(attack: Attack) -> None:
    async with client(app(), **SIGNED) as toy:
        response = await cheaply(lambda: toy.post("/graphql", json=attack.request))

    assert (response.status_code, set(codes(response))) == (400, {attack.code})
    assert "data" not in response.json()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("attack", FITTING.values(), ids=FITTING.keys())
async def test_an_attack_by_get_is_refused_cheaply(attack: Attack) -> None:
    async with client(app(), **SIGNED) as toy:
        response = await cheaply(lambda: toy.get(f"/graphql?{query_string(attack)}"))

    assert (response.status_code, set(codes(response))) == (400, {attack.code})
    assert "data" not in response.json()


def test_nearly_every_attack_fits_into_an_address() -> None:
    assert len(ATTACKS) - len(FITTING) <= 3
