"""What thin events only name, fetched as it is now."""

from typing import TYPE_CHECKING

from domain.billing.processors import Event, ProcessorRefused, shapes
from domain.billing.processors.news import ObjectNamed
from domain.billing.processors.stripe.hearing import heard

if TYPE_CHECKING:
    import stripe


async def whole(client: "stripe.StripeClient", event: Event) -> Event:
    """Fetch the object that an event names, and give the event that carries it.

    Raises:
        ProcessorRefused: it names nothing that can be fetched.
    """
    named = shapes.news(event)
    if not isinstance(named, ObjectNamed):
        raise ProcessorRefused("The event names nothing to fetch.")
    found: stripe.StripeObject
    with heard():
        match named.kind:
            case "invoice":
                found = await client.v1.invoices.retrieve_async(named.processor_id)
            case _:
                found = await client.v1.checkout.sessions.retrieve_async(named.processor_id)
        return shapes.carrying(event, found.to_dict(for_json=True))
