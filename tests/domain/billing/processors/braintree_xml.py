"""A merchant, a subscription as Braintree writes it, and signed notifications, to be changed by the tests."""

from datetime import date
from typing import Any

from tests.peers.braintree import Account
from tests.peers.braintree.xml import written

ACCOUNT = Account()
KEYS = {"merchant_id": "merchant", "public_key": "public_key", "private_key": "private_key"}


def subscription(**changes: Any) -> dict[str, Any]:
    return {
        "id": "bt_1",
        "status": "Active",
        "plan_id": "team_monthly",
        "price": "10.00",
        "payment_method_token": "token_1",
        "add_ons": [{"id": "seat", "amount": "1.00", "quantity": 7}],
        "discounts": [],
        "transactions": [{"id": "tx_1", "amount": "10.00", "customer": {"id": "cus_1"}}],
        "trial_period": False,
        "current_billing_cycle": 1,
        "number_of_billing_cycles": None,
        "never_expires": True,
        "first_billing_date": date(2026, 11, 21),
        "billing_period_start_date": date(2026, 11, 21),
        "billing_period_end_date": date(2026, 12, 20),
    } | changes


def body(kind: str = "subscription_went_active", **changes: Any) -> bytes:
    return ACCOUNT.signed(kind, written("subject", {"subscription": subscription(**changes)}))
