"""`seatgate keys`: what it prints, what it writes, and how wrong use leaves."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from domain.db import Database
from domain.identity import ApiKeys
from domain.identity.keys.secret import digest_of
from domain.organizations import KeyTenants, Organization
from domain.scope import ApiScope
from graphql_api.cli import app
from graphql_api.cli.keys import AT_ONCE
from tests.support.inboxes import Inbox
from tests.support.seating import ADMINISTRATOR, house

SECRET = re.compile(r"sgk_[0-9a-f]{32}_[0-9a-f]{64}")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments])


def made(*arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(run("create", *arguments, "--json").stdout)
    return told


def listed(*arguments: str) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = json.loads(run("list", "--json", *arguments).stdout)["keys"]
    return keys


def rows(here: Inbox) -> list[str]:
    return here.tables()["api_keys"]


@pytest.fixture
def acme(here: Inbox) -> Organization:
    async def found(database: Database) -> Organization:
        joined = house(database, here.clock)
        return await joined.organization(await joined.user("ann"), name="Acme")

    return here.do(found)


def test_a_key_of_the_host_is_made_and_its_secret_is_printed_once(here: Inbox) -> None:
    told = run("create", "ops", "--scope", "admin", "--scope", "audit:read", "--scope", "admin")

    first, secret = told.stdout.splitlines()
    assert (told.exit_code, told.stderr) == (0, "")
    assert re.fullmatch(r"key_[0-9a-f]{32} is a key of the host\. Its secret, shown this once:", first)
    assert SECRET.fullmatch(secret)
    [row] = rows(here)
    assert digest_of(secret) in row
    assert "'audit:read admin'" in row
    assert secret not in run("list", "--all").stdout + run("list", "--all", "--json").stdout
    assert "'command line'" in here.tables()["audit_events"][0]


@pytest.mark.parametrize("named", ["id", "slug"])
def test_a_key_of_an_organization_is_named_by_its_id_or_slug(here: Inbox, acme: Organization, named: str) -> None:
    told = run("create", "deploys", "--scope", "members:write", "--organization", getattr(acme, named))

    assert f"is a key of {acme.slug} ({acme.id})." in told.stdout
    assert acme.id in rows(here)[0]


def test_as_json_it_has_the_names_of_the_api(acme: Organization) -> None:
    told = made("deploys", "--scope", "members:write", "--organization", "acme", "--expires", "2030-01-31")

    assert SECRET.fullmatch(told.pop("secret"))
    assert told == {
        "id": told["id"],
        "label": "deploys",
        "scopes": ["members:write"],
        "organizationId": acme.id,
        "createdBy": "command line",
        "createdAt": told["createdAt"],
        "lastUsedAt": None,
        "expiresAt": "2030-01-31T00:00:00Z",
        "revokedAt": None,
    }
    assert listed() == [told]


def test_an_end_is_so_many_days_from_now_or_a_date(here: Inbox) -> None:
    days = made("days", "--scope", "audit:read", "--expires", "30")
    instant = made("instant", "--scope", "audit:read", "--expires", "2030-01-31T12:00:00+02:00")

    assert abs(datetime.fromisoformat(days["expiresAt"]) - datetime.now(UTC) - timedelta(days=30)) < timedelta(hours=1)
    assert instant["expiresAt"] == "2030-01-31T10:00:00Z"
    assert len(rows(here)) == 2


def test_the_list_shows_the_newest_first_and_the_dead_only_when_asked(here: Inbox, acme: Organization) -> None:
    old = made("old", "--scope", "audit:read")
    revoked = made("revoked", "--scope", "audit:read")
    own = made("own", "--scope", "audit:read", "--organization", "acme")
    expired = made("expired", "--scope", "audit:read", "--expires", "1")
    long_ago = "'2026-11-20 12:00:00" + ("'" if "sqlite" in here.url else "+00'")
    here.execute(f"UPDATE api_keys SET expires_at = {long_ago} WHERE label = 'expired'")
    run("revoke", revoked["id"])

    names, *lines = run("list", "--all").stdout.splitlines()

    assert [key["id"] for key in listed()] == [own["id"], old["id"]]
    assert [key["id"] for key in listed("--organization", "acme")] == [own["id"]]
    assert names.split()[:4] == ["id", "label", "of", "scopes"]
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        (expired["id"], "expired"),
        (own["id"], "living"),
        (revoked["id"], "revoked"),
        (old["id"], "living"),
    ]
    assert acme.id in lines[1]
    assert "the host" in lines[3]


def test_however_many_keys_there_are_all_are_listed(here: Inbox) -> None:
    async def many(database: Database) -> list[str]:
        keys = ApiKeys(database=database, clock=here.clock, tenants=KeyTenants())
        wish: dict[str, Any] = {"scope": ADMINISTRATOR, "label": "one of many", "scopes": [ApiScope.AUDIT_READ]}
        async with database.transaction() as session:
            return [(await keys.create(session, **wish)).key.id for _ in range(AT_ONCE * 2 + 1)]

    ids = here.do(many)

    assert [key["id"] for key in listed()] == sorted(ids, reverse=True)


def test_no_keys_are_no_fault(here: Inbox) -> None:
    told = run("list")

    assert (told.exit_code, told.stdout) == (0, "There are no such keys.\n")
    assert rows(here) == []


def test_a_revoked_key_stays_revoked_since_then(here: Inbox) -> None:
    key = made("ops", "--scope", "admin")

    first, second = run("revoke", key["id"]), run("revoke", key["id"])

    assert first.exit_code == second.exit_code == 0
    assert first.stdout == second.stdout
    assert first.stdout.startswith(f"{key['id']} (ops) is revoked since 20")
    assert len(here.tables()["audit_events"]) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["create", "x", "--scope", "everything"], "--scope: 'everything' is none of entitlements:read, "),
        (["create", "x", "--scope", "ADMIN"], "--scope: 'ADMIN' is none of "),
        (["create", " ", "--scope", "admin"], "LABEL: A label has 1 to 64 printable characters."),
        (["create", "x", "--scope", "admin", "--organization", "acme"], "--scope: This scope is for host keys alone."),
        (
            ["create", "x", "--scope", "audit:read", "--organization", "nobody"],
            "--organization: There is no such organization.",
        ),
        (
            ["create", "x", "--scope", "audit:read", "--organization", "org_" + "0" * 32],
            "--organization: There is no such organization.",
        ),
        (["create", "x", "--scope", "admin", "--expires", "2020-01-01"], "--expires: This is not in the future."),
        (["create", "x", "--scope", "admin", "--expires", "0"], "--expires: '0' is neither 1 to 36500 days nor a date"),
        (["create", "x", "--scope", "admin", "--expires", "36501"], "--expires: '36501' is neither"),
        (["create", "x", "--scope", "admin", "--expires", "soon"], "--expires: 'soon' is neither"),
        (["list", "--organization", "nobody"], "--organization: There is no such organization."),
        (["revoke", "key_" + "0" * 32], "KEY_ID: There is no such API key."),
        (["revoke", "nonsense"], "KEY_ID: There is no such API key."),
    ],
)
def test_wrong_use_is_told_by_its_option_and_leaves_with_2(
    here: Inbox, acme: Organization, arguments: list[str], told: str
) -> None:
    before = here.tables()

    found = run(*arguments)

    assert found.exit_code == 2
    assert f"  - {told}" in found.stderr
    assert found.stdout == ""
    assert here.tables() == before
    assert acme.slug == "acme"


@pytest.mark.parametrize("arguments", [["create", "x"], ["create", "--scope", "admin"], ["revoke"], ["nonsense"]])
def test_what_is_missing_leaves_with_2(here: Inbox, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
    assert rows(here) == []


def test_without_its_tables_a_database_is_told_of(here: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATGATE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/empty.db")

    found = run("create", "x", "--scope", "admin")

    assert (found.exit_code, found.stdout) == (2, "")
    assert "not migrated" in found.stderr
    assert rows(here) == []
