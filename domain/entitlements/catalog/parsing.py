"""Reads the catalog's files into one value, or raises every fault found in any of them."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from domain.billing.lifecycle import NO_GRACE, Dunning, Grace
from domain.billing.quantities import SeatPolicy, SeatQuantity
from domain.entitlements.catalog.checks import Checks, Node
from domain.entitlements.catalog.denying import on_deny
from domain.entitlements.catalog.documents import completed
from domain.entitlements.catalog.values import (
    DUNNING,
    SEAT_LIMIT,
    UNLIMITED,
    Catalog,
    Default,
    Limit,
    Merge,
    Plan,
    UnmappedAction,
)
from domain.errors import ConfigError

LONGEST_DEBOUNCE_SECONDS = 86400

_TOP_KEYS = frozenset(
    {
        "unmapped_action",
        "past_due_grace",
        "dunning_grace_days",
        "dunning_terminal_action",
        "stale_after_hours",
        "on_deny",
        "seat_limit",
        "default",
    }
)
_PLAN_KEYS = frozenset({"features", "limits", "price_ids", "braintree_plan_ids", "add_on", "seat_quantity"})
_SEAT_QUANTITY_KEYS = frozenset({"up", "down", "debounce_seconds"})
_LIMIT_KEYS = frozenset({"amount", "per", "times", "max", "merge"})


def read(paths: Sequence[Path]) -> Catalog:
    """Read the catalog's files and parse them together.

    Raises:
        ConfigError: a file cannot be read, or its content is at fault; nothing is half read.
    """
    documents: dict[str, str] = {}
    unreadable: list[str] = []
    for path in paths:
        try:
            documents[str(path)] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            unreadable.append(f"{path}: cannot be read ({type(error).__name__})")
    try:
        catalog = parse(documents)
    except ConfigError as error:
        raise ConfigError(unreadable + error.faults) from None
    if unreadable:
        raise ConfigError(unreadable)
    return catalog


def parse(documents: Mapping[str, str]) -> Catalog:
    """Parse TOML texts, named by their files, into one catalog; no text at all is an empty catalog.

    A key or plan may stand in one file only. `seat_limit` is "seats" unless written; as soon as there is a plan or a
    default, one of them must declare it, because without it no organization could ever add a member. An empty catalog
    passes: it gives nothing to anybody anyway.

    Raises:
        ConfigError: with every fault of every file, each naming its file and key.
    """
    checks = Checks()
    top, written = _merged(checks, documents)
    plans = {name: _plan(checks, name, node) for name, node in sorted(written.items())}
    default = _default(checks, top.get("default"))
    dunning = _dunning(checks, top)
    seat_limit = checks.text(top.get("seat_limit"), SEAT_LIMIT)
    declared = set(default.limits).union(*(plan.limits for plan in plans.values()))
    if (plans or "default" in top) and seat_limit not in declared:
        checks.fault(top.get("seat_limit", Node(None, "seat_limit")), f"no plan declares the limit {seat_limit!r}")
    _check_prices(checks, plans, written)
    catalog = Catalog(
        plans=plans,
        default=default,
        grace=_grace(checks, top, dunning),
        dunning=dunning,
        stale_after_hours=checks.number(top["stale_after_hours"]) if "stale_after_hours" in top else None,
        unmapped_action=checks.choice(top.get("unmapped_action"), UnmappedAction.DENY),
        on_deny=on_deny(checks, top.get("on_deny")),
        seat_limit=seat_limit,
    )
    if checks.faults:
        raise ConfigError(checks.faults)
    return completed(catalog)


def _merged(checks: Checks, documents: Mapping[str, str]) -> tuple[dict[str, Node], dict[str, Node]]:
    """Put the top keys of all files together, and their plans; what stands in two files is a fault."""
    top: dict[str, Node] = {}
    plans: dict[str, Node] = {}
    for file, text in documents.items():
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            checks.fault(Node(None, file), f"is not TOML: {error}")
            continue
        tables = {key: Node(value, f"{file}: {key}") for key, value in document.items()}
        _join(checks, plans, checks.table(tables.pop("plans", None)))
        for key in sorted(tables.keys() - _TOP_KEYS):
            checks.fault(tables.pop(key), "unknown key")
        _join(checks, top, tables)
    return top, plans


def _join(checks: Checks, all_nodes: dict[str, Node], more: Mapping[str, Node]) -> None:
    """Add the nodes of one more file."""
    for key, node in more.items():
        if key in all_nodes:
            checks.fault(node, f"stands in two files, also at {all_nodes[key].place}")
        all_nodes.setdefault(key, node)


def _plan(checks: Checks, name: str, node: Node) -> Plan:
    keys = checks.table(node, _PLAN_KEYS)
    return Plan(
        name=name,
        features=frozenset(checks.texts(keys.get("features"))),
        limits=_limits(checks, keys.get("limits")),
        price_ids=checks.texts(keys.get("price_ids")),
        braintree_plan_ids=checks.texts(keys.get("braintree_plan_ids")),
        add_on=checks.flag(keys.get("add_on")),
        seat_quantity=_seat_quantity(checks, keys),
    )


def _seat_quantity(checks: Checks, plan: Mapping[str, Node]) -> SeatQuantity | None:
    """Read how the quantity follows the seats; what is bought beside a plan, or not at all, follows nothing."""
    node = plan.get("seat_quantity")
    if node is None:
        return None
    if "add_on" in plan and plan["add_on"].value is True:
        checks.fault(node, "goes with a base plan only, not with an add-on")
    if not plan.keys() & {"price_ids", "braintree_plan_ids"}:
        checks.fault(node, "goes with a plan that has prices")
    keys = checks.table(node, _SEAT_QUANTITY_KEYS)
    rules = SeatQuantity(
        up=checks.choice(keys.get("up"), SeatPolicy.AT_ONCE),
        down=checks.choice(keys.get("down"), SeatPolicy.NEXT_PERIOD),
        debounce_seconds=checks.number(
            keys.get("debounce_seconds"), SeatQuantity().debounce_seconds, least=0, most=LONGEST_DEBOUNCE_SECONDS
        ),
    )
    if rules.up is rules.down is SeatPolicy.NEVER:
        checks.fault(node, "follows in neither direction; leave it out")
    return rules


def _default(checks: Checks, node: Node | None) -> Default:
    keys = checks.table(node, {"features", "limits"})
    limits = _limits(checks, keys.get("limits"))
    for key, limit in limits.items():
        if limit.per_quantity:
            checks.fault(keys["limits"].child(key, None), 'cannot be per = "quantity": without a plan there is no item')
    return Default(features=frozenset(checks.texts(keys.get("features"))), limits=limits)


def _limits(checks: Checks, node: Node | None) -> dict[str, Limit]:
    return {key: _limit(checks, child) for key, child in sorted(checks.table(node).items())}


def _limit(checks: Checks, node: Node) -> Limit:
    if isinstance(node.value, dict):
        return _limit_table(checks, node)
    if node.value == "unlimited":
        return Limit(amount=UNLIMITED)
    if isinstance(node.value, str):
        checks.fault(node, 'must be a whole number, "unlimited" or a table')
        return Limit(amount=1)
    return Limit(amount=checks.number(node))


def _limit_table(checks: Checks, node: Node) -> Limit:
    """Read `amount`, or `per` with its `times` and `max`; exactly one of the two forms."""
    keys = checks.table(node, _LIMIT_KEYS)
    merge = checks.choice(keys.get("merge"), Merge.MAX)
    if ("amount" in keys) == ("per" in keys):
        checks.fault(node, 'must have either amount or per = "quantity"')
    if "amount" in keys:
        for key in sorted(keys.keys() & {"times", "max"}):
            checks.fault(keys[key], 'goes with per = "quantity" only')
        return Limit(amount=checks.number(keys["amount"]), merge=merge)
    if "per" in keys and keys["per"].value != "quantity":
        checks.fault(keys["per"], 'must be "quantity"')
    most = checks.number(keys["max"]) if "max" in keys else None
    return Limit(times=checks.number(keys.get("times")), max=most, merge=merge)


def _check_prices(checks: Checks, plans: Mapping[str, Plan], written: Mapping[str, Node]) -> None:
    """Find every price that is under two plans; the fault names it and both."""
    owners: dict[str, str] = {}
    for name, plan in plans.items():
        for price in sorted({*plan.price_ids, *plan.braintree_plan_ids}):
            owner = owners.setdefault(price, name)
            if owner != name:
                checks.fault(written[name], f"the price {price!r} is under two plans, {owner!r} and {name!r}")


def _dunning(checks: Checks, top: Mapping[str, Node]) -> Dunning:
    return Dunning(
        days=checks.number(top.get("dunning_grace_days"), DUNNING.days),
        action=checks.choice(top.get("dunning_terminal_action"), DUNNING.action),
    )


def _grace(checks: Checks, top: Mapping[str, Node], dunning: Dunning) -> Grace:
    node = top.get("past_due_grace")
    if node is None or node.value == "none":
        return NO_GRACE
    if node.value == "dunning":
        return Grace(days=dunning.days)
    if isinstance(node.value, str):
        checks.fault(node, 'must be "none", "dunning" or a number of days')
        return NO_GRACE
    return Grace(days=checks.number(node))
