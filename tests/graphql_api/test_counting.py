"""What the limits guide's host counts, over HTTP: refused, taken, shown and given back."""

import importlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.graphql_api.conftest import Serve
from tests.support.api import Api
from tests.support.statements import statements
from tests.support.tables import execute
from tests.test_docs import blocks

CHANGE = """mutation($to: ID!, $id: ID!) { %s(organizationId: $to, id: $id) {
    id errors { ... on UserError { code } ... on CallbackRefusedError { operation step reason } } } }"""
[LIMITS] = blocks("limits.md", "graphql")


@pytest.fixture
async def host(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    (tmp_path / "host_that_counts.py").write_text("\n".join(blocks("limits.md", "python")))
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("host_that_counts")
    async with serve(mutation=(made.Projects,), counted=["projects"]) as api:
        await execute(api.services.database, "CREATE TABLE projects (id VARCHAR(40) PRIMARY KEY)")
        yield api


async def change(host: Api, name: str, organization: dict[str, Any], project: str = "prj_1") -> Any:
    return (await host.ask(CHANGE % name, to=organization["id"], id=project)).data[name]


async def projects(host: Api, organization: dict[str, Any]) -> Any:
    told = await host.ask(LIMITS, customer=organization["customer"]["id"])
    return [each for each in told.data["entitlements"]["quantities"] if each["key"] == "projects"]


async def test_a_project_is_taken_shown_and_given_back(host: Api) -> None:
    organization = await host.organization()
    await host.holds(organization["customer"], "price_pro_monthly")

    none = await projects(host, organization)
    added = await change(host, "addProject", organization)
    one = await projects(host, organization)
    await host.holds(organization["customer"], "price_team_monthly")
    endless = await projects(host, organization)
    removed = [await change(host, "removeProject", organization) for _ in range(2)]

    assert [added, *removed] == [{"id": "prj_1", "errors": []}] * 3
    assert none == [{"key": "projects", "value": 20, "used": 0, "remaining": 20}]
    assert one == [{"key": "projects", "value": 20, "used": 1, "remaining": 19}]
    assert endless == [{"key": "projects", "value": 2147483647, "used": 1, "remaining": None}]
    assert [row.used for row in await host.rows("counted_pools")] == [0]


async def test_a_limit_that_is_reached_is_a_refusal_of_the_hosts_and_leaves_nothing(host: Api) -> None:
    organization = await host.organization()
    before = await host.everything()

    refused = await change(host, "addProject", organization)

    reached = {"code": "CALLBACK_REFUSED", "operation": "claim", "step": "projects", "reason": "limit_reached"}
    assert refused == {"id": None, "errors": [reached]}
    assert await host.everything() == before


async def test_what_many_customers_have_taken_is_counted_in_one_statement(host: Api) -> None:
    ids = []
    for name in ("Acme", "Other"):
        organization = await host.organization(name=name)
        await host.holds(organization["customer"], "price_pro_monthly")
        ids.append(organization["customer"]["id"])
    shown = "quantities { key used remaining }"
    each = f"a: entitlements(customerId: $a) {{ {shown} }} b: entitlements(customerId: $b) {{ {shown} }}"

    with statements(host.services.database) as sent:
        told = await host.ask(f"query($a: ID!, $b: ID!) {{ {each} }}", a=ids[0], b=ids[1])

    expected = {
        "quantities": [{"key": "projects", "used": 0, "remaining": 20}, {"key": "seats", "used": 1, "remaining": 2}]
    }
    assert told.data == {"a": expected, "b": expected}
    assert len([each for each in sent if "counted_pools" in each]) == 1
