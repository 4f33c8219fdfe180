"""Who may make keys and end them, what a key may be, and what is written of it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.errors import Forbidden, InvalidInput, NotFound
from domain.scope import ActorKind, ApiScope
from tests.domain.identity.keys.conftest import Keys
from tests.support.seating import ADMINISTRATOR
from tests.support.tables import dump, unchanged

HOSTS_ALONE = (ApiScope.ADMIN, ApiScope.USERS_WRITE, ApiScope.WEBHOOKS_MANAGE)


async def test_an_owner_makes_a_key_of_their_organization(keys: Keys) -> None:
    scopes = (ApiScope.MEMBERS_WRITE, ApiScope.ORGANIZATIONS_READ, ApiScope.MEMBERS_WRITE)
    made = await keys.create(*scopes, by=keys.ann, organization_id=keys.acme.id, label=" deploys ")

    row = await keys.row(made)
    assert (row.label, row.organization_id, row.scopes) == ("deploys", keys.acme.id, frozenset(scopes))
    assert (row.created_by_kind, row.created_by_id) == (ActorKind.USER, keys.ann.id)
    assert (row.created_at, row.last_used_at, row.expires_at, row.revoked_at) == (
        keys.clock.now(),
        None,
        None,
        None,
    )


async def test_a_secret_stands_in_no_table(keys: Keys) -> None:
    made = await keys.create(by=keys.ann, organization_id=keys.acme.id)
    await keys.prove(made)

    everything = "".join(row for rows in (await dump(keys.house.database)).values() for row in rows)

    assert made.key.digest in everything
    assert made.secret not in everything
    assert made.secret.rpartition("_")[2] not in everything


async def test_every_command_leaves_one_row_in_the_ledger_whose_label_can_be_erased(keys: Keys) -> None:
    ends = keys.clock.now() + timedelta(days=1)
    made = await keys.create(by=keys.ann, organization_id=keys.acme.id, label="Ann's laptop", expires_at=ends)
    await keys.revoke(made.key, by=keys.ann)
    await keys.revoke(made.key, by=keys.ann)

    query = text(
        "SELECT action, actor_id, organization_id, after, label FROM audit_events e LEFT JOIN audit_labels l"
        " ON l.audit_event_id = e.id AND l.part = 'subject' WHERE subject_id = :key ORDER BY action"
    )
    async with keys.house.database.snapshot() as session:
        created, revoked = (await session.execute(query, {"key": made.key.id})).all()
    assert created[:3] == ("api_key.created", keys.ann.id, keys.acme.id)
    assert "organizations:read" in str(created.after)
    assert "Ann's laptop" not in str(created.after)
    assert ends.isoformat() in str(created.after)
    assert revoked[:3] == ("api_key.revoked", keys.ann.id, keys.acme.id)
    assert (created.label, revoked.label) == ("Ann's laptop", "Ann's laptop")


@pytest.mark.parametrize("who", ["amy", "max"])
async def test_members_below_the_owner_make_and_end_none(keys: Keys, who: str) -> None:
    made = await keys.create(organization_id=keys.acme.id)

    async with unchanged(keys.house.database):
        with pytest.raises(Forbidden):
            await keys.create(by=getattr(keys, who), organization_id=keys.acme.id)
        with pytest.raises(Forbidden):
            await keys.revoke(made.key, by=getattr(keys, who))


async def test_strangers_find_neither_the_organization_nor_the_key(keys: Keys) -> None:
    made = await keys.create(organization_id=keys.acme.id)

    async with unchanged(keys.house.database):
        for organization in (keys.acme.id, "org_" + "0" * 32, "nonsense"):
            with pytest.raises(NotFound, match="organization") as refused:
                await keys.create(by=keys.eve, organization_id=organization)
            assert refused.value.path == ["input", "organizationId"]
        for key in (made.key.id, "key_" + "0" * 32, "nonsense"):
            with pytest.raises(NotFound, match="API key") as refused:
                await keys.revoke(key, by=keys.eve)
            assert refused.value.path == ["input", "apiKeyId"]


async def test_host_keys_are_for_administrators_alone(keys: Keys) -> None:
    made = await keys.create(*HOSTS_ALONE)

    assert made.key.organization_id is None
    async with unchanged(keys.house.database):
        with pytest.raises(Forbidden):
            await keys.create(by=keys.ann)
        with pytest.raises(NotFound):
            await keys.revoke(made.key, by=keys.ann)


@pytest.mark.parametrize("scope", [scope for scope in ApiScope if scope is not ApiScope.ADMIN])
async def test_a_key_makes_and_ends_no_key_whatever_it_may_else(keys: Keys, scope: ApiScope) -> None:
    host = await keys.prove(await keys.create(scope))
    victim = await keys.create(organization_id=keys.acme.id)
    bearers = [host.scope, (await keys.prove(await keys.create(scope), on_behalf_of=keys.ann.id)).scope]
    if scope not in HOSTS_ALONE:
        bearers.append((await keys.prove(await keys.create(scope, organization_id=keys.acme.id))).scope)

    async with unchanged(keys.house.database):
        for bearer in bearers:
            for organization in (keys.acme.id, None):
                with pytest.raises((Forbidden, NotFound)):
                    await keys.create(by=bearer, organization_id=organization)
            with pytest.raises((Forbidden, NotFound)):
                await keys.revoke(victim.key, by=bearer)


async def test_a_key_that_is_an_administrator_makes_keys(keys: Keys) -> None:
    bearer = (await keys.prove(await keys.create(ApiScope.ADMIN))).scope

    made = await keys.create(by=bearer, organization_id=keys.acme.id)

    assert (made.key.created_by_kind, made.key.created_by_id) == (ActorKind.API_KEY, bearer.actor.id)


@pytest.mark.parametrize("scope", HOSTS_ALONE)
async def test_what_reaches_beyond_an_organization_no_key_of_one_has(keys: Keys, scope: ApiScope) -> None:
    async with unchanged(keys.house.database):
        for by in (keys.ann, ADMINISTRATOR):
            with pytest.raises(InvalidInput, match="host keys") as refused:
                await keys.create(ApiScope.AUDIT_READ, scope, by=by, organization_id=keys.acme.id)
            assert refused.value.path == ["input", "scopes"]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"label": ""}, "label"),
        ({"label": "   "}, "label"),
        ({"label": "x" * 65}, "label"),
        ({"label": "two\nlines"}, "label"),
        ({"label": "\u202edeploy"}, "label"),
        ({"scopes": []}, "scopes"),
        ({"expires_at": timedelta(0)}, "expiresAt"),
        ({"expires_at": timedelta(seconds=-1)}, "expiresAt"),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name(keys: Keys, wish: dict[str, Any], field: str) -> None:
    if "expires_at" in wish:
        wish = {"expires_at": keys.clock.now() + wish["expires_at"]}

    async with unchanged(keys.house.database):
        with pytest.raises(InvalidInput) as refused:
            await keys.create(by=keys.ann, organization_id=keys.acme.id, **wish)

    assert refused.value.path == ["input", field]


async def test_the_longest_label_and_the_soonest_end_are_taken(keys: Keys) -> None:
    ends = keys.clock.now() + timedelta(microseconds=1)

    made = await keys.create(by=keys.ann, organization_id=keys.acme.id, label="é" * 64, expires_at=ends)

    assert (await keys.row(made)).expires_at == ends


async def test_ending_a_key_twice_keeps_the_first_end(keys: Keys) -> None:
    made = await keys.create(by=keys.ann, organization_id=keys.acme.id)
    first = await keys.revoke(made.key, by=keys.ann)
    keys.clock.forward(hours=1)

    second = await keys.revoke(made.key, by=keys.ann)

    assert first.revoked_at == second.revoked_at


async def test_ended_at_once_from_two_sides_it_is_ended_once(keys: Keys) -> None:
    made = await keys.create(organization_id=keys.acme.id)

    await asyncio.gather(*(keys.revoke(made.key, by=by) for by in (keys.ann, ADMINISTRATOR) * 3))

    query = text("SELECT count(*) FROM audit_events WHERE action = 'api_key.revoked'")
    async with keys.house.database.snapshot() as session:
        assert (await session.execute(query)).scalar_one() == 1
