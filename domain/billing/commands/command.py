"""What a command is: how it is judged, what it asks of a processor, and what the answer leaves."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from domain.billing.customers import Customer, locked_customer
from domain.billing.intents import Intent, Operation, Order
from domain.billing.processors import Capability, Processor, ProcessorRefused, offers
from domain.billing.purchases import Prices
from domain.billing.states import ProcessorName
from domain.billing.subscriptions import BillingSubscription
from domain.db import Session
from domain.errors import DomainError, InvalidInput, NotFound, Unsupported
from domain.idempotency import Answer
from domain.rights import BILL
from domain.scope import Role, Scope

Told = TypeVar("Told")
Result = TypeVar("Result")

RoleFor = Callable[[Session, Scope, Customer], Awaitable[Role | None]]
"""Tells the caller's standing towards a customer: as what they act in the organization that owns it; OWNER: the own."""

Times = Mapping[ProcessorName, datetime]
"""What each processor's clock says just before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Generic[Result]):
    """What an answer has left: the caller's result, what gives it again under the same key, and the ledger's subject.

    `answer` holds ids and instants, never an address or a secret.
    """

    result: Result
    answer: Answer
    subject_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What a command is judged by, inside its first transaction. `now` is our clock."""

    session: Session
    scope: Scope
    now: datetime
    times: Times
    processors: Mapping[ProcessorName, Processor]
    prices: Prices
    role_for: RoleFor

    async def customer(
        self, customer_id: str, *, missing: list[str] | None = None, what: str = "customer", going: bool = False
    ) -> Customer:
        """Find a customer that the caller may buy for and hold it still; with `going` also one whose owner goes.

        Raises:
            NotFound: no such customer for this caller, or its owner is going.
            Forbidden: only the organization's OWNER, administrators, and keys with billing:write may.
        """
        self.scope.require(BILL.scope)
        customer = await locked_customer(self.session, customer_id)
        role = None if customer is None else await self.role_for(self.session, self.scope, customer)
        if customer is None or role is None:
            raise NotFound(what, path=missing)
        BILL.require(self.scope, role)
        if customer.closing_at is not None and not going:
            raise NotFound(what, path=missing)
        return customer

    async def subscription(self, subscription_id: str, *, going: bool = False) -> BillingSubscription:
        """Find a subscription that the caller may command, as it is while its customer is held still.

        Raises:
            NotFound: no such subscription for this caller, or its customer's owner is going.
            Forbidden: only the organization's OWNER, administrators, and keys with billing:write may.
        """
        self.scope.require(BILL.scope)
        missing = ["input", "subscriptionId"]
        row = await self.session.get(BillingSubscription, subscription_id)
        if row is None:
            raise NotFound("subscription", path=missing)
        await self.customer(row.customer_id, missing=missing, what="subscription", going=going)
        await self.session.refresh(row)
        return row

    def require(self, capability: Capability, *, of: ProcessorName, livemode: bool | None = None) -> None:
        """Refuse what a processor does not do, or what is not to be asked of it here.

        Raises:
            Unsupported: it cannot, is not configured here, or is configured for the other mode than `livemode`.
        """
        processor = self.processors.get(of)
        able = processor is not None and offers(processor, capability)
        if processor is None or not able or livemode not in {None, processor.livemode}:
            raise Unsupported(processor=of, capability=capability)


class Command(ABC, Generic[Told, Result]):
    """One command of the three steps; a value of it is one wish, its class is what the worker knows of an intent."""

    __slots__ = ()

    operation: ClassVar[Operation]

    @abstractmethod
    async def order(self, hearing: Hearing) -> Order:
        """Judge the wish and say what to ask of the processor, or refuse and leave nothing behind."""

    @staticmethod
    @abstractmethod
    async def call(processor: Processor, intent: Intent) -> Told:
        """Ask the processor, under the intent's key, holding no transaction."""

    @staticmethod
    async def look(processor: Processor, intent: Intent, *, now: datetime) -> Told | None:  # noqa: ARG004 - some look
        """Find out what has been done without doing it, where only looking tells; None when nothing was.

        What changes a subscription is found out by fetching that. A page that was made and never told of is nobody's.
        """
        return None

    @classmethod
    @abstractmethod
    async def write(cls, session: Session, intent: Intent, told: Told, *, now: datetime) -> Done[Result]:
        """Write down what the processor has answered; writing it twice changes nothing."""

    @classmethod
    @abstractmethod
    async def replay(cls, hearing: Hearing, known: Answer) -> Result:
        """Give the result again, without its secrets, to whoever may still give the command."""

    @classmethod
    def refusal(cls, refused: ProcessorRefused, row: BillingSubscription | None) -> DomainError:  # noqa: ARG003 - some look
        """Say the processor's own no to the caller; `row` is the subscription that was commanded, if one was."""
        return InvalidInput(f"The processor refused: {refused}", path=["input"])


AnyCommand = Command[Any, Any]
