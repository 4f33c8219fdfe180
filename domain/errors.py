"""What can go wrong in Seatgate, as a tree, and the one place that may catch everything.

    ConfigError                     a setting or the catalog is wrong: the process does not start
    DomainError                     an answer that is no, with a stable code and facts
    ├── Unauthenticated             no credential, or one that proves nothing
    ├── Forbidden                   inside one's own organization, but without the right
    ├── Unavailable                 the database cannot be reached or does not take the work now
    ├── NotFound                    missing, or not yours: one and the same answer
    ├── InvalidInput                a value that cannot be
    ├── InvalidCursor               a cursor that we did not sign, or of another list
    ├── AlreadyMember               the user already belongs to the organization
    ├── AlreadySubscribed           a live base subscription exists, or a purchase is under way
    ├── LastOwner                   an organization keeps at least one owner
    ├── InvitationInvalid           the token opens nothing for this caller; why is never told
    ├── StepUpRequired              a fresh proof of who is asking is needed
    ├── IdempotencyMismatch         the key has been used for another input
    ├── IdempotencyInProgress       the first call with this key has not finished
    ├── RateLimited                 too many tries in a short time
    ├── WrongSubscriptionState      the subscription's state does not allow it
    ├── Unsupported                 the processor cannot do this
    ├── UpstreamUnavailable         the processor refused to answer, or did not in time
    └── Refused                     a seam said no; hosts raise it with a reason
        ├── SeatLimitReached        every seat is taken
        ├── LimitReached            everything that a limit allows is taken
        └── CallbackRefused         how a host's refusal reaches the caller

No HTTP and no GraphQL here: the outside decides how each of them looks.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

T = TypeVar("T")


class ConfigError(Exception):
    """Settings or catalog are wrong. `faults` holds every fault found, each naming its place."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class DomainError(Exception):
    """An answer that is no. `code` is stable, `path` names the input field at fault where there is one."""

    code: ClassVar[str]

    def __init__(self, message: str, *, path: list[str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class Unauthenticated(DomainError):
    """No credential, or one that proves nothing; why is never told."""

    code = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__("A valid credential is required.")


class Forbidden(DomainError):
    """Inside one's own organization, but without the right."""

    code = "FORBIDDEN"

    def __init__(self) -> None:
        super().__init__("Forbidden")


class Unavailable(DomainError):
    """The database cannot be reached, or did not take the work in time; nothing was written."""

    code = "UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The service cannot answer right now.")


class NotFound(DomainError):
    """Missing, or not yours: one and the same answer."""

    code = "NOT_FOUND"

    def __init__(self, what: str, *, path: list[str] | None = None) -> None:
        super().__init__(f"There is no such {what}.", path=path)


class InvalidInput(DomainError):
    """A value that cannot be: too long, malformed, taken, unknown."""

    code = "INVALID_INPUT"


class InvalidCursor(DomainError):
    """A cursor that we did not sign, or that belongs to another list or order."""

    code = "INVALID_CURSOR"

    def __init__(self) -> None:
        super().__init__("This cursor is not valid here.")


class AlreadyMember(DomainError):
    """The user already belongs to the organization."""

    code = "ALREADY_MEMBER"

    def __init__(self, *, membership_id: str) -> None:
        super().__init__("This user is already a member.")
        self.membership_id = membership_id


class AlreadySubscribed(DomainError):
    """A live base subscription is in the mirror, or another purchase is under way (then the id is None)."""

    code = "ALREADY_SUBSCRIBED"

    def __init__(self, *, subscription_id: str | None) -> None:
        super().__init__(
            "This customer already has a live subscription."
            if subscription_id
            else "A purchase for this customer is under way."
        )
        self.subscription_id = subscription_id


class LastOwner(DomainError):
    """An organization keeps at least one owner."""

    code = "LAST_OWNER"

    def __init__(self, *, organization_id: str) -> None:
        super().__init__("An organization keeps at least one owner.")
        self.organization_id = organization_id


class InvitationInvalid(DomainError):
    """The token opens nothing for this caller: tampered with, expired, used, revoked or another's; never told apart."""

    code = "INVITATION_INVALID"

    def __init__(self) -> None:
        super().__init__("This invitation is not valid.", path=["input", "token"])


class StepUpRequired(DomainError):
    """A fresh proof is needed: the caller answers `challenge` (plain JSON) and sends the answer along."""

    code = "STEP_UP_REQUIRED"

    def __init__(self, *, action: str, challenge: Any) -> None:
        super().__init__("A fresh proof of who you are is needed.", path=["input", "stepUp"])
        self.action = action
        self.challenge = challenge


class IdempotencyMismatch(DomainError):
    """The key has been used for another input of this operation."""

    code = "IDEMPOTENCY_MISMATCH"

    def __init__(self) -> None:
        super().__init__("This key has been used for another input.", path=["input", "idempotencyKey"])


class IdempotencyInProgress(DomainError):
    """The first call with this key has not finished."""

    code = "IDEMPOTENCY_IN_PROGRESS"

    def __init__(self, *, retry_after_seconds: int = 1) -> None:
        super().__init__("The first call with this key has not finished.", path=["input", "idempotencyKey"])
        self.retry_after_seconds = retry_after_seconds


class RateLimited(DomainError):
    """Too many tries in a short time; the next one may be made after `retry_after_seconds`."""

    code = "RATE_LIMITED"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__("Too many requests; try again later.")
        self.retry_after_seconds = retry_after_seconds


class WrongSubscriptionState(DomainError):
    """The subscription's state does not allow it."""

    code = "SUBSCRIPTION_STATE"

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


class Unsupported(DomainError):
    """The processor cannot do this; told before any call."""

    code = "UNSUPPORTED"

    def __init__(self, *, processor: str, capability: str) -> None:
        super().__init__("This processor cannot do that.")
        self.processor = processor
        self.capability = capability


class UpstreamUnavailable(DomainError):
    """The processor refused to answer, or did not in time; the worker finishes what it may have done."""

    code = "UPSTREAM_UNAVAILABLE"

    def __init__(self, *, retry_after_seconds: int | None = None) -> None:
        super().__init__("The payment processor did not answer.")
        self.retry_after_seconds = retry_after_seconds


class Refused(DomainError):
    """A seam says no and nothing is written. Hosts raise it from their callbacks: `raise Refused("blocked_domain")`."""

    code = "CALLBACK_REFUSED"

    def __init__(self, reason: str) -> None:
        super().__init__("This was refused.")
        self.reason = reason


class SeatLimitReached(Refused):
    """Every seat is taken."""

    code = "SEAT_LIMIT_REACHED"

    def __init__(self, *, organization_id: str, limit: int) -> None:
        super().__init__("seat_limit_reached")
        self.message = "All seats are taken."
        self.organization_id = organization_id
        self.limit = limit


class LimitReached(Refused):
    """Everything that a limit allows is taken; `limit` is 0 where nothing is allowed, or nobody can say."""

    def __init__(self, *, key: str, limit: int) -> None:
        super().__init__("limit_reached")
        self.message = "This limit is reached."
        self.key = key
        self.limit = limit


class CallbackRefused(Refused):
    """How a host's refusal reaches the caller: which operation, at which step, and the host's own reason."""

    def __init__(self, *, operation: str, step: str, reason: str) -> None:
        super().__init__(reason)
        self.operation = operation
        self.step = step


@dataclass(frozen=True, slots=True)
class Contained(Generic[T]):
    """What came of contained work: a value, or the exception in its place."""

    value: T | None = None
    error: Exception | None = None


async def contained(work: Awaitable[T], *, log: logging.Logger, where: str) -> Contained[T]:
    """Await `work` and hand back its outcome, whatever it was; an exception is logged once under `where`.

    With `attempted` the only `except Exception` of the project. Its callers are the gate, what asks a host's resolver,
    forwarders, the worker, the inbox's apply, the steps of a deletion, the last uses of keys, the look-out for what is
    followed, the tabs of the operators' pages and the GraphQL edge. Cancellation passes through.
    """
    try:
        return Contained(value=await work)
    except Exception as error:
        log.warning("%s failed: %s", where, type(error).__name__, exc_info=error)
        return Contained(error=error)


def attempted(work: Callable[[], T], *, log: logging.Logger, where: str) -> Contained[T]:
    """Do the same with work that is not awaited: the gate's reading of ids, and telemetry, which changes nothing."""
    try:
        return Contained(value=work())
    except Exception as error:
        log.warning("%s failed: %s", where, type(error).__name__, exc_info=error)
        return Contained(error=error)
