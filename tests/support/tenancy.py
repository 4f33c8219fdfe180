"""Commands on organizations and their members, each in a transaction of its own, on a house of the test's."""

from typing import Any

from sqlalchemy import text

from domain.db import Session
from domain.identity import User
from domain.organizations import Changes, Membership, Organization, Transfer, require_replaceable
from domain.scope import Role, Scope
from tests.support.seating import House, acting, id_of, scope_of


async def update(made: House, organization: Organization | str, *, by: User | Scope, **changes: Any) -> Organization:
    return await made.database.run(
        lambda session: made.organizations.update(
            session, scope=acting(by), organization_id=id_of(organization), changes=Changes(**changes)
        )
    )


async def delete(made: House, organization: Organization | str, *, by: User | Scope) -> Organization:
    return await made.database.run(
        lambda session: made.standing.delete(session, scope=acting(by), organization_id=id_of(organization))
    )


async def restore(
    made: House, organization: Organization | str, *, by: User | Scope, slug: str | None = None
) -> Organization:
    return await made.database.run(
        lambda session: made.standing.restore(session, scope=acting(by), organization_id=id_of(organization), slug=slug)
    )


async def leave(made: House, organization: Organization | str, *, by: User | Scope) -> Membership:
    return await made.database.run(
        lambda session: made.members.leave(session, scope=acting(by), organization_id=id_of(organization))
    )


async def change_role(made: House, membership_id: str, role: Role, *, by: User | Scope) -> Membership:
    return await made.database.run(
        lambda session: made.members.change_role(session, scope=acting(by), membership_id=membership_id, role=role)
    )


async def transfer(made: House, organization: Organization | str, membership_id: str, *, by: User | Scope) -> Transfer:
    return await made.database.run(
        lambda session: made.ownership.transfer(
            session, scope=acting(by), organization_id=id_of(organization), membership_id=membership_id
        )
    )


async def remove_all_of(made: House, user: User) -> int:
    return await made.database.run(
        lambda session: made.members.remove_all_of(session, user=user, scope=scope_of(user), operation="deleteUser")
    )


async def mark(made: House, user: User) -> None:
    """Begin a user's deletion as it must be begun: the row held, nobody left without an owner, then the mark."""

    async def begin(session: Session) -> None:
        row = await session.get_one(User, user.id, with_for_update=True, populate_existing=True)
        await require_replaceable(session, user=row)
        row.deleting_at = made.clock.now()

    await made.database.run(begin)


async def roles(made: House, organization: Organization) -> dict[str, str]:
    """Tell who has which role, by the subjects of the users."""
    query = text(
        "SELECT u.subject, m.role FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.organization_id = :o"
    )
    async with made.database.snapshot() as session:
        return {row.subject: row.role for row in await session.execute(query, {"o": organization.id})}
