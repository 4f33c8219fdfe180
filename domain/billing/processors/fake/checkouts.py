"""The Fake's checkout sessions and portal as Stripe would write them. Their addresses lead nowhere."""

from domain.billing.processors import CheckoutOrder, CheckoutSession, CheckoutStatus
from domain.billing.processors.fake.documents import Document, instant

PAGES = "https://fake.invalid"
OPEN_SECONDS = 86400


def document(id: str, order: CheckoutOrder, *, at: int) -> Document:
    """Write a checkout session that is open for a day."""
    return {
        "id": id,
        "object": "checkout.session",
        "cancel_url": order.cancel_url,
        "client_reference_id": order.customer_id,
        "created": at,
        "customer": order.customer_processor_id,
        "expires_at": at + OPEN_SECONDS,
        "livemode": False,
        "metadata": {},
        "mode": "subscription",
        "payment_status": "unpaid",
        "status": "open",
        "subscription": None,
        "success_url": order.success_url,
        "url": f"{PAGES}/checkout/{id}",
    }


def completed(open: Document, customer_id: str, bought: Document) -> Document:
    """Write the session as it is once the customer has paid, or begun a trial for which nothing is due."""
    paid = "no_payment_required" if bought["status"] == "trialing" else "paid"
    return open | {
        "customer": customer_id,
        "payment_status": paid,
        "status": "complete",
        "subscription": bought["id"],
        "url": None,
    }


def session(written: Document) -> CheckoutSession:
    """Read a checkout session."""
    return CheckoutSession(
        processor_id=written["id"],
        livemode=written["livemode"],
        status=CheckoutStatus(written["status"]),
        url=written["url"],
        expires_at=instant(written["expires_at"]),
        customer_processor_id=written["customer"],
        subscription_processor_id=written["subscription"],
    )


def portal(id: str) -> str:
    """Give the address of a portal session."""
    return f"{PAGES}/portal/{id}"
