"""What the processor would answer now: every story that is being told, as an API would look it up."""

from collections.abc import Callable, Iterable

from domain.proofs.webhooks.documents import Document
from domain.proofs.webhooks.stories import Notice, Story


class Truth:
    """Answers from stories; `now` gives milliseconds. What has not happened yet is not known."""

    def __init__(self, *, now: Callable[[], int]) -> None:
        self._stories: dict[str, Story] = {}
        self._now = now
        self.asked = 0

    def learn(self, stories: Iterable[Story]) -> None:
        """Know these from now on."""
        self._stories |= {id: story for story in stories for id in story.subscriptions}

    def now(self) -> int:
        """Tell the time that everything is told by, in milliseconds."""
        return self._now()

    def subscription(self, id: str) -> Document | None:
        """Find a subscription as it is now."""
        self.asked += 1
        story = self._stories.get(id)
        return None if story is None else story.truth(id, self._now())

    def subscriptions(self, customer: str | None = None) -> list[Document]:
        """List subscriptions as they are now, the newest first, ended ones included; of a customer, or all."""
        self.asked += 1
        now = self._now()
        found = [story.truth(id, now) for id, story in self._stories.items() if customer in {None, story.customer}]
        return sorted((one for one in found if one is not None), key=lambda one: one["created"], reverse=True)

    def notices(self) -> list[Notice]:
        """List the events of all that has happened, the newest first."""
        self.asked += 1
        now = self._now()
        stories = {story.name: story for story in self._stories.values()}.values()
        told = [notice for story in stories for notice in story.notices if notice.at <= now]
        return sorted(told, key=lambda notice: notice.at, reverse=True)
