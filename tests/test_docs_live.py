"""What the guide of live answers shows is run, against a real server."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

from domain.scope import Actor, ActorKind, Scope
from tests.support.api import serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.hearing import hearing, rests
from tests.support.talking import served
from tests.test_docs import blocks


def shown() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for text in blocks("live.md", "python"):
        exec(compile(text, "live.md", "exec"), made)
    return made


async def test_the_client_of_the_guide_hears_what_it_says(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    seats = shown()["seats"]
    async with serving(sqlite.fresh(tmp_path), tmp_path, clock) as api, served(api.app) as address:
        acme = await api.organization()
        url = f"ws://{address}/graphql"
        async with hearing(seats(url, api.token("ann"), acme["id"])) as heard:
            first = await heard.next()
            await api.holds(acme["customer"], quantity=2)
            more = await heard.next()
        async with hearing(seats(url, api.token("eve"), acme["id"])) as heard:
            assert await heard.ended()
        assert await rests(api.services.live.watching)

    assert [first, more] == [{"limit": 1, "used": 1, "available": 0}, {"limit": 2, "used": 1, "available": 1}]


async def test_the_stream_of_the_guide_is_given_in_python(sqlite: Sqlite, tmp_path: Path, clock: FixedClock) -> None:
    follow = shown()["features_over_time"]
    async with serving(sqlite.fresh(tmp_path), tmp_path, clock) as api:
        acme = await api.organization()
        reader = Scope(actor=Actor(kind=ActorKind.USER, id=await api.user("ann")))
        async with aclosing(follow(api.services, reader, acme["customer"]["id"])) as told, asyncio.timeout(60):
            first = await anext(told)
            await api.holds(acme["customer"])
            paid = await anext(told)

    assert (first, paid) == ([], ["api", "reports", "sso"])
