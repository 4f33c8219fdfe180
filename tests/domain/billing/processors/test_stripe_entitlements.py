"""Stripe's list of active entitlements, read to its end."""

from typing import Any

import pytest

from domain.billing.processors import Capability, Label, Processor, ProcessorRefused, ProcessorUnavailable, offers
from domain.billing.processors.stripe import StripeProcessor
from tests.domain.billing.processors.test_stripe import MISSING
from tests.support.stripe_stub import Stub

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

KIND = "entitlements.active_entitlement"
URL = "/v1/entitlements/active_entitlements"


def page(first: int, last: int, *, more: bool = True, **changes: object) -> tuple[int, object]:
    data: list[dict[str, Any]] = [
        {"id": f"ent_{number}", "feature": f"feat_{number}", "lookup_key": f"key_{number}"} | {"object": KIND} | changes
        for number in range(first, last)
    ]
    return 200, {"object": "list", "data": data, "has_more": more, "url": URL}


async def test_every_page_is_read(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say(page(0, 10), page(10, 20), page(20, 25, more=False))

    told = await stripe.entitlements("cus_1")

    assert told is not None
    assert told.features == tuple((f"feat_{n}", f"key_{n}") for n in range(25))
    assert (told.customer_processor_id, told.complete) == ("cus_1", True)
    asked = {"customer": "cus_1", "limit": "100"}
    assert [(heard.method, heard.path) for heard in stub.heard] == [("GET", URL)] * 3
    assert [heard.query for heard in stub.heard] == [
        asked,
        asked | {"starting_after": "ent_9"},
        asked | {"starting_after": "ent_19"},
    ]


async def test_a_feature_may_come_whole(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say(page(0, 1, more=False, feature={"id": "feat_0", "object": "entitlements.feature"}))

    told = await stripe.entitlements("cus_1")

    assert told is not None
    assert told.features == (("feat_0", "key_0"),)


async def test_a_customer_whom_stripe_does_not_know_has_no_answer(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((404, MISSING))

    assert await stripe.entitlements("cus_1") is None


async def test_another_refusal_is_a_refusal(stub: Stub, stripe: StripeProcessor) -> None:
    stub.will_say((400, {"error": {"type": "invalid_request_error", "code": "x", "message": "No."}}))

    with pytest.raises(ProcessorRefused):
        await stripe.entitlements("cus_1")


@pytest.mark.parametrize(
    "answers",
    [
        [(500, {"error": {"type": "api_error", "message": "Oops."}})],
        [page(0, 10), (500, {"error": {"type": "api_error", "message": "Oops."}})],
        [page(0, 1, more=False, lookup_key=7)],
        [page(0, 1, more=False, lookup_key="")],
    ],
)
async def test_what_is_no_whole_answer_is_none(
    stub: Stub, stripe: StripeProcessor, answers: list[tuple[int, object]]
) -> None:
    stub.will_say(*answers)

    with pytest.raises(ProcessorUnavailable):
        await stripe.entitlements("cus_1")


async def test_only_stripe_grants_anything_itself_and_the_others_refuse(processor: Processor) -> None:
    label = processor.capabilities[Capability.NATIVE_ENTITLEMENTS]

    assert label is (Label.NATIVE if processor.name == "stripe" else Label.UNSUPPORTED)
    if not offers(processor, Capability.NATIVE_ENTITLEMENTS):
        with pytest.raises(ProcessorRefused):
            await processor.entitlements("cus_1")
