"""Updating an organization: who may, what a name can be, and that no change leaves no trace."""

import asyncio
import json
from typing import Any

import pytest

from domain.db import Database
from domain.errors import DomainError, Forbidden, InvalidInput, NotFound
from domain.identity import User
from domain.organizations import Organization
from domain.organizations.names import RESERVED, checked_slug, slug_of
from domain.scope import Role, Scope
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, House, house
from tests.support.tables import changes, dump, execute, scalar, unchanged
from tests.support.tenancy import delete, update


@pytest.fixture
def made(database: Database, clock: FixedClock) -> House:
    return house(database, clock)


async def test_an_organization_is_called_otherwise_and_one_audit_row_says_how(made: House, clock: FixedClock) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    before, later = await dump(made.database), clock.forward(hours=1)

    updated = await update(made, organization, by=owner, name=" Apex ", slug="apex", external_id="crm-1")

    assert (updated.name, updated.slug, updated.external_id) == ("Apex", "apex", "crm-1")
    assert (updated.created_at, updated.updated_at) == (organization.created_at, later)
    assert changes(before, await dump(made.database)) == {"organizations": (1, 1), "audit_events": (0, 1)}
    assert await remembered(made) == [
        {"name": "Acme", "slug": "acme", "external_id": None},
        {"name": "Apex", "slug": "apex", "external_id": "crm-1"},
    ]


async def remembered(made: House) -> list[Any]:
    query = "SELECT {} FROM audit_events WHERE action = 'organization.updated'"
    found = [await scalar(made.database, query.format(column)) for column in ("before", "after")]
    return [json.loads(state) if isinstance(state, str) else state for state in found]


async def test_what_is_left_out_stays_and_only_the_external_id_can_be_emptied(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await update(made, organization, by=owner, external_id="crm-1")

    renamed = await update(made, organization, by=owner, name="Apex")
    assert (renamed.name, renamed.slug, renamed.external_id) == ("Apex", "acme", "crm-1")

    emptied = await update(made, organization, by=owner, no_external_id=True)
    assert (emptied.name, emptied.slug, emptied.external_id) == ("Apex", "acme", None)


async def test_nothing_that_becomes_another_is_a_success_without_a_trace(made: House, clock: FixedClock) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    clock.forward(hours=1)

    for same in ({}, {"name": " Acme"}, {"slug": "acme"}, {"no_external_id": True}):
        async with unchanged(made.database):
            assert (await update(made, organization, by=owner, **same)).id == organization.id


async def test_who_may_update(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=3)
    admin, member = await made.join(organization, "admin", role=Role.ADMIN), await made.join(organization, "member")
    stranger = await made.user("stranger")

    for by, error in ((stranger, NotFound), (member, Forbidden)):
        async with unchanged(made.database):
            with pytest.raises(error):
                await update(made, organization, by=by, name="Another")
    allowed: list[User | Scope] = [admin, owner, ADMINISTRATOR]
    for number, who in enumerate(allowed):
        assert (await update(made, organization, by=who, name=f"Name {number}")).name == f"Name {number}"


async def test_an_organization_that_is_not_there_or_deleted_is_not_found_by_anybody(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await delete(made, organization, by=owner)

    for by in (owner, ADMINISTRATOR):
        for id in (organization.id, "org_" + "0" * 32, ""):
            async with unchanged(made.database):
                with pytest.raises(NotFound) as caught:
                    await update(made, id, by=by, name="Another")
            assert caught.value.path == ["input", "organizationId"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a" * 256),
        ("slug", "ab"),
        ("slug", "a" * 64),
        ("slug", "Apex"),
        ("slug", "apex-"),
        ("slug", "admin"),
        ("slug", "www"),
        ("external_id", ""),
        ("external_id", "a\0"),
    ],
)
async def test_a_value_that_cannot_be_is_refused(made: House, field: str, value: str) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)

    await refused(made, organization, InvalidInput, field, **{field: value})


async def refused(
    made: House, organization: Organization, error: type[DomainError], field: str, **changed: str
) -> None:
    async with unchanged(made.database):
        with pytest.raises(error) as caught:
            await update(made, organization, by=ADMINISTRATOR, **changed)
    assert caught.value.path == ["input", {"external_id": "externalId"}.get(field, field)]


async def test_a_slug_or_external_id_that_is_taken_is_refused(made: House) -> None:
    owner = await made.user("owner")
    other, organization = await made.organization(owner, "Other"), await made.organization(owner)
    await update(made, other, by=owner, external_id="crm-1")

    await refused(made, organization, InvalidInput, "slug", slug="other")
    await refused(made, organization, InvalidInput, "external_id", external_id="crm-1")
    await refused(made, organization, InvalidInput, "slug", slug="other", external_id="crm-1")
    await refused(made, organization, InvalidInput, "external_id", slug="another", external_id="crm-1")


async def test_a_deleted_organizations_slug_is_free_and_its_external_id_is_not(made: House) -> None:
    owner = await made.user("owner")
    other, organization = await made.organization(owner, "Other"), await made.organization(owner)
    await update(made, other, by=owner, external_id="crm-1")
    await delete(made, other, by=owner)

    assert (await update(made, organization, by=owner, slug="other")).slug == "other"
    await refused(made, organization, InvalidInput, "external_id", external_id="crm-1")


async def test_of_many_who_want_one_slug_at_once_one_gets_it(made: House) -> None:
    owner = await made.user("owner")
    organizations = [await made.organization(owner, f"Number {number}") for number in range(5)]

    outcomes = await asyncio.gather(
        *(update(made, organization, by=owner, slug="wanted") for organization in organizations),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, InvalidInput) for outcome in outcomes) == 4
    assert await scalar(made.database, "SELECT count(*) FROM organizations WHERE slug = 'wanted'") == 1
    assert await scalar(made.database, "SELECT count(*) FROM audit_events WHERE action = 'organization.updated'") == 1


async def test_a_reserved_slug_that_is_there_already_may_stay(made: House) -> None:
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await execute(made.database, "UPDATE organizations SET slug = 'admin'")

    updated = await update(made, organization, by=owner, slug="admin", name="Apex")

    assert (updated.slug, updated.name) == ("admin", "Apex")


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_a_reserved_word_is_no_slug_given_or_generated(word: str) -> None:
    with pytest.raises(InvalidInput, match="reserved"):
        checked_slug(word)

    assert checked_slug(slug_of(word.title())).startswith(f"{word}-")
