"""Which processors this process speaks to, and what the rooms that speak to them are made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from domain.billing import Processor, ProcessorName
from domain.billing.processors.fake import FakeProcessor
from domain.clock import Clock
from domain.db import Database
from domain.settings import BraintreeEnvironment, Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What every room that speaks to a processor is made of."""

    database: Database
    clock: Clock
    processors: Mapping[ProcessorName, Processor]

    def made(self, kind: Callable[..., T], **more: object) -> T:
        """Make one of them."""
        return kind(database=self.database, clock=self.clock, processors=self.processors, **more)


def rooms_of(settings: Settings, database: Database, clock: Clock) -> Rooms:
    """Make what rooms are made of, with the configured processors."""
    return Rooms(database=database, clock=clock, processors=processors_of(settings, database, clock))


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
        elif name is ProcessorName.BRAINTREE:
            made[name] = _braintree(settings, clock)
        else:
            made[name] = FakeProcessor(database=database, clock=clock, webhook_secrets=settings.fake_webhook_secrets)
    return made


def _braintree(settings: Settings, clock: Clock) -> Processor:
    from domain.billing.processors.braintree import BraintreeProcessor  # noqa: PLC0415 - loaded only when chosen

    account = settings.braintree
    assert account is not None, "the settings have been checked"
    return BraintreeProcessor(
        merchant_id=account.merchant_id,
        public_key=account.public_key,
        private_key=account.private_key,
        live=account.environment is BraintreeEnvironment.PRODUCTION,
        clock=clock,
    )
