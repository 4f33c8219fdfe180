"""What every processor promises, asked of each."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from domain.billing.processors import Capability, Processor, SignatureRefused, UnreadableEvent
from domain.billing.processors.fake import FakeProcessor
from domain.billing.processors.news import SubscriptionTold, SubscriptionTouched
from domain.billing.processors.signatures import sign
from domain.billing.processors.stripe import StripeProcessor
from domain.billing.states import ProcessorName
from domain.db import open_database
from tests.domain.billing.processors import stripe_json
from tests.support.clock import FixedClock

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture(params=[ProcessorName.FAKE, ProcessorName.STRIPE])
async def processor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Processor]:
    secrets, clock = ["whsec_new", "whsec_old"], FixedClock()
    made: Processor
    if request.param is ProcessorName.STRIPE:
        made = StripeProcessor(api_key="sk_test_1", webhook_secrets=secrets, clock=clock)
    else:
        unused = open_database(f"sqlite+aiosqlite:///{tmp_path}/unused.db")
        made = FakeProcessor(database=unused, clock=clock, webhook_secrets=secrets)
    yield made
    await made.aclose()


class TestEveryProcessor:
    @pytest.mark.parametrize("secret", ["whsec_new", "whsec_old"])
    def test_a_signed_event_is_read(self, processor: Processor, secret: str) -> None:
        body = stripe_json.body()

        read = processor.event(body, sign(body, secret, NOW), now=NOW + timedelta(seconds=300))

        assert (read.processor, read.event_id, read.livemode) == (processor.name, "evt_1", processor.livemode)
        assert processor.stored(body) == read
        told = processor.news(read)
        assert isinstance(told, SubscriptionTold)
        assert told.snapshot.processor_id == "sub_1"

    @pytest.mark.parametrize(("secret", "late"), [("whsec_wrong", 0), ("whsec_new", 301), ("whsec_new", -301)])
    def test_a_wrong_old_or_future_signature_is_refused(self, processor: Processor, secret: str, late: int) -> None:
        body = stripe_json.body()

        with pytest.raises(SignatureRefused):
            processor.event(body, sign(body, secret, NOW), now=NOW + timedelta(seconds=late))

    @pytest.mark.parametrize("body", [b"\xff", b"{}", b"[]", b""])
    def test_what_is_signed_but_no_event_is_unreadable_and_unsigned_it_is_refused(
        self, processor: Processor, body: bytes
    ) -> None:
        with pytest.raises(UnreadableEvent):
            processor.event(body, sign(body, "whsec_new", NOW), now=NOW)
        with pytest.raises(SignatureRefused):
            processor.event(body, None, now=NOW)

    def test_an_event_with_items_cut_off_asks_to_be_fetched(self, processor: Processor) -> None:
        more = stripe_json.subscription(items=stripe_json.items(stripe_json.item(), has_more=True))

        told = processor.news(processor.stored(stripe_json.body(data={"object": more})))

        assert told == SubscriptionTouched(processor_id="sub_1", customer_processor_id="cus_1")

    def test_an_event_of_a_type_that_nothing_here_reads_tells_nothing(self, processor: Processor) -> None:
        assert processor.news(processor.stored(stripe_json.body(type="charge.refunded"))) is None

    def test_its_capabilities_label_everything_that_a_processor_may_do(self, processor: Processor) -> None:
        assert set(processor.capabilities) == set(Capability)
