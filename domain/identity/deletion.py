"""How a user goes: checked and marked in one transaction, performed outside of any, deleted in another.

A deletion is a row that says how far it is. Each step ends in a transaction that moves the row on, under a lease that
must still be held; so a crash anywhere is taken up by a worker, and nobody undoes what somebody else has done.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import partial

from domain import hooks
from domain.clock import Clock
from domain.db import Database, Session
from domain.errors import CallbackRefused, NotFound, Unavailable, contained
from domain.hooks import Irrevocable, LifecycleHook, Undecided
from domain.idempotency import Call
from domain.identity import going
from domain.identity.going import OPERATION, DeletionStatus, Progress
from domain.identity.models import Deletion, DeletionStage, User
from domain.scope import ApiScope, Scope
from domain.settings import OnCancelFailure

log = logging.getLogger(__name__)

ANSWER_SECONDS = 9.0
CHECK_SECONDS = 5.0
# The deeds must have ended before their lease does, or two processes would do them at once.
DEED_SECONDS = 45.0


class _Outcome(StrEnum):
    DONE = auto()
    FAILED = auto()  # and nothing is done
    IRREVOCABLE = auto()  # failed, and a part is done for good
    UNDECIDED = auto()


Prove = Callable[[Session], Awaitable[None]]
"""Lets pass whoever has brought a fresh proof, and raises StepUpRequired for everybody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletions:
    """Deletes users. `hooks` are those of `on_delete`, in the order they run; `policy` says what a failed deed means.

    `answer_seconds` is how long a caller is kept waiting, `check_seconds` how long all checks may take together, and
    `deed_seconds` how long all hooks may act outside.
    """

    database: Database
    clock: Clock
    hooks: Sequence[LifecycleHook]
    policy: OnCancelFailure
    answer_seconds: float = ANSWER_SECONDS
    check_seconds: float = CHECK_SECONDS
    deed_seconds: float = DEED_SECONDS

    async def delete(
        self, *, scope: Scope, user_id: str, call: Call | None = None, prove: Prove | None = None
    ) -> DeletionStatus:
        """Delete a user, or say how far that is; the answer comes within ten seconds, and the work goes on behind it.

        `call` is the caller's idempotency key; it keeps DONE and PENDING, and asking with it again tells how far it is
        by then. `prove` asks for a fresh proof, in the transaction that begins the deletion.

        Raises:
            StepUpRequired: `prove` was not content.
            Forbidden: the key lacks the scope.
            NotFound: there is no such user, or the caller is neither that user nor speaks for the host.
            LastOwner: the user is the last owner of an organization.
            CallbackRefused: a host's `on_delete` refused, or took too long (reason `timeout`).
            IdempotencyMismatch: the key was used for another input.
            IdempotencyInProgress: the first call with the key has not got its answer.
        """
        deadline = asyncio.get_running_loop().time() + self.answer_seconds
        progress = await self.database.run(partial(self.begin, scope=scope, user_id=user_id, call=call, prove=prove))
        if not progress.leased:
            return progress.status
        try:
            async with asyncio.timeout_at(deadline):
                progress = await self.database.shielded(self.finish(progress))
        except TimeoutError:
            log.info("a deletion goes on behind its answer")
        if progress.status is DeletionStatus.PENDING:
            progress = await self.database.run(partial(going.outlive, progress=progress))
        return progress.status

    async def finish_due(self) -> int:
        """Take up what a crash, a failure or a silent processor left, as far as it goes now; say how many."""
        taken = 0
        while progress := await self.database.run(partial(going.lease, now=self.clock.now())):
            taken += 1
            await self.finish(progress)
        return taken

    async def finish(self, progress: Progress) -> Progress:
        """Take steps for as long as there is one to take under this lease."""
        while progress.leased:
            progress = await self.step(progress)
        return progress

    async def begin(
        self, session: Session, *, scope: Scope, user_id: str, call: Call | None = None, prove: Prove | None = None
    ) -> Progress:
        """Check and mark a user: the first transaction, raising as `delete` does. Leased only if this has begun it."""
        scope.require(ApiScope.USERS_WRITE)
        known = None if call is None else await call.begin(session)
        asked = user_id if scope.everywhere or user_id == scope.user_id else ""
        user = await going.locked(session, asked)
        row = await session.get(Deletion, asked, populate_existing=True)
        if user is None and (row is None or row.stage is not DeletionStage.DONE):
            raise NotFound("user", path=["input", "userId"])
        if row is not None and (user is None or user.deleting_at is not None or known is not None):
            if call is not None:
                await call.finish(session, {"user_id": user_id})
            return going.told(row)
        assert user is not None, "told above"
        if prove is not None:
            await prove(session)
        await self._check(session, user, scope)
        made = secrets.token_hex(16)
        return await going.start(session, user, row, operation_id=made, scope=scope, now=self.clock.now())

    async def _check(self, session: Session, user: User, scope: Scope) -> None:
        told = {"operation": OPERATION, "step": "on_delete"}
        try:
            async with asyncio.timeout(self.check_seconds):
                await hooks.run_checks(self.hooks, **told, session=session, user=user, scope=scope)
        except TimeoutError as error:
            raise CallbackRefused(**told, reason="timeout") from error

    async def step(self, progress: Progress) -> Progress:
        """Take the next step of a leased deletion, and say how far it is then."""
        at_once = self.policy is OnCancelFailure.PROCEED and progress.stage is DeletionStage.CHECKED
        if at_once or progress.stage is DeletionStage.PERFORMED:
            return await self._depart(progress)
        outcome = await self._perform(progress)
        now = self.clock.now()
        if outcome is _Outcome.DONE:
            return await self.database.run(partial(going.performed, progress=progress, now=now))
        if outcome is _Outcome.FAILED and progress.stage is DeletionStage.CHECKED:
            return await self.database.run(partial(going.abort, progress=progress, now=now))
        bound = outcome is _Outcome.IRREVOCABLE
        return await self.database.run(partial(going.postpone, progress=progress, now=now, bound=bound))

    async def _depart(self, progress: Progress) -> Progress:
        now = self.clock.now()
        leave = partial(going.depart, progress=progress, hooks=self.hooks, now=now)
        departed = (await contained(self.database.run(leave), log=log, where="deletion")).value
        if departed is not None:
            return departed
        return await self.database.run(partial(going.postpone, progress=progress, now=now))

    async def _perform(self, progress: Progress) -> _Outcome:
        """Let every hook act, in order; once one of them has done its deed there is no way back."""
        acting, bound = hooks.acting(self.hooks), False
        deadline = asyncio.get_running_loop().time() + self.deed_seconds
        for hook in acting:
            deed = hook.perform(user=progress.person, operation_id=progress.operation_id)
            error = (await contained(_until(deadline, deed), log=log, where="on_delete")).error
            if error is not None:
                return _read(error, bound=bound)
            if hook is not acting[-1]:
                bound = True
                await self.database.run(partial(going.bind, progress=progress))
        return _Outcome.DONE


async def _until(deadline: float, deed: Awaitable[None]) -> None:
    async with asyncio.timeout_at(deadline):
        await deed


def _read(error: Exception, *, bound: bool) -> _Outcome:
    """Say what a failed deed leaves; nobody knows that of one that has not ended in time, or has lost the database."""
    if bound or isinstance(error, Irrevocable):
        return _Outcome.IRREVOCABLE
    return _Outcome.UNDECIDED if isinstance(error, Undecided | TimeoutError | Unavailable) else _Outcome.FAILED
