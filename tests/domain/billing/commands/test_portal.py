"""The page on which a customer manages what is paid for."""

import json
from dataclasses import replace

import pytest

from domain.billing import ProcessorName
from domain.billing.processors import Capability, Label
from domain.errors import DomainError, Forbidden, InvalidInput, NotFound, Unsupported
from domain.idempotency import Call
from domain.scope import Role
from tests.support.commanding import TEAM, Account, portal
from tests.support.scripted import ScriptedProcessor
from tests.support.tables import dump, scalar, unchanged
from tests.support.wired import member, user


async def test_a_customer_without_an_account_gets_one_and_its_address_is_kept_nowhere(account: Account) -> None:
    page = await account.do(portal(account.payer))

    assert page.url is not None
    assert await scalar(account.database, "SELECT customer_id FROM processor_accounts") == account.payer
    query = "SELECT subject_id FROM audit_events WHERE action = 'subscription.create_portal'"
    assert await scalar(account.database, query) == account.payer
    ours = {table: rows for table, rows in (await dump(account.database)).items() if not table.startswith("fake_")}
    assert page.url not in json.dumps(ours)


async def test_the_account_that_pays_is_the_one_that_is_managed(account: Account) -> None:
    await account.buys(TEAM)

    await account.do(portal(account.payer))

    assert await scalar(account.database, "SELECT count(*) FROM processor_accounts") == 1


async def test_buying_and_managing_at_one_moment_make_one_account(account: Account) -> None:
    first = await account.fake.create_customer(account.payer, key=f"sgc_{account.payer}")

    await account.do(portal(account.payer))

    assert await scalar(account.database, "SELECT processor_id FROM processor_accounts") == first


async def test_a_key_gives_it_again_without_its_address(account: Account) -> None:
    now = account.clock.now()
    call = Call(actor_id=account.owner.actor.id, operation="x", key="k", digest="d", now=now)
    await account.do(portal(account.payer), call=call)

    async with unchanged(account.database):
        again = await account.do(portal(account.payer), call=call)

    assert again.url is None


async def test_only_the_owner_gets_one(account: Account) -> None:
    bob, eve = await user(account.services, "bob"), await user(account.services, "eve")
    await member(account.services, account.acme, bob, Role.ADMIN)

    for scope, kind in ((bob, Forbidden), (eve, NotFound)):
        async with unchanged(account.database):
            with pytest.raises(kind):
                await account.do(portal(account.payer), scope=scope)


async def test_an_address_that_is_not_the_hosts_is_refused(account: Account) -> None:
    async with unchanged(account.database):
        with pytest.raises(InvalidInput) as refused:
            await account.do(replace(portal(account.payer), return_url="javascript:alert(1)"))

    assert refused.value.path == ["input", "returnUrl"]


async def test_where_the_processor_has_no_such_page_nothing_is_asked_of_it(account: Account) -> None:
    processor = ScriptedProcessor(account.fake)
    processor.capabilities = {**account.fake.capabilities, Capability.PORTAL: Label.UNSUPPORTED}
    commands = replace(account.services.commands, processors={ProcessorName.FAKE: processor})

    async with unchanged(account.database):
        with pytest.raises(DomainError) as refused:
            await commands.do(portal(account.payer), scope=account.owner)

    assert isinstance(refused.value, Unsupported)
    assert (refused.value.capability, processor.calls) == (Capability.PORTAL, [])
