"""Customers."""

from tests.peers.stripe import cancelling, cards, invoices
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Asked, Cleared, Noted, Paged, Params, noted
from tests.peers.stripe.operations import Operation, page


class InvoiceSettings(Params):
    default_payment_method: str | Cleared | None = None


class CustomerParams(Noted):
    email: str | Cleared | None = None
    name: str | Cleared | None = None
    description: str | Cleared | None = None
    phone: str | Cleared | None = None


class CreateCustomer(CustomerParams):
    test_clock: str | None = None


class UpdateCustomer(CustomerParams):
    invoice_settings: InvoiceSettings | None = None


class ListCustomers(Paged):
    email: str | None = None
    test_clock: str | None = None


def make(account: Account, *, test_clock: str | None = None, **fields: str | None) -> Document:
    """Make a customer, as a request or as a checkout page does."""
    id = account.new_id("cus")
    customer: Document = {
        "id": id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": account.now({"test_clock": test_clock}),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": f"P{id.removeprefix('cus_')}",
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": test_clock,
    }
    return account.add(customer | fields)


def create(account: Account, params: CreateCustomer) -> Document:
    if params.test_clock is not None:
        account.get("test_helpers.test_clock", params.test_clock, param="test_clock")
    customer = make(account, test_clock=params.test_clock)
    _write(customer, params)
    account.emit("customer.created", customer)
    return customer


def update(account: Account, params: UpdateCustomer, id: str) -> Document:
    with account.changing(account.customer(id)) as customer:
        method = params.invoice_settings.default_payment_method if params.invoice_settings else None
        if method is not None:
            customer["invoice_settings"]["default_payment_method"] = cards.of_customer(
                account, method, customer, param="invoice_settings[default_payment_method]"
            )
        _write(customer, params)
    return customer


def _write(customer: Document, params: CustomerParams) -> None:
    for name in ("email", "name", "description", "phone"):
        value = getattr(params, name)
        if value is not None:
            customer[name] = value or None
    customer["metadata"] = noted(customer["metadata"], params.metadata)


def delete(account: Account, _: Asked, id: str) -> Document:
    """Delete a customer: what it subscribed to ends at once."""
    customer = account.customer(id)
    for subscription in account.all("subscription"):
        if subscription["customer"] == id:
            if not cancelling.ended(subscription):
                cancelling.end(account, subscription, reason=None)
            invoices.stop(account, subscription)
    account.tables["customer"][id] = {"id": id, "object": "customer", "deleted": True}
    account.emit("customer.deleted", customer)
    return account.tables["customer"][id]


def retrieve(account: Account, _: Asked, id: str) -> Document:
    """Give a customer; of a deleted one only that it is deleted."""
    return account.find("customer", id) or account.customer(id)


def listed(account: Account, params: ListCustomers) -> Document:
    found = [
        customer
        for customer in account.all("customer")
        if not customer.get("deleted")
        and params.email in {None, customer["email"]}
        and params.test_clock in {None, customer["test_clock"]}
    ]
    return page(found, params, url="/v1/customers")


OPERATIONS = (
    Operation("customers.create", "POST", "/v1/customers", create, CreateCustomer),
    Operation("customers.list", "GET", "/v1/customers", listed, ListCustomers),
    Operation("customers.retrieve", "GET", "/v1/customers/{id}", retrieve),
    Operation("customers.update", "POST", "/v1/customers/{id}", update, UpdateCustomer),
    Operation("customers.delete", "DELETE", "/v1/customers/{id}", delete),
)
