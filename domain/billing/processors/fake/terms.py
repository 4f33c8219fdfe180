"""What the Fake does about payments that fail, as one would set it up in a processor's dashboard."""

from dataclasses import dataclass
from enum import StrEnum


class Exhausted(StrEnum):
    """What becomes of a subscription when the last attempt to collect has failed."""

    CANCELED = "canceled"
    UNPAID = "unpaid"
    PAST_DUE = "past_due"  # it stays as it is


class TrialWithoutCard(StrEnum):
    """What becomes of a trial at its end when there is nothing to collect from."""

    PAUSED = "paused"
    PAST_DUE = "past_due"  # as if the card had been declined
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """After a failed attempt the next comes `retry_days` later, one number each; then `exhausted` counts."""

    retry_days: tuple[int, ...] = (3, 5, 7)
    exhausted: Exhausted = Exhausted.CANCELED
    trial_without_card: TrialWithoutCard = TrialWithoutCard.PAST_DUE
