"""What a proof does, from a seed: who may come in where, how many attempts, and when a process is killed. Pure.

The seed decides the plan, the choices of every task and the moments of the kills. How the processes interleave is
decided by the machine, and is another each time.
"""

import json
import random
from dataclasses import asdict, dataclass

STAGE = "stage.json"
"""The file in which the children find what they work with."""
# Enough to be refused and let in all the time, and few enough to meet each other.
FEWEST_SEATS, MOST_SEATS = 2, 10
# The mirror folds all facts of a subscription with each event, so that their number is kept small.
MOST_LIMIT_CHANGES = 200
LIMIT_CHANGE_SHARE = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large a proof is. `attempts` are spread over `processes` of `tasks` each; `seconds` bound it all."""

    processes: int = 4
    tasks: int = 4
    attempts: int = 20_000
    organizations: int = 8
    people: int = 24
    kills: int = 5
    seed: int = 1
    seconds: float = 3600
    naive: bool = False

    def shares(self) -> list[int]:
        """Spread the attempts over the processes."""
        each, left = divmod(self.attempts, self.processes)
        return [each + (number < left) for number in range(self.processes)]

    def kill_moments(self) -> list[tuple[int, int]]:
        """Say after how many attempts which process is killed: between a twentieth and nine tenths of the way."""
        chance = random.Random(f"{self.seed}/kills")  # noqa: S311 - a plan is no secret
        first, last = self.attempts // 20, max(self.attempts // 20 + 1, self.attempts * 9 // 10)
        moments = sorted(chance.randrange(first, last) for _ in range(self.kills))
        return [(moment, chance.randrange(self.processes)) for moment in moments]

    def first_limits(self) -> list[int]:
        """Say with how many seats each organization begins."""
        chance = random.Random(f"{self.seed}/limits")  # noqa: S311 - the same
        return [chance.randint(FEWEST_SEATS, MOST_SEATS) for _ in range(self.organizations)]

    def limit_share(self) -> float:
        """Say which part of the attempts change a limit."""
        return min(LIMIT_CHANGE_SHARE, MOST_LIMIT_CHANGES * self.organizations / self.attempts)

    def weights(self) -> list[float]:
        """Say how sought-after each organization is: the first one most, so that everybody meets there."""
        return [1 / (number + 1) for number in range(self.organizations)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A plan and the ids of what was made for it. Organizations and people go by their places in these lists."""

    plan: Plan
    organizations: tuple[str, ...]
    people: tuple[str, ...]

    def written(self) -> str:
        """Write the stage down for the children."""
        return json.dumps(asdict(self))


def read_stage(text: str) -> Stage:
    """Read what `Stage.written` wrote."""
    document = json.loads(text)
    return Stage(
        plan=Plan(**document["plan"]),
        organizations=tuple(document["organizations"]),
        people=tuple(document["people"]),
    )
