"""The guide to API keys, followed from beginning to end against a server, by what it shows and nothing else."""

import importlib
import json
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from domain.scope import ApiScope
from graphql_api.cli import app
from tests.support import arenas, callers, servers
from tests.support.databases import Sqlite
from tests.test_docs import DOCS, blocks

GUIDE = "api-keys.md"
FOUND = 'mutation { createOrganization(input: {name: "Acme"}) { organization { id slug } } }'
ME = "{ viewer { actor { ... on User { id } } effectiveActor { __typename ... on User { id } } } }"


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "program_of_the_guide.py").write_text("\n".join(blocks(GUIDE, "python")))
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("program_of_the_guide")


def commands(old: str = "") -> list[list[str]]:
    lines = "".join(blocks(GUIDE, "sh")).splitlines()
    return [shlex.split(line.replace("$OLD", old)) for line in lines]


def run(command: list[str]) -> str:
    assert command[0] == "seatgate"
    told = CliRunner().invoke(app, command[1:])
    assert told.exit_code == 0, told.stderr
    return told.stdout


def test_the_guide_does_what_it_says(
    sqlite: Sqlite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guide: Any
) -> None:
    environ = callers.environ(sqlite.fresh(tmp_path), catalog=arenas.CATALOG, folder=tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    make, end = blocks(GUIDE, "graphql")
    first, back_end, listed, everything, second, revoke = commands()

    with servers.running(1, environ=environ, folder=tmp_path) as (server,):

        def as_owner(document: str, **variables: object) -> Any:
            content, headers = {"query": document, "variables": variables}, {"authorization": f"Bearer {owner}"}
            return httpx.post(f"{server.url}/graphql", json=content, headers=headers).json()["data"]

        owner = callers.token("ann")
        acme = as_owner(FOUND)["createOrganization"]["organization"]
        ann = as_owner(ME)["viewer"]["actor"]["id"]

        made = as_owner(make, organization=acme["id"], ends="2100-01-01T00:00:00Z")["createApiKey"]
        again = as_owner(make, organization=acme["id"], ends="2100-01-01T00:00:00Z")["createApiKey"]
        assert (made["errors"], again["secret"], again["apiKey"]) == ([], None, made["apiKey"])
        assert made["apiKey"]["id"].removeprefix("key_") == made["secret"].split("_")[1]
        assert guide.who_am_i(server.url, made["secret"])["actor"] == {
            "id": made["apiKey"]["id"],
            "label": "nightly report",
        }

        old = run(first).splitlines()[-1]
        host = json.loads(run(back_end))
        assert host["organizationId"] is None
        assert host["id"] in run(everything)
        assert host["id"] not in run(listed)
        new = run(second).splitlines()[-1]
        assert guide.who_am_i(server.url, old)
        run([*revoke[:-1], f"key_{old.split('_')[1]}"])
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            guide.who_am_i(server.url, old)
        assert guide.who_am_i(server.url, new)

        assert guide.ask(server.url, host["secret"], ME, on_behalf_of=ann)["viewer"]
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            guide.ask(server.url, new, ME, on_behalf_of=ann)

        ended = as_owner(end, key=made["apiKey"]["id"])["revokeApiKey"]
        assert (ended["errors"], bool(ended["apiKey"]["revokedAt"])) == ([], True)
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            guide.who_am_i(server.url, made["secret"])


def test_the_guide_names_every_scope_and_says_for_whom_it_is() -> None:
    rows = [line.split("|") for line in (DOCS / GUIDE).read_text().splitlines() if line.startswith("| `")]

    assert {row[1].strip(" `") for row in rows} == set(ApiScope)
    hosts = {row[1].strip(" `") for row in rows if row[3].strip() == "host keys"}
    assert hosts == {"admin", "users:write", "webhooks:manage"}
