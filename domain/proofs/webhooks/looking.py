"""Looking at what an endpoint shows, again and again, until it is right or the time is up."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from domain.proofs.webhooks import model
from domain.proofs.webhooks.findings import Finding, FindingKind
from domain.proofs.webhooks.model import Seen
from domain.proofs.webhooks.reading import Reader, Shown, Unreadable

AT_ONCE = 8
PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must be shown of a subscription: the `truth`, or nothing that grants more than `most`."""

    customer: str
    subscription: str
    kind: FindingKind
    truth: Seen | None = None
    most: Seen | None = None
    walk: int | None = None
    told: str = ""

    def finding(self, kind: FindingKind, story: str) -> Finding:
        """Write down that it was not met."""
        story = f"{self.subscription}: {story}"
        told = f"{story}\n{self.told}" if self.told else story
        return Finding(kind=kind, story=told, walk=self.walk, subscription=self.subscription)

    def judge(self, shown: Shown | None) -> Finding | None:
        """Compare what is shown."""
        if self.most is not None:
            return self._judge_grant(self.most, shown)
        assert self.truth is not None, "something is expected"
        if shown is None:
            return self.finding(FindingKind.STATE_MISSING, "it is not shown at all")
        found = model.differences(self.truth, shown)
        return self.finding(self.kind, "; ".join(found)) if found else None

    def _judge_grant(self, most: Seen, shown: Shown | None) -> Finding | None:
        if shown is None:
            return None
        read = Seen(
            status=shown["status"],
            items=shown["items"],
            paused_collection=shown.get("pause_collection", False),
            ended_at=shown.get("ended_at"),
        )
        if model.within(read, most):
            return None
        return self.finding(self.kind, f"it grants something: status {read.status!r}, items {read.items!r}")


async def look(reader: Reader, expected: Sequence[Expectation], *, seconds: float) -> list[Finding]:
    """Read every state until all are right, or for so long; give what is wrong then.

    What may not grant is looked at last, when everything has been settled.
    """
    ends_at = time.monotonic() + seconds
    found = await _look(reader, [one for one in expected if one.truth is not None])
    while found and time.monotonic() < ends_at:
        await asyncio.sleep(PAUSE_SECONDS)
        found = await _look(reader, [one for one, _ in found])
    bounds = await _look(reader, [one for one in expected if one.truth is None])
    return [finding for _, finding in [*bounds, *found]]


async def _look(reader: Reader, expected: Sequence[Expectation]) -> list[tuple[Expectation, Finding]]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(expectation: Expectation) -> Finding | None:
        async with turn:
            try:
                return expectation.judge(await reader.read(expectation.customer, expectation.subscription))
            except Unreadable as error:
                return expectation.finding(FindingKind.STATE_UNREADABLE, str(error))

    findings = await asyncio.gather(*map(one, expected))
    return [(one, finding) for one, finding in zip(expected, findings, strict=True) if finding is not None]
