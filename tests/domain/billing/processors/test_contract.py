"""What every processor promises of its events, and when something goes wrong; asked of each."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from domain.billing.processors import (
    Capability,
    Processor,
    ProcessorRefused,
    ProcessorUnavailable,
    Purchase,
    SignatureRefused,
    UnreadableEvent,
)
from domain.billing.processors.news import SubscriptionTold
from domain.billing.states import ProcessorName
from tests.domain.billing.processors.benches import Bench, Trouble, held_by

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class TestEvents:
    def test_a_signed_event_is_read(self, bench: Bench, processor: Processor) -> None:
        body, signature = bench.told(NOW)

        read = processor.event(body, signature, now=NOW + bench.patience)

        assert (read.processor, read.livemode, read.occurred_at) == (processor.name, processor.livemode, NOW)
        assert processor.stored(body) == read
        told = processor.news(read)
        assert isinstance(told, SubscriptionTold)
        assert told.snapshot.processor_id == "sub_1"

    @pytest.mark.parametrize("late", [1, -1])
    def test_an_old_or_future_event_is_refused(self, bench: Bench, processor: Processor, late: int) -> None:
        body, signature = bench.told(NOW)
        now = NOW + bench.patience + timedelta(seconds=1) if late > 0 else NOW - timedelta(seconds=301)

        with pytest.raises(SignatureRefused):
            processor.event(body, signature, now=now)

    def test_an_event_that_somebody_else_has_signed_is_refused(self, bench: Bench, processor: Processor) -> None:
        body, signature = bench.told(NOW, ours=False)

        with pytest.raises(SignatureRefused):
            processor.event(body, signature, now=NOW)

    def test_what_is_signed_but_no_event_is_unreadable(self, bench: Bench, processor: Processor) -> None:
        body, signature = bench.nonsense(NOW)

        with pytest.raises(UnreadableEvent):
            processor.event(body, signature, now=NOW)

    @pytest.mark.parametrize("body", [b"\xff", b"{}", b"[]", b""])
    def test_what_nobody_has_signed_is_refused(self, processor: Processor, body: bytes) -> None:
        with pytest.raises(SignatureRefused):
            processor.event(body, None, now=NOW)
        with pytest.raises(UnreadableEvent):
            processor.stored(body)

    def test_an_event_of_a_type_that_nothing_here_reads_tells_nothing(self, bench: Bench) -> None:
        body, _ = bench.told(NOW, known=False)

        assert bench.processor.news(bench.processor.stored(body)) is None

    def test_its_capabilities_label_everything_that_a_processor_may_do(self, processor: Processor) -> None:
        assert set(processor.capabilities) == set(Capability)


class TestTroubles:
    @pytest.mark.parametrize("trouble", [Trouble.ERROR, Trouble.TOO_MANY])
    async def test_an_error_is_an_answer_and_nothing_is_done(self, bench: Bench, trouble: Trouble) -> None:
        customer = await bench.customer()
        bench.trouble(trouble)

        with pytest.raises(ProcessorUnavailable) as unavailable:
            await bench.buy(customer, "buy:1")

        assert unavailable.value.answered
        assert await held_by(bench) == []

    async def test_a_purchase_whose_answer_was_lost_is_found_by_its_key(self, bench: Bench) -> None:
        customer = await bench.customer()
        bench.trouble(Trouble.LOST)

        # Stripe's library asks again by itself.
        with contextlib.suppress(ProcessorUnavailable):
            await bench.buy(customer, "buy:1")
        held = await bench.buy(customer, "buy:1")

        assert await held_by(bench) == [held]

    async def test_a_command_on_what_is_not_there_is_refused(self, processor: Processor) -> None:
        with pytest.raises(ProcessorRefused):
            await processor.cancel("sub_of_nobody", at_period_end=False, at=None, key="end:1")

    # The Fake sells whatever one asks for.
    @pytest.mark.parametrize("bench", [ProcessorName.STRIPE, ProcessorName.BRAINTREE], indirect=True)
    async def test_an_unknown_price_buys_nothing(self, bench: Bench) -> None:
        customer = await bench.customer()

        with pytest.raises(ProcessorRefused):
            await bench.processor.subscribe(customer, [Purchase(price_id="of_nobody", quantity=1)], key="buy:1")

        assert await held_by(bench) == []
