"""Who can be asked about, and which customer pays for it. A plain function over values; nothing is read here."""

from domain.billing import BillingSubscription, Customer, Owner, OwnerKind
from domain.identity import User
from domain.ids import CustomerId
from domain.organizations import Organization

Billable = Organization | User | Customer | BillingSubscription

Payer = Owner | CustomerId
"""A customer, by whom it belongs to or by its own id."""


def payer_of(billable: object) -> Payer | None:
    """Tell whose customer answers for a billable; None for whatever is none, or has an id that cannot be one."""
    match billable:
        case Organization():
            return Owner(kind=OwnerKind.ORGANIZATION, id=billable.id) if _is_id(billable.id) else None
        case User():
            return Owner(kind=OwnerKind.USER, id=billable.id) if _is_id(billable.id) else None
        case Customer():
            return billable.id if _is_id(billable.id) else None
        case BillingSubscription():
            return billable.customer_id if _is_id(billable.customer_id) else None
        case _:
            return None


def _is_id(value: object) -> bool:
    """Keep out what a database may refuse to compare, because one such value would fail all that are asked with it."""
    return isinstance(value, str) and value.isascii() and value.isprintable()
