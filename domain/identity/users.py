"""Users come into being here: a proven credential arrives, and the row is found, made or brought up to date."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from domain import audit, hooks, ids
from domain.clock import Clock
from domain.db import Database, Lookup, Session
from domain.errors import CallbackRefused, Unauthenticated
from domain.hooks import LifecycleHooks
from domain.identity.models import User
from domain.ids import Prefix, UserId
from domain.scope import Actor, ActorKind, Scope

# Every request with a credential looks its user up, so this is made once and sent in one step.
_SUBJECT = (User.issuer == bindparam("issuer"), User.subject == bindparam("subject"))
_COLUMNS = tuple(User.__table__.columns)
_KNOWN = Lookup(select(*_COLUMNS).where(*_SUBJECT))
_BY_EMAIL = select(User).where(User.email == bindparam("email"))
_HELD = select(User).where(User.deleting_at.is_(None)).with_for_update(read=True)
_BY_SUBJECT = select(User).where(*_SUBJECT).with_for_update(key_share=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What a credential proves of a person. `email` only when its owner has verified it; `issued_at` in UTC."""

    issuer: str
    subject: str
    email: str | None
    name: str | None
    issued_at: datetime | None


class Users:
    """Finds and makes users. `hooks` run inside the transaction that makes or changes one."""

    def __init__(self, *, database: Database, clock: Clock, hooks: LifecycleHooks) -> None:
        self._database = database
        self._clock = clock
        self._hooks = hooks

    async def arrive(self, arrival: Arrival, *, request_id: str | None = None) -> User:
        """Give the user behind a proven credential, made or updated in a short transaction of its own.

        Raises:
            Unauthenticated: an `on_register` or `on_email_change` hook refused.
        """
        user = await self._known(arrival)
        if user is not None and not _newer(user, arrival):
            return user
        admit = partial(self._admit, arrival=arrival, request_id=request_id)
        try:
            return await self._again_after_a_race(admit)
        except CallbackRefused as refused:
            raise Unauthenticated from refused

    async def _known(self, arrival: Arrival) -> User | None:
        rows = await self._database.look_up(_KNOWN, issuer=arrival.issuer, subject=arrival.subject)
        return User(**{column.key: value for column, value in zip(_COLUMNS, rows[0], strict=True)}) if rows else None

    async def _again_after_a_race(self, admit: Callable[[Session], Awaitable[User]]) -> User:
        try:
            return await self._database.run(admit)
        except IntegrityError:
            # Somebody else has made the same user, or claimed the same address, in the same moment.
            return await self._database.run(admit)

    async def _admit(self, session: Session, *, arrival: Arrival, request_id: str | None) -> User:
        user = await _locked(session, arrival)
        if user is None:
            now = self._clock.now()
            user = User(id=UserId(ids.new(Prefix.USER, at=now)), issuer=arrival.issuer, subject=arrival.subject)
            user.created_at = now
            return await self._register(session, user, arrival, request_id)
        # A still newer credential may have come in between.
        if _newer(user, arrival):
            await self._bring_up_to_date(session, user, arrival, request_id)
        return user

    async def _bring_up_to_date(self, session: Session, user: User, arrival: Arrival, request_id: str | None) -> None:
        before = user.email
        await _update(session, user, arrival)
        scope = _scope_of(user, request_id)
        if user.email != before:
            await hooks.run_checks(
                self._hooks.on_email_change,
                operation="register",
                step="on_email_change",
                session=session,
                user=user,
                scope=scope,
            )
        refused = user.email != _normal(arrival.email)
        if refused or user.email != before:
            await audit.record(
                session,
                "user.email_refused" if refused else "user.email_changed",
                scope=scope,
                at=self._clock.now(),
                subject_id=user.id,
                subject_label=user.label,
                after=_outcome(user, arrival),
            )

    async def _register(self, session: Session, user: User, arrival: Arrival, request_id: str | None) -> User:
        await _update(session, user, arrival)
        scope = _scope_of(user, request_id)
        session.add(user)
        await session.flush()
        await hooks.run_checks(
            self._hooks.on_register, operation="register", step="on_register", session=session, user=user, scope=scope
        )
        await audit.record(
            session,
            "user.registered",
            scope=scope,
            at=user.created_at,
            subject_id=user.id,
            subject_label=user.label,
            after=_outcome(user, arrival),
        )
        return user


async def find(session: Session, user_id: str) -> User | None:
    """Find a user by id; whether the caller may see them is the caller's business."""
    return await session.get(User, user_id)


async def find_by_email(session: Session, email: str) -> User | None:
    """Find the user with this verified address, whatever its case."""
    return (await session.execute(_BY_EMAIL, {"email": email.lower()})).scalar_one_or_none()


async def hold(session: Session, user_id: str) -> User | None:
    """Find a user who is not being deleted, and keep them from being deleted until this transaction ends.

    Users are held before organizations are locked, so that nobody waits in a circle.
    """
    return (await session.execute(_HELD.where(User.id == user_id))).scalar_one_or_none()


async def hold_by_email(session: Session, email: str) -> User | None:
    """Hold the user with this verified address, whatever its case."""
    return (await session.execute(_HELD.where(User.email == email.lower()))).scalar_one_or_none()


async def _locked(session: Session, arrival: Arrival) -> User | None:
    values = {"issuer": arrival.issuer, "subject": arrival.subject}
    return (await session.execute(_BY_SUBJECT, values)).scalar_one_or_none()


def _newer(user: User, arrival: Arrival) -> bool:
    """Say whether the credential is newer than the newest seen, even if it says the same: an older one then loses."""
    return arrival.issued_at is not None and (user.claims_at is None or arrival.issued_at > user.claims_at)


def _outcome(user: User, arrival: Arrival) -> dict[str, str]:
    """Say what came of the claim to an address, without naming it."""
    return {"email": "taken" if arrival.email and user.email is None else "kept" if user.email else "none"}


async def _update(session: Session, user: User, arrival: Arrival) -> None:
    user.name = arrival.name
    user.claims_at = arrival.issued_at
    email = _normal(arrival.email)
    if email is None or email == user.email:
        user.email = email
        return
    holder = await find_by_email(session, email)
    # The first living user with an address keeps it; a later claim stays without one.
    user.email = email if holder is None else None


def _normal(email: str | None) -> str | None:
    return email.lower() if email else None


def _scope_of(user: User, request_id: str | None) -> Scope:
    return Scope(actor=Actor(kind=ActorKind.USER, id=user.id), request_id=request_id, label=user.label)
