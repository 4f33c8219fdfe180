"""Prices: what somebody has set, else what the price's id suggests, the same for ever. Money is in minor units."""

import re
from hashlib import sha256
from typing import Any

Document = dict[str, Any]

INTERVALS = {
    "daily": "day",
    "day": "day",
    "weekly": "week",
    "week": "week",
    "monthly": "month",
    "month": "month",
    "yearly": "year",
    "year": "year",
    "annual": "year",
}
CURRENCIES = frozenset({"usd", "eur", "gbp", "chf"})
MONTHS_OF_A_YEAR_PAID_FOR = 10


def price(
    id: str, *, unit_amount: int, currency: str = "usd", interval: str = "month", trial_days: int | None = None
) -> Document:
    """Write a recurring price."""
    return {
        "id": id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "currency": currency,
        "livemode": False,
        "metadata": {},
        "product": f"prod_fake_{id}",
        "recurring": {
            "interval": interval,
            "interval_count": 1,
            "trial_period_days": trial_days,
            "usage_type": "licensed",
        },
        "type": "recurring",
        "unit_amount": unit_amount,
    }


def made_up(id: str) -> Document:
    """Make up a price from the words of its id: `price_pro_yearly` costs ten times what `price_pro_monthly` costs.

    Without a word for an interval or a currency it is by the month and in US dollars.
    """
    words = re.findall(r"[a-z0-9]+", id.lower())
    interval = next((INTERVALS[word] for word in words if word in INTERVALS), "month")
    currency = next((word for word in words if word in CURRENCIES), "usd")
    sold = "_".join(word for word in words if word not in INTERVALS)
    monthly = 500 + 100 * (int(sha256(sold.encode()).hexdigest()[:8], 16) % 95)
    amount = monthly * MONTHS_OF_A_YEAR_PAID_FOR if interval == "year" else monthly
    return price(id, unit_amount=amount, currency=currency, interval=interval)


def whole(known: Document) -> Document:
    """Give a price that a subscription carries in full; one written without its amount is made up."""
    return known if "unit_amount" in known else made_up(known["id"])


def rhythm(known: Document) -> tuple[str, int]:
    """Read how long a period of a price is: an interval and how many of it."""
    recurring = whole(known)["recurring"]
    return recurring["interval"], recurring["interval_count"]
