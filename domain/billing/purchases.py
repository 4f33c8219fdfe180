"""What may be bought at once: a pure check against the catalog's prices."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from domain.billing.processors import Purchase
from domain.errors import InvalidInput

MAX_ITEMS = 20
MAX_QUANTITY = 2_147_483_646


class Prices(Protocol):
    """What billing needs to know of the catalog."""

    def is_known(self, price_id: str) -> bool:
        """Say whether some plan has this price."""

    def has_base(self, price_ids: Iterable[str]) -> bool:
        """Say whether not all of these prices are add-ons, as for a base subscription."""

    def is_add_on(self, price_id: str) -> bool:
        """Say whether the price's plan is an add-on; an unknown price is not."""


def check_items(items: Sequence[Purchase], prices: Prices) -> None:
    """Check what shall be bought.

    Raises:
        InvalidInput: no item or over 20, a price twice or unknown, a quantity below 1, or two base plans.
    """
    path = ["input", "items"]
    if not 1 <= len(items) <= MAX_ITEMS:
        raise InvalidInput(f"Buy 1 to {MAX_ITEMS} items.", path=path)
    for place, item in enumerate(items):
        if not prices.is_known(item.price_id):
            raise InvalidInput("There is no such price.", path=[*path, str(place), "priceId"])
        check_quantity(item.quantity, path=[*path, str(place), "quantity"])
    if len({item.price_id for item in items}) < len(items):
        raise InvalidInput("Each price stands once.", path=path)
    if sum(not prices.is_add_on(item.price_id) for item in items) > 1:
        raise InvalidInput("At most one base plan can be bought at a time.", path=path)


def check_quantity(quantity: int, *, path: list[str]) -> None:
    """Check how many of something shall be paid for.

    Raises:
        InvalidInput: it is below 1 or over 2147483646.
    """
    if not 1 <= quantity <= MAX_QUANTITY:
        raise InvalidInput("A quantity is at least 1.", path=path)
