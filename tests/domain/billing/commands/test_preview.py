"""What a change of plan would bring: money from the processor, access from the catalog, and nothing written."""

from dataclasses import replace

import pytest

from domain.billing import Access, Cancel, ProcessorName, SeatCount, Subscribe
from domain.billing.commands.preview import QuantityChange, compare
from domain.billing.processors import Capability, Label
from domain.billing.processors.fake import Fault, FaultKind
from domain.entitlements import Wish
from domain.errors import Forbidden, InvalidInput, NotFound, Unsupported, UpstreamUnavailable, WrongSubscriptionState
from domain.scope import Role
from tests.support.commanding import PACK, PRO, TEAM, Account, swap
from tests.support.giving import grant
from tests.support.scripted import ScriptedProcessor
from tests.support.tables import unchanged
from tests.support.wired import customer_of, member, user

BEFORE = Access(
    seat_limit="seats",
    plans=frozenset({"team", "pack"}),
    features=frozenset({"api", "sso"}),
    quantities={"seats": 7, "projects": 3},
)
AFTER = Access(
    seat_limit="seats",
    plans=frozenset({"pro", "pack"}),
    features=frozenset({"api", "reports"}),
    quantities={"seats": 5, "storage": 9},
)


class TestComparing:
    def test_it_says_what_is_gained_and_lost_and_every_limit_of_either(self) -> None:
        change = compare(BEFORE, AFTER, None)

        assert (change.plans_gained, change.plans_lost) == (("pro",), ("team",))
        assert (change.features_gained, change.features_lost) == (("reports",), ("sso",))
        assert change.quantities == (
            QuantityChange(key="projects", before=3, after=0),
            QuantityChange(key="seats", before=7, after=5),
            QuantityChange(key="storage", before=0, after=9),
        )

    @pytest.mark.parametrize(("used", "reserved", "over"), [(5, 0, False), (5, 1, True), (6, 0, True), (0, 0, False)])
    def test_a_seat_limit_below_what_is_taken_and_reserved_is_over(self, used: int, reserved: int, over: bool) -> None:
        change = compare(BEFORE, AFTER, SeatCount(used=used, reserved=reserved))

        found = {each.key: (each.used, each.over_limit) for each in change.quantities}
        assert found == {"projects": (None, False), "seats": (used, over), "storage": (None, False)}


async def test_it_tells_money_and_access_and_leaves_no_row(account: Account) -> None:
    row = await account.buys(TEAM, PACK)
    for name in ("bob", "cy", "di"):
        await member(account.services, account.acme, await user(account.services, name), Role.MEMBER)
    price = swap(row, PRO.price_id, 2)
    ours = account.services.commands

    async with unchanged(account.database):
        change = await ours.preview(price, scope=account.owner)
    expected = await account.fake.preview(
        row.processor_id, price.change(row, account.services.catalog), proration=price.proration
    )

    assert change.invoice == expected
    assert (change.access.plans_gained, change.access.plans_lost) == (("pro",), ("team",))
    seats = next(each for each in change.access.quantities if each.key == "seats")
    assert change.seat_limit == seats.after
    assert seats.before > seats.after
    await account.do(price)
    async with account.database.snapshot() as session:
        assert await account.services.entitlements.seat_limit(session, account.acme.id) == seats.after


async def test_what_an_override_gives_is_there_before_and_after(account: Account) -> None:
    row = await account.buys(TEAM)
    for name in ("bob", "cy", "di", "ed", "flo", "guy"):
        await member(account.services, account.acme, await user(account.services, name), Role.MEMBER)
    for wish in (Wish(feature="sso"), Wish(limit="seats", value=8)):
        await grant(account.services, account.payer, wish)

    change = await account.services.commands.preview(swap(row), scope=account.owner)

    seats = next(each for each in change.access.quantities if each.key == "seats")
    assert (seats.before, seats.after, seats.over_limit, change.seat_limit) == (8, 8, False, 8)
    assert (change.access.plans_lost, change.access.features_lost) == (("team",), ())


async def test_a_user_who_pays_has_no_seats(account: Account) -> None:
    own = await customer_of(account.services, account.owner)
    bought = await account.do(Subscribe(customer_id=own, items=[TEAM]))
    await account.settled()

    change = await account.services.commands.preview(swap(bought.subscription), scope=account.owner)

    assert change.seats is None
    assert {each.used for each in change.access.quantities} == {None}


@pytest.mark.parametrize(
    ("price_id", "quantity"), [("price_x", None), (PACK.price_id, None), (TEAM.price_id, None), (PRO.price_id, 0)]
)
async def test_what_could_not_be_swapped_is_not_previewed(
    account: Account, price_id: str, quantity: int | None
) -> None:
    row = await account.buys(TEAM)

    async with unchanged(account.database):
        with pytest.raises(InvalidInput):
            await account.services.commands.preview(swap(row, price_id, quantity), scope=account.owner)


async def test_of_what_has_ended_nothing_is_previewed(account: Account) -> None:
    row = await account.buys(TEAM)
    await account.do(Cancel(subscription_id=row.id, at_period_end=False, at=None))

    with pytest.raises(WrongSubscriptionState):
        await account.services.commands.preview(swap(row), scope=account.owner)


async def test_only_the_owner_sees_prices(account: Account) -> None:
    row = await account.buys(TEAM)
    bob, eve = await user(account.services, "bob"), await user(account.services, "eve")
    await member(account.services, account.acme, bob, Role.ADMIN)

    for scope, kind in ((bob, Forbidden), (eve, NotFound)):
        with pytest.raises(kind):
            await account.services.commands.preview(swap(row), scope=scope)


async def test_a_silent_processor_and_one_that_computes_no_invoice_are_told_apart(account: Account) -> None:
    row = await account.buys(TEAM)
    account.fake.script([Fault(kind=FaultKind.ERROR_500, operation="preview")])
    unable = ScriptedProcessor(account.fake)
    unable.capabilities = {**account.fake.capabilities, Capability.PREVIEW: Label.UNSUPPORTED}
    without = replace(account.services.commands, processors={ProcessorName.FAKE: unable})

    with pytest.raises(UpstreamUnavailable):
        await account.services.commands.preview(swap(row), scope=account.owner)
    with pytest.raises(Unsupported) as refused:
        await without.preview(swap(row), scope=account.owner)

    assert refused.value.capability == Capability.PREVIEW
