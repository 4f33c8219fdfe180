"""Random customers under random catalogs, with every instant near an edge, and the same as the product's values."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any, TypeVar

from domain.billing import states as ours
from domain.billing.states import PauseBehavior, PauseCollection, Status, SubscriptionState
from domain.entitlements import Catalog, Granted, Held
from domain.entitlements.catalog import parse
from domain.ids import OverrideId, SubscriptionId
from tests.support import oracle
from tests.support.oracle import DAY, GREATEST, HOUR, UNLIMITED, Gift, Item, Pause, Row

T = TypeVar("T")

# With microseconds of its own, and with a leap day within the reach of grace.
EPOCH = datetime(2028, 3, 5, 12, 30, 15, 123457, tzinfo=UTC)
CATALOG_STATES = 50
PLANS = ("basic", "pro", "team", "pack")
FEATURES = ("reports", "api", "sso")
KEYS = ("seats", "projects")
UNKNOWN_PRICE = "price_unknown"
STATUSES = (
    *(("active", "past_due") * 4),
    *("trialing", "unpaid", "paused", "canceled", "incomplete", "incomplete_expired", "brand_new"),
)
QUANTITIES = (1, 1, 2, 3, 5, 8, 0, None, -1, 20, 429_496_730, GREATEST)
NUMBERS = (1, 2, 3, 5, 8, 20, GREATEST - 1, GREATEST)
EDGE = (0, 0, 1, -1)
FAR = (-400 * DAY, -9 * DAY, -HOUR, HOUR, 9 * DAY, 400 * DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One customer: the catalog as it is written, its rows and overrides; instants in microseconds from EPOCH."""

    catalog: oracle.Catalog
    rows: tuple[Row, ...] = ()
    gifts: tuple[Gift, ...] = ()
    now: int = 0

    @property
    def truth(self) -> oracle.Truth:
        return oracle.Truth(catalog=self.catalog, rows=self.rows, gifts=self.gifts)

    @property
    def features(self) -> list[str]:
        given = [gift.feature for gift in self.gifts if gift.feature is not None]
        return [*FEATURES, "unheard_of", *given]

    @property
    def plans(self) -> list[str]:
        """List what to ask for: every plan by its name and by its prices, and what nobody knows."""
        return [*self.catalog["plans"], *prices_of(self.catalog), "enterprise", UNKNOWN_PRICE]

    @property
    def keys(self) -> list[str]:
        return [*KEYS, "unheard_of", *(gift.limit for gift in self.gifts if gift.limit is not None)]


def prices_of(catalog: oracle.Catalog) -> list[str]:
    keys = ("price_ids", "braintree_plan_ids")
    return [price for plan in catalog["plans"].values() for key in keys for price in plan.get(key, [])]


def numbered(seed: int, number: int) -> State:
    """Make the state of this number: some fifty in a row share a catalog, because reading one takes long."""
    return state(Random(seed << 40 | number), _catalog(seed, number // CATALOG_STATES))


def state(random: Random, catalog: oracle.Catalog | None = None) -> State:
    written = catalog_of(random) if catalog is None else catalog
    maker = _Maker(random=random, catalog=written)
    return State(
        catalog=written,
        rows=tuple(maker.row() for _ in range(random.choice((0, 1, 1, 1, 2, 2, 2, 3)))),
        gifts=tuple(maker.gift() for _ in range(random.choice((0, 0, 0, 1, 2)))),
    )


@lru_cache(maxsize=4)
def _catalog(seed: int, block: int) -> oracle.Catalog:
    return catalog_of(Random(f"catalog {seed} {block}"))


def catalog_of(random: Random) -> oracle.Catalog:
    """Write a catalog; keys with a default are left out now and then."""
    written: dict[str, Any] = {}
    choices: dict[str, Sequence[Any]] = {
        "unmapped_action": ("deny", "deny", "raise"),
        "past_due_grace": ("none", "dunning", 1, 7, 30),
        "dunning_grace_days": (1, 14, 60),
        "stale_after_hours": (1, 72),
    }
    for key, values in choices.items():
        if random.random() < 0.7:
            written[key] = random.choice(values)
    plans = random.sample(PLANS, random.randint(1, len(PLANS)))
    written["plans"] = {name: _plan(random, name) for name in plans}
    # Some limit of this name must be declared.
    written["default"] = {"features": _some(random, FEATURES), "limits": {"seats": random.choice((1, 2, "unlimited"))}}
    if random.random() < 0.5 and any("seats" in plan["limits"] for plan in written["plans"].values()):
        del written["default"]
    return written


def _plan(random: Random, name: str) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "features": _some(random, FEATURES),
        "limits": {key: _limit(random) for key in _some(random, KEYS)},
        "price_ids": [f"price_{name}_monthly", f"price_{name}_yearly"][: random.randint(1, 2)],
    }
    if random.random() < 0.3:
        plan["braintree_plan_ids"] = [f"{name}_at_braintree"]
    if name == "pack":
        plan["add_on"] = True
    return plan


def _limit(random: Random) -> Any:
    kind = random.choice(("flat", "amount", "per", "per", "unlimited"))
    if kind == "unlimited":
        return "unlimited" if random.random() < 0.4 else 4
    if kind == "flat":
        return random.choice(NUMBERS)
    limit: dict[str, Any] = {"amount": random.choice(NUMBERS)} if kind == "amount" else {"per": "quantity"}
    if kind == "per":
        limit |= {key: random.choice(NUMBERS) for key in ("times", "max") if random.random() < 0.5}
    if random.random() < 0.7:
        limit["merge"] = random.choice(("max", "sum", "sum"))
    return limit


def _some(random: Random, names: Sequence[T]) -> list[T]:
    return random.sample(names, random.randint(0, len(names)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    """Makes rows and overrides whose instants lie on the edges of a catalog, just inside and just outside."""

    random: Random
    catalog: oracle.Catalog
    prices: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prices", prices_of(self.catalog))

    def row(self) -> Row:
        random, choice = self.random, self.random.choice
        status = choice(STATUSES)
        hours = self.catalog.get("stale_after_hours", 1)
        # Either of the two ages a row: the end of its period, or news after that.
        stale_edge = self._near(-hours * HOUR) if random.random() < 0.5 else choice(FAR)
        earlier = stale_edge - choice((0, HOUR, 30 * DAY))
        end, news = (stale_edge, earlier) if random.random() < 0.5 else (earlier, stale_edge)
        odd = random.random()
        return Row(
            status=status,
            items=tuple(self._item(end) for _ in range(choice((1, 1, 1, 2, 3, 0)))),
            pause=_pause(random) if odd < 0.1 else None,
            ended_at=choice((*EDGE, *FAR)) if 0.07 < odd < 0.2 else None,
            past_due_since=self._since() if status == "past_due" or odd > 0.7 else None,
            last_fact_at=news,
            trial_end=choice((*EDGE, *FAR)) if odd > 0.6 else None,
            cancel_at=choice((*EDGE, *FAR)) if 0.5 < odd < 0.8 else None,
            cancel_at_period_end=odd > 0.8,
        )

    def gift(self) -> Gift:
        choice = self.random.choice
        expires_at = choice((None, *EDGE, *FAR))
        if self.random.random() < 0.5:
            return Gift(feature=choice((*FEATURES, "only_given")), expires_at=expires_at)
        value = choice((*NUMBERS, UNLIMITED))
        return Gift(limit=choice((*KEYS, "only_given")), value=value, expires_at=expires_at)

    def _item(self, end: int) -> Item:
        random = self.random
        price = random.choice(self.prices) if random.random() < 0.92 else UNKNOWN_PRICE
        period_end = None if random.random() < 0.1 else end - random.choice((0, 0, DAY))
        return Item(price=price, quantity=random.choice(QUANTITIES), period_end=period_end)

    def _since(self) -> int | None:
        grace = self.catalog.get("past_due_grace", "none")
        days = grace if isinstance(grace, int) else self.catalog.get("dunning_grace_days", 14)
        return self.random.choice((None, self._near(-days * DAY), self._near(-days * DAY), *EDGE, *FAR[1:5]))

    def _near(self, edge: int) -> int:
        return edge + self.random.choice(EDGE)


def _pause(random: Random) -> Pause:
    return "empty" if random.random() < 0.5 else "full"


def instant(microseconds: int) -> datetime:
    """Give the instant; what is later than the calendar is the end of it."""
    try:
        return EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def read(catalog: oracle.Catalog) -> Catalog:
    """Read a written catalog by the product's own parser."""
    return _read(json.dumps(catalog))


@lru_cache(maxsize=256)
def _read(written: str) -> Catalog:
    lines = (f"{key} = {_toml(value)}" for key, value in json.loads(written).items())
    return parse({"catalog.toml": "\n".join(lines)})


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value)


def held(row: Row) -> Held:
    return Held(
        subscription_id=SubscriptionId("bsb_1"),
        processor="fake",
        state=SubscriptionState(
            status=Status(row.status),
            items=tuple(
                ours.Item(
                    processor_id="si_1",
                    price_id=item.price,
                    quantity=item.quantity,
                    current_period_end=_maybe(item.period_end),
                )
                for item in row.items
            ),
            trial_end=_maybe(row.trial_end),
            cancel_at=_maybe(row.cancel_at),
            cancel_at_period_end=row.cancel_at_period_end,
            ended_at=_maybe(row.ended_at),
            pause_collection=_paused(row.pause),
        ),
        past_due_since=_maybe(row.past_due_since),
        last_fact_at=instant(row.last_fact_at),
    )


def granted(gift: Gift) -> Granted:
    return Granted(
        override_id=OverrideId("ovr_1"),
        feature=gift.feature,
        limit=gift.limit,
        value=gift.value,
        expires_at=_maybe(gift.expires_at),
    )


def _maybe(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else instant(microseconds)


def _paused(pause: Pause | None) -> PauseCollection | None:
    if pause is None:
        return None
    return PauseCollection(behavior=PauseBehavior.VOID if pause == "full" else None)


def told(value: object) -> str:
    """Write a state as a row of a test: Python that makes it again, without what is as by default."""
    if isinstance(value, State | Row | Item | Gift):
        given = ((each.name, getattr(value, each.name), each.default) for each in fields(value))
        inside = ", ".join(f"{name}={told(each)}" for name, each, default in given if each not in (default, ()))
        return f"{type(value).__name__}({inside})"
    if isinstance(value, tuple):
        return f"({', '.join(map(told, value))},)"
    return repr(value)
