"""Commands on a subscription that is there: what each does, and what each refuses without leaving a trace."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from domain.billing import (
    BillingSubscription,
    Cancel,
    PauseBehavior,
    ProcessorName,
    Purchase,
    Resume,
    Unpause,
)
from domain.billing.commands import Command
from domain.billing.processors import Capability, Label
from domain.billing.states import Status
from domain.errors import (
    DomainError,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    NotFound,
    Unsupported,
    WrongSubscriptionState,
)
from domain.idempotency import Call
from domain.scope import Role
from tests.support.commanding import PACK, PRO, TEAM, Account, agreed, at_the_end, number, pause, prepared, swap
from tests.support.scripted import ScriptedProcessor
from tests.support.tables import scalar, unchanged
from tests.support.wired import member, user

ON_SUBSCRIPTION = ("swap_plan", "update_quantity", "cancel", "resume", "pause", "unpause")
Make = Callable[[BillingSubscription], Command[Any, Any]]


async def items_of(account: Account, row: BillingSubscription) -> dict[str, int | None]:
    return {item.price_id: item.quantity for item in (await account.row(row.id)).current.items}


async def ended(account: Account, *items: Purchase) -> BillingSubscription:
    row = await account.buys(*items)
    await account.do(Cancel(subscription_id=row.id, at_period_end=False, at=None))
    await account.settled()
    return row


async def refusal(account: Account, command: Command[Any, Any], **how: Any) -> DomainError:
    async with unchanged(account.database):
        with pytest.raises(DomainError) as refused:
            await account.do(command, **how)
    return refused.value


class TestWhatTheyDo:
    async def test_swapping_gives_the_base_item_another_price_and_leaves_its_quantity_and_the_others(
        self, account: Account
    ) -> None:
        row = await account.buys(TEAM, PACK)

        done = await account.do(swap(row, "price_pro_yearly"))

        assert await items_of(account, row) == {"price_pro_yearly": 7, "price_seat_pack": 2}
        assert done.subscription.id == row.id
        await account.settled()
        assert await agreed(account, account.fake)

    async def test_swapping_may_give_another_quantity_at_once(self, account: Account) -> None:
        row = await account.buys(TEAM)

        await account.do(swap(row, PRO.price_id, 1))

        assert await items_of(account, row) == {PRO.price_id: 1}

    @pytest.mark.parametrize("price_id", [None, "price_team_monthly"])
    async def test_a_quantity_is_the_one_it_shall_be_however_often_it_is_asked_for(
        self, account: Account, price_id: str | None
    ) -> None:
        row = await account.buys(TEAM)

        for _ in range(2):
            await account.do(number(row, 9, price_id))

        assert await items_of(account, row) == {"price_team_monthly": 9}

    async def test_among_several_items_the_price_says_which(self, account: Account) -> None:
        row = await account.buys(TEAM, PACK)

        await account.do(number(row, 4, "price_seat_pack"))

        assert await items_of(account, row) == {"price_team_monthly": 7, "price_seat_pack": 4}

    @pytest.mark.parametrize("at", [None, timedelta(days=3)])
    async def test_what_is_ending_is_resumed(self, account: Account, at: timedelta | None) -> None:
        row = await account.buys(TEAM)
        instant = account.clock.now() + at if at else None
        await account.do(Cancel(subscription_id=row.id, at_period_end=True, at=instant))
        await account.settled()

        await account.do(Resume(subscription_id=row.id))

        state = (await account.row(row.id)).current
        assert (state.cancel_at_period_end, state.cancel_at) == (False, None)

    async def test_a_pause_takes_access_away_and_going_on_gives_it_back(self, account: Account) -> None:
        row = await account.buys(TEAM)
        entitlements = account.services.entitlements

        await account.do(pause(row, days=3))
        paused = (await account.row(row.id)).current.pause_collection
        during = await entitlements.entitled(account.acme, "reports")
        await account.settled()
        await account.do(Unpause(subscription_id=row.id))

        assert paused is not None
        assert (paused.behavior, paused.resumes_at) == (
            PauseBehavior.VOID,
            (row.last_fact_at + timedelta(days=3)).replace(microsecond=0),
        )
        assert (during, await entitlements.entitled(account.acme, "reports")) == (False, True)

    async def test_what_is_paused_as_a_whole_goes_on_too(self, account: Account) -> None:
        row = await account.buys(TEAM)
        scripted = ScriptedProcessor(account.fake)
        commands = replace(account.services.commands, processors={ProcessorName.FAKE: scripted})
        async with account.database.transaction() as session:
            await session.execute(text("UPDATE billing_subscriptions SET status = 'paused'"))
            row.state = row.state | {"status": "paused"}
            await session.merge(row)

        await commands.do(Unpause(subscription_id=row.id), scope=account.owner)

        assert [call for call, _ in scripted.calls] == ["unpause"]

    @pytest.mark.parametrize("name", ON_SUBSCRIPTION)
    async def test_the_ledger_says_who_asked_for_what(self, account: Account, name: str) -> None:
        command = await prepared(account, name)

        await account.do(command)

        query = "SELECT actor_id FROM audit_events WHERE action = :action"
        assert await scalar(account.database, query, action=f"subscription.{name}") == account.owner.actor.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    make: Make
    kind: type[DomainError]
    path: list[str] | None = None
    bought: tuple[Purchase, ...] = (TEAM,)


PRICE, QUANTITY = ["input", "priceId"], ["input", "quantity"]
REFUSED = {
    "an unknown price": Refused(make=lambda row: swap(row, "price_x"), kind=InvalidInput, path=PRICE),
    "an add-on's price": Refused(make=lambda row: swap(row, PACK.price_id), kind=InvalidInput, path=PRICE),
    "the same price": Refused(make=lambda row: swap(row, TEAM.price_id), kind=InvalidInput, path=PRICE),
    "none of it": Refused(make=lambda row: swap(row, PRO.price_id, 0), kind=InvalidInput, path=QUANTITY),
    "no base plan": Refused(make=swap, kind=WrongSubscriptionState, bought=(PACK,)),
    "no quantity": Refused(make=lambda row: number(row, 0), kind=InvalidInput, path=QUANTITY),
    "too much": Refused(make=lambda row: number(row, 2**31), kind=InvalidInput, path=QUANTITY),
    "another's price": Refused(make=lambda row: number(row, 3, PRO.price_id), kind=InvalidInput, path=PRICE),
    "which item": Refused(make=lambda row: number(row, 3), kind=InvalidInput, path=PRICE, bought=(TEAM, PACK)),
    "resuming what renews": Refused(make=lambda row: Resume(subscription_id=row.id), kind=WrongSubscriptionState),
    "unpausing what runs": Refused(make=lambda row: Unpause(subscription_id=row.id), kind=WrongSubscriptionState),
    "a pause until yesterday": Refused(
        make=lambda row: pause(row, days=-1), kind=InvalidInput, path=["input", "resumesAt"]
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_is_refused_and_leaves_no_row(account: Account, case: str) -> None:
    wanted = REFUSED[case]
    row = await account.buys(*wanted.bought)

    refused = await refusal(account, wanted.make(row))

    assert (type(refused), refused.path) == (wanted.kind, wanted.path)


@pytest.mark.parametrize("name", ON_SUBSCRIPTION)
async def test_nothing_is_done_to_what_has_ended(account: Account, name: str) -> None:
    row = await ended(account)
    command = {
        "swap_plan": swap(row),
        "update_quantity": number(row, 9),
        "cancel": at_the_end(row),
        "resume": Resume(subscription_id=row.id),
        "pause": pause(row),
        "unpause": Unpause(subscription_id=row.id),
    }[name]

    refused = await refusal(account, command)

    assert isinstance(refused, WrongSubscriptionState)
    assert refused.status == Status.CANCELED


async def test_what_is_paused_is_not_paused_again(account: Account) -> None:
    row = await account.buys(TEAM)
    await account.do(pause(row))
    await account.settled()

    assert isinstance(await refusal(account, pause(row)), WrongSubscriptionState)


@pytest.mark.parametrize("name", ON_SUBSCRIPTION)
async def test_only_the_owner_may_and_to_strangers_it_is_not_there(account: Account, name: str) -> None:
    command = await prepared(account, name)
    bob, eve = await user(account.services, "bob"), await user(account.services, "eve")
    await member(account.services, account.acme, bob, Role.ADMIN)

    denied = [await refusal(account, command, scope=scope) for scope in (bob, eve)]

    assert [type(one) for one in denied] == [Forbidden, NotFound]


ABLE = {
    "swap_plan": Capability.SWAP_PLAN,
    "update_quantity": Capability.UPDATE_QUANTITY,
    "cancel": Capability.CANCEL,
    "resume": Capability.RESUME,
    "pause": Capability.PAUSE,
    "unpause": Capability.UNPAUSE,
}


@pytest.mark.parametrize("name", ON_SUBSCRIPTION)
async def test_what_the_processor_does_not_do_is_refused_before_any_call(account: Account, name: str) -> None:
    command = await prepared(account, name)
    scripted = ScriptedProcessor(account.fake)
    scripted.capabilities = {**account.fake.capabilities, ABLE[name]: Label.UNSUPPORTED}
    commands = replace(account.services.commands, processors={ProcessorName.FAKE: scripted})

    async with unchanged(account.database):
        with pytest.raises(Unsupported) as refused:
            await commands.do(command, scope=account.owner)

    assert (refused.value.capability, scripted.calls) == (ABLE[name], [])


@pytest.mark.parametrize(
    ("at", "capability"),
    [(None, Capability.CANCEL_AT_PERIOD_END), (timedelta(days=1), Capability.CANCEL_AT)],
)
async def test_each_way_of_ending_is_a_capability_of_its_own(
    account: Account, at: timedelta | None, capability: Capability
) -> None:
    row = await account.buys(TEAM)
    scripted = ScriptedProcessor(account.fake)
    scripted.capabilities = {**account.fake.capabilities, capability: Label.UNSUPPORTED}
    commands = replace(account.services.commands, processors={ProcessorName.FAKE: scripted})
    end = Cancel(subscription_id=row.id, at_period_end=True, at=account.clock.now() + at if at else None)

    with pytest.raises(Unsupported) as refused:
        await commands.do(end, scope=account.owner)

    assert refused.value.capability == capability


@pytest.mark.parametrize("name", ON_SUBSCRIPTION)
async def test_a_key_gives_the_answer_again_and_fits_one_input(account: Account, name: str) -> None:
    command = await prepared(account, name)
    call = Call(actor_id=account.owner.actor.id, operation=name, key="k", digest="d", now=account.clock.now())
    first = await account.do(command, call=call)

    async with unchanged(account.database):
        second = await account.do(command, call=call)
        with pytest.raises(IdempotencyMismatch):
            await account.do(command, call=replace(call, digest="other"))

    assert second.subscription.id == first.subscription.id
