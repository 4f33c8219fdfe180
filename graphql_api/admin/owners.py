"""Whom customers belong to, in the words that people know them by; read for many customers at once."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.billing import Customer, OwnerKind
from domain.db import Session
from domain.identity import User
from domain.organizations import Organization
from graphql_api.admin.door import Operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """An organization or a person. `known_as` is the slug or the address; `gone`: only the id is left."""

    kind: OwnerKind
    id: str
    name: str
    known_as: str | None = None
    deleted: bool = False
    gone: bool = False


async def owners_of(session: Session, operator: Operator, customers: Iterable[Customer]) -> dict[str, Owner]:
    """Find the owners of customers, by the customers' ids; every customer has an answer."""
    customers = list(customers)
    reading = operator.context.services.reading(operator.context.caller)
    wanted = {kind: [each.owner_id for each in customers if each.owner_kind is kind] for kind in OwnerKind}
    organizations = await reading.organizations_by_id(session, wanted[OwnerKind.ORGANIZATION])
    users = await reading.users_by_id(session, wanted[OwnerKind.USER])
    return {each.id: _owner(each, organizations.get(each.owner_id), users.get(each.owner_id)) for each in customers}


def _owner(customer: Customer, organization: Organization | None, user: User | None) -> Owner:
    kind, id = customer.owner_kind, customer.owner_id
    if organization is not None:
        deleted = organization.deleted_at is not None
        known_as = None if deleted else organization.slug
        return Owner(kind=kind, id=id, name=organization.name, known_as=known_as, deleted=deleted)
    if user is not None:
        name = user.name or user.email or user.subject
        return Owner(kind=kind, id=id, name=name, known_as=user.email, deleted=user.deleting_at is not None)
    return Owner(kind=kind, id=id, name="Nobody any more", gone=True)
