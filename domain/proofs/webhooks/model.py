"""The reference: what a mirror of subscriptions must show, from what the processor's contract says and nothing of ours.

It knows no mirror's code. `truth` is what a GET would answer. In between, `trouble` says by which words of the contract
what is shown cannot come from what was told: never more than the least of those who may decide, and just what they
say when they agree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.proofs.webhooks.documents import Document

MS = 1000
CREATED, CHANGED, DELETED, ANSWERED = range(4)
KNOWN = frozenset(
    {"incomplete", "incomplete_expired", "trialing", "active", "past_due", "canceled", "unpaid", "paused"}
)
PAST_DUE = "past_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One subscription as somebody shows it. Seconds since 1970. Items are (price, quantity), ordered."""

    status: str
    items: tuple[tuple[str, int | None], ...]
    paused_collection: bool = False
    cancel_at_period_end: bool = False
    cancel_at: int | None = None
    ended_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something that the mirror was told: by an event, or by the answer to a question of its own (rank ANSWERED).

    `at` is in milliseconds: an event's whole second, and of an answer the receiver's clock just before it asked.
    """

    id: str
    at: int
    rank: int
    seen: Seen


def seen(document: Document) -> Seen:
    """Read a subscription of Stripe's."""
    items = ((item["price"]["id"], item.get("quantity")) for item in document["items"]["data"])
    return Seen(
        status=document["status"] if document["status"] in KNOWN else "incomplete",
        items=tuple(sorted(items, key=repr)),
        paused_collection=document["pause_collection"] is not None,
        cancel_at_period_end=document["cancel_at_period_end"],
        cancel_at=document["cancel_at"],
        ended_at=document["ended_at"],
    )


def rank(type: str) -> int:
    """Say where an event stands among those of its second."""
    return {"created": CREATED, "deleted": DELETED}.get(type.rpartition(".")[2], CHANGED)


def over(shown: Seen) -> bool:
    """Say whether it has ended."""
    return shown.ended_at is not None or shown.status in {"canceled", "incomplete_expired"}


def grants(shown: Seen) -> dict[str, int] | None:
    """Say what it grants, grace included: how many of each price; None when nothing."""
    paused = shown.paused_collection or shown.status == "paused"
    if over(shown) or paused or shown.status not in {"active", "trialing", PAST_DUE}:
        return None
    return {price: quantity or 0 for price, quantity in shown.items}


def within(lesser: Seen, greater: Seen) -> bool:
    """Say whether the one grants nothing that the other does not."""
    less, more = grants(lesser), grants(greater)
    if less is None:
        return True
    if more is None or (greater.status == PAST_DUE and lesser.status != PAST_DUE):
        return False
    return all(price in more and quantity <= more[price] for price, quantity in less.items())


def deciding(told: Sequence[Said]) -> list[Said]:
    """Find those who may decide the present: the last by second and kind, and who shares the second of a change."""
    ordered = sorted(told, key=lambda said: (said.at, said.rank, said.id.encode()))
    ends: list[Said] = []
    for said in ordered:
        if over(said.seen):
            ends.append(said)
        elif ends and said.rank == ANSWERED and said.at >= ends[-1].at + MS:
            # What has ended stays so, unless an answer that was surely asked for afterwards says otherwise.
            ends.clear()
    if ends:
        return ends
    last = ordered[-1]
    if last.rank != CHANGED:
        return [last]
    return [said for said in told if said.rank == CHANGED and said.at == last.at]


def trouble(told: Iterable[Said], shown: Seen | None) -> str | None:
    """Say what is wrong with what is shown after having been told this; None when nothing is."""
    once = {said.id: said for said in told}
    if not once:
        return None if shown is None else "something is shown of which nobody has told"
    if shown is None:
        return "nothing is shown of what was told"
    claimants = deciding(list(once.values()))
    for claimant in claimants:
        if not within(shown, claimant.seen):
            return f"it grants {_granted(shown)}, and {claimant.id} says {_granted(claimant.seen)}"
    if all(claimant.seen == claimants[0].seen for claimant in claimants) and shown != claimants[0].seen:
        return f"{claimants[0].id} decides alone, and {'; '.join(differences(claimants[0].seen, fields(shown)))}"
    return None


def past_due_since(told: Iterable[Said]) -> int | None:
    """Say since when, in milliseconds, it is past due, when nothing is in doubt: the first one of the last run.

    What comes after an end counts only if it was surely asked for afterwards.
    """
    since, ended_at = None, None
    for said in sorted(told, key=lambda said: (said.at, said.rank, said.id.encode())):
        if over(said.seen):
            ended_at = said.at
        elif ended_at is not None and (said.rank != ANSWERED or said.at < ended_at + MS):
            continue
        else:
            ended_at = None
        since = None if said.seen.status != PAST_DUE else said.at if since is None else since
    return since


def fields(shown: Seen) -> dict[str, Any]:
    """List what is compared, by the names that Stripe gives it."""
    return {
        "status": shown.status,
        "items": shown.items,
        "pause_collection": shown.paused_collection,
        "cancel_at_period_end": shown.cancel_at_period_end,
        "cancel_at": shown.cancel_at,
        "ended_at": shown.ended_at,
    }


def differences(truth: Seen, shown: Mapping[str, Any]) -> list[str]:
    """List how what is shown differs from the truth, one line a difference; what is not shown differs in nothing."""
    return [
        f"{name} is {shown[name]!r} and should be {should!r}"
        for name, should in fields(truth).items()
        if name in shown and shown[name] != should
    ]


def _granted(shown: Seen) -> str:
    granted = grants(shown)
    return f"nothing ({shown.status})" if granted is None else f"{shown.status} {granted}"
