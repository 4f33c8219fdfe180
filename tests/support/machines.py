"""A small machine whose every instant is known: it plays tasks whose calls take effect at one instant each."""

from dataclasses import dataclass, field
from random import Random

from domain.proofs.seats.history import Operation
from tests.support.histories import FOUNDERS_PLACE, PEOPLE, Tale

MOST_SEATS = 5
LONGEST = 60
KILLED, HAPPENED, SET_LIMIT = 0.05, 0.5, 0.3
OPERATIONS = (
    Operation.ADD,
    Operation.ADD,
    Operation.ADD,
    Operation.INVITE,
    Operation.INVITE,
    Operation.ACCEPT,
    Operation.REMOVE,
    Operation.REVOKE,
)


@dataclass
class Plan:
    """One call: it looks at `start`, acts at an instant of its own, and is answered at `end` unless it is killed."""

    start: int
    end: int | None
    happens: bool
    operation: Operation
    person: int
    limit: int
    target: str | None = None
    free: bool = False


@dataclass
class Machine:
    """Keeps its promises, as a database does, unless it is told not to.

    With `oversells` it lets in whoever saw a free seat when the call began; with `shy` it refuses the last seat.
    """

    chance: Random
    oversells: bool = False
    shy: bool = False
    tale: Tale = field(default_factory=lambda: Tale(limit=3))
    limit: int = 3

    def play(self, *, tasks: int, calls: int) -> Tale:
        free = [self.chance.randrange(1, LONGEST) for _ in range(tasks)]
        moments: list[tuple[int, bool, Plan]] = []
        for _ in range(calls):
            task = min(range(tasks), key=free.__getitem__)
            lasts = sorted(self.chance.randrange(2, LONGEST) for _ in range(2))
            # No two tasks do anything at the same instant.
            start, point, end = ((free[task] + last) * tasks + task for last in (0, lasts[0], lasts[1] + 1))
            free[task] += lasts[1] + self.chance.randrange(2, 10)
            # The last task alone sets limits, so that they have an order.
            plan = self._plan(start, end, setter=task == tasks - 1)
            moments += [(start, False, plan), (point, True, plan)]
        for _, acting, plan in sorted(moments, key=lambda moment: moment[:2]):
            (self._act if acting else self._look)(plan)
        self.tale.final_limit = self.limit
        return self.tale

    def _plan(self, start: int, end: int, *, setter: bool) -> Plan:
        killed = self.chance.random() < KILLED
        limits = setter and self.chance.random() < SET_LIMIT
        return Plan(
            start=start,
            end=None if killed else end,
            happens=not killed or self.chance.random() < HAPPENED,
            operation=Operation.LIMIT if limits else self.chance.choice(OPERATIONS),
            person=self.chance.randrange(len(PEOPLE)),
            limit=self.chance.randint(1, MOST_SEATS),
        )

    def _look(self, plan: Plan) -> None:
        """See what there is to end, and whether a seat is free; both may have changed when it comes to acting."""
        plan.free = self.tale.held() < self.limit
        members = sorted(set(self.tale.members) - {FOUNDERS_PLACE})
        # Who accepts may hold an old invitation.
        found = {
            Operation.REMOVE: members,
            Operation.REVOKE: self.tale.pending(),
            Operation.ACCEPT: list(self.tale.invitations)[-6:],
        }.get(plan.operation)
        if found:
            plan.target = self.chance.choice(found)
        elif found is not None:
            plan.operation = Operation.ADD

    def _act(self, plan: Plan) -> None:
        if plan.operation is Operation.LIMIT:
            self.tale.set_limit(plan.limit, plan.start, plan.end)
            self.limit = plan.limit if plan.happens else self.limit
        elif plan.target is not None:
            self._end(plan, plan.target)
        else:
            self._take(plan)

    def _end(self, plan: Plan, target: str) -> None:
        if target not in self.tale.members and target not in self.tale.pending():
            self.tale.in_vain(target, plan.start, plan.end, operation=plan.operation)
        elif plan.operation is Operation.REMOVE:
            self.tale.remove(target, plan.start, plan.end, gone=plan.happens)
        elif plan.operation is Operation.REVOKE:
            self.tale.revoke(target, plan.start, plan.end, gone=plan.happens)
        else:
            self.tale.accept(target, plan.start, plan.end, there=plan.happens)

    def _take(self, plan: Plan) -> None:
        take = self.tale.add if plan.operation is Operation.ADD else self.tale.invite
        seat = self.tale.seat_of(plan.person)
        # An invitation of the same person gives its seat back first.
        held = self.tale.held() - int(seat is not None)
        free = plan.free if self.oversells else held < self.limit - int(self.shy)
        if plan.end is None or (free and seat not in self.tale.members):
            take(plan.person, plan.start, plan.end, there=plan.happens and free and seat not in self.tale.members)
        elif seat not in self.tale.members:
            self.tale.full(plan.person, plan.start, plan.end, operation=plan.operation)
