"""What is sent to an endpoint, from a seed: its stories, and the subscriptions that are lied about. Pure.

The seed decides everything but names and instants. Names carry a tag of their own, so that an endpoint that has seen
the same stories before does not take them for repetitions.
"""

from dataclasses import dataclass

from domain.proofs.webhooks import documents
from domain.proofs.webhooks.documents import Document
from domain.proofs.webhooks.nonsense import SUBSCRIPTIONS
from domain.proofs.webhooks.stories import MS, Change, Shape, Story
from domain.proofs.webhooks.walks import Walk, walk

LENGTH = 10
# The last changes happen while the endpoint is being told of them; they take this long at the most.
LIVE_CHANGES = 3
LIVE_MS = 4 * MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large a proof is. `ties`: different states may share a second. `lossy`: some events never arrive.

    `customers` are the accounts that the endpoint knows already; without any, every story has one of its own.
    """

    tag: str
    seed: int = 1
    stories: int = 20
    customers: tuple[str, ...] = ()
    ties: bool = True
    lossy: bool = False

    def customer(self, number: int) -> str:
        """Say whose story it is."""
        if self.customers:
            return self.customers[number % len(self.customers)]
        return f"cus_prove_{self.tag}_{number}"

    def accounts(self) -> tuple[str, ...]:
        """List every customer that is told of."""
        return tuple(dict.fromkeys(self.customer(number) for number in range(max(self.stories, 1))))

    def walks(self, now: int) -> list[Walk]:
        """Tell every story so that its last changes are about to happen; `now` is in milliseconds."""
        return [self._walk(number, now + LIVE_MS) for number in range(self.stories)]

    def _walk(self, number: int, ends_at: int) -> Walk:
        shape = Shape(length=LENGTH, ties=self.ties, live=LIVE_CHANGES)
        return walk(
            f"{self.seed}/{number}",
            shape,
            customer=self.customer(number),
            name=f"{self.tag}_{number}",
            ends_at=ends_at,
            lossy=self.lossy,
        )

    def granting(self, name: str, second: int) -> Document:
        """Write a subscription that grants something and is no part of a story."""
        id = f"sub_{self.tag}_{name}"
        item = documents.item(f"si_{self.tag}_{name}", "price_prove_pro", 5, start=second)
        return documents.subscription(id, self.customer(0), [item], status="active", at=second)

    def lied_about(self, now: int) -> Story:
        """Tell of subscriptions that wait for their first payment and grant nothing."""
        second = now // MS - 60
        made = [self.granting(f"lie_{number}", second) | {"status": "incomplete"} for number in range(SUBSCRIPTIONS)]
        changes = (
            Change(
                why="it is made", subscription=one["id"], at=second * MS, document=one, kinds=("created",), old=False
            )
            for one in made
        )
        return Story(name=f"{self.tag}_lie", customer=self.customer(0), changes=tuple(changes))
