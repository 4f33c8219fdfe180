"""What became known about one subscription, and the pure fold of it into the present state.

Any arrival order and any duplication of the same facts comes to the same state. No session, no clock, no processor;
what a state means is `lifecycle`'s affair, this room only orders and chooses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import Any

from pydantic import TypeAdapter

from domain.billing.lifecycle import lesser, past_due, terminal
from domain.billing.states import SubscriptionState

CREATED, CHANGED, DELETED, ANSWERED = range(4)
MICROSECONDS = 1_000_000

# A processor tells whole seconds: what happened "at" one of them happened anywhere within it.
RESOLUTION = timedelta(seconds=1)
# How far the processor's clock and ours may lie apart.
SKEW = timedelta(seconds=5)


class FactSource(StrEnum):
    """How we came to know: told by an event, or answered to our fetch or our command."""

    EVENT = "event"
    FETCH = "fetch"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """The whole state of one subscription at one instant, and how we came to know it.

    `event_id` is the processor's, or an id of our own for an answer. `occurred_at` is the processor's clock for an
    event, and for an answer our clock just before the request was sent. `sequence` grows with arrival; an answer takes
    its number before its request is sent, so that what arrives while the request is under way counts as later.
    """

    source: FactSource
    type: str | None
    event_id: str
    rank: int
    occurred_at: datetime
    sequence: int
    state: SubscriptionState


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """The present state. While `fetch_owed`, the processor may know better and is to be asked once more."""

    state: SubscriptionState
    past_due_since: datetime | None
    last_fact_at: datetime
    fetch_owed: bool


def rank_of(event_type: str | None) -> int:
    """Say where a fact stands among those of its instant: created, any other event, deleted, then answers (None)."""
    if event_type is None:
        return ANSWERED
    if event_type.endswith(".created"):
        return CREATED
    return DELETED if event_type.endswith(".deleted") else CHANGED


def number(arrived_at: datetime) -> int:
    """Number a fact by when it arrived, in microseconds."""
    return int(arrived_at.timestamp() * MICROSECONDS)


def fold(facts: Iterable[Fact]) -> Folded:
    """Come to the present state of one subscription.

    Facts count in the order of `occurred_at`, rank and event id, bytewise, each id once. Two different states of rank
    CHANGED in one second are ambiguous: while that second decides, the one that grants less counts and a fetch is
    owed. A terminal state is left only by an answer whose request was surely sent after it. An event that arrives
    after an answer and is younger than it, give or take 5 s, owes a fetch.

    Raises:
        ValueError: there are no facts.
    """
    ordered = _ordered(facts)
    if not ordered:
        raise ValueError("nothing is known of this subscription")
    decisive = _decisive(ordered)
    rivals = _rivals(ordered, decisive)
    state = reduce(lesser, (rival.state for rival in rivals))
    before = [(fact.occurred_at, fact.state) for fact in ordered[: ordered.index(decisive)] if fact not in rivals]
    return Folded(
        state=state,
        past_due_since=_past_due_since([*before, (decisive.occurred_at, state)]),
        last_fact_at=ordered[-1].occurred_at,
        fetch_owed=any(rival.state != decisive.state for rival in rivals) or _answer_outdated(ordered, state),
    )


def _ordered(facts: Iterable[Fact]) -> list[Fact]:
    """Put facts in order. Of a duplicate the first arrival counts: sending an event again tells nothing new."""
    once: dict[str, Fact] = {}
    for fact in facts:
        known = once.setdefault(fact.event_id, fact)
        if fact.sequence < known.sequence:
            once[fact.event_id] = fact
    return sorted(once.values(), key=lambda fact: (fact.occurred_at, fact.rank, fact.event_id.encode()))


def _decisive(ordered: Sequence[Fact]) -> Fact:
    """Find the fact that decides the present: the last one, unless a terminal state holds out against it."""
    decisive = ordered[0]
    for fact in ordered[1:]:
        if not terminal(decisive.state) or terminal(fact.state) or _surely_after(fact, decisive):
            decisive = fact
    return decisive


def _surely_after(fact: Fact, end: Fact) -> bool:
    return fact.source is not FactSource.EVENT and fact.occurred_at >= end.occurred_at + RESOLUTION


def _rivals(ordered: Sequence[Fact], decisive: Fact) -> list[Fact]:
    """Find every fact that has the same claim to decide; more than one only for events of rank CHANGED."""
    if decisive.rank != CHANGED:
        return [decisive]
    second = decisive.occurred_at.replace(microsecond=0)
    return [fact for fact in ordered if fact.rank == CHANGED and fact.occurred_at.replace(microsecond=0) == second]


def _past_due_since(history: Iterable[tuple[datetime, SubscriptionState]]) -> datetime | None:
    since = None
    for occurred_at, state in history:
        since = (since or occurred_at) if past_due(state) else None
    return since


def _answer_outdated(ordered: Sequence[Fact], state: SubscriptionState) -> bool:
    """Say whether the processor's latest answer, where there is one, no longer vouches for `state`."""
    answers = [fact for fact in ordered if fact.source is not FactSource.EVENT]
    if not answers:
        return False
    latest = max(answers, key=lambda fact: (fact.sequence, fact.occurred_at))
    later = (fact for fact in ordered if fact.sequence > latest.sequence)
    return state != latest.state or any(fact.occurred_at > latest.occurred_at - SKEW for fact in later)


_STATE = TypeAdapter(SubscriptionState)


def encode(state: SubscriptionState) -> dict[str, Any]:
    """Write a state as a plain JSON document; instants are RFC 3339 in UTC with microseconds."""
    document: dict[str, Any] = _plain(asdict(state))
    return document


def decode(document: dict[str, Any]) -> SubscriptionState:
    """Read what `encode` wrote.

    Raises:
        pydantic.ValidationError: nobody wrote this with `encode`.
    """
    return _STATE.validate_python(document)


def _plain(value: object) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.value if isinstance(value, StrEnum) else value
