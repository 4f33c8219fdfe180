"""When everybody's entitlements are read by themselves: at start-up, and when news of them was lost. Observes only."""

from domain.billing import EntitlementsTold, ProcessorAccount, WebhookEvent
from domain.billing.reconciling import Gap, Run, Turns, hurry
from domain.db import Session
from domain.entitlements.advisory.pulling import Pulls, ask_to_pull

TURN = "entitlement summaries"
EVENTS = "entitlements."
"""How the types of Stripe's events of entitlements begin; of one that nobody could read no more is known."""


class Pulling(Turns):
    """Reads everybody once when a process starts and when it is asked to, one process at a time."""

    def __init__(self, pulls: Pulls) -> None:
        self.pulls = pulls
        run = Run(do=lambda beat: pulls.everybody(beat=beat), every=None, boots=True)
        super().__init__({TURN: run}, database=pulls.database, clock=pulls.clock)

    async def gave_up(self, session: Session, row: WebhookEvent) -> None:
        """Have everybody read when an event of entitlements is given up: whom it was about may stand nowhere."""
        if row.processor in self.pulls.processors and row.type.startswith(EVENTS):
            await hurry(session, TURN, at=self._clock.now())

    async def on_gap(self, session: Session, gap: Gap) -> None:
        """Have those read of whom lost events told, or everybody when some are too old to be listed."""
        if gap.processor.name not in self.pulls.processors:
            return
        if gap.unlisted:
            await hurry(session, TURN, at=self._clock.now())
            return
        for account in {each.customer_processor_id for each in gap.lost if isinstance(each, EntitlementsTold)}:
            key = (gap.processor.name, gap.processor.livemode, account)
            if (found := await session.get(ProcessorAccount, key)) is not None:
                await ask_to_pull(session, found, at=self._clock.now())
