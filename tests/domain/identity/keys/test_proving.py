"""What a key opens at this moment, told by one read of its row: never remembered, and never why not."""

from datetime import timedelta

import pytest

from domain.errors import Unauthenticated, Unavailable
from domain.identity.keys.secret import new_secret
from domain.scope import Actor, ActorKind, ApiScope, KeyRights
from tests.domain.identity.keys.conftest import Keys
from tests.support import tenancy
from tests.support.statements import lost, statements

NOBODY = "usr_" + "0" * 32


async def opens(keys: Keys, secret: str, on_behalf_of: str | None = None) -> bool:
    """Ask, and hold that asking is one read, whatever comes of it."""
    with statements(keys.house.database) as sent:
        try:
            await keys.prove(secret, on_behalf_of=on_behalf_of)
        except Unauthenticated:
            return False
        finally:
            assert len(sent) == 1
    return True


async def test_a_key_of_an_organization_is_its_bearer_within_its_scopes(keys: Keys) -> None:
    ends = keys.clock.now() + timedelta(days=1)
    made = await keys.create(ApiScope.AUDIT_READ, organization_id=keys.acme.id, label="auditor", expires_at=ends)

    proven = await keys.prove(made)

    assert proven.expires_at == ends
    assert proven.scope.actor == Actor(kind=ActorKind.API_KEY, id=made.key.id)
    assert proven.scope.key == KeyRights(scopes=frozenset({ApiScope.AUDIT_READ}), organization_id=keys.acme.id)
    assert (proven.scope.label, proven.scope.administrator, proven.scope.user_id) == ("auditor", False, None)


async def test_the_hosts_key_is_an_administrator_only_with_that_scope_and_for_itself(keys: Keys) -> None:
    admin, reader = await keys.create(ApiScope.ADMIN), await keys.create(ApiScope.ORGANIZATIONS_READ)

    assert (await keys.prove(admin)).scope.administrator
    assert not (await keys.prove(reader)).scope.administrator
    acting = (await keys.prove(admin, on_behalf_of=keys.ann.id)).scope
    assert not acting.administrator
    assert (acting.actor.id, acting.on_behalf_of, acting.user_id) == (admin.key.id, keys.ann.id, keys.ann.id)


async def test_a_secret_that_nobody_made_opens_nothing(keys: Keys) -> None:
    made = await keys.create()

    assert await opens(keys, made.secret)
    assert not await opens(keys, new_secret(made.key.id))


async def test_a_revoked_key_opens_nothing(keys: Keys) -> None:
    made = await keys.create()

    await keys.revoke(made.key)

    assert not await opens(keys, made.secret)


async def test_a_key_opens_until_the_instant_at_which_it_ends(keys: Keys) -> None:
    made = await keys.create(expires_at=keys.clock.now() + timedelta(seconds=10))

    keys.clock.forward(seconds=10, microseconds=-1)
    assert await opens(keys, made.secret)
    keys.clock.forward(microseconds=1)
    assert not await opens(keys, made.secret)


async def test_a_deleted_organizations_keys_open_nothing_until_it_is_back(keys: Keys) -> None:
    made = await keys.create(organization_id=keys.acme.id)

    await tenancy.delete(keys.house, keys.acme, by=keys.ann)
    assert not await opens(keys, made.secret)
    await tenancy.restore(keys.house, keys.acme, by=keys.ann)
    assert await opens(keys, made.secret)


async def test_an_administrator_ends_the_key_of_a_deleted_organization_so_that_it_stays_dead(keys: Keys) -> None:
    made = await keys.create(organization_id=keys.acme.id)
    await tenancy.delete(keys.house, keys.acme, by=keys.ann)

    await keys.revoke(made.key)
    await tenancy.restore(keys.house, keys.acme, by=keys.ann)

    assert not await opens(keys, made.secret)


async def test_an_organization_that_goes_for_good_takes_its_keys_along(keys: Keys) -> None:
    gone, host = await keys.create(organization_id=keys.acme.id), await keys.create()
    await tenancy.delete(keys.house, keys.acme, by=keys.ann)
    keys.clock.forward(days=15)

    assert await keys.house.purging.purge_due() == 1

    assert await keys.seen(gone, host, by=(await keys.prove(await keys.create(ApiScope.ADMIN))).scope) == [False, True]
    assert not await opens(keys, gone.secret)


async def test_the_hosts_key_acts_for_users_who_are_here_and_stay(keys: Keys) -> None:
    made = await keys.create()

    assert await opens(keys, made.secret, keys.eve.id)
    assert not await opens(keys, made.secret, NOBODY)
    await keys.house.mark_deleting(keys.eve)
    assert not await opens(keys, made.secret, keys.eve.id)


async def test_an_organizations_key_acts_for_nobody_not_even_its_owner(keys: Keys) -> None:
    made = await keys.create(organization_id=keys.acme.id)

    assert await opens(keys, made.secret)
    assert not await opens(keys, made.secret, keys.ann.id)


async def test_without_the_database_a_key_is_neither_right_nor_wrong(keys: Keys) -> None:
    made = await keys.create()

    with lost(keys.house.database, "api_keys"), pytest.raises(Unavailable):
        await keys.prove(made)
