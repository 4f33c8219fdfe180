"""What is read of the arena: samples while the fight is on, and everything once it is over."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select

from domain import billing
from domain.audit import AuditEvent
from domain.billing import Customer
from domain.db import Session
from domain.identity import User
from domain.organizations import Invitation, InvitationStatus, Membership, Organization
from domain.proofs.seats import arena
from domain.proofs.seats.history import Ending, Offer, Sample, now
from domain.proofs.seats.plan import Stage
from domain.wiring import Services

_POOL, _HOLDER = billing.seats.SeatPool, billing.seats.SeatHolder
_COMING = ("membership.added", "invitation.created")
_GOING = ("membership.removed", "invitation.revoked")
_TURNING = "invitation.accepted"


async def sample(services: Services, stage: Stage) -> list[Sample]:
    """Look at every organization at one instant: the counter, the rows that it stands for, and the limit."""
    began_at = now()
    async with services.database.snapshot() as session:
        counted = await _counts(session, stage)
        usages = await services.entitlements.seat_usages(session, stage.organizations)
    ended_at = now()
    return [
        Sample(
            organization=number,
            began_at=began_at,
            ended_at=ended_at,
            used=counted[id].used,
            holders=counted[id].holders,
            living=counted[id].members + counted[id].invitations,
            limit=usages[id].limit,
        )
        for number, id in enumerate(stage.organizations)
    ]


async def read_endings(services: Services, stage: Stage) -> dict[str, Ending]:
    """Read everything, once all that killed processes had under way is over: nobody can write meanwhile."""
    return await services.database.run(partial(_endings, services=services, stage=stage))


async def _endings(session: Session, *, services: Services, stage: Stage) -> dict[str, Ending]:
    await _hold_still(session)
    counted = await _counts(session, stage)
    usages = await services.entitlements.seat_usages(session, stage.organizations)
    members, invitations = await _members(session), await _invitations(session, stage)
    holders, ledger = await _holders(session), await _ledger(session)
    return {
        id: Ending(
            used=counted[id].used,
            holders=frozenset(holders[id, billing.seats.HolderKind.MEMBER]),
            reserved=frozenset(_known(holders[id, billing.seats.HolderKind.INVITATION], id, stage)),
            members=members[id],
            invitations=invitations[id],
            added=frozenset(ledger[id, True]),
            ended=frozenset(ledger[id, False]),
            limit=usages[id].limit,
        )
        for id in stage.organizations
    }


async def _hold_still(session: Session) -> None:
    """Take every lock that a command takes first; whatever still runs on the server ends before."""
    for table in (User, Organization, Customer, _POOL):
        await session.execute(select(table).order_by(*table.__table__.primary_key).with_for_update())


async def _counts(session: Session, stage: Stage) -> dict[str, Row[Any]]:
    """Count with one statement, so that what it says was true at one instant."""
    pending = Invitation.status == InvitationStatus.PENDING
    query = select(
        _POOL.organization_id,
        _POOL.used.label("used"),
        _number(_HOLDER.organization_id).label("holders"),
        _number(Membership.organization_id).label("members"),
        _number(Invitation.organization_id, pending).label("invitations"),
    ).where(_POOL.organization_id.in_(stage.organizations))
    return {row.organization_id: row for row in await session.execute(query)}


def _number(of: Any, *conditions: ColumnElement[bool]) -> Any:
    return select(func.count()).where(of == _POOL.organization_id, *conditions).scalar_subquery()


async def _members(session: Session) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in await session.execute(select(Membership.organization_id, Membership.id, Membership.user_id)):
        found[row.organization_id][row.id] = row.user_id
    return found


async def _invitations(session: Session, stage: Stage) -> dict[str, dict[str, Offer]]:
    columns = (Invitation.organization_id, Invitation.id, Invitation.email, Invitation.status)
    found: dict[str, dict[str, Offer]] = defaultdict(dict)
    for row in await session.execute(select(*columns)):
        offer = Offer(user=stage.people[arena.person_at(row.email)], status=row.status)
        found[row.organization_id][row.id] = offer
    return found


async def _holders(session: Session) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in await session.execute(select(_HOLDER.organization_id, _HOLDER.kind, _HOLDER.holder_id)):
        found[row.organization_id, row.kind].add(row.holder_id)
    return found


def _known(digests: set[str], organization_id: str, stage: Stage) -> Iterator[str]:
    """Say whose addresses hold seats; a digest of nobody's stays what it is."""
    people = {
        billing.seats.invited(organization_id=organization_id, email=arena.address_of(place)).id: user
        for place, user in enumerate(stage.people)
    }
    return (people.get(digest, digest) for digest in digests)


async def _ledger(session: Session) -> dict[tuple[str, bool], set[str]]:
    """List what came (True) and what ended (False); an accepted invitation ended, and a membership came of it."""
    found: dict[tuple[str, bool], set[str]] = defaultdict(set)
    for row in await session.execute(_remembered()):
        organization_id = row.organization_id or ""
        found[organization_id, row.action in _COMING].add(row.subject_id)
        if row.action == _TURNING:
            found[organization_id, True].add(row.after["membership_id"])
    return found


def _remembered() -> Select[Any]:
    columns = (AuditEvent.organization_id, AuditEvent.action, AuditEvent.subject_id, AuditEvent.after)
    return select(*columns).where(AuditEvent.action.in_([*_COMING, *_GOING, _TURNING]))
