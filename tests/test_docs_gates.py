"""The code of the guide on gates is run, and does what the guide says."""

import importlib
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain import settings
from graphql_api.schema import print_schema
from tests.support import sockets
from tests.support.api import Api, serving
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
from tests.support.talking import served, talking
from tests.test_docs import ROOT, blocks


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "host_with_gates.py").write_text("\n".join(blocks("gates.md", "python")))
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("host_with_gates")


def test_it_makes_applications(guide: Any, tmp_path: Path) -> None:
    here = settings.read({"SEATGATE_CATALOG": str(ROOT / "catalog.toml")}, folder=tmp_path)

    assert all(make(here).routes for make in (guide.make, guide.around, guide.friendly))
    printed = print_schema(query=[guide.Reads])
    assert 'churn: Float @requireFeature(feature: "reports")\n' in printed
    assert 'signOn: String @requireFeature(feature: "sso") @requirePlan(plan: "team")\n' in printed


async def visits(api: Api, bearer: str) -> list[Any]:
    """Follow a stream of the guide over a socket."""
    async with served(api.app) as address, talking(address) as talk:
        await talk.introduce(authorization=bearer)
        return [said["payload"] for said in await talk.ask("subscription { visits }") if "payload" in said]


async def test_its_gates_deny_and_let_pass_as_it_says(
    sqlite: Sqlite, tmp_path: Path, clock: FixedClock, guide: Any
) -> None:
    host: dict[str, Any] = {"query": [guide.Reads, guide.Friendly], "subscription": [guide.Streams]}
    [denial] = [json.loads(text) for text in blocks("gates.md", "json")]
    paths = ("/acme/report.csv", "/acme/pages/", "/own/", "/acme/upsell", "/acme/sent", "/acme/told")

    async with serving(sqlite.fresh(tmp_path), tmp_path, clock, routes=guide.ROUTES + guide.FRIENDLY, **host) as api:

        async def everywhere() -> tuple[list[int], Any, list[Any], str]:
            bearer = {"authorization": f"Bearer {api.token('ann')}"}
            statuses = [(await api.client.get(path, headers=bearer)).status_code for path in paths]
            fields = (await api.ask("{ churn signOn forecast retention }")).body
            socket = await sockets.connect(api.app, "/acme/live", bearer)
            return statuses, fields, await visits(api, bearer["authorization"]), socket[0]["type"]

        customer = (await api.organization())["customer"]
        denied, fields, events, socket = await everywhere()
        await api.holds(customer)
        granted = await everywhere()

    assert denied == [403, 403, 403, 402, 302, 402]
    assert fields["data"] == {"churn": None, "signOn": None, "forecast": None, "retention": 0.0}
    assert fields["errors"][0] == denial
    assert events == [[denial | {"path": ["visits"], "locations": [{"line": 1, "column": 16}]}]]
    assert socket == "websocket.close"
    assert granted[0] == [200, 200, 403, 200, 200, 200]
    assert granted[1] == {"data": {"churn": 0.02, "signOn": "https://idp.example", "forecast": 0.03, "retention": 0.98}}
    assert granted[2:] == ([{"data": {"visits": number}} for number in range(3)], "websocket.accept")


async def test_an_application_around_seatgate_starts_and_stops_it(sqlite: Sqlite, tmp_path: Path, guide: Any) -> None:
    variables = {"SEATGATE_DATABASE_URL": sqlite.fresh(tmp_path), "SEATGATE_CATALOG": str(ROOT / "catalog.toml")}
    host = guide.around(settings.read(variables, folder=tmp_path))
    transport = httpx.ASGITransport(host)

    async with (
        host.router.lifespan_context(host),
        httpx.AsyncClient(transport=transport, base_url="http://host.example") as client,
    ):
        alive = await client.get("/seatgate/readyz")
        denied = await client.get("/acme/report.csv", headers={"accept": "application/json"})

    assert alive.json() == {"ok": True}
    assert (denied.status_code, denied.text) == (403, '{"error":"forbidden"}')
