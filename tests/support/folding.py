"""Walks through a fold alone, without inbox or database: what it shows after every step, judged by the reference."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.billing import ProcessorName
from domain.billing.facts import ANSWERED, Fact, FactSource, Folded, rank_of
from domain.billing.processors import shapes
from domain.proofs.webhooks import model
from domain.proofs.webhooks.documents import Document
from domain.proofs.webhooks.model import Said
from domain.proofs.webhooks.stories import MS, Notice
from domain.proofs.webhooks.walks import Act, Walk
from tests.support.torture import seen_in

Fold = Callable[[Iterable[Fact]], Folded]


def fact(notice: Notice, sequence: int = 0) -> Fact:
    event = shapes.event(notice.body, processor=ProcessorName.FAKE)
    return Fact(
        source=FactSource.EVENT,
        type=event.type,
        event_id=event.event_id,
        rank=rank_of(event.type),
        occurred_at=event.occurred_at,
        sequence=sequence,
        state=shapes.snapshot(event.payload["data"]["object"]).state,
    )


def said(notice: Notice) -> Said:
    return Said(id=notice.id, at=notice.second * MS, rank=model.rank(notice.type), seen=model.seen(notice.document))


def answer(document: Document, at: int, sequence: int) -> tuple[Fact, Said]:
    """Give what a question is answered with, as the fold and as the reference take it."""
    id = f"fetch_{sequence:09}"
    told = Fact(
        source=FactSource.FETCH,
        type=None,
        event_id=id,
        rank=ANSWERED,
        occurred_at=datetime.fromtimestamp(at / MS, UTC),
        sequence=sequence,
        state=shapes.snapshot(document).state,
    )
    return told, Said(id=id, at=at, rank=model.ANSWERED, seen=model.seen(document))


@dataclass(slots=True, kw_only=True)
class Judged:
    """One subscription of a walk: what the fold and the reference were told of it."""

    facts: list[Fact] = field(default_factory=list)
    told: list[Said] = field(default_factory=list)


def judge(walk: Walk, fold: Fold) -> list[str]:
    """Say everything that the fold shows wrongly on the walk; questions are answered with the truth, at once."""
    known = {id: Judged() for id in walk.story.subscriptions}
    wrong: list[str] = []
    for sequence, step in enumerate(walk.steps):
        if step.notice is not None:
            notice = walk.notices[step.notice]
            known[notice.subscription].facts.append(fact(notice, sequence))
            known[notice.subscription].told.append(said(notice))
        elif step.act is not Act.WORK:
            for id, judged in known.items():
                document = walk.story.truth(id, step.at)
                if document is not None:
                    # Our clock is behind the processor's by the skew.
                    one, other = answer(document, step.at - walk.skew, sequence)
                    judged.facts.append(one)
                    judged.told.append(other)
        wrong += [
            f"step {sequence}, {id}: {trouble}"
            for id, judged in known.items()
            if judged.facts and (trouble := model.trouble(judged.told, seen_in(fold(judged.facts).state)))
        ]
    return wrong
