"""Commands on a subscription that is there, and those that change one of its items."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from domain.billing import lifecycle
from domain.billing.commands.command import Command, Done, Hearing
from domain.billing.commands.outcomes import Bought, replay_snapshot, write_snapshot
from domain.billing.intents import Intent, Operation, Order, under_way
from domain.billing.processors import Capability, ItemChange, Processor, ProcessorRefused
from domain.billing.purchases import Prices, check_quantity
from domain.billing.states import Item, Proration, Snapshot, SubscriptionState
from domain.billing.subscriptions import BillingSubscription
from domain.db import Session
from domain.errors import DomainError, InvalidInput, UpstreamUnavailable, WrongSubscriptionState
from domain.idempotency import Answer

FOLLOWING_SECONDS = 5


class OnSubscription(Command[Snapshot, Bought]):
    """A command on one subscription: found, allowed by its state, within what its processor can do.

    Refused with NotFound, Forbidden, WrongSubscriptionState, Unsupported, and InvalidInput where a subclass says so.
    """

    __slots__ = ()

    subscription_id: str
    even_when_going: ClassVar[bool] = False

    @property
    @abstractmethod
    def capability(self) -> Capability:
        """Name what the processor must be able to do."""

    @abstractmethod
    def request(self, hearing: Hearing, row: BillingSubscription) -> dict[str, Any]:
        """Judge the wish by the subscription's state, and give the arguments of the call as plain JSON.

        Raises:
            WrongSubscriptionState: the state does not allow it.
            InvalidInput: what is wished for cannot be.
        """

    async def order(self, hearing: Hearing) -> Order:
        """Judge the wish."""
        row = await hearing.subscription(self.subscription_id, going=self.even_when_going)
        if lifecycle.ended(row.current):
            raise WrongSubscriptionState("This subscription has ended.", status=row.status)
        request = self.request(hearing, row)
        hearing.require(self.capability, of=row.processor, livemode=row.livemode)
        return Order(
            operation=self.operation,
            customer_id=row.customer_id,
            processor=row.processor,
            request={"processor_id": row.processor_id, **request},
            processor_time=hearing.times[row.processor],
            subscription_id=row.id,
        )

    @classmethod
    async def write(cls, session: Session, intent: Intent, told: Snapshot, *, now: datetime) -> Done[Bought]:
        """Fold in the subscription as it is now."""
        return await write_snapshot(session, intent, told, now=now)

    @classmethod
    async def replay(cls, hearing: Hearing, known: Answer) -> Bought:
        """Show the subscription as it is now."""
        return await replay_snapshot(hearing, known)


class Undoing(OnSubscription):
    """A command that takes something back, and names nothing but the subscription."""

    __slots__ = ()

    @classmethod
    def refusal(cls, refused: ProcessorRefused, row: BillingSubscription | None) -> DomainError:
        """Blame the state: there is nothing else in the input that the processor could have refused."""
        assert row is not None, "the intent names its subscription"
        return WrongSubscriptionState(f"The processor refused: {refused}", status=row.status)


class ItemChanging(OnSubscription):
    """A command that gives one item another price or quantity."""

    __slots__ = ()

    proration: Proration

    @abstractmethod
    def change(self, row: BillingSubscription, prices: Prices) -> ItemChange:
        """Say what which item shall be.

        Raises:
            WrongSubscriptionState: there is no such item to change.
            InvalidInput: it cannot be that.
        """

    async def order(self, hearing: Hearing) -> Order:
        """Judge the wish.

        Raises:
            UpstreamUnavailable: a quantity that follows the seats is being changed; it would bring back the old price.
        """
        ordered = await super().order(hearing)
        if await under_way(hearing.session, self.subscription_id, of=Operation.FOLLOW_SEATS):
            raise UpstreamUnavailable(retry_after_seconds=FOLLOWING_SECONDS)
        return ordered

    def request(self, hearing: Hearing, row: BillingSubscription) -> dict[str, Any]:
        """Write the change down."""
        return {**asdict(self.change(row, hearing.prices)), "proration": self.proration}

    @staticmethod
    async def call(processor: Processor, intent: Intent) -> Snapshot:
        """Ask for the change."""
        return await ask_for_change(processor, intent.request, intent.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapPlan(ItemChanging):
    """Let the base item have another price; its quantity stays when not given.

    InvalidInput: an unknown price, an add-on's, one that another item has, a quantity below 1, or nothing to change.
    """

    operation: ClassVar = Operation.SWAP_PLAN

    subscription_id: str
    price_id: str
    quantity: int | None
    proration: Proration

    @property
    def capability(self) -> Capability:
        """Swapping."""
        return Capability.SWAP_PLAN

    def change(self, row: BillingSubscription, prices: Prices) -> ItemChange:
        """Say what the base item shall be."""
        base = _base_item(row, prices)
        quantity = (base.quantity or 0) if self.quantity is None else self.quantity
        path = ["input", "priceId"]
        if not prices.is_known(self.price_id):
            raise InvalidInput("There is no such price.", path=path)
        if prices.is_add_on(self.price_id):
            raise InvalidInput("This price is an add-on's, not a base plan's.", path=path)
        check_quantity(quantity, path=["input", "quantity"])
        if (self.price_id, quantity) == (base.price_id, base.quantity):
            raise InvalidInput("The subscription has this price already.", path=path)
        return ItemChange(item_id=base.processor_id, price_id=self.price_id, quantity=quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateQuantity(ItemChanging):
    """Let an item have another quantity: the one it shall be, so that asking for what is there changes nothing.

    InvalidInput: a quantity below 1, no item with `price_id`, or several items and no `price_id`.
    """

    operation: ClassVar = Operation.UPDATE_QUANTITY

    subscription_id: str
    price_id: str | None
    quantity: int
    proration: Proration

    @property
    def capability(self) -> Capability:
        """Changing a quantity."""
        return Capability.UPDATE_QUANTITY

    def change(self, row: BillingSubscription, prices: Prices) -> ItemChange:  # noqa: ARG002 - the items say it all
        """Say how many of the item it shall be."""
        check_quantity(self.quantity, path=["input", "quantity"])
        path = ["input", "priceId"]
        items = [item for item in row.current.items if self.price_id in {None, item.price_id}]
        if not items:
            raise InvalidInput("No item of the subscription has this price.", path=path)
        if len(items) > 1:
            raise InvalidInput("There are several items; say which one by its price.", path=path)
        [item] = items
        return ItemChange(item_id=item.processor_id, price_id=item.price_id, quantity=self.quantity)


async def ask_for_change(processor: Processor, request: Mapping[str, Any], key: str) -> Snapshot:
    """Ask for the change of an item that an intent's request holds."""
    change = ItemChange(item_id=request["item_id"], price_id=request["price_id"], quantity=request["quantity"])
    proration = Proration(request["proration"])
    return await processor.change_item(request["processor_id"], change, proration=proration, key=key)


def changed(state: SubscriptionState, change: ItemChange) -> SubscriptionState:
    """Give a state as it would be with one item changed and everything else as it is."""
    items = (
        replace(item, price_id=change.price_id, quantity=change.quantity)
        if item.processor_id == change.item_id
        else item
        for item in state.items
    )
    return replace(state, items=tuple(items))


def _base_item(row: BillingSubscription, prices: Prices) -> Item:
    """Find the one item that is no add-on.

    Raises:
        WrongSubscriptionState: there is none, or more than one.
    """
    bases = [item for item in row.current.items if not prices.is_add_on(item.price_id)]
    if len(bases) != 1:
        raise WrongSubscriptionState("This subscription does not have exactly one base plan.", status=row.status)
    [base] = bases
    return base
