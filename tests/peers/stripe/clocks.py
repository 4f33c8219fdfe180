"""Test clocks: a time of their own for the customers that are made on them."""

from tests.peers.stripe import due, periods
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.forms import Asked, Paged
from tests.peers.stripe.operations import Operation, page, retrieving
from tests.peers.stripe.refusals import Refusal

KIND = "test_helpers.test_clock"
LASTS = 30 * periods.DAY
MOST_INTERVALS = 2


class CreateClock(Asked):
    frozen_time: int
    name: str | None = None


class Advance(Asked):
    frozen_time: int


def create(account: Account, params: CreateClock) -> Document:
    clock = account.add(
        {
            "id": account.new_id("clock"),
            "object": KIND,
            "created": account.now(),
            "deletes_after": account.now() + LASTS,
            "frozen_time": params.frozen_time,
            "livemode": False,
            "name": params.name,
            "status": "ready",
            "status_details": {},
        }
    )
    account.emit("test_helpers.test_clock.created", clock)
    return clock


def advance(account: Account, params: Advance, id: str) -> Document:
    """Let the clock's time pass and everything happen that is due until then, in order.

    The real service answers `advancing` and does it afterwards; here it is done when the answer comes.
    """
    clock = account.get(KIND, id)
    if params.frozen_time <= clock["frozen_time"]:
        raise Refusal("`frozen_time` must be later than the clock's current frozen time.", param="frozen_time")
    if params.frozen_time > _furthest(account, clock):
        told = "A clock cannot be advanced by more than two intervals of the shortest subscription that it has."
        raise Refusal(told, param="frozen_time")
    clock["status"] = "advancing"
    account.emit("test_helpers.test_clock.advancing", clock)
    due.advance(account, clock, until=params.frozen_time)
    clock["status"] = "ready"
    account.emit("test_helpers.test_clock.ready", clock)
    return clock


def _furthest(account: Account, clock: Document) -> int:
    recurring = [
        item["price"]["recurring"]
        for subscription in account.all("subscription")
        if subscription["test_clock"] == clock["id"]
        for item in subscription["items"]["data"]
    ] or [{"interval": "year", "interval_count": 1}]
    return min(
        periods.after(
            clock["frozen_time"],
            interval=each["interval"],
            count=each["interval_count"] * MOST_INTERVALS,
            beyond=clock["frozen_time"],
        )
        for each in recurring
    )


def delete(account: Account, _: Asked, id: str) -> Document:
    """Delete a clock and everything that lives by it, without a word."""
    clock = account.get(KIND, id)
    gone = {customer["id"] for customer in account.all("customer") if customer.get("test_clock") == id}
    for table in account.tables.values():
        for key, document in list(table.items()):
            if document.get("test_clock") == id or document.get("customer") in gone:
                del table[key]
    del account.tables[KIND][id]
    account.touched -= gone
    account.emit("test_helpers.test_clock.deleted", clock)
    return {"id": id, "object": KIND, "deleted": True}


def listed(account: Account, params: Paged) -> Document:
    return page(account.all(KIND), params, url="/v1/test_helpers/test_clocks")


OPERATIONS = (
    Operation("test_helpers.test_clocks.create", "POST", "/v1/test_helpers/test_clocks", create, CreateClock),
    Operation("test_helpers.test_clocks.list", "GET", "/v1/test_helpers/test_clocks", listed, Paged),
    Operation("test_helpers.test_clocks.retrieve", "GET", "/v1/test_helpers/test_clocks/{id}", retrieving(KIND)),
    Operation("test_helpers.test_clocks.delete", "DELETE", "/v1/test_helpers/test_clocks/{id}", delete),
    Operation(
        "test_helpers.test_clocks.advance", "POST", "/v1/test_helpers/test_clocks/{id}/advance", advance, Advance
    ),
)
