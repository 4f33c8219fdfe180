"""Reads of organizations and memberships. The tenant stands in every WHERE: not yours and not there are one answer.

A deleted organization is not there, but for its owners and administrators, who find it by its id; in no list, and
nobody is anybody's fellow through it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, or_, select

from domain.db import Listing, Session
from domain.identity import User
from domain.ids import OrganizationId, UserId
from domain.organizations.models import Membership, Organization
from domain.scope import Role, Scope

UserParameter = UserId | BindParameter[str] | None
_LIVING = Organization.deleted_at.is_(None)
# Whether the member of a membership still sees its organization.
_SEEN = or_(_LIVING, Membership.role == Role.OWNER)
_ROLE = (
    select(Membership.role)
    .join(Organization, Organization.id == Membership.organization_id)
    .where(Membership.organization_id == bindparam("organization"), Membership.user_id == bindparam("user"))
)
_ROLE_SEEN, _ROLE_IN_LIVING = _ROLE.where(_SEEN), _ROLE.where(_LIVING)


class OrganizationOrder(StrEnum):
    """What organizations can be sorted by."""

    NAME = "NAME"
    CREATED_AT = "CREATED_AT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Every read that one caller may make. Administrators see all; users what they belong to, and what they deleted."""

    scope: Scope

    def visible(self) -> Select[Organization]:
        """Select the organizations that the caller may see."""
        query = select(Organization)
        if self.scope.administrator:
            return query
        return query.where(Organization.id.in_(organizations_seen_by(self.scope.user_id)))

    async def organization(
        self, session: Session, *, id: str | None = None, slug: str | None = None, external_id: str | None = None
    ) -> Organization | None:
        """Find one organization by exactly one of its names; None when it is not there or not the caller's.

        A deleted one has no slug any more.
        """
        query = self.visible()
        if id is not None:
            query = query.where(Organization.id == id)
        if slug is not None:
            query = query.where(Organization.slug == slug, _LIVING)
        if external_id is not None:
            query = query.where(Organization.external_id == external_id)
        return (await session.execute(query)).scalar_one_or_none()

    async def organizations_by_id(self, session: Session, ids: Sequence[str]) -> dict[str, Organization]:
        """Find many organizations at once; what is not the caller's is left out."""
        rows = (await session.execute(self.visible().where(Organization.id.in_(ids)))).scalars()
        return {row.id: row for row in rows}

    def organizations(self, *, order: OrganizationOrder, descending: bool) -> Listing[Organization]:
        """List the organizations that the caller belongs to; all of them for administrators."""
        by = Organization.name if order is OrganizationOrder.NAME else Organization.created_at
        living = self.visible().where(_LIVING)
        return Listing(entity=Organization, queries=[living], by=by, id=Organization.id, descending=descending)

    def members_of(self, organization: Organization, roles: Sequence[Role] | None) -> Listing[Membership] | None:
        """List the memberships of an organization that the caller sees, oldest first, of these roles when given.

        None: it is deleted, and its members are hidden from everybody but administrators.
        """
        if organization.deleted_at is not None and not self.scope.administrator:
            return None
        query = select(Membership).where(Membership.organization_id == organization.id)
        return _by_age(query if roles is None else query.where(Membership.role.in_(roles)))

    async def membership(self, session: Session, id: str) -> Membership | None:
        """Find a membership of an organization that the caller may see."""
        return (await self.memberships_by_id(session, [id])).get(id)

    async def memberships_by_id(self, session: Session, ids: Sequence[str]) -> dict[str, Membership]:
        """Find many memberships at once; those of deleted organizations and of others' are left out."""
        query = select(Membership).where(Membership.id.in_(ids))
        if not self.scope.administrator:
            query = query.where(Membership.organization_id.in_(_lived_in_by(self.scope.user_id)))
        return {row.id: row for row in (await session.execute(query)).scalars()}

    async def user(self, session: Session, id: str) -> User | None:
        """Find a user: oneself, or somebody who shares an organization with the caller."""
        return (await self.users_by_id(session, [id])).get(id)

    async def users_by_id(self, session: Session, ids: Sequence[str]) -> dict[str, User]:
        """Find many users at once; those whom the caller may not see are left out."""
        query = select(User).where(User.id.in_(ids))
        if not self.scope.administrator:
            own = _lived_in_by(self.scope.user_id)
            fellows = select(Membership.user_id).where(Membership.organization_id.in_(own))
            query = query.where((User.id == self.scope.user_id) | User.id.in_(fellows))
        return {row.id: row for row in (await session.execute(query)).scalars()}

    async def roles(self, session: Session, ids: Sequence[str]) -> dict[str, Role]:
        """Tell the caller's role in each of these organizations; those without one are left out."""
        query = (
            select(Membership.organization_id, Membership.role)
            .join(Organization, Organization.id == Membership.organization_id)
            .where(Membership.user_id == self.scope.user_id, Membership.organization_id.in_(ids), _SEEN)
        )
        return {organization_id: Role(role) for organization_id, role in (await session.execute(query))}


def organizations_seen_by(user_id: UserParameter) -> Select[OrganizationId]:
    """Select the ids of the organizations that a user sees: those they belong to, and deleted ones they own."""
    return _places_of(user_id).where(_SEEN)


def organizations_owned_by(user_id: UserParameter) -> Select[OrganizationId]:
    """Select the ids of the living organizations whose OWNER a user is."""
    return _places_of(user_id).where(_LIVING, Membership.role == Role.OWNER)


def _lived_in_by(user_id: UserParameter) -> Select[OrganizationId]:
    return _places_of(user_id).where(_LIVING)


def _places_of(user_id: UserParameter) -> Select[OrganizationId]:
    return (
        select(Membership.organization_id)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.user_id == user_id)
    )


def memberships_of(user_id: str) -> Listing[Membership]:
    """List the memberships of one user in living organizations, oldest first."""
    return _by_age(
        select(Membership)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.user_id == user_id, _LIVING)
    )


def _by_age(query: Select[Membership]) -> Listing[Membership]:
    return Listing(entity=Membership, queries=[query], by=Membership.joined_at, id=Membership.id)


async def role_in(session: Session, *, organization_id: str, user_id: str | None) -> Role | None:
    """Tell a user's role in an organization; None when there is none, in a deleted one for everybody but its owners."""
    return await _role(session, _ROLE_SEEN, organization_id, user_id)


async def role_in_living(session: Session, *, organization_id: str, user_id: str | None) -> Role | None:
    """Tell the same of organizations that are not deleted; no command but deleting and restoring asks more."""
    return await _role(session, _ROLE_IN_LIVING, organization_id, user_id)


async def _role(session: Session, query: Select[Any], organization_id: str, user_id: str | None) -> Role | None:
    role = (await session.execute(query, {"organization": organization_id, "user": user_id})).scalar_one_or_none()
    return None if role is None else Role(role)
