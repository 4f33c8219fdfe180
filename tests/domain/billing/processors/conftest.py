"""Stripe's library on one side, and on the other a server that says what it was told to say."""

from collections.abc import AsyncIterator

import pytest

from domain.billing.processors.stripe import StripeProcessor
from domain.clock import SystemClock
from tests.support import stripe_stub
from tests.support.stripe_stub import Stub


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with stripe_stub.serving() as stub:
        yield stub


@pytest.fixture
async def stripe(stub: Stub) -> AsyncIterator[StripeProcessor]:
    processor = StripeProcessor(
        api_key="sk_test_1", webhook_secrets=["whsec_1"], clock=SystemClock(), api_base=stub.url
    )
    yield processor
    await processor.aclose()
