"""Histories of one organization, written by hand or played by a small machine whose every instant is known."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

from domain.proofs.seats.checking import check
from domain.proofs.seats.history import Answer, Call, Ending, History, Operation, Sample
from domain.proofs.seats.violations import Violation

ORGANIZATION = "org_1"
FOUNDER, FOUNDERS_PLACE = "usr_founder", "mem_founder"
PEOPLE = tuple(f"usr_{number}" for number in range(12))


@dataclass
class Tale:
    """What is told and what is there in the end: the two agree until a test says otherwise.

    Instants are plain numbers. An end of None: the process was killed. The founder sits on one seat.
    """

    limit: int
    calls: list[Call] = field(default_factory=list)
    members: dict[str, str] = field(default_factory=lambda: {FOUNDERS_PLACE: FOUNDER})
    added: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    samples: list[Sample] = field(default_factory=list)
    final_limit: int | None = None
    used: int | None = None
    numbers: Iterator[int] = field(default_factory=count)

    def add(self, person: int, start: int, end: int | None, *, there: bool = True) -> str:
        """Somebody was let in; one whose call was cut off may be `there` or not."""
        holder = f"mem_{person}_{start}"
        told = None if end is None else holder
        self._call(Operation.ADD, start, end, Answer.DONE, person=person, holder=told)
        if there:
            self.members[holder] = PEOPLE[person]
            self.added.add(holder)
        return holder

    def full(self, person: int, start: int, end: int) -> None:
        self._call(Operation.ADD, start, end, Answer.FULL, person=person)

    def remove(self, holder: str, start: int, end: int | None, *, gone: bool = True) -> None:
        person = PEOPLE.index(self.members[holder]) if holder in self.members else int(holder.split("_")[1])
        self._call(Operation.REMOVE, start, end, Answer.DONE, person=person, holder=holder)
        if gone:
            self.members.pop(holder, None)
            self.removed.add(holder)

    def in_vain(self, holder: str, start: int, end: int | None) -> None:
        """Somebody wanted to remove a member who was gone already."""
        person = int(holder.split("_")[1])
        self._call(Operation.REMOVE, start, end, Answer.REFUSED, person=person, holder=holder)

    def set_limit(self, limit: int, start: int, end: int | None, *, applied: bool = True) -> None:
        self._call(Operation.LIMIT, start, end, Answer.DONE, limit=limit, order=len(self.calls) + 1)
        if applied:
            self.final_limit = limit

    def sample(self, start: int, end: int, *, used: int, limit: int, holders: int | None = None) -> None:
        rows = used if holders is None else holders
        self.samples.append(
            Sample(organization=0, began_at=start, ended_at=end, used=used, holders=rows, living=rows, limit=limit)
        )

    def violations(self, limit: int | None = None) -> list[Violation]:
        users = frozenset(self.members.values())
        ending = Ending(
            used=len(self.members) if self.used is None else self.used,
            holders=users,
            members=dict(self.members),
            added=frozenset(self.added),
            removed=frozenset(self.removed),
            limit=limit or self.final_limit or self.limit,
        )
        history = History(
            organizations=(ORGANIZATION,),
            people=PEOPLE,
            limits=(self.limit,),
            calls=self.calls,
            samples=self.samples,
        )
        return check(history, {ORGANIZATION: ending})

    def _call(
        self,
        operation: Operation,
        start: int,
        end: int | None,
        answer: Answer,
        *,
        person: int | None = None,
        holder: str | None = None,
        limit: int | None = None,
        order: int | None = None,
    ) -> None:
        self.calls.append(
            Call(
                id=f"{operation}.{next(self.numbers)}",
                operation=operation,
                organization=0,
                began_at=start,
                ended_at=end,
                answer=Answer.UNSURE if end is None else answer,
                person=person,
                holder=holder,
                limit=limit,
                order=order,
            )
        )


MOST_SEATS = 5


@dataclass
class Machine:
    """Plays tasks whose calls take effect at one instant each, as they do in a database that keeps its promises.

    With `oversells` it lets in whoever saw a free seat when the call began; with `shy` it refuses the last seat.
    """

    chance: Random
    oversells: bool = False
    shy: bool = False
    tale: Tale = field(default_factory=lambda: Tale(limit=3))
    now: dict[int, str] = field(default_factory=dict)
    limit: int = 3

    def play(self, *, tasks: int, calls: int) -> Tale:
        free = [self.chance.randrange(1, 50) for _ in range(tasks)]
        for _ in range(calls):
            task = min(range(tasks), key=free.__getitem__)
            lasts = sorted(self.chance.randrange(2, 60) for _ in range(2))
            # No two tasks do anything at the same instant.
            start, point, end = ((free[task] + last) * tasks + task for last in (0, lasts[0], lasts[1] + 1))
            free[task] += lasts[1] + self.chance.randrange(2, 10)
            # The last task alone sets limits, so that they have an order.
            self._plan(task, start, point, end, setter=task == tasks - 1)
        self._carry_out()
        self.tale.members |= {holder: PEOPLE[person] for person, holder in self.now.items()}
        self.tale.final_limit = self.limit
        return self.tale

    def __post_init__(self) -> None:
        self._events: list[tuple[int, int, str, dict[str, int]]] = []

    def _plan(self, task: int, start: int, point: int, end: int, *, setter: bool) -> None:
        plan = {"task": task, "start": start, "end": end, "setter": int(setter)}
        self._events.append((start, len(self._events), "look", plan))
        self._events.append((point, len(self._events), "act", plan))

    def _carry_out(self) -> None:
        """Go through the instants in order: a call looks when it begins, and acts once until it ends."""
        for _, __, moment, plan in sorted(self._events, key=lambda event: event[:2]):
            if moment == "look":
                self._look(plan)
            else:
                self._act(plan)

    def _look(self, plan: dict[str, int]) -> None:
        members = sorted(self.now)
        plan["free"] = int(len(self.now) + 1 < self.limit)
        plan["person"] = self.chance.randrange(len(PEOPLE))
        plan["target"] = self.chance.choice(members) if members and self.chance.random() < 0.4 else -1
        if plan["target"] >= 0:
            self._targets[id(plan)] = self.now[plan["target"]]

    _targets: dict[int, str] = field(default_factory=dict)

    def _act(self, plan: dict[str, int]) -> None:
        killed = self.chance.random() < 0.05
        end = None if killed else plan["end"]
        happens = not killed or self.chance.random() < 0.5
        if plan["setter"] and self.chance.random() < 0.3:
            limit = self.chance.randint(1, MOST_SEATS)
            self.tale.set_limit(limit, plan["start"], end)
            self.limit = limit if happens else self.limit
        elif plan["target"] >= 0:
            self._remove(plan, self._targets[id(plan)], end, happens=happens)
        else:
            self._add(plan, end, happens=happens)

    def _remove(self, plan: dict[str, int], holder: str, end: int | None, *, happens: bool) -> None:
        if self.now.get(plan["target"]) != holder:
            self.tale.in_vain(holder, plan["start"], end)
            return
        self.tale.remove(holder, plan["start"], end, gone=happens)
        if happens:
            del self.now[plan["target"]]

    def _add(self, plan: dict[str, int], end: int | None, *, happens: bool) -> None:
        person, held = plan["person"], len(self.now) + 1
        if person in self.now:
            return
        free = bool(plan["free"]) if self.oversells else held < self.limit - int(self.shy)
        if free:
            holder = self.tale.add(person, plan["start"], end, there=False)
            if happens:
                self.tale.added.add(holder)
                self.now[person] = holder
        elif end is not None:
            self.tale.full(person, plan["start"], end)
