"""Step-up: a fresh proof of the person behind the credential, asked for before the deeds that cannot be undone.

Whoever acts for no person (the command line, the worker, a key for itself) is not asked: a key's secret is its
proof. A key that acts for a user brings that user's. A proof opens once: it is used up in
the transaction of the deed, so that a refused deed gives it back. Wrong proofs are counted per user, before they are
looked at and in a transaction of their own, so that neither rolling back nor trying many at once is free.
"""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import delete

from domain import rates
from domain.clock import Clock
from domain.db import Database, Session, insert_into
from domain.errors import StepUpRequired, Unauthenticated, Unavailable
from domain.identity.adapter import StepUpAdapter, has_step_up
from domain.identity.models import UsedProof, User
from domain.identity.users import find
from domain.scope import Scope

MOST_WRONG = 5
WINDOW = timedelta(minutes=5)
KEPT = timedelta(hours=24)
"""How long a used proof is remembered; no adapter may take one that is older."""

_counted: ContextVar[bool] = ContextVar("counted", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """Asks for proofs where `adapter` can; where it cannot, everybody passes."""

    database: Database
    clock: Clock
    adapter: object | None

    async def require(self, session: Session, *, scope: Scope, action: str, proof: Any) -> None:
        """Let pass whoever brings a right proof for this action, and use it up in this transaction.

        Stands in front of the deed, inside `counted`.

        Raises:
            StepUpRequired: there is no proof, or it is wrong or used; `counted` adds the challenge.
            Unauthenticated: the user is gone.
        """
        adapter = self._asks(scope)
        if adapter is None:
            return
        if proof is None:
            raise StepUpRequired(action=action, challenge=None)
        if not _counted.get():
            raise RuntimeError("a proof is counted before it is looked at")
        user = await _user(session, scope)
        # Only a plain yes is one.
        right = await adapter.verify_step_up(session=session, user=user, action=action, proof=proof) is True
        if not right or not await use_up(session, user_id=user.id, proof=_digest(proof), at=self.clock.now()):
            raise StepUpRequired(action=action, challenge=None)

    @contextlib.asynccontextmanager
    async def counted(self, *, scope: Scope, proof: Any) -> AsyncIterator[None]:
        """Surround a deed that may ask for a proof, outside its transaction: count the try, and make the challenge.

        Raises:
            RateLimited: five proofs were wrong within five minutes; not even a right one is looked at.
            StepUpRequired: what the deed raised, with a fresh challenge.
        """
        adapter = self._asks(scope)
        if adapter is None:
            yield
            return
        bucket = f"stepUp:{scope.user_id}"
        if proof is not None:
            await rates.spend(self.database, self.clock, bucket=bucket, most=MOST_WRONG, window=WINDOW)
        before = _counted.set(True)
        learned = False
        try:
            yield
        except StepUpRequired as required:
            learned = True
            challenge = await self._challenge(adapter, scope, required.action)
            raise StepUpRequired(action=required.action, challenge=challenge) from required
        except asyncio.CancelledError:
            # The deed goes on without its caller, and may yet find the proof wrong.
            learned = True
            raise
        finally:
            _counted.reset(before)
            if proof is not None and not learned:
                # If this fails the try stays counted; the deed's own outcome is what the caller must hear.
                with contextlib.suppress(Unavailable):
                    await rates.give_back(self.database, bucket=bucket)

    def _asks(self, scope: Scope) -> StepUpAdapter | None:
        """Give the adapter when it can ask and there is a person to be asked."""
        person = scope.user_id is not None
        return cast("StepUpAdapter", self.adapter) if person and has_step_up(self.adapter) else None

    async def _challenge(self, adapter: StepUpAdapter, scope: Scope, action: str) -> Any:
        async with self.database.snapshot() as session:
            user = await _user(session, scope)
        return await adapter.step_up_challenge(user=user, action=action)


async def use_up(session: Session, *, user_id: str, proof: str, at: datetime) -> bool:
    """Use a proof up, whatever names it for its user; no when it has been used, or another transaction was faster.

    Adapters name what counts of a proof, such as its time step, so that no other spelling of it opens again.
    """
    statement = (
        insert_into(session, UsedProof)
        .values(user_id=user_id, proof=proof, used_at=at)
        .on_conflict_do_nothing()
        .returning(UsedProof.proof)
    )
    return (await session.execute(statement)).first() is not None


async def prune_proofs(database: Database, clock: Clock) -> int:
    """Forget proofs that were used more than 24 hours ago, and say how many."""

    async def work(session: Session) -> int:
        old = delete(UsedProof).where(UsedProof.used_at <= clock.now() - KEPT).returning(UsedProof.proof)
        return len((await session.execute(old)).all())

    return await database.run(work)


async def _user(session: Session, scope: Scope) -> User:
    user = None if scope.user_id is None else await find(session, scope.user_id)
    if user is None or user.deleting_at is not None:
        raise Unauthenticated
    return user


def _digest(proof: Any) -> str:
    """Name a proof by what was sent, so that it opens nothing else either, whichever action it was made for."""
    return hashlib.sha256(json.dumps(proof, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
