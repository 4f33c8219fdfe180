"""Reads of organizations and memberships. The tenant stands in every WHERE: not yours and not there are one answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, bindparam, func, select

from domain.db import Page, Session, Slice, keyset
from domain.identity import User
from domain.ids import OrganizationId, UserId
from domain.organizations.models import Membership, Organization
from domain.scope import Role, Scope

MembershipQuery = Select[Membership]
"""A selection of memberships, to be read by `list_memberships` and counted by `count_memberships`."""


_ROLE = select(Membership.role).where(
    Membership.organization_id == bindparam("organization"), Membership.user_id == bindparam("user")
)


class OrganizationOrder(StrEnum):
    """What organizations can be sorted by."""

    NAME = "NAME"
    CREATED_AT = "CREATED_AT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Every read that one caller may make. Administrators see all; users what they belong to."""

    scope: Scope

    def visible(self) -> Select[Organization]:
        """Select the organizations that the caller may see."""
        query = select(Organization)
        if self.scope.administrator:
            return query
        return query.where(Organization.id.in_(_own(self.scope.user_id)))

    async def organization(
        self, session: Session, *, id: str | None = None, slug: str | None = None, external_id: str | None = None
    ) -> Organization | None:
        """Find one organization by exactly one of its names; None when it is not there or not the caller's."""
        query = self.visible()
        if id is not None:
            query = query.where(Organization.id == id)
        if slug is not None:
            query = query.where(Organization.slug == slug)
        if external_id is not None:
            query = query.where(Organization.external_id == external_id)
        return (await session.execute(query)).scalar_one_or_none()

    async def organizations_by_id(self, session: Session, ids: Sequence[str]) -> dict[str, Organization]:
        """Find many organizations at once; what is not the caller's is left out."""
        rows = (await session.execute(self.visible().where(Organization.id.in_(ids)))).scalars()
        return {row.id: row for row in rows}

    async def organizations(
        self, session: Session, *, page: Page, order: OrganizationOrder, descending: bool
    ) -> Slice[Organization]:
        """List the organizations that the caller belongs to; all of them for administrators."""
        by = Organization.name if order is OrganizationOrder.NAME else Organization.created_at
        return await keyset(session, self.visible(), page=page, by=by, id=Organization.id, descending=descending)

    async def count_organizations(self, session: Session) -> int:
        """Count what `organizations` lists."""
        return await _count(session, self.visible())

    async def membership(self, session: Session, id: str) -> Membership | None:
        """Find a membership of an organization that the caller may see."""
        return (await self.memberships_by_id(session, [id])).get(id)

    async def memberships_by_id(self, session: Session, ids: Sequence[str]) -> dict[str, Membership]:
        """Find many memberships at once; those of organizations that the caller may not see are left out."""
        query = select(Membership).where(Membership.id.in_(ids))
        if not self.scope.administrator:
            query = query.where(Membership.organization_id.in_(_own(self.scope.user_id)))
        return {row.id: row for row in (await session.execute(query)).scalars()}

    async def user(self, session: Session, id: str) -> User | None:
        """Find a user: oneself, or somebody who shares an organization with the caller."""
        return (await self.users_by_id(session, [id])).get(id)

    async def users_by_id(self, session: Session, ids: Sequence[str]) -> dict[str, User]:
        """Find many users at once; those whom the caller may not see are left out."""
        query = select(User).where(User.id.in_(ids))
        if not self.scope.administrator:
            fellows = select(Membership.user_id).where(Membership.organization_id.in_(_own(self.scope.user_id)))
            query = query.where((User.id == self.scope.user_id) | User.id.in_(fellows))
        return {row.id: row for row in (await session.execute(query)).scalars()}

    async def roles(self, session: Session, ids: Sequence[str]) -> dict[str, Role]:
        """Tell the caller's role in each of these organizations; those without one are left out."""
        query = select(Membership.organization_id, Membership.role).where(
            Membership.user_id == self.scope.user_id, Membership.organization_id.in_(ids)
        )
        return {organization_id: Role(role) for organization_id, role in (await session.execute(query))}


def _own(user_id: UserId | None) -> Select[OrganizationId]:
    return select(Membership.organization_id).where(Membership.user_id == user_id)


def members_of(organization_id: str, roles: Sequence[Role] | None) -> Select[Membership]:
    """Select the memberships of one organization, of these roles when given."""
    query = select(Membership).where(Membership.organization_id == organization_id)
    return query if roles is None else query.where(Membership.role.in_(roles))


def memberships_of(user_id: str) -> Select[Membership]:
    """Select the memberships of one user."""
    return select(Membership).where(Membership.user_id == user_id)


async def list_memberships(session: Session, query: Select[Membership], *, page: Page) -> Slice[Membership]:
    """Read one page of memberships, oldest first."""
    return await keyset(session, query, page=page, by=Membership.joined_at, id=Membership.id)


async def count_memberships(session: Session, query: Select[Membership]) -> int:
    """Count what `list_memberships` lists."""
    return await _count(session, query)


async def role_in(session: Session, *, organization_id: str, user_id: str | None) -> Role | None:
    """Tell a user's role in an organization; None when there is none."""
    role = (await session.execute(_ROLE, {"organization": organization_id, "user": user_id})).scalar_one_or_none()
    return None if role is None else Role(role)


async def _count(session: Session, query: Select[Any]) -> int:
    counted = query.with_only_columns(func.count(), maintain_column_froms=True)
    return (await session.execute(counted)).scalar_one()
