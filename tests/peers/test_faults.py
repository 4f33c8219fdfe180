"""What goes wrong on purpose, and what the idempotency keys make of it."""

import asyncio

import pytest
import stripe

from tests.peers.conftest import QUIET, Shop, client_of
from tests.peers.stripe import Fault

pytestmark = pytest.mark.filterwarnings(QUIET)

CREATE = "customers.create"


async def make(client: stripe.StripeClient, key: str = "k1", email: str = "ann@example.com") -> stripe.Customer:
    return await client.v1.customers.create_async({"email": email}, {"idempotency_key": key})


async def test_the_same_key_and_request_give_the_same_answer_and_one_object(shop: Shop) -> None:
    first, second = await make(shop.client), await make(shop.client)

    assert first == second
    assert second.last_response is not None
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert len(shop.peer.all("customer")) == 1
    assert [call.replayed for call in shop.peer.called(CREATE)] == [False, True]


async def test_a_key_that_belongs_to_another_request_is_refused(shop: Shop) -> None:
    await make(shop.client)

    with pytest.raises(stripe.IdempotencyError):
        await make(shop.client, email="bob@example.com")

    assert len(shop.peer.all("customer")) == 1


async def test_a_refused_request_is_refused_again_but_one_that_was_never_understood_may_be_corrected(
    shop: Shop,
) -> None:
    wanted: stripe.params.SubscriptionCreateParams = {"customer": "cus_none", "items": [{"price": shop.team}]}
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError):
            await shop.v1.subscriptions.create_async(wanted, {"idempotency_key": "k1"})
    with pytest.raises(stripe.InvalidRequestError):
        await shop.v1.customers.create_async({"nickname": "Ann"}, {"idempotency_key": "k2"})  # type: ignore[arg-type]

    assert [call.replayed for call in shop.peer.called("subscriptions.create")] == [False, True]
    assert (await make(shop.client, "k2")).email == "ann@example.com"


async def test_after_a_day_a_key_is_forgotten(shop: Shop) -> None:
    await make(shop.client)
    shop.clock.forward(days=1)

    await make(shop.client)

    assert len(shop.peer.all("customer")) == 2


async def test_the_key_of_a_deletion_is_not_read(shop: Shop) -> None:
    made = await shop.subscribe(await shop.customer())
    await shop.v1.subscriptions.cancel_async(made.id, {}, {"idempotency_key": "k1"})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.v1.subscriptions.cancel_async(made.id, {}, {"idempotency_key": "k1"})

    assert refused.value.code == "resource_missing"


@pytest.mark.parametrize(
    ("fault", "error", "made_by_then"),
    [
        (Fault.ERROR_BEFORE, stripe.APIError, 0),
        (Fault.ERROR_AFTER, stripe.APIError, 1),
        (Fault.LOST_ANSWER, stripe.APIConnectionError, 1),
        (Fault.TOO_MANY, stripe.RateLimitError, 0),
    ],
)
async def test_after_a_fault_the_same_key_does_it_once(
    shop: Shop, fault: Fault, error: type[stripe.StripeError], made_by_then: int
) -> None:
    shop.peer.faults.next(CREATE, fault)

    with pytest.raises(error):
        await make(shop.client)
    by_then = len(shop.peer.all("customer"))
    again = await make(shop.client)

    assert by_then == made_by_then
    assert [customer["id"] for customer in shop.peer.all("customer")] == [again.id]


@pytest.mark.parametrize(("fault", "made"), [(Fault.ERROR_KEPT, 1), (Fault.ERROR_KEPT_UNDONE, 0)])
async def test_an_error_that_is_kept_is_all_that_the_key_ever_says(shop: Shop, fault: Fault, made: int) -> None:
    shop.peer.faults.next(CREATE, fault)

    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await make(shop.client)

    assert len(shop.peer.all("customer")) == made


async def test_too_many_requests_say_when_to_come_back(shop: Shop) -> None:
    shop.peer.faults.retry_after_seconds = 30
    shop.peer.faults.next("*", Fault.TOO_MANY)

    with pytest.raises(stripe.RateLimitError) as slower:
        await shop.v1.customers.list_async()

    assert slower.value.headers is not None
    assert slower.value.headers["retry-after"] == "30"


@pytest.mark.parametrize(("fault", "made"), [(Fault.HANG_BEFORE, 0), (Fault.HANG_AFTER, 1)])
async def test_a_request_that_hangs_is_given_up_by_its_caller(shop: Shop, url: str, fault: Fault, made: int) -> None:
    shop.peer.faults.next(CREATE, fault)

    async with client_of(url, patience=0.2) as hasty:
        with pytest.raises(stripe.APIConnectionError):
            await make(hasty)
    await until_called(shop, 1)

    assert len(shop.peer.all("customer")) == made
    assert shop.peer.called(CREATE)[0].status == 0
    await make(shop.client)
    assert len(shop.peer.all("customer")) == 1


async def until_called(shop: Shop, times: int) -> None:
    async with asyncio.timeout(10):
        while len(shop.peer.called(CREATE)) < times:
            await shop.v1.products.list_async()


async def test_a_key_is_held_while_its_first_request_hangs_and_the_release_lets_it_go_on(shop: Shop) -> None:
    shop.peer.faults.next(CREATE, Fault.HANG_BEFORE)

    first = asyncio.create_task(make(shop.client))
    while not shop.peer.faults.hanging:
        await shop.v1.products.list_async()
    with pytest.raises(stripe.APIError) as in_use:
        await make(shop.client)
    shop.peer.faults.release()

    assert in_use.value.http_status == 409
    assert [customer["id"] for customer in shop.peer.all("customer")] in ([], [(await first).id])
    assert (await make(shop.client)).id == (await first).id


async def test_a_client_that_tries_again_never_notices(shop: Shop, url: str) -> None:
    shop.peer.faults.next(CREATE, Fault.LOST_ANSWER)
    shop.peer.faults.next(CREATE, Fault.ERROR_BEFORE)

    async with client_of(url, retries=2) as patient:
        made = await make(patient)

    assert [customer["id"] for customer in shop.peer.all("customer")] == [made.id]
