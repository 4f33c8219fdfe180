import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.billing.processors import IncompleteEvent, UnreadableEvent
from domain.billing.processors.shapes import event, snapshot
from domain.billing.states import (
    Item,
    PauseBehavior,
    PauseCollection,
    ProcessorName,
    Snapshot,
    Status,
    SubscriptionState,
)
from tests.domain.billing.processors import stripe_json
from tests.domain.billing.processors.stripe_json import CREATED, PERIOD_END, item, items, subscription

START, END = datetime.fromtimestamp(CREATED, UTC), datetime.fromtimestamp(PERIOD_END, UTC)


def read(**changes: Any) -> SubscriptionState:
    return snapshot(subscription(**changes)).state


class TestSubscription:
    def test_the_pinned_shape_has_its_periods_on_the_items(self) -> None:
        assert snapshot(subscription()) == Snapshot(
            processor_id="sub_1",
            customer_processor_id="cus_1",
            livemode=False,
            state=SubscriptionState(
                status=Status.ACTIVE,
                items=(
                    Item(
                        processor_id="si_1",
                        price_id="price_team_monthly",
                        quantity=7,
                        current_period_start=START,
                        current_period_end=END,
                    ),
                ),
            ),
        )

    def test_the_older_shape_has_one_period_for_all_items(self) -> None:
        bare = {name: value for name, value in item().items() if not name.startswith("current_period")}

        older = read(items=items(bare), current_period_start=CREATED, current_period_end=PERIOD_END)

        assert older == read()

    def test_the_customer_may_be_expanded(self) -> None:
        assert snapshot(subscription(customer={"id": "cus_1", "object": "customer"})) == snapshot(subscription())

    def test_a_metered_item_has_no_quantity(self) -> None:
        assert read(items=items(item(quantity=None))).items[0].quantity is None

    def test_equal_items_in_another_order_are_an_equal_state(self) -> None:
        one, two = item(), item(id="si_2")

        assert read(items=items(one, two)) == read(items=items(two, one))

    @pytest.mark.parametrize("status", ["suspended", "", "ACTIVE", None])
    def test_an_unknown_status_reads_as_incomplete(self, status: str | None) -> None:
        assert read(status=status).status == Status.INCOMPLETE

    def test_every_instant_is_read(self) -> None:
        said = read(trial_end=1, cancel_at=2, ended_at=3, cancel_at_period_end=True)

        assert [instant and instant.timestamp() for instant in (said.trial_end, said.cancel_at, said.ended_at)] == [
            1,
            2,
            3,
        ]
        assert said.cancel_at_period_end

    @pytest.mark.parametrize(
        ("pause", "expected"),
        [
            (None, None),
            ({}, PauseCollection()),
            (
                {"behavior": "void", "resumes_at": CREATED},
                PauseCollection(behavior=PauseBehavior.VOID, resumes_at=START),
            ),
            ({"behavior": "hibernate"}, PauseCollection()),
        ],
    )
    def test_a_pause_is_kept_even_when_it_is_empty_or_of_an_unknown_kind(
        self, pause: object, expected: PauseCollection | None
    ) -> None:
        assert read(pause_collection=pause).pause_collection == expected

    def test_a_subscription_with_more_items_than_shown_asks_to_be_fetched(self) -> None:
        with pytest.raises(IncompleteEvent) as refusal:
            read(items=items(item(), has_more=True))

        assert (refusal.value.processor_id, refusal.value.customer_processor_id) == ("sub_1", "cus_1")

    @pytest.mark.parametrize("seconds", [True, 1.0, "1795000000", -1, 253_402_300_800, 10**40, [], {}])
    @pytest.mark.parametrize("field", ["trial_end", "cancel_at", "ended_at", "current_period_end"])
    def test_an_instant_is_whole_seconds_that_a_calendar_holds(self, field: str, seconds: object) -> None:
        with pytest.raises(UnreadableEvent):
            read(**{field: seconds})

    @pytest.mark.parametrize(
        "changes",
        [
            {"object": "invoice"},
            {"id": None},
            {"id": ""},
            {"id": "s" * 256},
            {"id": "sub\x00"},
            {"id": "sub\ud800"},
            {"customer": None},
            {"customer": {}},
            {"customer": {"id": 1}},
            {"status": 1},
            {"livemode": 1},
            {"cancel_at_period_end": "false"},
            {"cancel_at_period_end": None},
            {"pause_collection": True},
            {"pause_collection": []},
            {"pause_collection": {"behavior": 1}},
            {"items": None},
            {"items": []},
            {"items": {"data": None}},
            {"items": items(item(quantity=True))},
            {"items": items(item(quantity=7.0))},
            {"items": items(item(quantity="7"))},
            {"items": items(item(quantity=-1))},
            {"items": items(item(quantity=2**31))},
            {"items": items(item(price="price_1"))},
            {"items": items(item(price=None))},
            {"items": items(item(id=None))},
        ],
    )
    def test_a_value_of_a_wrong_type_makes_it_unreadable(self, changes: dict[str, Any]) -> None:
        with pytest.raises(UnreadableEvent):
            read(**changes)

    @pytest.mark.parametrize("value", [None, [], "sub_1", 1])
    def test_what_is_no_object_is_unreadable(self, value: object) -> None:
        with pytest.raises(UnreadableEvent):
            snapshot(value)

    def test_the_refusal_names_the_place_and_never_the_content(self) -> None:
        with pytest.raises(UnreadableEvent) as refusal:
            read(items=items(item(quantity="top secret")))

        assert str(refusal.value) == "items.data.0.quantity: int_type"
        assert refusal.value.__cause__ is None

    @given(
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists),
        st.sampled_from(sorted(subscription())),
    )
    def test_any_value_anywhere_is_read_or_unreadable(self, value: object, field: str) -> None:
        with contextlib.suppress(UnreadableEvent):
            snapshot(subscription(**{field: value}))


def envelope(body: bytes) -> dict[str, Any]:
    return event(body, processor=ProcessorName.STRIPE).payload


class TestEnvelope:
    def test_a_good_event_comes_back_unchanged(self) -> None:
        assert envelope(stripe_json.body()) == stripe_json.event()

    def test_an_event_has_the_processors_time_and_its_whole_json(self) -> None:
        read = event(stripe_json.body(livemode=True), processor=ProcessorName.STRIPE)

        assert (read.event_id, read.type, read.livemode) == ("evt_1", "customer.subscription.updated", True)
        assert read.occurred_at == START
        assert read.payload == stripe_json.event(livemode=True)

    def test_without_a_mode_it_is_a_test(self) -> None:
        plain = stripe_json.event()
        del plain["livemode"]

        assert not event(json.dumps(plain).encode(), processor=ProcessorName.FAKE).livemode

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"1",
            b"[]",
            b'"evt_1"',
            b"{}",
            b"{",
            b"\xff\xfe{\x00}\x00",
            b"\xef\xbb\xbf" + stripe_json.body(),
            stripe_json.body().decode().encode("utf-16"),
            b"[" * 900 + b"]" * 900,
            b"[" * 200_000,
            stripe_json.body() + b"{}",
        ],
    )
    def test_what_is_no_json_object_is_unreadable(self, body: bytes) -> None:
        with pytest.raises(UnreadableEvent):
            envelope(body)

    @pytest.mark.parametrize(
        "written",
        [
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b"1e999",
            b"9" * 5000,
            b'"\\u0000"',
            b'"\\ud800"',
            b'{"\\udfff": 1}',
            b'{"a": 1, "a": 1}',
            b"[" * 70 + b"]" * 70,
        ],
    )
    def test_what_cannot_be_stored_faithfully_is_unreadable_wherever_it_stands(self, written: bytes) -> None:
        with pytest.raises(UnreadableEvent):
            envelope(stripe_json.body(extra="@").replace(b'"@"', written))

    @pytest.mark.parametrize(
        "changes",
        [
            {"id": None},
            {"id": ""},
            {"id": {}},
            {"id": "e" * 256},
            {"type": 1},
            {"type": ""},
            {"created": None},
            {"created": True},
            {"created": 1.5},
            {"created": -1},
            {"created": "2026-11-21T12:00:00Z"},
            {"created": 10**20},
            {"livemode": "true"},
            {"livemode": None},
            {"data": None},
            {"data": {}},
            {"data": {"object": []}},
        ],
    )
    def test_an_event_without_a_sound_envelope_is_unreadable(self, changes: dict[str, Any]) -> None:
        with pytest.raises(UnreadableEvent):
            envelope(stripe_json.body(**changes))

    @pytest.mark.parametrize("body", [b'{"card": "4242', b'{"card": "4242\xff"}', stripe_json.body(id=4242)])
    def test_the_refusal_carries_nothing_of_the_body(self, body: bytes) -> None:
        with pytest.raises(UnreadableEvent) as refusal:
            envelope(body)

        assert "4242" not in str(refusal.value)
        assert refusal.value.__suppress_context__

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_unreadable(self, body: bytes) -> None:
        with pytest.raises(UnreadableEvent):
            envelope(body)
