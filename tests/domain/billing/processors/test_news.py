"""What Stripe's events tell, in the shapes of today and of older endpoints, whole and thin."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing.processors import News, UnreadableEvent
from domain.billing.processors.news import (
    CheckoutCompleted,
    CustomerChange,
    CustomerTold,
    EntitlementsTold,
    InvoiceOutcome,
    InvoiceTold,
    ObjectNamed,
    SubscriptionTold,
    SubscriptionTouched,
)
from domain.billing.processors.shapes import READERS, carrying, event, news, snapshot
from domain.billing.states import ProcessorName
from tests.domain.billing.processors import stripe_json

NEXT = 1_795_300_000
INVOICE = {
    "id": "in_1",
    "object": "invoice",
    "customer": "cus_1",
    "attempt_count": 2,
    "next_payment_attempt": NEXT,
    "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1", "metadata": {}}},
}
SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "mode": "subscription",
    "customer": "cus_1",
    "subscription": "sub_1",
}
SUMMARY = {
    "object": "entitlements.active_entitlement_summary",
    "customer": "cus_1",
    "livemode": False,
    "entitlements": {
        "object": "list",
        "has_more": True,
        "data": [{"id": "ent_1", "feature": {"id": "feat_1", "name": "Reports"}, "lookup_key": "reports"}],
    },
}


def told(type: str, document: dict[str, Any]) -> News | None:
    return news(event(stripe_json.body(type=type, data={"object": document}), processor=ProcessorName.STRIPE))


def thin(**changes: Any) -> bytes:
    document = {
        "id": "evt_thin_1",
        "object": "v2.core.event",
        "type": "v1.customer.subscription.updated",
        "created": "2026-11-21T12:00:00.123Z",
        "livemode": False,
        "context": None,
        "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
    }
    return json.dumps(document | changes).encode()


@pytest.mark.parametrize(
    "happened", ["created", "updated", "deleted", "paused", "resumed", "trial_will_end", "pending_update_applied"]
)
def test_a_subscription_event_tells_the_whole_subscription(happened: str) -> None:
    type = f"customer.subscription.{happened}"

    assert told(type, stripe_json.subscription()) == SubscriptionTold(
        type=type, snapshot=snapshot(stripe_json.subscription())
    )


def test_a_subscription_with_items_cut_off_was_touched() -> None:
    more = stripe_json.subscription(items=stripe_json.items(stripe_json.item(), has_more=True))

    assert told("customer.subscription.updated", more) == SubscriptionTouched(
        processor_id="sub_1", customer_processor_id="cus_1"
    )


@pytest.mark.parametrize(
    ("type", "outcome"),
    [("invoice.paid", InvoiceOutcome.PAID), ("invoice.payment_failed", InvoiceOutcome.FAILED)],
)
def test_an_invoice_tells_of_its_attempts(type: str, outcome: InvoiceOutcome) -> None:
    assert told(type, INVOICE) == InvoiceTold(
        outcome=outcome,
        processor_id="in_1",
        customer_processor_id="cus_1",
        subscription_processor_id="sub_1",
        attempt_count=2,
        next_attempt_at=datetime.fromtimestamp(NEXT, UTC),
    )


@pytest.mark.parametrize(
    ("changes", "subscription"),
    [
        ({"parent": None, "subscription": "sub_old"}, "sub_old"),
        ({"parent": None, "subscription": {"id": "sub_old"}}, "sub_old"),
        ({"parent": None}, None),
        ({"parent": {"subscription_details": None}}, None),
    ],
)
def test_an_older_invoice_names_its_subscription_itself_and_some_have_none(
    changes: dict[str, Any], subscription: str | None
) -> None:
    read = told("invoice.paid", INVOICE | changes)

    assert isinstance(read, InvoiceTold)
    assert read.subscription_processor_id == subscription


def test_a_completed_checkout_tells_who_bought_what() -> None:
    assert told("checkout.session.completed", SESSION) == CheckoutCompleted(
        processor_id="cs_1", customer_processor_id="cus_1", subscription_processor_id="sub_1"
    )


@pytest.mark.parametrize("mode", ["payment", "setup"])
def test_a_checkout_of_something_else_tells_nothing(mode: str) -> None:
    assert told("checkout.session.completed", SESSION | {"mode": mode}) is None


@pytest.mark.parametrize("change", CustomerChange)
def test_a_customer_event_tells_what_happened_to_whom(change: CustomerChange) -> None:
    assert told(f"customer.{change}", {"id": "cus_1", "object": "customer"}) == CustomerTold(
        change=change, processor_id="cus_1"
    )


def test_a_summary_tells_its_features_and_whether_there_are_more() -> None:
    assert told("entitlements.active_entitlement_summary.updated", SUMMARY) == EntitlementsTold(
        customer_processor_id="cus_1", features=(("feat_1", "reports"),), complete=False
    )


def test_a_schedule_touches_its_subscription_where_it_has_one() -> None:
    schedule = {"id": "sub_sched_1", "object": "subscription_schedule", "customer": "cus_1", "subscription": "sub_1"}

    assert told("subscription_schedule.updated", schedule) == SubscriptionTouched(
        processor_id="sub_1", customer_processor_id="cus_1"
    )
    assert told("subscription_schedule.created", schedule | {"subscription": None}) is None


class TestThinEvents:
    def test_one_about_a_subscription_touches_it(self) -> None:
        read = event(thin(), processor=ProcessorName.STRIPE)

        assert (read.event_id, read.type, read.livemode) == ("evt_thin_1", "v1.customer.subscription.updated", False)
        assert read.occurred_at == datetime(2026, 11, 21, 12, 0, 0, 123_000, tzinfo=UTC)
        assert news(read) == SubscriptionTouched(processor_id="sub_1", customer_processor_id=None)

    @pytest.mark.parametrize(
        ("type", "kind"),
        [
            ("invoice.paid", "invoice"),
            ("invoice.payment_failed", "invoice"),
            ("checkout.session.completed", "checkout.session"),
        ],
    )
    def test_one_about_an_invoice_or_a_checkout_names_it_and_carries_what_is_fetched(
        self, type: str, kind: str
    ) -> None:
        document = INVOICE if kind == "invoice" else SESSION
        body = thin(type=f"v1.{type}", related_object={"id": document["id"], "type": kind, "url": "/v1/x"})
        read = event(body, processor=ProcessorName.STRIPE)

        carried = carrying(read, document)

        assert news(read) == ObjectNamed(kind=kind, processor_id=str(document["id"]))
        assert news(carried) == told(type, document)
        assert (carried.event_id, carried.occurred_at, carried.type) == (read.event_id, read.occurred_at, type)

    @pytest.mark.parametrize(
        "changes", [{"related_object": None}, {"related_object": {"id": "in_1", "type": "invoice", "url": "/v1/x"}}]
    )
    def test_one_about_anything_else_tells_nothing(self, changes: dict[str, Any]) -> None:
        assert news(event(thin(**changes), processor=ProcessorName.STRIPE)) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"id": None},
            {"type": ""},
            {"created": 1_795_000_000},
            {"created": "yesterday"},
            {"created": "2026-11-21T12:00:00"},
            {"created": "0001-01-01T00:00:00+14:00"},
            {"created": "1969-12-31T23:59:59Z"},
            {"livemode": None},
            {"related_object": {"id": 1, "type": "subscription"}},
        ],
    )
    def test_one_without_a_sound_envelope_is_unreadable(self, changes: dict[str, Any]) -> None:
        with pytest.raises(UnreadableEvent):
            event(thin(**changes), processor=ProcessorName.STRIPE)


@given(
    st.sampled_from(sorted(READERS)),
    st.dictionaries(
        st.sampled_from(sorted({*INVOICE, *SESSION, *SUMMARY, *stripe_json.subscription()})),
        st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4),
    ),
)
def test_any_object_of_any_type_is_read_or_unreadable(type: str, document: dict[str, Any]) -> None:
    body = json.dumps(stripe_json.event(type=type, data={"object": document})).encode()

    with contextlib.suppress(UnreadableEvent):
        news(event(body, processor=ProcessorName.STRIPE))
