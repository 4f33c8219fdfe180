"""What the peer refuses, so that no test passes because something went unread."""

import pytest
import stripe

from tests.peers.conftest import QUIET, Shop, client_of
from tests.peers.stripe import PUBLISHABLE_KEY
from tests.peers.stripe.forms import decode

pytestmark = pytest.mark.filterwarnings(QUIET)


def test_a_form_nests_what_its_names_nest() -> None:
    pairs = [("a[0][b]", "1"), ("a[1][b]", "2"), ("c[]", "x"), ("c[]", "y"), ("d", ""), ("e[f][g]", "3")]

    assert decode(pairs) == {"a": [{"b": "1"}, {"b": "2"}], "c": ["x", "y"], "d": "", "e": {"f": {"g": "3"}}}


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"items": [{"price": "price_000001"}], "customer": "cus_none"}, "resource_missing", "customer"),
        ({"items": [{"price": "price_000001"}]}, "parameter_missing", "customer"),
        ({"customer": "cus_000001", "items": [{"price": "price_none"}]}, "resource_missing", "items[0][price]"),
        ({"customer": "cus_000001", "items": [{"prize": "x"}]}, "parameter_unknown", "items[0][prize]"),
        (
            {"customer": "cus_000001", "items": [{"price": "price_000001", "quantity": "many"}]},
            "parameter_invalid_integer",
            "items[0][quantity]",
        ),
        ({"customer": "cus_000001", "items": [], "coupon": "HALF"}, "parameter_unknown", "coupon"),
    ],
)
async def test_a_parameter_that_is_unknown_missing_or_wrong_is_named_and_nothing_is_made(
    shop: Shop, params: stripe.params.SubscriptionCreateParams, code: str, param: str
) -> None:
    await shop.customer()

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.v1.subscriptions.create_async(params)

    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert shop.peer.all("subscription") == []


async def test_a_wrong_key_opens_nothing_and_a_browsers_key_only_payments(shop: Shop, url: str) -> None:
    for key in ("sk_test_other", PUBLISHABLE_KEY):
        async with client_of(url, key) as stranger:
            with pytest.raises(stripe.AuthenticationError):
                await stranger.v1.customers.list_async()


async def test_a_version_with_other_shapes_and_an_address_that_is_unknown_are_refused(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await shop.v1.customers.list_async({}, {"stripe_version": "2024-06-20"})
    with pytest.raises(stripe.InvalidRequestError):
        await shop.v1.coupons.create_async({"percent_off": 10})


async def test_what_cannot_be_expanded_is_refused_and_what_can_is(shop: Shop) -> None:
    made = await shop.subscribe(await shop.customer())
    read = shop.v1.subscriptions.retrieve_async

    whole = await read(made.id, {"expand": ["customer", "latest_invoice.payments", "items.data.price.product"]})

    assert isinstance(whole.customer, stripe.Customer)
    assert isinstance(whole.latest_invoice, stripe.Invoice)
    assert whole.latest_invoice.payments is not None
    assert [payment.status for payment in whole.latest_invoice.payments.data] == ["paid"]
    assert isinstance(whole["items"].data[0].price.product, stripe.Product)
    for path in ("status", "nothing", "customer.subscriptions.data.latest_invoice.charge"):
        with pytest.raises(stripe.InvalidRequestError):
            await read(made.id, {"expand": [path]})


async def test_lists_are_paged_both_ways_and_know_their_cursors(shop: Shop) -> None:
    ids = [await shop.customer(None) for _ in range(5)]
    listed = shop.v1.customers.list_async

    newest = await listed({"limit": 2})
    older = await listed({"limit": 2, "starting_after": newest.data[-1].id})
    back = await listed({"limit": 2, "ending_before": older.data[0].id})

    assert [each.id for each in [*newest.data, *older.data]] == ids[:0:-1]
    assert (newest.has_more, back.data) == (True, newest.data)
    assert [each.id async for each in newest.auto_paging_iter()] == ids[::-1]
    for wrong in ({"limit": 101}, {"starting_after": "cus_none"}):
        with pytest.raises(stripe.InvalidRequestError):
            await listed(wrong)  # type: ignore[arg-type]


async def test_subscriptions_are_listed_by_customer_and_status(shop: Shop) -> None:
    customer = await shop.customer()
    over, live = await shop.subscribe(customer), await shop.subscribe(customer)
    other = await shop.subscribe(await shop.customer())
    await shop.v1.subscriptions.cancel_async(over.id)

    async def ids(**params: str) -> list[str]:
        return [each.id for each in (await shop.v1.subscriptions.list_async(params)).data]  # type: ignore[arg-type]

    assert await ids() == [other.id, live.id]
    assert await ids(status="all", customer=customer) == [live.id, over.id]
    assert await ids(status="canceled") == await ids(status="ended") == [over.id]
