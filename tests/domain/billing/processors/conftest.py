"""The processors on their benches, and Stripe's library against a server that says what it was told to say."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.billing.processors import Processor
from domain.billing.processors.stripe import StripeProcessor
from domain.billing.states import ProcessorName
from domain.clock import SystemClock
from domain.db import open_database
from tests.domain.billing.processors.benches import Bench, of_braintree, of_fake, of_stripe
from tests.support import stripe_stub
from tests.support.clock import FixedClock
from tests.support.databases import Sqlite
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


@pytest.fixture(params=list(ProcessorName))
async def bench(
    request: pytest.FixtureRequest, sqlite: Sqlite, tmp_path: Path, clock: FixedClock
) -> AsyncIterator[Bench]:
    if request.param is ProcessorName.FAKE:
        database = open_database(sqlite.fresh(tmp_path))
        async with of_fake(database, clock) as bench:
            yield bench
        await database.aclose()
        return
    async with of_stripe(clock) if request.param is ProcessorName.STRIPE else of_braintree(clock) as bench:
        yield bench


@pytest.fixture
def processor(bench: Bench) -> Processor:
    return bench.processor
