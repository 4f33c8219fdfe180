"""Which processors this process speaks to."""

from domain.billing import Processor, ProcessorName
from domain.billing.processors.fake import FakeProcessor
from domain.clock import Clock
from domain.db import Database
from domain.settings import Settings


def processors_of(settings: Settings, database: Database, clock: Clock) -> dict[ProcessorName, Processor]:
    """Make the adapters of the configured processors; the libraries of the others are never imported."""
    made: dict[ProcessorName, Processor] = {}
    for name in map(ProcessorName, settings.processors):
        if name is ProcessorName.STRIPE:
            from domain.billing.processors.stripe import StripeProcessor  # noqa: PLC0415 - loaded only when chosen

            assert settings.stripe_api_key is not None, "the settings have been checked"
            made[name] = StripeProcessor(
                api_key=settings.stripe_api_key,
                webhook_secrets=settings.stripe_webhook_secrets,
                clock=clock,
                api_base=settings.stripe_api_base,
            )
        else:
            made[name] = FakeProcessor(database=database, clock=clock, webhook_secrets=settings.fake_webhook_secrets)
    return made
