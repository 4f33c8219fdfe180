"""Conducts the proof of an endpoint: forges, lies, tells stories as they happen, and looks at what became of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from domain.errors import ConfigError
from domain.proofs.webhooks import documents, model, signing
from domain.proofs.webhooks.endpoint import Answer, Endpoint
from domain.proofs.webhooks.findings import Finding, FindingKind
from domain.proofs.webhooks.looking import Expectation, look
from domain.proofs.webhooks.nonsense import SUBSCRIPTIONS, Nonsense, nonsense_about
from domain.proofs.webhooks.plan import Plan
from domain.proofs.webhooks.reading import Reader
from domain.proofs.webhooks.signing import Request
from domain.proofs.webhooks.stories import MS
from domain.proofs.webhooks.truth import Truth
from domain.proofs.webhooks.walks import Act, Step, Walk

AT_ONCE = 8
# An event that would come later than so long after its story is sent right then, in its turn.
AFTERWARDS_MS = MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a proof is: requests sent, of how many, and what is being done."""

    sent: int
    of: int
    doing: str


Tell = Callable[[Progress], None]
"""Is told how far the proof is."""

Reconcile = Callable[[], Awaitable[None]]
"""Lets the endpoint find what it was never told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a proof has found. `states` were compared; `questions` were put to the served API."""

    plan: Plan
    requests: int
    events: int
    lost: int
    answers: dict[str, int]
    states: int
    questions: int
    findings: tuple[Finding, ...]


@dataclass(kw_only=True)
class Proof:
    """One proof of one endpoint. Its state may take `settle_seconds` to become right; `sleep` lets time pass."""

    plan: Plan
    endpoint: Endpoint
    truth: Truth
    tell: Tell
    reader: Reader | None = None
    reconcile: Reconcile | None = None
    settle_seconds: float = 15
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _findings: list[Finding] = field(default_factory=list)
    _answers: Counter[str] = field(default_factory=Counter)
    _sent: int = 0
    _of: int = 0

    async def run(self) -> Outcome:
        """Send everything and judge it.

        Raises:
            ConfigError: nobody listens there, or what is to be read cannot be.
        """
        await self._prepare()
        forged = await self._forge()
        lied = await self._lie()
        walks = await self._tell_stories()
        expected = [forged, *lied, *(one for number, walk in enumerate(walks) for one in _expected(number, walk))]
        if self.reader is not None:
            self._progress("waiting for the states to become right")
            self._findings.extend(await look(self.reader, expected, seconds=self.settle_seconds))
        return Outcome(
            plan=self.plan,
            requests=self._sent,
            events=sum(len(walk.story.notices) for walk in walks),
            lost=sum(len(walk.lost) for walk in walks),
            answers=dict(sorted(self._answers.items())),
            states=0 if self.reader is None else len(expected),
            questions=self.truth.asked,
            findings=tuple(self._findings),
        )

    async def _prepare(self) -> None:
        if (answer := await self.endpoint.post(b"{}", None)).status is None:
            raise ConfigError([f"--url: nobody answers there ({answer.text})"])
        if self.reader is not None:
            await self.reader.prepare(self.plan.accounts())
        arrivals = sum(step.act is Act.ARRIVE for walk in self.plan.walks(0) for step in walk.steps)
        self._of = len(self._forgeries()) + len(self._nonsense()) + SUBSCRIPTIONS + arrivals

    def _forgeries(self) -> list[Request]:
        """Write events of a subscription that nobody has signed anything about."""
        second = self.truth.now() // MS
        document = self.plan.granting("forged", second)
        event = documents.event(
            f"evt_{document['id']}", "customer.subscription.created", document, created=second, before=None, old=False
        )
        return list(signing.forgeries(documents.body(event), self.endpoint.secret, second))

    async def _forge(self) -> Expectation:
        for request in self._forgeries():
            self._progress("forging signatures")
            answer = self._heard(await self.endpoint.post(request.body, request.signature))
            if answer.taken:
                self._find(FindingKind.FORGERY_ACCEPTED, f"{request.name}: {answer}")
            elif not answer.refused:
                self._find(FindingKind.FORGERY_CRASHED, f"{request.name}: {answer}")
        document = self.plan.granting("forged", 0) | {"status": "incomplete"}
        return Expectation(
            customer=document["customer"],
            subscription=document["id"],
            kind=FindingKind.FORGERY_ACCEPTED,
            most=model.seen(document),
        )

    def _nonsense(self) -> list[Nonsense]:
        now = self.truth.now()
        story = self.plan.lied_about(now)
        return list(nonsense_about([change.document for change in story.changes], created=now // MS))

    async def _lie(self) -> list[Expectation]:
        story = self.plan.lied_about(self.truth.now())
        self.truth.learn([story])
        for notice in story.notices:
            self._progress("sending nonsense")
            await self._deliver(notice.body, walk=None, name=notice.type, again=False)
        sent = self._nonsense()
        for nonsense in sent:
            self._progress("sending nonsense")
            answer = self._heard(await self.endpoint.send(nonsense.body))
            if answer.crashed:
                self._find(FindingKind.NONSENSE_CRASHED, f"{nonsense.name}: {answer}")
        claims = {nonsense.claimed: nonsense.name for nonsense in sent}
        return [
            Expectation(
                customer=story.customer,
                subscription=notice.subscription,
                kind=FindingKind.NONSENSE_GRANTED,
                most=model.seen(notice.document),
                told=claims.get(notice.subscription, "malformed events"),
            )
            for notice in story.notices
        ]

    async def _tell_stories(self) -> Sequence[Walk]:
        walks = self.plan.walks(self.truth.now())
        self.truth.learn(walk.story for walk in walks)
        turn = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._tell_story(number, walk, turn) for number, walk in enumerate(walks)))
        if self.reconcile is not None:
            await self.reconcile()
        return walks

    async def _tell_story(self, number: int, walk: Walk, turn: asyncio.Semaphore) -> None:
        seen: set[str] = set()
        arrivals = (step for step in walk.steps if step.act is Act.ARRIVE)
        for at, together in groupby(arrivals, key=lambda step: min(step.at, walk.story.ends_at + AFTERWARDS_MS)):
            await self.sleep(max(0, at - self.truth.now()) / MS)
            # What comes at the same instant comes at the same instant, an event and its own repetition for example;
            # but what was only put forward comes in its order.
            steps = list(together)
            apart = steps[0].at != steps[-1].at
            for batch in [[step] for step in steps] if apart else [steps]:
                async with turn:
                    await asyncio.gather(
                        *(self._arrive(number, walk, step, again=step.notice in seen) for step in batch)
                    )
                seen |= {step.notice for step in batch if step.notice}

    async def _arrive(self, number: int, walk: Walk, step: Step, *, again: bool) -> None:
        assert step.notice is not None, "an arrival has an event"
        notice = walk.notices[step.notice]
        self._progress("telling stories")
        await self._deliver(notice.body, walk=number, name=f"{notice.type} {notice.id}", again=again)

    async def _deliver(self, body: bytes, *, walk: int | None, name: str, again: bool) -> None:
        answer = self._heard(await self.endpoint.deliver(body))
        if not answer.taken:
            kind = FindingKind.DUPLICATE_REFUSED if again else FindingKind.EVENT_REFUSED
            self._find(kind, f"{name}: {answer}", walk=walk)

    def _heard(self, answer: Answer) -> Answer:
        self._sent += 1
        self._answers[str(answer.status or "none")] += 1
        return answer

    def _progress(self, doing: str) -> None:
        self.tell(Progress(sent=self._sent, of=max(self._of, self._sent), doing=doing))

    def _find(self, kind: FindingKind, story: str, *, walk: int | None = None) -> None:
        self._findings.append(Finding(kind=kind, story=story, walk=walk))


def _expected(number: int, walk: Walk) -> list[Expectation]:
    """Say where each subscription of a story must end: where the processor is."""
    ends = {id: walk.story.truth(id, walk.story.ends_at) for id in walk.story.subscriptions}
    return [
        Expectation(
            customer=walk.story.customer,
            subscription=id,
            kind=FindingKind.STATE_WRONG,
            truth=model.seen(document),
            walk=number,
            told="\n".join(walk.lines()),
        )
        for id, document in ends.items()
        if document is not None
    ]
