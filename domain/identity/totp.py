"""Step-up by one-time codes of an authenticator app (TOTP), put around any adapter: an example that can be used.

The challenge is `{"kind": "totp"}`, the proof `{"code": "123456"}`.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from hmac import compare_digest
from typing import Any

from domain.clock import Clock, SystemClock
from domain.db import Session
from domain.identity.adapter import Asking, AuthAdapter, Visitor
from domain.identity.models import User
from domain.identity.step_up import use_up

STEP_SECONDS = 30
DIGITS = 6
# Clocks of phones differ by a little; one step either side is what people are used to.
STEPS = (-1, 0, 1)

SecretOf = Callable[[Session, User], Awaitable[str | None]]
"""Gives a user's secret in base32, read in the given session or elsewhere; None for who has no app."""


class TotpAdapter:
    """An adapter with step-up on top. Each step's code opens once; who has no secret is never let pass."""

    def __init__(self, adapter: AuthAdapter, *, secret_of: SecretOf, clock: Clock | None = None) -> None:
        self._adapter = adapter
        self._secret_of = secret_of
        self._clock = clock or SystemClock()

    async def current_user(self, *, asking: Asking) -> Visitor | None:
        """Ask the adapter inside."""
        return await self._adapter.current_user(asking=asking)

    async def require_admin(self, *, visitor: Visitor) -> bool:
        """Ask the adapter inside."""
        return await self._adapter.require_admin(visitor=visitor)

    def user_schema(self) -> type[Visitor]:
        """Ask the adapter inside."""
        return self._adapter.user_schema()

    async def actor_id(self, *, visitor: Visitor) -> str:
        """Ask the adapter inside."""
        return await self._adapter.actor_id(visitor=visitor)

    async def log_audit(self, *, user: User | None, event: Any) -> None:
        """Tell the adapter inside."""
        await self._adapter.log_audit(user=user, event=event)

    async def step_up_challenge(self, *, user: User, action: str) -> Any:  # noqa: ARG002 - the seam's signature
        """Ask for the code that the app shows now; whether the user has an app is not told."""
        return {"kind": "totp"}

    async def verify_step_up(self, *, session: Session, user: User, action: str, proof: Any) -> bool:  # noqa: ARG002 - the seam's signature
        """Say whether the code is that of this step or a neighbour's, and use that step up."""
        code = proof.get("code") if isinstance(proof, dict) else None
        if not isinstance(code, str) or len(code) != DIGITS or not (code.isascii() and code.isdigit()):
            return False
        secret = await self._secret_of(session, user)
        now = self._clock.now()
        step = _step(secret, code, now) if secret else None
        return step is not None and await use_up(session, user_id=user.id, proof=f"totp:{step}", at=now)


def _step(secret: str, code: str, now: datetime) -> int | None:
    """Find the step near now whose code this is."""
    import pyotp  # noqa: PLC0415 - loaded only where codes are checked

    totp = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS)
    present = totp.timecode(now)
    near = [present + difference for difference in STEPS]
    return next((step for step in near if compare_digest(totp.generate_otp(step), code)), None)
