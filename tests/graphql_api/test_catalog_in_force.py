"""An application whose catalog is read again while it lives: by a signal, refused by its gates, answered by at once."""

import asyncio
import os
import signal
from pathlib import Path

import strawberry
from starlette.applications import Starlette
from starlette.middleware import Middleware

from graphql_api.gates import join
from graphql_api.guards import require_feature as guarded
from graphql_api.permissions import require_feature
from tests.graphql_api.conftest import Serve
from tests.support.api import CATALOG, Api

WITHOUT_SSO = CATALOG.replace(', "sso"', "")


@strawberry.type
class Host:
    @require_feature("sso")
    @strawberry.field
    def secrets(self) -> str:
        return "secret"


async def version(api: Api) -> str:
    return str((await api.ask("{ serverInfo { catalogVersion } }", None)).data["serverInfo"]["catalogVersion"])


async def test_a_signal_lets_the_next_answers_be_by_what_the_files_say_now(api: Api, tmp_path: Path) -> None:
    customer = (await api.organization())["customer"]
    await api.holds(customer, "price_pro_monthly")
    asked = 'query($id: ID!) { entitlements(customerId: $id) { features quantity(key: "seats") } }'
    before, old = (await api.ask(asked, id=customer["id"])).data["entitlements"], await version(api)
    (tmp_path / "catalog.toml").write_text(WITHOUT_SSO.replace("seats = 3", "seats = 9"))

    os.kill(os.getpid(), signal.SIGHUP)

    async with asyncio.timeout(60):
        while await version(api) == old:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0.05)
    after = (await api.ask(asked, id=customer["id"])).data["entitlements"]
    assert (before["quantity"], after["quantity"]) == (3, 9)
    assert [node["key"] for node in (await api.ask("{ features { nodes { key } } }")).data["features"]["nodes"]] == [
        "api",
        "reports",
    ]


async def test_a_catalog_that_lacks_what_a_field_asks_for_stays_out(serve: Serve, tmp_path: Path) -> None:
    async with serve(query=[Host]) as gated:
        old = await version(gated)
        (tmp_path / "catalog.toml").write_text(WITHOUT_SSO)
        before = await gated.everything()

        await gated.services.rollout.reload()

        assert (await version(gated), await gated.everything()) == (old, before)


async def test_so_does_one_that_lacks_what_a_joined_route_asks_for(api: Api, tmp_path: Path) -> None:
    join(Starlette(middleware=[Middleware(guarded("sso"))]), api.app)
    old = await version(api)
    (tmp_path / "catalog.toml").write_text(WITHOUT_SSO)

    await api.services.rollout.reload()

    assert await version(api) == old
