"""Payment methods: Stripe's ready-made test cards, each of which behaves as its number says."""

from dataclasses import dataclass

from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Asked, Cleared, Paged
from tests.peers.stripe.operations import Operation, page, retrieving
from tests.peers.stripe.refusals import Refusal, card_error, missing

DECLINED = "Your card was declined."


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCard:
    """A card that fails when it is `attached`, when it is `charged`, or wants its owner to `confirm` every payment."""

    last4: str
    brand: str = "visa"
    attached: str | None = None
    charged: str | None = None
    confirm: bool = False


CARDS = {
    "pm_card_visa": TestCard(last4="4242"),
    "pm_card_mastercard": TestCard(last4="4444", brand="mastercard"),
    "pm_card_amex": TestCard(last4="8431", brand="amex"),
    "pm_card_chargeCustomerFail": TestCard(last4="0341", charged="generic_decline"),
    "pm_card_chargeDeclined": TestCard(last4="0002", attached="generic_decline", charged="generic_decline"),
    "pm_card_visa_chargeDeclined": TestCard(last4="0002", attached="generic_decline", charged="generic_decline"),
    "pm_card_chargeDeclinedInsufficientFunds": TestCard(
        last4="9995", attached="insufficient_funds", charged="insufficient_funds"
    ),
    "pm_card_chargeDeclinedExpiredCard": TestCard(last4="0069", attached="expired_card", charged="expired_card"),
    "pm_card_authenticationRequired": TestCard(last4="3184", confirm=True),
    "pm_card_threeDSecure2Required": TestCard(last4="3220", confirm=True),
}
_BY_NUMBER = {card.last4: card for card in CARDS.values()}


class Attach(Asked):
    customer: str


class ListMethods(Paged):
    customer: str | None = None
    type: str | None = None


def behind(method: Document) -> TestCard:
    """Give the card's behaviour, which its number decides."""
    return _BY_NUMBER[method["card"]["last4"]]


def make(account: Account, token: str, customer: Document | None, *, param: str = "payment_method") -> Document:
    """Make a payment method out of a ready-made card.

    Raises:
        Refusal: no such card, or its bank refuses it at once.
    """
    card = CARDS.get(token)
    if card is None:
        raise missing("PaymentMethod", token, param=param, status=400)
    if card.attached is not None and customer is not None:
        raise declined(card.attached)
    method: Document = {
        "id": account.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        "card": _details(card),
        "created": account.now(customer),
        "customer": customer and customer["id"],
        "livemode": False,
        "metadata": {},
        "type": "card",
    }
    return account.add(method)


def declined(why: str, *, intent: str | None = None) -> Refusal:
    """Refuse as the bank does: an expired card has a code of its own, the rest are declines."""
    if why == "expired_card":
        return card_error("expired_card", "Your card has expired.", intent=intent)
    message = "Your card has insufficient funds." if why == "insufficient_funds" else DECLINED
    return card_error("card_declined", message, decline_code=why, intent=intent)


def _details(card: TestCard) -> Document:
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": f"peer{card.last4}",
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def of_customer(account: Account, id: str | Cleared, customer: Document, *, param: str) -> str | None:
    """Read a default payment method: none, or one that is attached to this customer."""
    if not id:
        return None
    if account.get("payment_method", id, param=param)["customer"] != customer["id"]:
        raise Refusal("The customer does not have a payment method with this ID.", code="resource_missing", param=param)
    return id


def default(account: Account, customer: Document, subscription: Document | None) -> Document | None:
    """Give the card that an invoice would be charged to: the subscription's, else the customer's."""
    own = subscription["default_payment_method"] if subscription else None
    id = own or customer["invoice_settings"]["default_payment_method"]
    return account.find("payment_method", id) if id else None


def attach(account: Account, params: Attach, id: str) -> Document:
    customer = account.customer(params.customer, param="customer")
    if id in CARDS:
        method = make(account, id, customer)
    else:
        method = account.get("payment_method", id)
        if method["customer"] not in {None, customer["id"]}:
            raise Refusal("The payment method you provided has already been attached to a customer.")
        method["customer"] = customer["id"]
    account.emit("payment_method.attached", method)
    return method


def detach(account: Account, _: Asked, id: str) -> Document:
    """Take a card from its customer; nothing is charged to it any more."""
    method = account.get("payment_method", id)
    if method["customer"] is None:
        raise Refusal("The payment method you provided is not attached to a customer so detachment is impossible.")
    customer = account.customer(method["customer"])
    with account.changing(customer):
        if customer["invoice_settings"]["default_payment_method"] == id:
            customer["invoice_settings"]["default_payment_method"] = None
    for subscription in account.all("subscription"):
        if subscription["default_payment_method"] == id:
            with account.changing(subscription):
                subscription["default_payment_method"] = None
    method["customer"] = None
    account.emit("payment_method.detached", method)
    return method


def listed(account: Account, params: ListMethods, *path: str) -> Document:
    customer = path[0] if path else params.customer
    found = [
        method
        for method in account.all("payment_method")
        if method["customer"] == customer and params.type in {None, method["type"]}
    ]
    return page(found, params, url=f"/v1/customers/{customer}/payment_methods" if path else "/v1/payment_methods")


OPERATIONS = (
    Operation(
        "payment_methods.attach",
        "POST",
        "/v1/payment_methods/{id}/attach",
        attach,
        Attach,
    ),
    Operation("payment_methods.detach", "POST", "/v1/payment_methods/{id}/detach", detach),
    Operation(
        "payment_methods.retrieve",
        "GET",
        "/v1/payment_methods/{id}",
        retrieving("payment_method"),
    ),
    Operation("payment_methods.list", "GET", "/v1/payment_methods", listed, ListMethods),
    Operation(
        "customers.payment_methods.list",
        "GET",
        "/v1/customers/{id}/payment_methods",
        listed,
        ListMethods,
    ),
)
