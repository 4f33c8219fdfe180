"""Changing a subscription on the peer: prorations, changes that wait for money, ends and pauses."""

from datetime import timedelta

import pytest
import stripe

from tests.peers.conftest import QUIET, Shop, item

pytestmark = pytest.mark.filterwarnings(QUIET)


async def bought(shop: Shop, quantity: int = 1) -> tuple[str, str]:
    made = await shop.subscribe(await shop.customer(), quantity=quantity)
    return made.id, item(made).id


async def test_more_seats_in_the_middle_of_a_period_cost_half_on_the_next_invoice(shop: Shop) -> None:
    id, only = await bought(shop, 2)
    shop.passes(days=15)

    changed = await shop.v1.subscriptions.update_async(id, {"items": [{"id": only, "quantity": 4}]})
    shop.passes(days=15, hours=2)

    invoice = await shop.latest_invoice(id)
    assert item(changed).quantity == 4
    assert [line.amount for line in invoice.lines.data] == [-1000, 2000, 4000]
    assert (invoice.billing_reason, invoice.amount_paid, invoice.status) == ("subscription_cycle", 5000, "paid")


async def test_a_change_may_be_invoiced_at_once_or_cost_nothing(shop: Shop) -> None:
    id, only = await bought(shop)
    shop.passes(days=15)

    await shop.v1.subscriptions.update_async(
        id, {"items": [{"id": only, "price": shop.big}], "proration_behavior": "always_invoice"}
    )
    paid = await shop.latest_invoice(id)
    await shop.v1.subscriptions.update_async(
        id, {"items": [{"id": only, "price": shop.team}], "proration_behavior": "none"}
    )

    assert (paid.total, paid.status) == (1000, "paid")
    assert (await shop.latest_invoice(id)).id == paid.id
    assert item(await shop.read(id)).price.id == shop.team


async def test_a_downgrade_invoiced_at_once_becomes_a_balance_that_the_next_invoice_uses(shop: Shop) -> None:
    customer = await shop.customer()
    made = await shop.subscribe(customer, shop.big)
    shop.passes(days=15)

    await shop.v1.subscriptions.update_async(
        made.id, {"items": [{"id": item(made).id, "price": shop.team}], "proration_behavior": "always_invoice"}
    )
    credited = await shop.v1.customers.retrieve_async(customer)
    shop.passes(days=15, hours=2)

    assert credited.balance == -1000
    renewed = await shop.latest_invoice(made.id)
    assert (renewed.total, renewed.amount_due, renewed.status) == (1000, 0, "paid")
    assert (await shop.v1.customers.retrieve_async(customer)).balance == 0


async def test_another_interval_begins_a_new_period_that_is_paid_at_once(shop: Shop) -> None:
    id, only = await bought(shop)
    shop.passes(days=15)

    changed = await shop.v1.subscriptions.update_async(id, {"items": [{"id": only, "price": shop.yearly}]})

    assert item(changed).current_period_start == int(shop.clock.now().timestamp())
    assert item(changed).current_period_end - item(changed).current_period_start == 365 * 86_400
    assert (await shop.latest_invoice(id)).amount_paid == 10_000 - 500


async def test_another_interval_of_one_item_begins_and_bills_a_new_period_of_all(shop: Shop) -> None:
    made = await shop.v1.subscriptions.create_async(
        {"customer": await shop.customer(), "items": [{"price": shop.team}, {"price": shop.big}]}
    )
    first, second = made["items"].data
    shop.passes(days=15)

    changed = await shop.v1.subscriptions.update_async(
        made.id, {"items": [{"id": first.id, "price": shop.yearly}], "proration_behavior": "none"}
    )
    free = await shop.latest_invoice(made.id)
    shop.passes(days=73)
    await shop.v1.subscriptions.update_async(made.id, {"items": [{"id": first.id, "price": shop.team}]})

    ends = {each.id: each.current_period_end for each in changed["items"].data}
    assert ends[first.id] - ends[second.id] > 300 * 86_400
    assert [line.amount for line in free.lines.data] == [10_000, 3000]
    [yearly, monthly, *billed] = [line.amount for line in (await shop.latest_invoice(made.id)).lines.data]
    assert (yearly, billed) == (-8000, [1000, 3000])
    assert -3000 < monthly < 0


async def test_a_preview_says_what_the_change_then_costs_and_changes_nothing(shop: Shop) -> None:
    id, only = await bought(shop, 2)
    shop.passes(days=15)
    before, events = await shop.read(id), len(shop.peer.events)

    told = await shop.v1.invoices.create_preview_async(
        {
            "subscription": id,
            "subscription_details": {
                "items": [{"id": only, "price": shop.big, "quantity": 3}],
                "proration_behavior": "always_invoice",
            },
        }
    )
    unchanged, silent = await shop.read(id), len(shop.peer.events) == events
    await shop.v1.subscriptions.update_async(
        id, {"items": [{"id": only, "price": shop.big, "quantity": 3}], "proration_behavior": "always_invoice"}
    )

    paid = await shop.latest_invoice(id)
    assert (unchanged, silent) == (before, True)
    assert told.total == paid.total == 4500 - 1000
    assert [line.amount for line in told.lines.data] == [line.amount for line in paid.lines.data]


async def test_a_change_that_nobody_pays_is_held_back_and_given_up(shop: Shop) -> None:
    id, only = await bought(shop)
    await shop.pays_with((await shop.read(id)).customer, "pm_card_chargeCustomerFail")  # type: ignore[arg-type]

    held = await shop.v1.subscriptions.update_async(id, pending(only))
    shop.passes(hours=24)

    after = await shop.read(id)
    assert (item(held).quantity, held.status) == (1, "active")
    assert held.pending_update is not None
    assert [each.quantity for each in held.pending_update.subscription_items or []] == [9]
    assert (item(after).quantity, after.pending_update) == (1, None)
    assert "customer.subscription.pending_update_expired" in shop.told("customer.subscription")


async def test_a_change_that_was_held_back_takes_effect_when_it_is_paid(shop: Shop) -> None:
    id, only = await bought(shop)
    customer = (await shop.read(id)).customer
    assert isinstance(customer, str)
    await shop.pays_with(customer, "pm_card_chargeCustomerFail")
    held = await shop.v1.subscriptions.update_async(id, pending(only))
    good = await shop.pays_with(customer, "pm_card_visa")

    assert isinstance(held.latest_invoice, str)
    await shop.v1.invoices.pay_async(held.latest_invoice, {"payment_method": good})

    after = await shop.read(id)
    assert (item(after).quantity, after.pending_update, after.status) == (9, None, "active")


def pending(only: str) -> stripe.params.SubscriptionUpdateParams:
    return {
        "items": [{"id": only, "quantity": 9}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }


async def test_a_refused_change_changes_nothing(shop: Shop) -> None:
    id, only = await bought(shop)
    before, events = await shop.read(id), len(shop.peer.events)

    for items in ([{"id": only, "deleted": True}], [{"id": "si_none", "quantity": 2}], [{"price": shop.team}]):
        with pytest.raises(stripe.InvalidRequestError):
            await shop.v1.subscriptions.update_async(id, {"items": items, "metadata": {"a": "b"}})  # type: ignore[arg-type]

    assert (await shop.read(id), len(shop.peer.events)) == (before, events)


async def test_it_ends_with_the_period_and_no_longer_when_that_is_taken_back(shop: Shop) -> None:
    (id, _), (other, _) = await bought(shop), await bought(shop)

    leaving = await shop.v1.subscriptions.update_async(id, {"cancel_at_period_end": True})
    await shop.v1.subscriptions.update_async(other, {"cancel_at_period_end": True})
    back = await shop.v1.subscriptions.update_async(other, {"cancel_at_period_end": False})
    shop.passes(days=30)

    ended, stays = await shop.read(id), await shop.read(other)
    assert (leaving.status, leaving.cancel_at) == ("active", item(leaving).current_period_end)
    assert (back.cancel_at, back.canceled_at) == (None, None)
    assert (ended.status, ended.ended_at, stays.status) == ("canceled", leaving.cancel_at, "active")


async def test_it_ends_at_the_instant_that_was_asked_for_or_at_once(shop: Shop) -> None:
    (id, _), (other, _) = await bought(shop), await bought(shop)
    at = int((shop.clock.now() + timedelta(days=3)).timestamp())

    await shop.v1.subscriptions.update_async(id, {"cancel_at": at})
    now = await shop.v1.subscriptions.cancel_async(other)
    shop.passes(days=4)

    assert (now.status, now.ended_at) == ("canceled", now.canceled_at)
    assert (await shop.read(id)).ended_at == at
    assert shop.peer.events[-1]["created"] == at
    with pytest.raises(stripe.InvalidRequestError) as gone:
        await shop.v1.subscriptions.cancel_async(other)
    assert gone.value.code == "resource_missing"


async def test_a_pause_of_collection_keeps_the_status_and_voids_the_invoices_until_it_is_over(shop: Shop) -> None:
    id, _ = await bought(shop)
    until = int((shop.clock.now() + timedelta(days=40)).timestamp())

    paused = await shop.v1.subscriptions.update_async(
        id, {"pause_collection": {"behavior": "void", "resumes_at": until}}
    )
    shop.passes(days=31)
    voided = await shop.latest_invoice(id)
    shop.passes(days=10)

    after = await shop.read(id)
    assert (paused.status, voided.status) == ("active", "void")
    assert (after.status, after.pause_collection) == ("active", None)


async def test_a_paused_subscription_is_not_renewed_and_resumes_with_a_period_of_its_own(shop: Shop) -> None:
    id, _ = await bought(shop)

    paused = await shop.v1.subscriptions.pause_async(id)
    shop.passes(days=60)
    still = await shop.read(id)
    resumed = await shop.v1.subscriptions.resume_async(id)

    assert paused.status_details is not None
    assert (paused.status, still.status, resumed.status) == ("paused", "paused", "active")
    assert item(resumed).current_period_start == int(shop.clock.now().timestamp())
    assert shop.told("customer.subscription")[1:3] == ["customer.subscription.paused", "customer.subscription.resumed"]
