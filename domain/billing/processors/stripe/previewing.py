"""The invoice that a change would lead to, as Stripe computes it."""

from typing import TYPE_CHECKING

from domain.billing.processors import InvoicePreview, ItemChange
from domain.billing.processors.shapes import answers
from domain.billing.processors.stripe.hearing import heard
from domain.billing.states import Proration

if TYPE_CHECKING:
    import stripe


async def preview(
    client: "stripe.StripeClient", processor_id: str, change: ItemChange, proration: Proration
) -> InvoicePreview:
    """Ask for the next invoice of a subscription with one item changed, and read all its lines."""
    item: stripe.params.InvoiceCreatePreviewParamsSubscriptionDetailsItem = {
        "id": change.item_id,
        "price": change.price_id,
        "quantity": change.quantity,
    }
    with heard():
        made = await client.v1.invoices.create_preview_async(
            {
                "subscription": processor_id,
                "subscription_details": {"items": [item], "proration_behavior": proration.value},
            }
        )
        lines = [line.to_dict(for_json=True) async for line in made.lines.auto_paging_iter()]
        return answers.preview(made.to_dict(for_json=True), lines)
