"""How a host with its own identity tells who is asking: seven callbacks, five of them required.

The adapter is handed to `create_app(auth=…)`; without one the bearer tokens of the settings say who is asking. It sees
a request only as the plain `Asking`, and decides nothing of what a role may do.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from domain.db import Database, Session
from domain.errors import ConfigError, Forbidden
from domain.identity.models import User
from domain.identity.users import Arrival, find

LONGEST_ID = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What a request shows of who is asking. Names of headers are lower case; one that stood twice is joined."""

    headers: Mapping[str, str]
    path: str
    remote_address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor(Arrival):
    """Who is asking, as an adapter has proven it; hosts add fields of their own in a subclass.

    `label` is what the ledger calls the person at this moment; without it the name or the address. From `expires_at`
    (UTC) on the credential proves nothing any more; None: it does as long as its connection lasts.
    """

    administrator: bool = False
    label: str | None = None
    expires_at: datetime | None = None


class AuthAdapter(Protocol):
    """What a host hands in. `visitor` is what `current_user` gave; `user` is Seatgate's row of the same person."""

    async def current_user(self, *, asking: Asking) -> Visitor | None:
        """Tell who is asking; None when the request shows no credential.

        Raises:
            Unauthenticated: it shows one that proves nothing.
        """

    async def require_admin(self, *, visitor: Any) -> bool:
        """Say whether the visitor is an administrator, asked once for each request.

        Raises:
            Forbidden: the same as False.
        """

    def user_schema(self) -> type[Visitor]:
        """Name the type that `current_user` gives: `Visitor`, or a subclass with the host's own fields."""

    async def actor_id(self, *, visitor: Any) -> str:
        """Give the text by which the host knows the visitor for good; it becomes the user's `subject` here."""

    async def log_audit(self, *, user: User | None, event: Any) -> None:
        """Hear of an audit event after its commit; raising changes nothing but that it is told again.

        `user` is the actor; None when a program or the system acted, or when the user is gone by now.
        """


class StepUpAdapter(Protocol):
    """The two optional callbacks: both or neither."""

    async def step_up_challenge(self, *, user: User, action: str) -> Any:
        """Make a fresh challenge, plain JSON, in no transaction."""

    async def verify_step_up(self, *, session: Session, user: User, action: str, proof: Any) -> bool:
        """Say whether a proof answers a challenge for this action, in the command's transaction.

        What is written in `session` to use the proof up stays if the command does. `proof` is whatever JSON the caller
        sent.
        """


ASKED: dict[str, tuple[str, ...]] = {
    "current_user": ("asking",),
    "require_admin": ("visitor",),
    "actor_id": ("visitor",),
    "log_audit": ("user", "event"),
    "step_up_challenge": ("user", "action"),
    "verify_step_up": ("session", "user", "action", "proof"),
}
STEP_UP = ("step_up_challenge", "verify_step_up")


def has_step_up(adapter: object) -> bool:
    """Say whether an adapter can ask for fresh proofs."""
    return hasattr(adapter, STEP_UP[0])


def check_adapter(adapter: object) -> None:
    """Check an adapter before anybody is let in by it.

    Raises:
        ConfigError: a callback is missing, not async, or takes other arguments; the two of step-up are not both there;
            or `user_schema` names no kind of `Visitor`. Every fault is named.
    """
    if isinstance(adapter, type):
        raise ConfigError([f"auth: give an instance of {adapter.__name__}, not the class"])
    found = {name: getattr(adapter, name, None) for name in ASKED}
    given = [name for name in STEP_UP if found[name] is not None]
    faults = _faults_of_schema(adapter)
    for name, method in found.items():
        if method is None and (name not in STEP_UP or given):
            other = f", although {given[0]} is there" if name in STEP_UP else ""
            faults.append(f"auth: {name} is missing{other}")
        if method is not None:
            faults += _faults_of(name, method)
    if faults:
        raise ConfigError(faults)


async def recognize(adapter: AuthAdapter, asking: Asking) -> Visitor | None:
    """Let an adapter tell who is asking, by which name for good, and whether that is an administrator.

    Raises:
        Unauthenticated: the credential proves nothing.
        TypeError: the adapter gave something else than it says; nobody is let in.
    """
    visitor = await adapter.current_user(asking=asking)
    if visitor is None:
        return None
    if not isinstance(visitor, adapter.user_schema()):
        raise TypeError(f"current_user gave a {type(visitor).__name__}, which user_schema does not name")
    subject: object = await adapter.actor_id(visitor=visitor)
    if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_ID:
        raise TypeError(f"actor_id gave no text of 1 to {LONGEST_ID} characters")
    administrator = await _is_administrator(adapter, visitor)
    if (subject, administrator) == (visitor.subject, visitor.administrator):
        return visitor
    return replace(visitor, subject=subject, administrator=administrator)


class Logged(Protocol):
    """What the bridge reads of an audit event."""

    @property
    def actor_id(self) -> str:
        """Who acted."""


class AuthAuditForwarder:
    """Tells an adapter's `log_audit` of every audit event, after its commit. The ledger's row stays the truth."""

    name = "auth_adapter"
    actions: tuple[str, ...] | None = None
    """Every action: what an adapter does not care for it lets pass."""

    def __init__(self, adapter: AuthAdapter, *, database: Database) -> None:
        self._adapter = adapter
        self._database = database

    async def forward(self, event: Logged) -> None:
        """Hand one event over; whatever the adapter raises is the caller's to contain."""
        async with self._database.snapshot() as session:
            user = await find(session, event.actor_id)
        await self._adapter.log_audit(user=user, event=event)


async def _is_administrator(adapter: AuthAdapter, visitor: Visitor) -> bool:
    try:
        # Only a plain yes is one.
        return await adapter.require_admin(visitor=visitor) is True
    except Forbidden:
        return False


def _faults_of_schema(adapter: object) -> list[str]:
    method = getattr(adapter, "user_schema", None)
    if method is None:
        return ["auth: user_schema is missing"]
    if not callable(method) or inspect.iscoroutinefunction(method):
        return ["auth: user_schema is no plain function"]
    try:
        schema = method()
    except TypeError:
        return ["auth: user_schema takes no arguments"]
    if not isinstance(schema, type) or not issubclass(schema, Visitor):
        return ["auth: user_schema names no kind of Visitor"]
    return []


def _faults_of(name: str, method: Any) -> list[str]:
    if not inspect.iscoroutinefunction(method):
        return [f"auth: {name} is not async"]
    arguments = ASKED[name]
    try:
        inspect.signature(method).bind(**dict.fromkeys(arguments))
    except TypeError:
        return [f"auth: {name} takes other arguments than {', '.join(arguments)}, by keyword"]
    return []
