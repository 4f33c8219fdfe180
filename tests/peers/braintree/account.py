"""A merchant's account: what it holds, how time goes over it, and the notifications that this leads to."""

from base64 import encodebytes
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from braintree.util.crypto import Crypto

from tests.peers.braintree.xml import written

Document = dict[str, Any]

DAY = timedelta(days=1)
PERIOD = timedelta(days=30)
# How often a payment that is due is tried again before the subscription is given up.
RETRIES = 3
LIVING = {"Pending", "Active", "Past Due"}


class Fault(Exception):
    """What Braintree finds wrong with a request; `transaction` is the payment that was declined."""

    def __init__(self, code: str, *, of: str = "subscription", transaction: Document | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.of = of
        self.transaction = transaction


class Missing(Exception):
    """There is nothing of that name."""


@dataclass(kw_only=True)
class Plan:
    price: Decimal
    months: int = 1
    trial_days: int = 0


@dataclass(kw_only=True)
class Card:
    customer: str
    declines: bool = False
    default: bool = True


@dataclass
class Account:
    """Plans and add-ons are set up by the test, as they are in Braintree's control panel; so are cards."""

    merchant_id: str = "merchant"
    public_key: str = "public_key"
    private_key: str = "private_key"
    now: datetime = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    plans: dict[str, Plan] = field(default_factory=dict)
    add_ons: dict[str, Decimal] = field(default_factory=dict)
    customers: list[str] = field(default_factory=list)
    cards: dict[str, Card] = field(default_factory=dict)
    subscriptions: dict[str, Document] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)
    charges: int = 0
    retry_days: int = 1

    def create_customer(self, id: str) -> str:
        if id in self.customers:
            raise Fault("91609", of="customer")
        self.customers.append(id)
        return id

    def create(self, asked: Document) -> Document:
        id, token = asked["id"], asked["payment_method_token"]
        if id in self.subscriptions:
            raise Fault("81902")
        if token not in self.cards:
            raise Fault("91903")
        plan = self._plan(asked["plan_id"])
        today = self.now.date()
        trial = bool(plan.trial_days)
        made: Document = {
            "id": id,
            "status": "Active",
            "plan_id": asked["plan_id"],
            "price": plan.price,
            "payment_method_token": token,
            "add_ons": [],
            "discounts": [],
            "transactions": [],
            "status_history": [],
            "trial_period": trial,
            "trial_duration": plan.trial_days or None,
            "current_billing_cycle": 0 if trial else 1,
            "number_of_billing_cycles": None,
            "never_expires": True,
            "failure_count": 0,
            "first_billing_date": today + plan.trial_days * DAY,
            "billing_period_start_date": None if trial else today,
            "billing_period_end_date": None if trial else today + PERIOD - DAY,
            "created_at": self.now,
            "updated_at": self.now,
        }
        self._modify(made, asked.get("add_ons") or {})
        if not trial and not self._charge(made):
            raise Fault("declined", transaction=made["transactions"][0])
        self.subscriptions[id] = made
        self._become(made, "Active")
        if not trial:
            self.tell("subscription_went_active", made)
        return made

    def update(self, id: str, asked: Document) -> Document:
        held = self.find(id)
        if held["status"] not in LIVING:
            raise Fault("81901" if held["status"] == "Canceled" else "81910")
        if "plan_id" in asked:
            self._swap(held, asked)
        if "number_of_billing_cycles" in asked:
            cycles = int(asked["number_of_billing_cycles"])
            if cycles < max(held["current_billing_cycle"], 1):
                raise Fault("91909")
            held["number_of_billing_cycles"], held["never_expires"] = cycles, False
        self._modify(held, asked.get("add_ons") or {})
        held["updated_at"] = self.now
        return held

    def cancel(self, id: str) -> Document:
        held = self.find(id)
        if held["status"] not in LIVING:
            raise Fault("81905")
        self._become(held, "Canceled")
        self.tell("subscription_canceled", held)
        return held

    def find(self, id: str) -> Document:
        if id not in self.subscriptions:
            raise Missing
        return self.subscriptions[id]

    def advance(self, days: int) -> None:
        """Let days go by, each with what falls due on it."""
        for _ in range(days):
            self.now += DAY
            for held in list(self.subscriptions.values()):
                if held["status"] in LIVING:
                    self._come_due(held, self.now.date())

    def tell(self, kind: str, subscription: Document) -> bytes:
        """Sign a notification as it would be posted, and keep it as sent."""
        body = self.signed(kind, written("subject", {"subscription": subscription}))
        self.sent.append(body)
        return body

    def signed(self, kind: str, subject: str, at: datetime | None = None) -> bytes:
        """Sign a notification about any subject."""
        head = written("timestamp", at or self.now) + written("kind", kind)
        return self.form(f"<notification>{head}{subject}</notification>".encode())

    def form(self, xml: bytes, payload: bytes | None = None) -> bytes:
        """Write the form that carries an XML document, or another payload, with its signature."""
        payload = encodebytes(xml) if payload is None else payload
        signature = f"{self.public_key}|{Crypto.sha1_hmac_hash(self.private_key, payload)}"
        return urlencode({"bt_signature": signature, "bt_payload": payload}).encode()

    def _plan(self, id: str) -> Plan:
        if id not in self.plans:
            raise Fault("91904")
        return self.plans[id]

    def _swap(self, held: Document, asked: Document) -> None:
        before, after = self._plan(held["plan_id"]), self._plan(asked["plan_id"])
        if before.months != after.months:
            raise Fault("91922")
        if held["status"] == "Past Due":
            raise Fault("91920")
        price = Decimal(asked.get("price") or held["price"])
        prorated = price > held["price"] and asked.get("options", {}).get("prorate_charges")
        held["plan_id"], held["price"] = asked["plan_id"], price
        if prorated:
            self._charge(held)

    def _modify(self, held: Document, asked: Document) -> None:
        for one in asked.get("add") or []:
            if one["inherited_from_id"] not in self.add_ons:
                raise Fault("92011")
            amount = self.add_ons[one["inherited_from_id"]]
            held["add_ons"].append({"id": one["inherited_from_id"], "amount": amount, "quantity": int(one["quantity"])})

    def _charge(self, held: Document) -> bool:
        card = self.cards[held["payment_method_token"]]
        self.charges += not card.declines
        held["transactions"].insert(
            0,
            {
                "id": f"tx_{len(held['transactions'])}",
                "status": "processor_declined" if card.declines else "submitted_for_settlement",
                "processor_response_code": "2001" if card.declines else "1000",
                "amount": held["price"],
                "customer": {"id": card.customer},
            },
        )
        return not card.declines

    def _become(self, held: Document, status: str) -> None:
        held["status"], held["updated_at"] = status, self.now
        change = {"timestamp": self.now, "status": status, "balance": Decimal(0), "price": held["price"]}
        held["status_history"].insert(0, change)

    def _come_due(self, held: Document, today: date) -> None:
        end = held["billing_period_end_date"]
        if held["status"] == "Past Due":
            if (today - held["billing_period_start_date"]).days % self.retry_days == 0:
                self._retry(held)
        elif end is None and today >= held["first_billing_date"]:
            self._renew(held, today)
            self.tell("subscription_trial_ended", held)
        elif end is not None and today > end:
            if held["current_billing_cycle"] == held["number_of_billing_cycles"]:
                self._become(held, "Expired")
                self.tell("subscription_expired", held)
            else:
                self._renew(held, today)

    def _renew(self, held: Document, today: date) -> None:
        held["billing_period_start_date"], held["billing_period_end_date"] = today, today + PERIOD - DAY
        held["current_billing_cycle"] += 1
        held["updated_at"] = self.now
        if self._charge(held):
            self.tell("subscription_charged_successfully", held)
            return
        held["failure_count"] = 1
        self._become(held, "Past Due")
        self.tell("subscription_charged_unsuccessfully", held)
        self.tell("subscription_went_past_due", held)

    def _retry(self, held: Document) -> None:
        if self._charge(held):
            held["failure_count"] = 0
            self._become(held, "Active")
            self.tell("subscription_charged_successfully", held)
            self.tell("subscription_went_active", held)
        elif held["failure_count"] == RETRIES:
            self._become(held, "Canceled")
            self.tell("subscription_canceled", held)
        else:
            held["failure_count"] += 1
            held["updated_at"] = self.now
            self.tell("subscription_charged_unsuccessfully", held)
