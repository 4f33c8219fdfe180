"""The stories, as data: what happens, after how many days, and what the customer has then."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from domain.billing.processors import Capability
from domain.billing.states import ProcessorName

FOLDER = Path(__file__).parents[1] / "vectors" / "scenarios"
CATALOG = """
past_due_grace = 7
seat_limit = "seats"

[default]
limits = { seats = 1 }

[plans.pro]
features = ["api"]
limits = { seats = 3 }
price_ids = ["price_pro"]
braintree_plan_ids = ["pro"]

[plans.team]
features = ["api", "sso"]
limits = { seats = 5 }
price_ids = ["price_team"]
braintree_plan_ids = ["team"]

[plans.crew]
features = ["api"]
limits = { seats = { per = "quantity" } }
price_ids = ["price_crew"]
braintree_plan_ids = ["crew"]

[plans.seat_pack]
add_on = true
limits = { seats = { per = "quantity", times = 5, merge = "sum" } }
price_ids = ["price_seat_pack"]
braintree_plan_ids = ["seat_pack"]
"""
PLANS = ("pro", "team", "crew", "mystery")


class Deed(StrEnum):
    """What happens in a step: somebody does it, or time does."""

    BUY = "buy"
    TRY = "try"
    CHANGE = "change"
    QUANTITY = "quantity"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    END_WITH_PERIOD = "end_with_period"
    TAKE_BACK = "take_back"
    END_NOW = "end_now"
    TRIAL_ENDS = "trial_ends"
    RENEWS = "renews"
    RENEWAL_FAILS = "renewal_fails"
    WAITS = "waits"
    PAYS = "pays"
    GIVES_UP = "gives_up"
    PERIOD_ENDS = "period_ends"


NEEDS = {
    Deed.BUY: Capability.SUBSCRIBE,
    Deed.TRY: Capability.SUBSCRIBE,
    Deed.CHANGE: Capability.SWAP_PLAN,
    Deed.QUANTITY: Capability.UPDATE_QUANTITY,
    Deed.PAUSE: Capability.PAUSE,
    Deed.UNPAUSE: Capability.UNPAUSE,
    Deed.END_WITH_PERIOD: Capability.CANCEL_AT_PERIOD_END,
    Deed.TAKE_BACK: Capability.RESUME,
    Deed.END_NOW: Capability.CANCEL,
}
"""What a processor must be able to do for it; what is left out is done by time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `unable`: who cannot do it, so that its story ends there."""

    deed: Deed
    expect: str
    days: int = 0
    plan: str = ""
    add_on: str = ""
    quantity: int = 1
    unable: frozenset[ProcessorName] = frozenset()

    def __str__(self) -> str:
        words = [self.deed.replace("_", " "), self.plan, f"with {self.quantity} x {self.add_on}" if self.add_on else ""]
        if self.deed is Deed.QUANTITY:
            words.append(f"x {self.quantity}")
        if self.days:
            words.append(f"after {self.days} days")
        return " ".join(filter(None, words))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One story."""

    name: str
    title: str
    steps: tuple[Step, ...]


def answer(*, status: str, api: str, sso: str, seats: int) -> str:
    """Write how the subscription is mirrored and what its customer has, as the streams and the table say it."""
    return f"{status}; api: {api}; sso: {sso}; seats: {seats}"


def scenarios() -> list[Scenario]:
    """Read every story, in order."""
    return [_scenario(path) for path in sorted(FOLDER.glob("*.toml"))]


def _scenario(path: Path) -> Scenario:
    told = tomllib.loads(path.read_text())
    return Scenario(name=path.stem, title=told["title"], steps=tuple(_step(**step) for step in told["steps"]))


def _step(*, do: str, expect: dict[str, Any], unable: tuple[str, ...] = (), **rest: Any) -> Step:
    return Step(deed=Deed(do), expect=answer(**expect), unable=frozenset(map(ProcessorName, unable)), **rest)
