"""What a gate requires, and how the gate is asked: one engine for fields, subscriptions, routes and WebSockets.

No GraphQL and no HTTP enters here, nothing is remembered, and nothing of a denial is written for the caller.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.entitlements import Billable, Entitlements, Reason


class GuardKind(StrEnum):
    """What a gate asks for."""

    FEATURE = "feature"
    PLAN = "plan"


class Surface(StrEnum):
    """Where a gate stands, as telemetry calls it."""

    FIELD = "field"
    SUBSCRIPTION = "subscription"
    ROUTE = "route"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """What a host's own `on_deny` function is told; none of it is for the caller's eyes.

    The reason is coarse: `no_active_subscription` when there is nobody to bill, else `not_entitled`.
    """

    guard: GuardKind
    required: str
    reason: Reason
    billable: Billable | None
    surface: Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A feature, or a plan named by itself or by a price of it, that a billable must hold.

    Raises:
        TypeError: the name is no text, as when a gate is written without its name.
    """

    guard: GuardKind
    required: str

    def __post_init__(self) -> None:
        name: object = self.required
        if not isinstance(name, str) or not name:
            raise TypeError(f'a gate requires the name of a {self.guard}, as in require_{self.guard}("name")')

    async def denial(self, entitlements: Entitlements, billable: object, *, surface: Surface) -> Denial | None:
        """Ask the gate anew; None lets pass. What is no billable is nobody."""
        billed = billable if isinstance(billable, Billable) else None
        ask = entitlements.entitled if self.guard is GuardKind.FEATURE else entitlements.has_active_plan
        if await ask(billed, self.required, surface=surface):
            return None
        return Denial(
            guard=self.guard,
            required=self.required,
            reason=Reason.NO_ACTIVE_SUBSCRIPTION if billed is None else Reason.NOT_ENTITLED,
            billable=billed,
            surface=surface,
        )
