import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.billing.processors import ProcessorRefused, ProcessorUnavailable, Purchase
from domain.billing.processors.stripe import StripeProcessor
from domain.billing.states import Status
from domain.clock import SystemClock
from domain.ids import CustomerId
from tests.domain.billing.processors.stripe_json import item, items, subscription
from tests.support.stripe_stub import Stub

# Stripe's library hands its forms to httpx in a way that httpx is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

MISSING = {
    "error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such thing", "param": "id"}
}
DECLINED = {"error": {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}}
ENDED = subscription(status="canceled", ended_at=1_795_000_001)


def test_importing_the_domain_does_not_load_stripes_library() -> None:
    script = """
import importlib, pkgutil, sys
import domain
for module in pkgutil.walk_packages(domain.__path__, "domain."):
    importlib.import_module(module.name)
assert "domain.billing.processors.stripe" in sys.modules
assert "stripe" not in sys.modules
"""

    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (loaded.returncode, loaded.stderr) == (0, "")


@pytest.mark.parametrize(
    ("key", "livemode"), [("sk_test_1", False), ("rk_test_1", False), ("sk_live_1", True), ("rk_live_1", True)]
)
async def test_the_mode_is_the_keys(key: str, livemode: bool) -> None:
    processor = StripeProcessor(api_key=key, webhook_secrets=["whsec_1"], clock=SystemClock())

    assert processor.livemode is livemode
    await processor.aclose()


async def test_a_customer_is_made_once_per_key_at_the_pinned_version(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((200, {"id": "cus_1", "object": "customer"}))

    made = await stripe.create_customer(CustomerId("cst_1"), key="customer:cst_1")

    [heard] = stub.heard
    assert made == "cus_1"
    assert (heard.method, heard.path, heard.form) == ("POST", "/v1/customers", {"metadata[customer_id]": "cst_1"})
    assert heard.headers["idempotency-key"] == "customer:cst_1"
    assert heard.headers["stripe-version"] == "2026-10-28.endive"
    assert heard.headers["authorization"] == "Bearer sk_test_1"


async def test_a_purchase_is_incomplete_and_hands_over_the_client_secret(stub: Stub, stripe: StripeProcessor) -> None:
    invoice = {"id": "in_1", "object": "invoice", "confirmation_secret": {"client_secret": "pi_1_secret", "type": "x"}}
    stub.will_say((200, subscription(status="incomplete", latest_invoice=invoice)))

    bought = await stripe.subscribe("cus_1", [Purchase(price_id="price_team_monthly", quantity=7)], key="buy:1")

    [heard] = stub.heard
    assert (bought.snapshot.processor_id, bought.client_secret) == ("sub_1", "pi_1_secret")
    assert bought.snapshot.state.status == Status.INCOMPLETE
    assert (heard.method, heard.path, heard.headers["idempotency-key"]) == ("POST", "/v1/subscriptions", "buy:1")
    assert heard.form == {
        "customer": "cus_1",
        "items[0][price]": "price_team_monthly",
        "items[0][quantity]": "7",
        "payment_behavior": "default_incomplete",
        "payment_settings[save_default_payment_method]": "on_subscription",
        "metadata[seatgate_purchase]": "buy:1",
        "expand[0]": "latest_invoice.confirmation_secret",
    }


@pytest.mark.parametrize("invoice", [None, "in_1", {"id": "in_1", "object": "invoice", "confirmation_secret": None}])
async def test_a_purchase_with_nothing_to_confirm_has_no_secret(
    stub: Stub, stripe: StripeProcessor, invoice: object
) -> None:
    stub.will_say((200, subscription(latest_invoice=invoice)))

    assert (await stripe.subscribe("cus_1", [], key="buy:1")).client_secret is None


@pytest.mark.parametrize(
    ("at_period_end", "at", "asked"),
    [
        (False, None, ("DELETE", {})),
        (True, None, ("POST", {"cancel_at_period_end": "true"})),
        (True, datetime(2027, 1, 1, tzinfo=UTC), ("POST", {"cancel_at": "1798761600"})),
    ],
)
async def test_a_cancellation_is_at_an_instant_or_at_the_periods_end_or_now(
    stub: Stub, stripe: StripeProcessor, at_period_end: bool, at: datetime | None, asked: tuple[str, dict[str, str]]
) -> None:
    stub.will_say((200, subscription()))

    await stripe.cancel("sub_1", at_period_end=at_period_end, at=at, key="end:1")

    [heard] = stub.heard
    assert (heard.method, heard.form) == asked
    assert (heard.path, heard.headers["idempotency-key"]) == ("/v1/subscriptions/sub_1", "end:1")


@pytest.mark.parametrize("status", [400, 404])
async def test_cancelling_what_has_ended_hands_it_back(stub: Stub, stripe: StripeProcessor, status: int) -> None:
    stub.will_say((status, MISSING), (200, ENDED))

    ended = await stripe.cancel("sub_1", at_period_end=False, at=None, key="end:1")

    assert ended.state.status == Status.CANCELED


@pytest.mark.parametrize("then", [(404, MISSING), (200, subscription())])
async def test_a_refused_cancellation_of_what_lives_or_never_was_is_a_refusal(
    stub: Stub, stripe: StripeProcessor, then: tuple[int, object]
) -> None:
    stub.will_say((404, MISSING), then)

    with pytest.raises(ProcessorRefused):
        await stripe.cancel("sub_1", at_period_end=False, at=None, key="end:1")


async def test_an_end_with_the_period_is_taken_back(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((200, subscription()))

    back = await stripe.resume("sub_1", key="back:1")

    [heard] = stub.heard
    assert (heard.method, heard.path, heard.form) == (
        "POST",
        "/v1/subscriptions/sub_1",
        {"cancel_at_period_end": "false"},
    )
    assert heard.headers["idempotency-key"] == "back:1"
    assert back.state.cancel_at is None


async def test_an_end_at_an_instant_is_taken_back_in_a_request_of_its_own(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((200, subscription(cancel_at=1_798_761_600)), (200, subscription()))

    back = await stripe.resume("sub_1", key="back:1")

    assert [heard.form for heard in stub.heard] == [{"cancel_at_period_end": "false"}, {"cancel_at": ""}]
    assert [heard.headers["idempotency-key"] for heard in stub.heard] == ["back:1", "back:1-at"]
    assert back.state.cancel_at is None


async def test_what_has_ended_cannot_be_taken_back_and_is_handed_back(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((400, MISSING), (200, ENDED))

    assert (await stripe.resume("sub_1", key="back:1")).state.status == Status.CANCELED


@pytest.mark.parametrize(("status", "answered"), [(500, True), (429, True), (409, False)])
async def test_it_is_told_whether_the_request_may_still_be_under_way(
    stub: Stub, stripe: StripeProcessor, status: int, answered: bool
) -> None:
    stub.will_say((status, {"error": {"message": "sorry"}}))

    with pytest.raises(ProcessorUnavailable) as unavailable:
        await stripe.cancel("sub_1", at_period_end=False, at=None, key="end:1")

    assert unavailable.value.answered is answered


async def test_an_unknown_subscription_is_none(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((404, MISSING))

    assert await stripe.fetch("sub_1") is None


async def test_a_fetch_brings_the_items_of_every_page(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say(
        (200, subscription(items=items(item(), has_more=True))),
        (200, items(item(), item(id="si_2"), has_more=True)),
        (200, items(item(id="si_3"))),
    )

    found = await stripe.fetch("sub_1")

    assert found is not None
    assert [held.processor_id for held in found.state.items] == ["si_1", "si_2", "si_3"]
    assert stub.heard[1].query == {"subscription": "sub_1", "limit": "100"}
    assert stub.heard[2].query["starting_after"] == "si_2"


async def test_a_failure_is_tried_again_with_the_same_key(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((503, {}), (200, {"id": "cus_1", "object": "customer"}))

    await stripe.create_customer(CustomerId("cst_1"), key="customer:cst_1")

    assert [heard.headers["idempotency-key"] for heard in stub.heard] == ["customer:cst_1"] * 2


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {"error": {"message": "sorry"}}),
        (502, b"<html>"),
        (429, {"error": {"message": "slower"}}),
        (409, {"error": {"message": "the key is in use"}}),
        (401, {"error": {"message": "Invalid API Key provided: sk_test_*1"}}),
        (403, {"error": {"message": "not allowed"}}),
        (200, b"nonsense"),
        (200, {"id": "sub_1", "object": "subscription"}),
    ],
)
async def test_without_a_usable_answer_the_outcome_is_unknown(
    stub: Stub, stripe: StripeProcessor, status: int, answer: Any
) -> None:
    stub.will_say((status, answer))

    with pytest.raises(ProcessorUnavailable) as unavailable:
        await stripe.subscribe("cus_1", [], key="buy:1")

    assert "sk_test" not in str(unavailable.value)


async def test_nobody_listening_is_unavailable() -> None:
    processor = StripeProcessor(
        api_key="sk_test_1", webhook_secrets=["whsec_1"], clock=SystemClock(), api_base="http://127.0.0.1:1"
    )

    with pytest.raises(ProcessorUnavailable) as unavailable:
        await processor.fetch("sub_1")
    assert not unavailable.value.answered
    await processor.aclose()


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (402, DECLINED, "card_declined"),
        (400, MISSING, "resource_missing"),
        (400, {"error": {"type": "idempotency_error", "message": "other input"}}, None),
    ],
)
async def test_a_no_is_a_refusal_with_stripes_own_word(
    stub: Stub, stripe: StripeProcessor, status: int, answer: object, code: str | None
) -> None:
    stub.will_say((status, answer))

    with pytest.raises(ProcessorRefused) as refusal:
        await stripe.subscribe("cus_1", [], key="buy:1")

    assert refusal.value.code == code
    assert len(stub.heard) == 1
