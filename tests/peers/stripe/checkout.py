"""Checkout sessions and what happens on their page, and sessions of the customer portal."""

from typing import Literal

from tests.peers.stripe import cards, customers, subscriptions
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.blanks import SESSION, blank
from tests.peers.stripe.forms import Asked, Noted, Paged, Params, noted
from tests.peers.stripe.operations import Operation, page, retrieving
from tests.peers.stripe.periods import DAY, HOUR
from tests.peers.stripe.refusals import Refusal

KIND = "checkout.session"


class LineItem(Params):
    price: str
    quantity: int = 1


class SubscriptionData(Params):
    description: str | None = None
    metadata: dict[str, str] | None = None
    trial_end: int | None = None
    trial_period_days: int | None = None
    trial_settings: subscriptions.TrialSettings | None = None


class CreateSession(Noted):
    mode: Literal["subscription"]
    line_items: list[LineItem]
    success_url: str
    cancel_url: str | None = None
    client_reference_id: str | None = None
    customer: str | None = None
    customer_email: str | None = None
    expires_at: int | None = None
    subscription_data: SubscriptionData = SubscriptionData()
    ui_mode: Literal["hosted_page"] = "hosted_page"


class ListSessions(Paged):
    customer: str | None = None
    status: str | None = None
    subscription: str | None = None


class CreatePortal(Asked):
    customer: str
    return_url: str | None = None


def create(account: Account, params: CreateSession) -> Document:
    """Make a page for a new subscription; it is open for a day."""
    prices = [
        subscriptions.price_of(account, item.price, param=f"line_items[{place}][price]")
        for place, item in enumerate(params.line_items)
    ]
    if not prices:
        raise Refusal("Missing required param: line_items.", code="parameter_missing", param="line_items")
    customer = account.customer(params.customer, param="customer") if params.customer else None
    now = account.now()
    if params.expires_at is not None and not now + HOUR / 2 <= params.expires_at <= now + DAY:
        raise Refusal("The `expires_at` timestamp must be 30 minutes to 24 hours from now.", param="expires_at")
    session = account.add(_document(account, params, customer, prices))
    account.tables.setdefault("asked at checkout", {})[session["id"]] = {
        "items": [item.model_dump() for item in params.line_items],
        **params.subscription_data.model_dump(exclude_none=True),
    }
    return session


def _document(account: Account, params: CreateSession, customer: Document | None, prices: list[Document]) -> Document:
    now, id = account.now(), account.new_id("cs_test")
    total = sum(price["unit_amount"] * item.quantity for price, item in zip(prices, params.line_items, strict=True))
    trial = params.subscription_data.trial_end or params.subscription_data.trial_period_days
    return {
        **blank(SESSION),
        "id": id,
        "object": KIND,
        "amount_subtotal": 0 if trial else total,
        "amount_total": 0 if trial else total,
        "cancel_url": params.cancel_url,
        "client_reference_id": params.client_reference_id,
        "created": now,
        "currency": prices[0]["currency"],
        "customer": customer and customer["id"],
        "customer_creation": None if customer else "always",
        "customer_email": params.customer_email,
        "expires_at": params.expires_at or now + DAY,
        "livemode": False,
        "metadata": noted({}, params.metadata),
        "mode": params.mode,
        "status": "open",
        "success_url": params.success_url,
        "ui_mode": params.ui_mode,
        "url": f"{account.url}/pay/{id}",
    }


def complete(account: Account, session: Document, *, card: str, email: str | None = None) -> Document:
    """Pay on the page, as a person does: the card is attached, the subscription begins, the session is complete.

    Raises:
        Refusal: the session is not open, or the bank says no; it stays open then, and nothing has begun.
    """
    if session["status"] != "open":
        raise Refusal(f"This Session is {session['status']}.")
    with account.undone_when_refused():
        session = account.get(KIND, session["id"])
        customer = _buyer(account, session, email)
        method = cards.make(account, card, customer)
        account.emit("payment_method.attached", method)
        wanted = account.tables["asked at checkout"][session["id"]] | {
            "customer": customer["id"],
            "default_payment_method": method["id"],
            "payment_behavior": "error_if_incomplete",
        }
        subscription = subscriptions.create(account, subscriptions.CreateSubscription.model_validate(wanted))
        session = account.get(KIND, session["id"])
        paid = account.tables["invoice"][subscription["latest_invoice"]]["amount_paid"]
        session |= {
            "customer": customer["id"],
            "customer_details": _details(account, session, email),
            "invoice": subscription["latest_invoice"],
            "payment_status": "paid" if paid else "no_payment_required",
            "status": "complete",
            "subscription": subscription["id"],
            "url": None,
        }
        account.emit("checkout.session.completed", session)
    return session


def _buyer(account: Account, session: Document, email: str | None) -> Document:
    if session["customer"] is not None:
        return account.customer(session["customer"])
    customer = customers.make(account, email=session["customer_email"] or email)
    account.emit("customer.created", customer)
    return customer


def _details(account: Account, session: Document, email: str | None) -> Document:
    known = account.find("customer", session["customer"] or "") or {}
    return {
        "address": None,
        "business_name": None,
        "email": known.get("email") or session["customer_email"] or email,
        "individual_name": None,
        "name": known.get("name"),
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def expire(account: Account, _: Asked, id: str) -> Document:
    session = account.get(KIND, id)
    if session["status"] != "open":
        raise Refusal('Only Checkout Sessions with a status in ["open"] can be expired.')
    end(account, session)
    return session


def end(account: Account, session: Document) -> None:
    """Close a page that nobody has paid on."""
    session |= {"status": "expired", "url": None}
    account.emit("checkout.session.expired", session)


def listed(account: Account, params: ListSessions) -> Document:
    found = [
        session
        for session in account.all(KIND)
        if params.customer in {None, session["customer"]}
        and params.status in {None, session["status"]}
        and params.subscription in {None, session["subscription"]}
    ]
    return page(found, params, url="/v1/checkout/sessions")


def line_items(account: Account, params: Paged, id: str) -> Document:
    account.get(KIND, id)
    asked = account.tables["asked at checkout"][id]["items"]
    found = [_line_item(account, id, place, **item) for place, item in enumerate(asked, start=1)]
    return page(found, params, url=f"/v1/checkout/sessions/{id}/line_items", newest_first=False)


def _line_item(account: Account, session: str, place: int, *, price: str, quantity: int) -> Document:
    sold = account.tables["price"][price]
    amount = sold["unit_amount"] * quantity
    return {
        "id": f"li_{session.removeprefix('cs_test_')}_{place}",
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": sold["currency"],
        "description": account.tables["product"][sold["product"]]["name"],
        "price": sold,
        "quantity": quantity,
    }


def create_portal(account: Account, params: CreatePortal) -> Document:
    """Make a page on which a customer manages what is paid for."""
    account.customer(params.customer, param="customer")
    id = account.new_id("bps")
    return account.add(
        {
            "id": id,
            "object": "billing_portal.session",
            "configuration": "bpc_000001",
            "created": account.now(),
            "customer": params.customer,
            "flow": None,
            "livemode": False,
            "locale": None,
            "on_behalf_of": None,
            "return_url": params.return_url,
            "url": f"{account.url}/portal/{id}",
        }
    )


OPERATIONS = (
    Operation("checkout.sessions.create", "POST", "/v1/checkout/sessions", create, CreateSession),
    Operation("checkout.sessions.list", "GET", "/v1/checkout/sessions", listed, ListSessions),
    Operation("checkout.sessions.retrieve", "GET", "/v1/checkout/sessions/{id}", retrieving(KIND)),
    Operation("checkout.sessions.expire", "POST", "/v1/checkout/sessions/{id}/expire", expire),
    Operation("checkout.sessions.line_items.list", "GET", "/v1/checkout/sessions/{id}/line_items", line_items, Paged),
    Operation("billing_portal.sessions.create", "POST", "/v1/billing_portal/sessions", create_portal, CreatePortal),
)
