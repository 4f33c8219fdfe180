"""Customers: who pays. One for each organization and each user, made with them and kept for ever."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, ForeignKey, Index, Select, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column

from domain import ids, outbox
from domain.billing.states import ProcessorName
from domain.db import Base, Counter, Key, Listing, Session, UtcDateTime, closed
from domain.errors import InvalidInput
from domain.ids import CustomerId, OrganizationId, Prefix, UserId
from domain.scope import Scope

CLOSING = "billing.closing"
"""The outbox topic under which customers whose owners go or come back are seen to."""


class OwnerKind(StrEnum):
    """What a customer belongs to."""

    ORGANIZATION = "organization"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An organization or a person, by id. Billing knows no more of them."""

    kind: OwnerKind
    id: str


class Customer(Base):
    """Who pays. The owner never changes. From `closing_at` on, which is when its subscriptions end, nothing is granted.

    `closing_at` is set while the owner is deleted, and may lie in the future: until then the owner can come back.
    """

    __tablename__ = "customers"

    id: Mapped[CustomerId] = mapped_column(Key, primary_key=True)
    owner_kind: Mapped[OwnerKind] = mapped_column(closed(OwnerKind, name="owner_kind"))
    owner_id: Mapped[str] = mapped_column(Key)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closing_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        UniqueConstraint("owner_id", "owner_kind"),
        Index(None, "closing_at"),
        Index(None, "created_at", "id"),
    )

    @property
    def organization_id(self) -> OrganizationId | None:
        """The organization that pays; None when a user does."""
        return OrganizationId(self.owner_id) if self.owner_kind is OwnerKind.ORGANIZATION else None


class CustomerClosing(Base):
    """That a customer's owner began to go (`closing`), or came back, and when; appended and never changed.

    The last row says what `closing_at` says now. Answers about the past need the others.
    """

    __tablename__ = "customer_closings"

    sequence: Mapped[int] = mapped_column(Counter, primary_key=True, autoincrement=True)
    customer_id: Mapped[CustomerId] = mapped_column(Key, ForeignKey("customers.id"))
    closing: Mapped[bool]
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index(None, "customer_id", "sequence"),)


class ProcessorAccount(Base):
    """The customer at a processor. Linked by our own commands only, never by what an event claims."""

    __tablename__ = "processor_accounts"

    processor: Mapped[ProcessorName] = mapped_column(closed(ProcessorName, name="processor"), primary_key=True)
    livemode: Mapped[bool] = mapped_column(primary_key=True)
    processor_id: Mapped[str] = mapped_column(Key, primary_key=True)
    customer_id: Mapped[CustomerId] = mapped_column(Key, ForeignKey("customers.id"))
    linked_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (UniqueConstraint("customer_id", "processor"),)


async def create_customer(session: Session, *, owner: Owner, at: datetime) -> Customer:
    """Make the customer of a new organization or user."""
    customer = Customer(
        id=CustomerId(ids.new(Prefix.CUSTOMER, at=at)), owner_kind=owner.kind, owner_id=owner.id, created_at=at
    )
    session.add(customer)
    await session.flush()
    return customer


async def find_customer(session: Session, *, owner: Owner) -> Customer | None:
    """Find an owner's customer."""
    query = select(Customer).where(Customer.owner_id == owner.id, Customer.owner_kind == owner.kind)
    return (await session.execute(query)).scalar_one_or_none()


async def locked_customer(session: Session, customer_id: str) -> Customer | None:
    """Find a customer and hold it still until the transaction ends."""
    query = select(Customer).where(Customer.id == customer_id).with_for_update(key_share=True)
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def owner_of(session: Session, customer_id: str) -> Owner | None:
    """Tell whose customer it is without holding it: an owner never changes, and is held before the customer."""
    query = select(Customer.owner_kind, Customer.owner_id).where(Customer.id == customer_id)
    found = (await session.execute(query)).one_or_none()
    return None if found is None else Owner(kind=found.owner_kind, id=found.owner_id)


async def account_of(session: Session, *, customer_id: str, processor: ProcessorName) -> ProcessorAccount | None:
    """Find the customer's account at a processor."""
    query = select(ProcessorAccount).where(
        ProcessorAccount.customer_id == customer_id, ProcessorAccount.processor == processor
    )
    return (await session.execute(query)).scalar_one_or_none()


async def link_account(
    session: Session,
    *,
    customer_id: CustomerId,
    processor: ProcessorName,
    livemode: bool,
    processor_id: str,
    at: datetime,
) -> ProcessorAccount:
    """Link a customer to its account at a processor; linking the same two again changes nothing.

    Raises:
        InvalidInput: the account is another customer's, or the customer has another account there.
    """
    found = await session.get(ProcessorAccount, (processor, livemode, processor_id))
    found = found or await account_of(session, customer_id=customer_id, processor=processor)
    if found is not None:
        if (found.customer_id, found.livemode, found.processor_id) != (customer_id, livemode, processor_id):
            raise InvalidInput("This account is linked elsewhere.", path=["input", "processorId"])
        return found
    account = ProcessorAccount(
        processor=processor, livemode=livemode, processor_id=processor_id, customer_id=customer_id, linked_at=at
    )
    session.add(account)
    await session.flush()
    return account


async def close_customer(session: Session, *, owner: Owner, at: datetime, now: datetime) -> Customer:
    """Let a customer's subscriptions end because its owner goes at `at`: until then each with its period, then at once.

    From now on it is granted nothing and cannot buy. Carried out after this transaction.
    """
    return await _set_closing(session, owner, at=at, now=now)


async def reopen_customer(session: Session, *, owner: Owner, now: datetime) -> Customer:
    """Take back what `close_customer` has done, for an owner who has come back; what has ended stays ended."""
    return await _set_closing(session, owner, at=None, now=now)


async def ask_for_closing(session: Session, customer_id: str, *, now: datetime) -> None:
    """Ask the worker to bring this customer's subscriptions to where its closing wants them, unless it is about to."""
    await outbox.put_once(session, topic=CLOSING, key=customer_id, payload={"customer_id": customer_id}, at=now)


async def _set_closing(session: Session, owner: Owner, *, at: datetime | None, now: datetime) -> Customer:
    found = await find_customer(session, owner=owner)
    customer = None if found is None else await locked_customer(session, found.id)
    assert customer is not None, "every owner has a customer"
    if (at is None) != (customer.closing_at is None):
        session.add(CustomerClosing(customer_id=customer.id, closing=at is not None, at=now))
    customer.closing_at = at
    await ask_for_closing(session, customer.id, now=now)
    return customer


UserParameter = UserId | BindParameter[str] | None
OwnOrganizations = Callable[[UserParameter], Select[Any]]
"""Selects the ids of a user's organizations; the user is an id, or a parameter that a statement made once is given."""


def owned_by(user_id: UserParameter, own_organizations: OwnOrganizations) -> ColumnElement[bool]:
    """Say which customers are a user's: the own one and those of the own organizations."""
    own_user = (Customer.owner_kind == OwnerKind.USER) & (Customer.owner_id == user_id)
    organizations = own_organizations(user_id)
    return own_user | ((Customer.owner_kind == OwnerKind.ORGANIZATION) & Customer.owner_id.in_(organizations))


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReading:
    """Every read of customers that one caller may make.

    `own_organizations` selects the ids of a user's organizations; billing is handed it, because it knows none.
    """

    scope: Scope
    own_organizations: OwnOrganizations

    def visible(self) -> Select[Customer]:
        """Select the customers that the caller may see: the own one and those of the own organizations, or all."""
        query = select(Customer)
        return query if self.scope.administrator else query.where(owned_by(self.scope.user_id, self.own_organizations))

    async def by_id(self, session: Session, ids: Sequence[str]) -> dict[str, Customer]:
        """Find customers by id; what is not the caller's is left out."""
        rows = (await session.execute(self.visible().where(Customer.id.in_(ids)))).scalars()
        return {row.id: row for row in rows}

    def listed(self) -> Listing[Customer]:
        """List the caller's customers, newest first."""
        return Listing(
            entity=Customer, queries=[self.visible()], by=Customer.created_at, id=Customer.id, descending=True
        )

    async def by_owner(self, session: Session, owner_ids: Sequence[str]) -> dict[str, Customer]:
        """Find customers by the ids of their owners, which tell organizations from users by their prefix."""
        rows = (await session.execute(self.visible().where(Customer.owner_id.in_(owner_ids)))).scalars()
        return {row.owner_id: row for row in rows}

    async def by_account(self, session: Session, *, processor: ProcessorName, processor_id: str) -> Customer | None:
        """Find the customer that a processor knows by this id."""
        query = self.visible().join(ProcessorAccount, ProcessorAccount.customer_id == Customer.id)
        query = query.where(ProcessorAccount.processor == processor, ProcessorAccount.processor_id == processor_id)
        return (await session.execute(query)).scalars().first()


async def accounts_of(session: Session, customer_ids: Sequence[str]) -> dict[str, list[ProcessorAccount]]:
    """List the accounts of these customers, by processor; whether the caller may see them is the caller's business."""
    query = select(ProcessorAccount).where(ProcessorAccount.customer_id.in_(customer_ids))
    found: dict[str, list[ProcessorAccount]] = {}
    for account in (await session.execute(query.order_by(ProcessorAccount.processor))).scalars():
        found.setdefault(account.customer_id, []).append(account)
    return found
