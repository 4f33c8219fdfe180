"""What every command of organizations is made of: the clock, and who may refuse, billing last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domain.clock import Clock
from domain.entitlements import Entitlements
from domain.organizations import OrganizationCallbacks
from domain.settings import Settings
from domain.wiring.seams import SeatCallbacks

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The clock, and who may refuse, in how many seconds."""

    clock: Clock
    callbacks: Sequence[OrganizationCallbacks]
    seconds: float

    def made(self, kind: Callable[..., T], **more: object) -> T:
        """Make one of the commands."""
        return kind(clock=self.clock, callbacks=self.callbacks, callback_seconds=self.seconds, **more)


def doors_of(
    settings: Settings, clock: Clock, callbacks: Sequence[OrganizationCallbacks], entitlements: Entitlements
) -> Doors:
    """Let the host's callbacks run first and billing's last."""
    seats = SeatCallbacks(entitlements=entitlements, clock=clock, invitation_days=settings.invitation_days)
    return Doors(clock=clock, callbacks=(*callbacks, seats), seconds=settings.callback_seconds)
