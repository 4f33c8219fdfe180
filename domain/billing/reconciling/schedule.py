"""When the mirror is compared by itself: missed events often, everything once a day and at boot."""

from datetime import timedelta

from domain.billing.reconciling.asking import Beat
from domain.billing.reconciling.running import Reconciling
from domain.billing.reconciling.turns import Run, Turns

PATIENCE = timedelta(minutes=5)
"""How young an event may be to count as still on its way."""

EVENTS, EVERYTHING = "events", "everything"


class Schedule(Turns):
    """Missed events every 15 minutes, a comparison of everything every 24 hours and at boot. `aclose` stops a run."""

    def __init__(self, reconciling: Reconciling) -> None:
        self.reconciling = reconciling
        runs = {
            EVERYTHING: Run(do=self._everything, every=timedelta(hours=24), boots=True),
            EVENTS: Run(do=self._events, every=timedelta(minutes=15), boots=False),
        }
        super().__init__(runs, database=reconciling.database, clock=reconciling.clock)

    async def _everything(self, beat: Beat) -> None:
        await self.reconciling.everything(patience=PATIENCE, resume=True, beat=beat)

    async def _events(self, beat: Beat) -> None:
        await self.reconciling.catch_up(patience=PATIENCE, beat=beat)
