"""Holds the product's resolver against the oracle, and makes a state on which they differ as small as it gets."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from domain.entitlements import Catalog, Decision, Granted, Held, UnmappedPrice, resolve
from domain.entitlements.decisions import decide_feature, decide_plan, quantity
from domain.entitlements.resolver import Resolved
from domain.errors import ConfigError
from tests.support import states
from tests.support.oracle import Answers, Item, Row, Truth
from tests.support.states import State, instant

T = TypeVar("T")
V = TypeVar("V", Row, Item)


class Resolving(Protocol):
    """The product's resolver, or one that was made wrong on purpose."""

    def __call__(
        self, catalog: Catalog, held: Sequence[Held], granted: Sequence[Granted] = (), *, now: datetime
    ) -> Resolved: ...


class Kind(StrEnum):
    GRANT = "wrong grant"
    DENIAL = "wrong denial"
    REASON = "wrong reason"
    SETS = "wrong sets"
    VALIDITY = "wrong validUntil"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True)
class Difference:
    """One answer of the product that is not the oracle's."""

    kind: Kind
    asked: str
    answer: object
    truth: object

    def __str__(self) -> str:
        return f"{self.kind}: {self.asked} is {self.answer}, should be {self.truth}"


def differences(state: State, resolving: Resolving = resolve) -> list[Difference]:
    """Ask both everything about a state; an exception that the product does not promise is a difference too."""
    try:
        return list(_judge(state, resolving).differences())
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return [Difference(Kind.EXCEPTION, "the answer", repr(error), "an answer")]


def _judge(state: State, resolving: Resolving) -> "_Judge":
    catalog = states.read(state.catalog)
    held, granted = [states.held(row) for row in state.rows], [states.granted(gift) for gift in state.gifts]
    try:
        resolved = resolving(catalog, held, granted, now=instant(state.now))
    except UnmappedPrice as error:
        resolved = error.denial
    truth = state.truth
    return _Judge(state=state, truth=truth, catalog=catalog, resolved=resolved, now=truth.at(state.now))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    state: State
    truth: Truth
    catalog: Catalog
    resolved: Resolved
    now: Answers

    def differences(self) -> Iterator[Difference]:
        dues, rows = self.truth.dues(self.state.now), self.truth.row_dues(self.state.now)
        thens = [self.truth.at(due + 1) for due in dues]
        for feature in dict.fromkeys(self.state.features):
            decision, reason = decide_feature(self.resolved, feature), self.now.feature_reason(feature)
            yield from _decided(f"feature {feature}", decision, reason)
            turns = _last(dues, [then.feature_reason(feature) != reason for then in thens])
            yield from _valid(f"feature {feature}", decision.valid_until, [*rows, self.now.lent_until(feature)], turns)
        for plan in self.state.plans:
            decision, reason = decide_plan(self.resolved, self.catalog, plan), self.now.plan_reason(plan)
            yield from _decided(f"plan {plan}", decision, reason)
            turns = _last(dues, [then.plan_reason(plan) != reason for then in thens])
            yield from _valid(f"plan {plan}", decision.valid_until, rows, turns)
        yield from self._limits()
        yield from self._sets()
        yield from self._everything(rows if self.now.failed else dues)

    def _limits(self) -> Iterator[Difference]:
        for key in dict.fromkeys(self.state.keys):
            answer, truth = quantity(self.resolved, key), self.now.quantity(key)
            if answer != truth:
                yield Difference(Kind.GRANT if answer > truth else Kind.DENIAL, f"limit {key}", answer, truth)

    def _sets(self) -> Iterator[Difference]:
        pairs: dict[str, tuple[object, object]] = {
            "failed": (self.resolved.failed, self.now.failed),
            "plans": (set(self.resolved.plans), self.now.plans),
            "features": (set(self.resolved.features), self.now.features),
            "keys": (set(self.resolved.quantities), self.now.keys),
            "unmapped": (self.resolved.unmapped_price_ids, () if self.now.failed else self.now.unmapped),
        }
        for asked, (answer, truth) in pairs.items():
            if answer != truth:
                yield Difference(Kind.SETS, asked, answer, truth)

    def _everything(self, dues: Sequence[int]) -> Iterator[Difference]:
        """All answers together hold until the first instant that is due."""
        truth = instant(dues[0]) if dues else None
        if self.resolved.valid_until != truth:
            yield Difference(Kind.VALIDITY, "everything", self.resolved.valid_until, truth)


def _decided(asked: str, decision: Decision, truth: str) -> Iterator[Difference]:
    granted = truth in {"entitled", "past_due_grace"}
    if decision.granted != granted:
        kind = Kind.GRANT if decision.granted else Kind.DENIAL
        yield Difference(kind, asked, decision.reason.value, truth)
    elif decision.reason.value != truth:
        yield Difference(Kind.REASON, asked, decision.reason.value, truth)


def _valid(asked: str, answer: datetime | None, ends: Sequence[int | None], turns: int | None) -> Iterator[Difference]:
    """One answer holds until it turns, or until what carries it ends before that, whatever comes of it."""
    if answer is None and turns is None:
        return
    allowed = [due for due in (*ends, turns) if due is not None and (turns is None or due <= turns)]
    if answer not in {instant(due) for due in allowed}:
        yield Difference(Kind.VALIDITY, asked, answer, [str(instant(due)) for due in allowed])


def _last(dues: Sequence[int], turned: Iterable[bool]) -> int | None:
    """Find the last instant before something has turned."""
    return next((due for due, has_turned in zip(dues, turned, strict=False) if has_turned), None)


def shrunk(state: State, resolving: Resolving = resolve) -> State:
    """Take away what the difference does not need, until nothing more can go; it stays of the same kind."""
    kind = differences(state, resolving)[0].kind

    def differs(smaller: State) -> bool:
        return any(difference.kind is kind for difference in differences(smaller, resolving))

    while (smaller := next(filter(differs, _smaller(state)), None)) is not None:
        state = smaller
    return state


def _smaller(state: State) -> Iterator[State]:
    """Make every state that is one step smaller and can still be read."""
    for rows in _fewer(state.rows):
        yield replace(state, rows=rows)
    for gifts in _fewer(state.gifts):
        yield replace(state, gifts=gifts)
    for rows in _each_plainer(state.rows, _plainer_row):
        yield replace(state, rows=rows)
    for written in _less(state.catalog):
        if _readable(written):
            yield replace(state, catalog=written)


def _plainer_row(row: Row) -> Iterator[Row]:
    for items in _fewer(row.items):
        yield replace(row, items=items)
    yield from _plainer(row)
    for items in _each_plainer(row.items, _plainer):
        yield replace(row, items=items)


def _plainer(thing: V) -> Iterator[V]:
    """Put one field after the other to its default."""
    for each in fields(thing):
        if each.default not in {MISSING, ()} and getattr(thing, each.name) != each.default:
            changes: dict[str, Any] = {each.name: each.default}
            yield replace(thing, **changes)


def _fewer(several: tuple[T, ...]) -> Iterator[tuple[T, ...]]:
    for nth in range(len(several)):
        yield (*several[:nth], *several[nth + 1 :])


def _each_plainer(several: tuple[T, ...], plainer: Callable[[T], Iterator[T]]) -> Iterator[tuple[T, ...]]:
    for nth, thing in enumerate(several):
        for plain in plainer(thing):
            yield (*several[:nth], plain, *several[nth + 1 :])


def _less(written: Any) -> Iterator[Any]:
    """Take one key or element out of a written catalog, anywhere in it."""
    if isinstance(written, dict):
        for key, value in written.items():
            yield {name: each for name, each in written.items() if name != key}
            yield from ({**written, key: less} for less in _less(value))
    elif isinstance(written, list):
        for nth, value in enumerate(written):
            yield [*written[:nth], *written[nth + 1 :]]
            yield from ([*written[:nth], less, *written[nth + 1 :]] for less in _less(value))


def _readable(written: Any) -> bool:
    """Say whether the catalog's own checks take it; the oracle asks for the plans."""
    try:
        states.read(written)
    except ConfigError:
        return False
    return "plans" in written
