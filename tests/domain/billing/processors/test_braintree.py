"""Braintree's commands, through the official library, against a peer that keeps what it was told."""

import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.billing.processors import ItemChange, ProcessorRefused, ProcessorUnavailable, Purchase
from domain.billing.processors.braintree import BraintreeProcessor
from domain.billing.processors.braintree.merchant import MOST_FOUND
from domain.billing.states import PauseBehavior, Proration, Snapshot, Status
from domain.clock import SystemClock
from domain.ids import CustomerId
from tests.domain.billing.processors.braintree_xml import KEYS
from tests.peers.braintree import Card, Peer, Plan, serving

TEAM = Purchase(price_id="team_monthly", quantity=1)
SEATS = Purchase(price_id="seat", quantity=7)
AT_ONCE = Proration.ALWAYS_INVOICE


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with serving() as peer:
        account = peer.account
        account.plans = {
            "team_monthly": Plan(price=Decimal("10.00")),
            "pro_monthly": Plan(price=Decimal("20.00")),
            "team_yearly": Plan(price=Decimal("99.00"), months=12),
            "trial": Plan(price=Decimal("10.00"), trial_days=14),
        }
        account.add_ons = {"seat": Decimal("1.00")}
        account.customers = ["cst_1", "cst_2"]
        account.cards = {"token_0": Card(customer="cst_1", default=False), "token_1": Card(customer="cst_1")}
        yield peer


@pytest.fixture
async def braintree(peer: Peer) -> AsyncIterator[BraintreeProcessor]:
    processor = BraintreeProcessor(**KEYS, live=False, clock=SystemClock(), api_base=peer.url)
    yield processor
    await processor.aclose()


async def bought(braintree: BraintreeProcessor, *items: Purchase, key: str = "buy:1") -> Snapshot:
    return (await braintree.subscribe("cst_1", items or [TEAM], key=key)).snapshot


def change(held: Snapshot, price_id: str, quantity: int = 1) -> ItemChange:
    return ItemChange(item_id=held.processor_id, price_id=price_id, quantity=quantity)


def test_importing_the_domain_does_not_load_braintrees_library() -> None:
    script = """
import importlib, pkgutil, sys
import domain
for module in pkgutil.walk_packages(domain.__path__, "domain."):
    importlib.import_module(module.name)
assert "domain.billing.processors.braintree.merchant" in sys.modules
assert "braintree" not in sys.modules and "requests" not in sys.modules
"""

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (loaded.returncode, loaded.stderr) == (0, "")


async def test_a_customer_is_made_once_under_our_own_id(peer: Peer, braintree: BraintreeProcessor) -> None:
    made = [await braintree.create_customer(CustomerId("cst_9"), key=key) for key in ("one", "two")]

    assert made == ["cst_9", "cst_9"]
    assert peer.account.customers.count("cst_9") == 1


async def test_a_purchase_is_a_plan_with_add_ons_on_the_default_payment_method(
    peer: Peer, braintree: BraintreeProcessor
) -> None:
    held = await bought(braintree, TEAM, SEATS)

    assert (held.customer_processor_id, held.state.status) == ("cst_1", Status.ACTIVE)
    assert [(item.price_id, item.quantity) for item in held.state.items] == [("team_monthly", 1), ("seat", 7)]
    assert peer.account.subscriptions[held.processor_id]["payment_method_token"] == "token_1"
    assert await braintree.fetch(held.processor_id) == held


async def test_the_notification_of_a_purchase_says_what_its_answer_said(
    peer: Peer, braintree: BraintreeProcessor
) -> None:
    held = await bought(braintree, TEAM, SEATS)

    [told] = [braintree.news(braintree.stored(body)) for body in peer.account.sent]

    assert told is not None
    assert getattr(told, "snapshot", None) == held


async def test_a_purchase_is_found_again_when_the_card_is_gone_and_the_plan_is_another(
    peer: Peer, braintree: BraintreeProcessor
) -> None:
    held = await bought(braintree)
    await braintree.change_item(held.processor_id, change(held, "pro_monthly"), proration=Proration.NONE, key="swap:1")
    peer.account.cards.pop("token_1")

    again = await bought(braintree)

    assert (again.processor_id, again.state.items[0].price_id) == (held.processor_id, "pro_monthly")
    assert peer.account.charges == 1


async def test_a_key_of_another_customers_purchase_is_refused(peer: Peer, braintree: BraintreeProcessor) -> None:
    peer.account.cards["token_2"] = Card(customer="cst_2")
    await bought(braintree)

    with pytest.raises(ProcessorRefused) as refused:
        await braintree.subscribe("cst_2", [TEAM], key="buy:1")

    assert refused.value.code == "idempotency_error"


@pytest.mark.parametrize("items", [[], [Purchase(price_id="team_monthly", quantity=2)]])
async def test_a_plan_is_bought_once_or_not_at_all(
    peer: Peer, braintree: BraintreeProcessor, items: list[Purchase]
) -> None:
    with pytest.raises(ProcessorRefused) as refused:
        await braintree.subscribe("cst_1", items, key="buy:1")

    assert (refused.value.code, peer.heard) == ("unsupported", [])


async def test_without_a_payment_method_nothing_is_bought(peer: Peer, braintree: BraintreeProcessor) -> None:
    with pytest.raises(ProcessorRefused, match="no payment method") as refused:
        await braintree.subscribe("cst_2", [TEAM], key="buy:1")

    assert refused.value.code == "payment_method_missing"
    assert peer.account.subscriptions == {}


async def test_a_declined_card_buys_nothing(peer: Peer, braintree: BraintreeProcessor) -> None:
    peer.account.cards["token_1"].declines = True

    with pytest.raises(ProcessorRefused, match="declined") as refused:
        await bought(braintree)

    assert refused.value.code == "2001"
    assert peer.account.subscriptions == {}


async def test_a_plan_that_braintree_does_not_have_is_refused_with_its_code(braintree: BraintreeProcessor) -> None:
    with pytest.raises(ProcessorRefused, match="no such plan") as refused:
        await bought(braintree, Purchase(price_id="price_of_stripes", quantity=1))

    assert refused.value.code == "91904"


@pytest.mark.parametrize(("proration", "charges"), [(Proration.NONE, 1), (AT_ONCE, 2)])
async def test_another_plan_comes_with_its_price_and_twice_is_once(
    peer: Peer, braintree: BraintreeProcessor, proration: Proration, charges: int
) -> None:
    held = await bought(braintree)

    for _ in range(2):
        changed = await braintree.change_item(
            held.processor_id, change(held, "pro_monthly"), proration=proration, key="swap:1"
        )

    assert changed.state.items[0].price_id == "pro_monthly"
    assert peer.account.subscriptions[held.processor_id]["price"] == Decimal("20.00")
    assert peer.account.charges == charges


@pytest.mark.parametrize(("plan", "code"), [("team_yearly", "91922"), ("nothing", "resource_missing")])
async def test_a_plan_of_another_rhythm_or_of_nobody_is_refused(
    braintree: BraintreeProcessor, plan: str, code: str
) -> None:
    held = await bought(braintree)

    with pytest.raises(ProcessorRefused) as refused:
        await braintree.change_item(held.processor_id, change(held, plan), proration=AT_ONCE, key="swap:1")

    assert refused.value.code == code
    assert await braintree.fetch(held.processor_id) == held


async def test_an_end_with_the_period_makes_the_running_cycle_the_last(
    peer: Peer, braintree: BraintreeProcessor
) -> None:
    held = await bought(braintree)

    ends = [await braintree.cancel(held.processor_id, at_period_end=True, at=None, key="end:1") for _ in range(2)]
    peer.account.advance(30)
    ended = await braintree.fetch(held.processor_id)

    assert [end.state.cancel_at_period_end for end in ends] == [True, True]
    assert ended is not None
    assert (ended.state.status, ended.state.ended_at) == (Status.CANCELED, peer.account.now)
    assert peer.account.charges == 1


async def test_a_trial_cannot_end_with_its_period_and_is_left_as_it_is(
    peer: Peer, braintree: BraintreeProcessor
) -> None:
    held = await bought(braintree, Purchase(price_id="trial", quantity=1))

    with pytest.raises(ProcessorRefused) as refused:
        await braintree.cancel(held.processor_id, at_period_end=True, at=None, key="end:1")

    assert refused.value.code == "unsupported"
    assert (await braintree.fetch(held.processor_id), held.state.status) == (held, Status.TRIALING)


@pytest.mark.parametrize("at_period_end", [False, True])
async def test_cancelling_what_has_ended_hands_it_back(braintree: BraintreeProcessor, at_period_end: bool) -> None:
    held = await bought(braintree)
    ended = await braintree.cancel(held.processor_id, at_period_end=False, at=None, key="end:1")

    assert ended.state.status is Status.CANCELED
    assert await braintree.cancel(held.processor_id, at_period_end=at_period_end, at=None, key="end:2") == ended


async def test_a_trial_says_whose_it_is_by_its_payment_method(peer: Peer, braintree: BraintreeProcessor) -> None:
    held = await bought(braintree, Purchase(price_id="trial", quantity=1))

    assert held.customer_processor_id == "cst_1"
    assert "GET /payment_methods/any/token_1" not in peer.heard
    assert await braintree.fetch(held.processor_id) == held
    assert "GET /payment_methods/any/token_1" in peer.heard


async def test_what_nobody_can_be_told_to_own_is_refused_and_left_out_of_the_list(
    peer: Peer, braintree: BraintreeProcessor
) -> None:
    held = await bought(braintree, Purchase(price_id="trial", quantity=1))
    kept = await bought(braintree, key="buy:2")
    peer.account.cards.pop("token_1")

    with pytest.raises(ProcessorRefused) as refused:
        await braintree.fetch(held.processor_id)

    assert refused.value.code == "customer_unknown"
    assert [each.processor_id async for each in braintree.list_subscriptions()] == [kept.processor_id]


async def test_a_list_has_every_page_and_what_has_ended(peer: Peer, braintree: BraintreeProcessor) -> None:
    held = [await bought(braintree, key=f"buy:{number}") for number in range(5)]
    await braintree.cancel(held[0].processor_id, at_period_end=False, at=None, key="end:1")

    everything = [each async for each in braintree.list_subscriptions()]

    assert {each.processor_id for each in everything} == {each.processor_id for each in held}
    assert [each async for each in braintree.list_subscriptions("cst_1")] == everything
    assert [each async for each in braintree.list_subscriptions("cst_2")] == []
    assert [each async for each in braintree.list_subscriptions("nobody")] == []
    assert everything[0].state.status is Status.CANCELED


async def test_a_list_that_would_be_cut_off_is_refused(peer: Peer, braintree: BraintreeProcessor) -> None:
    peer.account.subscriptions = {f"bt_{number}": {"status": "Active"} for number in range(MOST_FOUND)}

    with pytest.raises(ProcessorRefused) as refused:
        [each async for each in braintree.list_subscriptions()]

    assert refused.value.code == "too_many"


async def test_what_cannot_be_changed_is_refused_before_any_call(peer: Peer, braintree: BraintreeProcessor) -> None:
    held = await bought(braintree, TEAM, SEATS)
    peer.heard.clear()
    id, seats = held.processor_id, ItemChange(item_id=f"{held.processor_id}:seat", price_id="seat", quantity=9)

    for asked in (
        braintree.change_item(id, seats, proration=AT_ONCE, key="k"),
        braintree.change_item(id, change(held, "team_monthly", 2), proration=AT_ONCE, key="k"),
        braintree.change_item(id, change(held, "pro_monthly"), proration=Proration.CREATE_PRORATIONS, key="k"),
        braintree.cancel(id, at_period_end=False, at=peer.account.now, key="k"),
        braintree.pause(id, behavior=PauseBehavior.VOID, resumes_at=None, key="k"),
    ):
        with pytest.raises(ProcessorRefused) as refused:
            await asked
        assert refused.value.code == "unsupported"

    assert peer.heard == []


@pytest.mark.parametrize(
    ("fault", "answered"),
    [
        (401, True),
        (403, True),
        (408, False),
        (426, True),
        (429, True),
        (500, True),
        (502, False),
        (503, True),
        (504, False),
        (b"nonsense", False),
        (b"<html></html>", False),
        (b"<subscription><id>bt_1</id><price>free</price></subscription>", False),
        (b"<subscription><id>bt_1</id></subscription>", False),
        (b"", False),
    ],
)
async def test_without_a_usable_answer_the_outcome_is_unknown(
    peer: Peer, braintree: BraintreeProcessor, fault: int | bytes, answered: bool
) -> None:
    held = await bought(braintree)
    peer.faults = [fault]

    with pytest.raises(ProcessorUnavailable) as unavailable:
        await braintree.fetch(held.processor_id)

    assert unavailable.value.answered is answered
    assert "private_key" not in str(unavailable.value)


async def test_a_purchase_whose_answer_was_lost_is_found_by_its_key(peer: Peer, braintree: BraintreeProcessor) -> None:
    # The look for an earlier purchase and for the card go well; the answer to the purchase is lost.
    peer.faults = [0, 0, Peer.LOST]

    with pytest.raises(ProcessorUnavailable):
        await bought(braintree)
    held = await bought(braintree)

    assert list(peer.account.subscriptions) == [held.processor_id]
    assert peer.account.charges == 1


async def test_nobody_listening_is_unavailable() -> None:
    processor = BraintreeProcessor(**KEYS, live=False, clock=SystemClock(), api_base="http://127.0.0.1:1")

    with pytest.raises(ProcessorUnavailable) as unavailable:
        await processor.fetch("bt_1")

    assert not unavailable.value.answered
    await processor.aclose()


@pytest.mark.parametrize("id", ["../customers", "a/b", "a.b", "", "ä"])
async def test_an_id_that_cannot_be_is_unknown(peer: Peer, braintree: BraintreeProcessor, id: str) -> None:
    assert await braintree.fetch(id) is None
    assert peer.heard == []
