"""The seams: in which order they run, what they see, and that whatever they do wrong leaves nothing behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from domain.db import Database, Session
from domain.errors import CallbackRefused, Refused, SeatLimitReached
from domain.identity import User
from domain.organizations import (
    Entry,
    Invitation,
    InvitationStatus,
    Members,
    Organization,
    OrganizationCallbacks,
    Organizations,
)
from domain.organizations.callbacks import CallbackRun
from domain.scope import Role
from tests.support.clock import FixedClock
from tests.support.seating import ADMINISTRATOR, house, scope_of
from tests.support.tables import execute, scalar, unchanged
from tests.support.tenancy import change_role, delete, restore

STEPS = {
    "before_create_organization": "createOrganization",
    "after_create_organization": "createOrganization",
    "before_add_member": "addMember",
    "after_add_member": "addMember",
    "after_member_remove": "removeMember",
    "before_delete_organization": "deleteOrganization",
    "after_delete_organization": "deleteOrganization",
    "after_invitation_end REVOKED": "deleteOrganization",
    "after_restore_organization": "restoreOrganization",
    "before_role_change": "changeMemberRole",
    "before_invite": "inviteMember",
    "after_invitation_end": "revokeInvitation",
    "before_add_member INVITED": "acceptInvitation",
    "after_add_member INVITED": "acceptInvitation",
    "after_invitation_end SUPERSEDED": "inviteMember",
    "after_invitation_end ACCEPTED": "acceptInvitation",
}
SLOW = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1e8) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(4)",
}
Deed = Callable[..., Awaitable[None]]


class Host(OrganizationCallbacks):
    """A host that does one thing at one step, once it is told to."""

    def __init__(self, step: str, deed: Deed) -> None:
        async def when_told(**facts: Any) -> None:
            if self.told:
                await deed(**facts)

        self.told = False
        setattr(self, step, when_told)


class Diary(OrganizationCallbacks):
    """A host that writes down what it is shown."""

    def __init__(self, name: str, pages: list[Any]) -> None:
        self.name = name
        self.pages = pages

    async def before_create_organization(self, *, slug: str, owner: User, **_: Any) -> None:
        self.pages.append((self.name, "before_create", slug, owner.id))

    async def after_create_organization(self, *, session: Session, organization: Organization, **_: Any) -> None:
        self.pages.append((self.name, "after_create", await _count(session, "memberships", organization.id)))

    async def before_add_member(
        self, *, session: Session, organization: Organization, entry: Entry, role: Role, **_: Any
    ) -> None:
        self.pages.append((self.name, "before_add", entry, role, await _count(session, "memberships", organization.id)))

    async def after_add_member(self, *, session: Session, membership: Any, **_: Any) -> None:
        self.pages.append((self.name, "after_add", await _count(session, "memberships", membership.organization_id)))

    async def after_member_remove(self, *, session: Session, membership: Any, **_: Any) -> None:
        self.pages.append((self.name, "after_remove", await _count(session, "memberships", membership.organization_id)))

    async def before_invite(
        self, *, session: Session, organization: Organization, email: str, role: Role, **_: Any
    ) -> None:
        written = await _count(session, "invitations", organization.id)
        self.pages.append((self.name, "before_invite", email, role, written))

    async def after_invitation_end(
        self, *, session: Session, invitation: Invitation, outcome: InvitationStatus, **_: Any
    ) -> None:
        assert invitation.status is outcome
        members = await _count(session, "memberships", invitation.organization_id)
        self.pages.append((self.name, "after_end", outcome, members))


async def _count(session: Session, table: str, organization_id: str) -> int:
    query = text(f"SELECT count(*) FROM {table} WHERE organization_id = :id")
    return int((await session.execute(query, {"id": organization_id})).scalar_one())


async def carry_out(database: Database, clock: FixedClock, step: str, deed: Deed, *, seconds: float = 30) -> None:
    """Prepare everything, then run the command that passes through the step, holding that it leaves no row changed."""
    host = Host(step.partition(" ")[0], deed)
    made = house(database, clock, host)
    owner = await made.user("owner")
    organization = await made.organization(owner)
    await made.pay(organization, seats=5)
    member, newcomer = await made.join(organization, "member"), await made.user("newcomer")
    membership_id = await made.membership_id(organization, member)
    invited = await made.invite(organization, "guest@example.com", by=owner)
    guest = await made.user("guest", email="guest@example.com")
    if STEPS[step] == "restoreOrganization":
        await delete(made, organization, by=owner)
    host.told = True
    made = house(database, clock, host, seconds=seconds)
    async with unchanged(database):
        match STEPS[step]:
            case "createOrganization":
                await made.organization(owner, "Second")
            case "addMember":
                await made.add(organization, newcomer, by=ADMINISTRATOR)
            case "deleteOrganization":
                await delete(made, organization, by=owner)
            case "restoreOrganization":
                await restore(made, organization, by=owner)
            case "changeMemberRole":
                await change_role(made, membership_id, Role.ADMIN, by=owner)
            case "inviteMember":
                await made.invite(organization, invited.invitation.email, by=owner)
            case "revokeInvitation":
                await made.revoke(invited.invitation, by=owner)
            case "acceptInvitation":
                await made.accept(invited.token, by=guest)
            case _:
                await made.remove(membership_id, by=owner)


async def works_afterwards(database: Database, clock: FixedClock) -> None:
    """Write within three seconds: a lock left behind would not let us."""
    async with asyncio.timeout(3):
        await house(database, clock).user("somebody else")


@pytest.mark.parametrize("step", STEPS)
async def test_a_refusal_at_any_step_leaves_nothing_and_tells_its_reason(
    database: Database, clock: FixedClock, step: str
) -> None:
    async def refuse(**_: object) -> None:
        raise Refused("blocked_domain")

    with pytest.raises(CallbackRefused) as caught:
        await carry_out(database, clock, step, refuse)

    told = caught.value
    assert (told.operation, told.step, told.reason) == (STEPS[step], step.partition(" ")[0], "blocked_domain")


@pytest.mark.parametrize("step", STEPS)
async def test_a_fault_at_any_step_leaves_nothing(database: Database, clock: FixedClock, step: str) -> None:
    async def fail(*, session: Session, **_: object) -> None:
        await session.execute(text("UPDATE organizations SET name = 'spoiled'"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await carry_out(database, clock, step, fail)


@pytest.mark.parametrize("step", ["before_add_member", "after_member_remove", "before_invite"])
async def test_a_callback_that_takes_too_long_in_a_statement_is_refused_and_locks_nothing(
    database: Database, clock: FixedClock, step: str
) -> None:
    async def dawdle(*, session: Session, **_: object) -> None:
        await session.execute(text("UPDATE organizations SET name = 'spoiled'"))
        await session.execute(text(SLOW[database.dialect]))

    with pytest.raises(CallbackRefused) as caught:
        await carry_out(database, clock, step, dawdle, seconds=0.3)

    assert (caught.value.operation, caught.value.step, caught.value.reason) == (STEPS[step], step, "timeout")
    await works_afterwards(database, clock)


async def test_a_callback_that_takes_too_long_outside_the_database_is_refused_too(
    database: Database, clock: FixedClock
) -> None:
    async def dawdle(**_: object) -> None:
        await asyncio.sleep(5)

    with pytest.raises(CallbackRefused, match="refused") as caught:
        await carry_out(database, clock, "after_add_member", dawdle, seconds=0.2)

    assert caught.value.reason == "timeout"
    await works_afterwards(database, clock)


async def test_all_callbacks_of_one_command_share_one_budget() -> None:
    class Slow(OrganizationCallbacks):
        async def after_member_remove(self, **_: Any) -> None:
            await asyncio.sleep(0.4)

    run = CallbackRun([Slow()], operation="removeMember", seconds=0.7)
    await run(OrganizationCallbacks.after_member_remove)

    with pytest.raises(CallbackRefused) as caught:
        await run(OrganizationCallbacks.after_member_remove)

    assert caught.value.reason == "timeout"


@pytest.mark.parametrize("ending", ["commit", "rollback", "close", "aclose", "reset", "invalidate"])
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_callback_cannot_end_the_transaction(database: Database, clock: FixedClock, ending: str) -> None:
    async def end(*, session: Session, **_: object) -> None:
        await getattr(session, ending)()

    with pytest.raises(RuntimeError, match="only the unit of work"):
        await carry_out(database, clock, "after_add_member", end)


async def test_a_commit_that_fails_leaves_nothing(database: Database, clock: FixedClock) -> None:
    await execute(
        database,
        "CREATE TABLE badges (id varchar(40) PRIMARY KEY,"
        " bearer varchar(255) REFERENCES organizations (id) DEFERRABLE INITIALLY DEFERRED)",
    )

    async def issue(*, session: Session, **_: object) -> None:
        await session.execute(text("INSERT INTO badges VALUES ('1', 'nobody')"))

    with pytest.raises(IntegrityError):
        await carry_out(database, clock, "after_add_member", issue)

    await works_afterwards(database, clock)


async def test_a_callback_that_swallows_a_broken_statement_does_not_save_the_rest(
    database: Database, clock: FixedClock
) -> None:
    async def refuse_in_a_savepoint(*, session: Session, **_: object) -> None:
        async with session.begin_nested():
            await session.execute(text("UPDATE organizations SET name = 'spoiled'"))
            raise Refused("no")

    with pytest.raises(CallbackRefused):
        await carry_out(database, clock, "before_add_member", refuse_in_a_savepoint)


async def test_callbacks_run_in_the_order_given_and_see_what_has_been_written(
    database: Database, clock: FixedClock
) -> None:
    pages: list[Any] = []
    made = house(database, clock, Diary("one", pages), Diary("two", pages))
    owner = await made.user("owner")

    organization = await made.organization(owner)
    await made.pay(organization, seats=2)
    member = await made.join(organization, "member")
    await made.remove(await made.membership_id(organization, member), by=owner)

    steps: list[tuple[Any, ...]] = [
        ("before_create", "acme", owner.id),
        ("before_add", Entry.FOUNDING, Role.OWNER, 0),
        ("after_add", 1),
        ("after_create", 1),
        ("before_add", Entry.ADDED, Role.MEMBER, 1),
        ("after_add", 2),
        ("after_remove", 1),
    ]
    assert pages == [(name, *step) for step in steps for name in ("one", "two")]


async def test_callbacks_of_invitations_run_in_order_and_see_what_has_been_written(
    database: Database, clock: FixedClock
) -> None:
    pages: list[Any] = []
    made = house(database, clock, Diary("one", pages), Diary("two", pages))
    owner, guest = await made.user("owner"), await made.user("guest", email="guest@example.com")
    organization = await made.organization(owner)
    await made.pay(organization, seats=2)
    pages.clear()

    await made.invite(organization, "Guest@example.com", by=owner)
    token = (await made.invite(organization, "guest@example.com", by=owner, role=Role.ADMIN)).token
    await made.accept(token, by=guest)

    steps: list[tuple[Any, ...]] = [
        ("before_invite", "guest@example.com", Role.MEMBER, 0),
        ("after_end", InvitationStatus.SUPERSEDED, 1),
        ("before_invite", "guest@example.com", Role.ADMIN, 1),
        ("before_add", Entry.INVITED, Role.ADMIN, 1),
        ("after_add", 2),
        ("after_end", InvitationStatus.ACCEPTED, 2),
    ]
    assert pages == [(name, *step) for step in steps for name in ("one", "two")]


async def test_a_refusal_keeps_those_that_follow_from_being_asked(database: Database, clock: FixedClock) -> None:
    async def refuse(**_: object) -> None:
        raise Refused("no")

    pages: list[Any] = []
    first = Host("before_create_organization", refuse)
    first.told = True
    made = house(database, clock, first, Diary("second", pages))
    owner = await made.user("owner")

    with pytest.raises(CallbackRefused):
        await made.organization(owner)

    assert pages == []


async def test_a_refusal_with_a_name_of_its_own_passes_as_it_is(database: Database, clock: FixedClock) -> None:
    async def full(**_: object) -> None:
        raise SeatLimitReached(organization_id="org_1", limit=7)

    with pytest.raises(SeatLimitReached) as caught:
        await carry_out(database, clock, "before_add_member", full)

    assert (caught.value.limit, caught.value.reason, caught.value.message) == (
        7,
        "seat_limit_reached",
        "All seats are taken.",
    )


async def test_without_billing_organizations_work_on_unlimited(database: Database, clock: FixedClock) -> None:
    made = house(database, clock)
    plain = Organizations(clock=clock, callbacks=(), callback_seconds=2)
    plainly = Members(clock=clock, callbacks=(), callback_seconds=2)
    free = replace(made, organizations=plain, members=plainly)
    owner = await free.user("owner")

    organization = await free.organization(owner)
    members = [await free.join(organization, f"member {number}") for number in range(7)]
    await free.remove(await free.membership_id(organization, members[0]), by=owner)

    assert await scalar(database, "SELECT count(*) FROM memberships") == 7
    assert await scalar(database, "SELECT count(*) FROM seat_pools") == 0
    assert scope_of(owner).user_id == owner.id
