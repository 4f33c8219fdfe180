"""What Stripe answers besides subscriptions: the preview of an invoice, and a checkout session."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field, ValidationError

from domain.billing.processors.orders import CheckoutSession, CheckoutStatus, InvoicePreview, PreviewLine
from domain.billing.processors.shapes.parts import Reference, Seconds, Shape, Text, id_of, instant, unreadable


class _Period(Shape):
    start: Seconds
    end: Seconds


class _Prorated(Shape):
    proration: bool = False


class _LineParent(Shape):
    subscription_item_details: _Prorated | None = None
    invoice_item_details: _Prorated | None = None


class _PriceDetails(Shape):
    price: Reference | None = None


class _Pricing(Shape):
    price_details: _PriceDetails | None = None


class _Line(Shape):
    amount: int
    description: str | None = None
    quantity: int | None = None
    period: _Period | None = None
    parent: _LineParent | None = None
    pricing: _Pricing | None = None

    @property
    def proration(self) -> bool:
        """Whether it settles a part of a period."""
        if self.parent is None:
            return False
        details = (self.parent.subscription_item_details, self.parent.invoice_item_details)
        return any(one is not None and one.proration for one in details)

    @property
    def price_id(self) -> str | None:
        """The price that it is computed by."""
        details = self.pricing.price_details if self.pricing else None
        return None if details is None or details.price is None else id_of(details.price)


class _Invoice(Shape):
    currency: Annotated[str, Field(pattern="^[a-z]{3}$")]
    total: int
    amount_due: int


class _Session(Shape):
    id: Text
    livemode: bool
    status: CheckoutStatus | None = Field(default=None, strict=False)
    url: str | None = None
    expires_at: Seconds | None = None
    customer: Reference | None = None
    subscription: Reference | None = None


def preview(invoice: object, lines: Iterable[object]) -> InvoicePreview:
    """Read a previewed invoice and all of its lines.

    Raises:
        UnreadableEvent: the shape is none that we know.
    """
    try:
        read = _Invoice.model_validate(invoice)
        return InvoicePreview(
            currency=read.currency,
            lines=tuple(_line(_Line.model_validate(line)) for line in lines),
            total=read.total,
            amount_due=read.amount_due,
        )
    except ValidationError as error:
        raise unreadable(error) from None


def _line(line: _Line) -> PreviewLine:
    return PreviewLine(
        description=line.description or "",
        price_id=line.price_id,
        quantity=line.quantity,
        amount=line.amount,
        proration=line.proration,
        period_start=instant(line.period.start) if line.period else None,
        period_end=instant(line.period.end) if line.period else None,
    )


def checkout_session(session: Any) -> CheckoutSession:
    """Read a checkout session; one without a status counts as open.

    Raises:
        UnreadableEvent: the shape is none that we know.
    """
    try:
        read = _Session.model_validate(session)
    except ValidationError as error:
        raise unreadable(error) from None
    return CheckoutSession(
        processor_id=read.id,
        livemode=read.livemode,
        status=read.status or CheckoutStatus.OPEN,
        url=read.url,
        expires_at=instant(read.expires_at),
        customer_processor_id=None if read.customer is None else id_of(read.customer),
        subscription_processor_id=None if read.subscription is None else id_of(read.subscription),
    )


def client_secret(subscription: dict[str, Any]) -> str | None:
    """Read what a browser needs to confirm a first payment, where the answer was asked to show it."""
    invoice = subscription.get("latest_invoice")
    confirmation = invoice.get("confirmation_secret") if isinstance(invoice, dict) else None
    return confirmation.get("client_secret") if isinstance(confirmation, dict) else None
