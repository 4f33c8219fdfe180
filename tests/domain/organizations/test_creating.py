"""Creating an organization: its owner, its names, its customer and its one audit row."""

import asyncio
import json

import pytest

from domain.db import Database
from domain.errors import Forbidden, InvalidInput, NotFound
from domain.identity import User
from domain.organizations import Organization
from domain.organizations.names import checked_slug, slug_of, varied
from domain.scope import Scope
from tests.support.clock import FixedClock
from tests.support.scopes import key
from tests.support.seating import ADMINISTRATOR, House, house, scope_of
from tests.support.tables import scalar, unchanged


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def create(
    made: House,
    scope: Scope,
    *,
    name: str = "Acme",
    slug: str | None = None,
    external_id: str | None = None,
    owner_id: str | None = None,
) -> Organization:
    return await made.database.run(
        lambda session: made.organizations.create(
            session, scope=scope, name=name, slug=slug, external_id=external_id, owner_id=owner_id
        )
    )


async def owner_of(made: House) -> User:
    return await made.user("owner")


async def test_whoever_creates_an_organization_owns_it_and_it_pays_for_itself(made: House) -> None:
    owner = await owner_of(made)

    organization = await create(made, scope_of(owner, request_id="req-1"), name=" Ännä & Co ", external_id="ext 1")

    assert (organization.name, organization.slug, organization.external_id) == ("Ännä & Co", "anna-co", "ext 1")
    assert organization.created_at == organization.updated_at == made.clock.now()
    assert await made.holders(organization) == (1, 1, 1)
    query = "SELECT count(*) FROM memberships WHERE user_id = :user AND role = 'OWNER'"
    assert await scalar(made.database, query, user=owner.id) == 1
    query = "SELECT count(*) FROM customers WHERE owner_kind = 'organization' AND owner_id = :id"
    assert await scalar(made.database, query, id=organization.id) == 1


async def test_creating_leaves_one_audit_row_that_says_everything(made: House) -> None:
    owner = await owner_of(made)
    organization = await create(made, scope_of(owner, request_id="req-1"))

    query = "SELECT count(*) FROM audit_events WHERE organization_id = :id"
    assert await scalar(made.database, query, id=organization.id) == 1
    query += " AND action = 'organization.created' AND subject_id = :id AND actor_kind = 'user' AND actor_id = :owner"
    query += " AND request_id = 'req-1' AND before IS NULL"
    assert await scalar(made.database, query, id=organization.id, owner=owner.id) == 1
    after = await scalar(made.database, "SELECT after FROM audit_events WHERE subject_id = :id", id=organization.id)
    after = json.loads(after) if isinstance(after, str) else after
    assert after == {"slug": "acme", "owner_id": owner.id}


async def test_an_administrator_makes_an_organization_for_somebody_else(made: House) -> None:
    owner = await owner_of(made)

    await create(made, ADMINISTRATOR, owner_id=owner.id)

    assert await scalar(made.database, "SELECT user_id FROM memberships") == owner.id


async def test_nobody_else_may_name_another_owner(made: House) -> None:
    owner, other = await owner_of(made), await made.user("other")

    async with unchanged(made.database):
        with pytest.raises(Forbidden):
            await create(made, scope_of(owner), owner_id=other.id)
    await create(made, scope_of(owner), owner_id=owner.id)


async def test_an_owner_who_is_not_there_makes_nothing(made: House) -> None:
    for by in (ADMINISTRATOR, key()):
        for owner_id, refused in ((None, InvalidInput), ("usr_" + "0" * 32, NotFound)):
            async with unchanged(made.database):
                with pytest.raises(refused) as caught:
                    await create(made, by, owner_id=owner_id)
            assert caught.value.path == ["input", "ownerId"]


async def test_a_taken_name_gets_another_slug_and_a_taken_slug_is_refused(made: House) -> None:
    owner = scope_of(await owner_of(made))
    await create(made, owner, external_id="one")

    second = await create(made, owner)
    assert second.slug.startswith("acme-")
    for slug, external_id, field in (("acme", None, "slug"), (None, "one", "externalId"), ("acme", "one", "slug")):
        async with unchanged(made.database):
            with pytest.raises(InvalidInput, match="taken") as caught:
                await create(made, owner, slug=slug, external_id=external_id)
        assert caught.value.path == ["input", field]


async def test_of_many_who_want_one_slug_at_once_one_gets_it(made: House) -> None:
    owner = scope_of(await owner_of(made))

    outcomes = await asyncio.gather(*(create(made, owner, slug="the-one") for _ in range(6)), return_exceptions=True)

    assert sum(isinstance(outcome, InvalidInput) for outcome in outcomes) == 5
    assert await scalar(made.database, "SELECT count(*) FROM organizations") == 1
    assert await scalar(made.database, "SELECT count(*) FROM seat_pools") == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", "a" * 256),
        ("name", "a\0b"),
        ("name", "a\nb"),
        ("slug", "ab"),
        ("slug", "a" * 64),
        ("slug", "1abc"),
        ("slug", "abc-"),
        ("slug", "Abc"),
        ("slug", "abc\n"),
        ("external_id", ""),
        ("external_id", "a" * 256),
        ("external_id", "a\u202eb"),
    ],
)
async def test_a_value_that_cannot_be_is_refused(made: House, field: str, value: str) -> None:
    owner = scope_of(await owner_of(made))

    async with unchanged(made.database):
        with pytest.raises(InvalidInput) as caught:
            await create(made, owner, **{"name": "Acme", field: value})

    assert caught.value.path == ["input", {"external_id": "externalId"}.get(field, field)]


@pytest.mark.parametrize("name", ["Acme", "日本", "1 & 2", "-", "a", "ab", "x" * 200, "a" * 62 + " b", "9" * 80])
def test_every_name_makes_a_slug_that_a_slug_may_be(name: str) -> None:
    assert checked_slug(slug_of(name))
    assert checked_slug(varied(slug_of(name)))
    assert varied(slug_of(name)) != slug_of(name)


async def test_founders_who_choose_one_name_in_the_same_moment_all_get_a_slug(made: House) -> None:
    owner = await owner_of(made)

    founded = await asyncio.gather(*(create(made, scope_of(owner), name="Acme") for _ in range(5)))

    slugs = {organization.slug for organization in founded}
    assert len(slugs) == 5
    assert all(slug.startswith("acme") for slug in slugs)
