"""How the Fake's webhooks reach whoever receives them: signed at the moment of delivery."""

from typing import Any, Protocol

from domain import outbox
from domain.billing.processors.fake.processor import FakeProcessor as Processor
from domain.billing.states import ProcessorName


class Receiver(Protocol):
    """Takes webhooks in: the inbox."""

    async def receive(self, name: ProcessorName, body: bytes, signature: str | None) -> None:
        """Store and apply an event."""


class FakeProcessor(Processor):
    """The Fake, with its webhooks."""

    def deliverer(self, receiver: Receiver) -> outbox.Deliver:
        """Make the outbox's handler for TOPIC; it signs at the moment of delivery, so that no signature grows old."""

        async def deliver(payload: dict[str, Any]) -> None:
            body = payload["body"].encode()
            await receiver.receive(self.name, body, self.sign(body))

        return deliver
