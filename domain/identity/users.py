"""Users come into being here: somebody vouches for a person, and the row is found, made or brought up to date.

A proven credential vouches for its bearer (`arrive`), and the host for whomever it names (`upsert`): one road for both.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import ColumnElement, bindparam, select
from sqlalchemy.exc import IntegrityError

from domain import audit, hooks, ids
from domain.clock import Clock
from domain.db import Database, Lookup, Session
from domain.errors import CallbackRefused, InvalidInput, Unauthenticated
from domain.hooks import LifecycleHooks
from domain.identity.models import User
from domain.identity.naming import checked_email, checked_text
from domain.identity.tombstones import buried_at
from domain.ids import Prefix, UserId
from domain.scope import Actor, ActorKind, ApiScope, Scope

STAYING: ColumnElement[bool] = User.deleting_at.is_(None)
"""Which users count: those who are not being deleted."""

# Every request with a credential looks its user up, so this is made once and sent in one step.
_SUBJECT = (User.issuer == bindparam("issuer"), User.subject == bindparam("subject"))
_COLUMNS = tuple(User.__table__.columns)
_KNOWN = Lookup(select(*_COLUMNS).where(*_SUBJECT))
_BY_EMAIL = select(User).where(User.email == bindparam("email"))
_HELD = select(User).where(STAYING).with_for_update(read=True)
_BY_SUBJECT = select(User).where(*_SUBJECT).with_for_update(key_share=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What a credential proves of a person. `email` only when its owner has verified it; `issued_at` in UTC."""

    issuer: str
    subject: str
    email: str | None
    name: str | None
    issued_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """A user as the host has told of them, and whether the row is new."""

    user: User
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """Somebody's word for a person: a credential's for its bearer, or the host's, who is then in `host`."""

    arrival: Arrival
    request_id: str | None = None
    host: Scope | None = None

    @property
    def operation(self) -> str:
        return "register" if self.host is None else "upsertUser"

    def scope(self, user: User) -> Scope:
        actor = Actor(kind=ActorKind.USER, id=user.id)
        return self.host or Scope(actor=actor, request_id=self.request_id, label=user.label)

    def counts_against(self, user: User) -> bool:
        """Say whether it changes what is known; the host's last word always does."""
        return self.host is not None or _newer(user, self.arrival)


class Users:
    """Finds and makes users. `hooks` run inside the transaction that makes or changes one.

    `issuer` is who vouches for the users that the host names without saying who does.
    """

    def __init__(self, *, database: Database, clock: Clock, hooks: LifecycleHooks, issuer: str = "") -> None:
        self._database = database
        self._clock = clock
        self._hooks = hooks
        self._issuer = issuer

    async def arrive(self, arrival: Arrival, *, request_id: str | None = None) -> User:
        """Give the user behind a proven credential, made or updated in a short transaction of its own.

        Raises:
            Unauthenticated: an `on_register` or `on_email_change` hook refused; the user is being deleted; or a user
                of this name was deleted and the credential was not surely issued after that.
        """
        user = await self._known(arrival)
        if user is not None and not _newer(user, arrival):
            _require_good(user, arrival)
            return user
        word = _Word(arrival=arrival, request_id=request_id)
        try:
            return (await self._database.run(partial(self._admit, word=word))).user
        except CallbackRefused as refused:
            raise Unauthenticated from refused

    async def upsert(
        self,
        session: Session,
        *,
        scope: Scope,
        subject: str,
        issuer: str | None = None,
        email: str | None = None,
        email_verified: bool = False,
        name: str | None = None,
    ) -> Upserted:
        """Make a user as the host knows them, or bring the row up to date; what is left out is unknown.

        A credential of the same issuer and subject finds this user, and one issued before this changes nothing.

        Raises:
            Forbidden: the caller does not speak for the host, or the key lacks the scope.
            InvalidInput: a value is empty, too long, not printable or no address, or the user is being deleted.
            CallbackRefused: an `on_register` or `on_email_change` hook refused.
        """
        scope.require_host(ApiScope.USERS_WRITE)
        address = None if email is None else checked_email(email)
        arrival = Arrival(
            issuer=self._issuer if issuer is None else checked_text(issuer, field="issuer"),
            subject=checked_text(subject, field="subject"),
            email=address if email_verified else None,
            name=None if name is None else checked_text(name, field="name"),
            issued_at=self._clock.now(),
        )
        return await self._admit(session, word=_Word(arrival=arrival, host=scope))

    async def _known(self, arrival: Arrival) -> User | None:
        rows = await self._database.look_up(_KNOWN, issuer=arrival.issuer, subject=arrival.subject)
        return User(**{column.key: value for column, value in zip(_COLUMNS, rows[0], strict=True)}) if rows else None

    async def _admit(self, session: Session, *, word: _Word) -> Upserted:
        try:
            async with session.begin_nested():
                return await self._take_in(session, word)
        except IntegrityError:
            # Somebody else has made the same user, or claimed the same address, in the same moment.
            return await self._take_in(session, word)

    async def _take_in(self, session: Session, word: _Word) -> Upserted:
        user = await _locked(session, word.arrival)
        if user is None:
            return Upserted(user=await self._register(session, word), created=True)
        if word.host is None:
            _require_good(user, word.arrival)
        elif user.deleting_at is not None:
            raise InvalidInput("This user is being deleted.", path=["input", "subject"])
        # A still newer credential may have come in between.
        if word.counts_against(user):
            await self._bring_up_to_date(session, user, word)
        return Upserted(user=user, created=False)

    async def _bring_up_to_date(self, session: Session, user: User, word: _Word) -> None:
        before = user.email
        await _update(session, user, word.arrival)
        if user.email != before:
            await hooks.run_checks(
                self._hooks.on_email_change,
                operation=word.operation,
                step="on_email_change",
                session=session,
                user=user,
                scope=word.scope(user),
            )
        refused = user.email != _normal(word.arrival.email)
        if refused or user.email != before or word.host is not None:
            changed = "user.email_changed" if user.email != before else "user.updated"
            await audit.record(
                session,
                "user.email_refused" if refused else changed,
                scope=word.scope(user),
                at=self._clock.now(),
                subject_id=user.id,
                subject_label=user.label,
                after=_outcome(user, word.arrival),
            )

    async def _register(self, session: Session, word: _Word) -> User:
        now, arrival = self._clock.now(), word.arrival
        buried = await buried_at(session, arrival.issuer, arrival.subject)
        user = User(id=UserId(ids.new(Prefix.USER, at=now)), issuer=arrival.issuer, subject=arrival.subject)
        user.created_at, user.credentials_after = now, buried
        if word.host is None:
            _require_good(user, arrival)
        await _update(session, user, arrival)
        session.add(user)
        await session.flush()
        scope, after = word.scope(user), _outcome(user, arrival)
        await hooks.run_checks(
            self._hooks.on_register,
            operation=word.operation,
            step="on_register",
            session=session,
            user=user,
            scope=scope,
        )
        await audit.record(
            session,
            "user.registered",
            scope=scope,
            at=user.created_at,
            subject_id=user.id,
            subject_label=user.label,
            after=after,
        )
        return user


async def find(session: Session, user_id: str) -> User | None:
    """Find a user by id; whether the caller may see them is the caller's business."""
    return await session.get(User, user_id)


async def find_by_email(session: Session, email: str) -> User | None:
    """Find the user with this verified address, whatever its case."""
    return (await session.execute(_BY_EMAIL, {"email": _lower(email)})).scalar_one_or_none()


async def hold(session: Session, user_id: str) -> User | None:
    """Find a user who is not being deleted, and keep them from being deleted until this transaction ends.

    Users are held before organizations are locked, so that nobody waits in a circle.
    """
    return (await session.execute(_HELD.where(User.id == user_id))).scalar_one_or_none()


async def hold_by_email(session: Session, email: str) -> User | None:
    """Hold the user with this verified address, whatever its case."""
    return (await session.execute(_HELD.where(User.email == _lower(email)))).scalar_one_or_none()


async def _locked(session: Session, arrival: Arrival) -> User | None:
    values = {"issuer": arrival.issuer, "subject": arrival.subject}
    return (await session.execute(_BY_SUBJECT, values)).scalar_one_or_none()


def _require_good(user: User, arrival: Arrival) -> None:
    """Let a credential pass that is this user's own, and not a deleted one's of the same name.

    Raises:
        Unauthenticated: the user is being deleted, or the credential may be older than the user.
    """
    after, issued = user.credentials_after, arrival.issued_at
    if user.deleting_at is not None or (after is not None and (issued is None or issued <= after)):
        raise Unauthenticated


def _newer(user: User, arrival: Arrival) -> bool:
    """Say whether the credential is newer than the newest seen, even if it says the same: an older one then loses."""
    return arrival.issued_at is not None and (user.claims_at is None or arrival.issued_at > user.claims_at)


def _outcome(user: User, arrival: Arrival) -> dict[str, str]:
    """Say what came of the claim to an address, without naming it."""
    return {"email": "taken" if arrival.email and user.email is None else "kept" if user.email else "none"}


async def _update(session: Session, user: User, arrival: Arrival) -> None:
    user.name = arrival.name
    user.claims_at = max((at for at in (user.claims_at, arrival.issued_at) if at is not None), default=None)
    email = _normal(arrival.email)
    if email is None or email == user.email:
        user.email = email
        return
    holder = await find_by_email(session, email)
    # The first living user with an address keeps it; a later claim stays without one.
    user.email = email if holder is None else None


def _normal(email: str | None) -> str | None:
    return _lower(email) if email else None


def _lower(email: str) -> str:
    """Write an address in lower case; in other alphabets it stays, lest some of their letters become plain ones."""
    return email.lower() if email.isascii() else email
