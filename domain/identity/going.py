"""The transactions of a deletion: each moves its row on under the lease that is still held, or changes nothing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select

from domain import audit
from domain.db import Session
from domain.hooks import LifecycleHook
from domain.idempotency import Claim
from domain.identity.models import Deletion, DeletionStage, User
from domain.identity.tombstones import bury
from domain.ids import UserId
from domain.scope import Actor, Scope

OPERATION = "deleteUser"
LEASE = timedelta(seconds=60)
LONGEST_WAIT = timedelta(hours=1)
# By then the wait is the longest one.
MAX_DOUBLINGS = 12


class DeletionStatus(StrEnum):
    """How far a deletion is: gone, under way, or undone with the user back and nothing cancelled."""

    DONE = "DONE"
    PENDING = "PENDING"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A plain copy of a user, for those who act outside."""

    id: UserId
    issuer: str
    subject: str
    email: str | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a deletion is, and under which lease it goes on; `person` None: nothing is left to perform.

    Without a lease somebody else sees to it, or it waits for its next attempt, or it has ended.
    """

    user_id: UserId
    operation_id: str
    stage: DeletionStage
    attempt: int
    person: Person | None
    leased: bool

    @property
    def status(self) -> DeletionStatus:
        """Say it as the caller shall read it; whoever is gone is gone, whatever is left to perform."""
        match self.stage:
            case DeletionStage.DONE:
                return DeletionStatus.DONE
            case DeletionStage.ABORTED:
                return DeletionStatus.ABORTED
            case _:
                return DeletionStatus.PENDING


def told(row: Deletion, *, leased: bool = False) -> Progress:
    """Read how far a deletion is."""
    return Progress(
        user_id=row.user_id,
        operation_id=row.operation_id,
        stage=row.stage,
        attempt=row.attempts,
        person=None if row.person is None else Person(**row.person),
        leased=leased,
    )


async def locked(session: Session, user_id: str, *, to_delete: bool = False) -> User | None:
    """Find a user and hold the row still; everybody who lets users in waits, or has been waited for."""
    query = select(User).where(User.id == user_id).with_for_update(key_share=not to_delete)
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def start(
    session: Session, user: User, row: Deletion | None, *, operation_id: str, scope: Scope, now: datetime
) -> Progress:
    """Mark a user whom every check has let go, with a lease for whoever has asked."""
    row = row or Deletion(user_id=user.id)
    person = Person(id=user.id, issuer=user.issuer, subject=user.subject, email=user.email, name=user.name)
    user.deleting_at = row.started_at = now
    row.operation_id, row.stage, row.irrevocable, row.person = (
        operation_id,
        DeletionStage.CHECKED,
        False,
        asdict(person),
    )
    row.actor_kind, row.actor_id, row.request_id = scope.actor.kind, scope.actor.id, scope.request_id
    row.on_behalf_of = scope.on_behalf_of
    row.idempotency_key = session.idempotency_key
    row.attempts, row.due_at, row.finished_at = 1, now + LEASE, None
    session.add(row)
    await audit.record(session, "user.deletion_started", scope=scope, at=now, subject_id=user.id)
    return told(row, leased=True)


async def lease(session: Session, *, now: datetime) -> Progress | None:
    """Take over one deletion that has been let lie."""
    due = select(Deletion).where(Deletion.due_at <= now).order_by(Deletion.due_at).limit(1)
    row = (await session.execute(due.with_for_update(skip_locked=True))).scalar_one_or_none()
    if row is None:
        return None
    row.attempts += 1
    row.due_at = now + LEASE
    return told(row, leased=True)


async def bind(session: Session, *, progress: Progress) -> None:
    """Note that a deed is done, so that there is no way back."""
    row, mine = await _row(session, progress)
    if mine:
        row.irrevocable = True


async def performed(session: Session, *, progress: Progress, now: datetime) -> Progress:
    """Note that every deed outside is done: the user can go, or is gone and what was kept of them with it."""
    row, mine = await _row(session, progress)
    if not mine:
        return told(row)
    if row.stage is DeletionStage.DONE:
        row.person = row.due_at = None
        return told(row)
    row.stage, row.irrevocable, row.due_at = DeletionStage.PERFORMED, True, now + LEASE
    return told(row, leased=True)


async def postpone(session: Session, *, progress: Progress, now: datetime, bound: bool = False) -> Progress:
    """Try again later, each time after a longer wait; `bound`: and there is no way back."""
    row, mine = await _row(session, progress)
    if mine:
        row.irrevocable = row.irrevocable or bound
        row.due_at = now + min(timedelta(seconds=2 ** min(row.attempts, MAX_DOUBLINGS)), LONGEST_WAIT)
    return told(row)


async def abort(session: Session, *, progress: Progress, now: datetime) -> Progress:
    """Let the user back, as nothing is done; once a deed was done, only try again."""
    user = await locked(session, progress.user_id)
    row, mine = await _row(session, progress)
    if not mine:
        return told(row)
    if row.irrevocable or user is None:
        return await postpone(session, progress=progress, now=now)
    user.deleting_at = None
    row.stage, row.person, row.due_at, row.finished_at = DeletionStage.ABORTED, None, None, now
    await audit.record(session, "user.deletion_aborted", scope=_scope(row), at=now, subject_id=row.user_id)
    await _conclude(session, row, kept=False)
    return told(row)


async def depart(session: Session, *, progress: Progress, hooks: Sequence[LifecycleHook], now: datetime) -> Progress:
    """Apply every hook, erase the user's labels and delete the user, leaving a tombstone."""
    user = await locked(session, progress.user_id, to_delete=True)
    row, mine = await _row(session, progress)
    if not mine:
        return told(row)
    assert user is not None, "whoever deletes the user moves the row on"
    scope = _scope(row)
    for hook in hooks:
        await hook.apply(session=session, user=user, scope=scope)
    await bury(session, user, at=now)
    await audit.record(session, "user.deleted", scope=scope, at=now, subject_id=user.id)
    for name in (user.id, user.email):
        if name is not None:
            await audit.erase(session, person_id=name)
    await session.delete(user)
    await session.flush()
    row.finished_at = now
    if row.stage is DeletionStage.PERFORMED:
        row.person = row.due_at = None
    else:
        row.due_at = now + LEASE
    row.stage = DeletionStage.DONE
    await _conclude(session, row, kept=True)
    return told(row, leased=row.person is not None)


async def outlive(session: Session, *, progress: Progress) -> Progress:
    """Look how far a deletion is whose call ends before it does, and answer the call's idempotency key with that."""
    row, _ = await _row(session, progress)
    if row.stage is not DeletionStage.ABORTED:
        await _conclude(session, row, kept=True)
    return told(row)


async def _row(session: Session, progress: Progress) -> tuple[Deletion, bool]:
    """Hold the deletion still, and say whether it is as it was left and the lease on it still ours."""
    row = await session.get_one(Deletion, progress.user_id, with_for_update=True, populate_existing=True)
    left = progress.operation_id, progress.attempt, progress.stage
    return row, (row.operation_id, row.attempts, row.stage) == left


async def _conclude(session: Session, row: Deletion, *, kept: bool) -> None:
    if row.idempotency_key is not None:
        claim = Claim(actor_id=row.actor_id, operation=OPERATION, key=row.idempotency_key)
        await (claim.finish(session, {"user_id": row.user_id}) if kept else claim.forget(session))


def _scope(row: Deletion) -> Scope:
    """Say who asked, for the rows of what follows."""
    actor = Actor(kind=row.actor_kind, id=row.actor_id)
    return Scope(actor=actor, request_id=row.request_id, on_behalf_of=row.on_behalf_of)
