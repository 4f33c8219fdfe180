"""What `seatgate catalog` prints: catalogs, and what one changes for customers, in words, as JSON and as CSV."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphql_api.cli.opening import writing
from graphql_api.cli.telling import table

if TYPE_CHECKING:
    from collections import Counter

    from domain.entitlements import Affected, Catalog, Limit, Period, Totals

Lines = Callable[[Sequence["Affected"]], None]
BETWEEN = "; "
COLUMNS = (
    "customer_id",
    "owner_kind",
    "owner_id",
    "seats_over",
    "features_lost",
    "features_gained",
    "plans_lost",
    "plans_gained",
    "limits_lowered",
    "limits_raised",
    "prices_unmapped",
    "prices_mapped",
)


def declared(found: "Catalog") -> dict[str, Any]:
    """Write what a catalog declares; what is at its default is left out."""
    from domain.entitlements import catalog

    return {"version": found.version, "features": list(found.features), **catalog.encode(found)}


def declared_in_words(found: "Catalog") -> str:
    """Write the same as a table of plans."""
    rows = [
        (
            f"{plan.name} (add-on)" if plan.add_on else plan.name,
            ", ".join(sorted(plan.features)) or "-",
            ", ".join(f"{key}: {_limit(limit)}" for key, limit in plan.limits.items()) or "-",
            str(len(plan.price_ids) + len(plan.braintree_plan_ids)),
        )
        for plan in found.plans.values()
    ]
    return "\n".join([*table([("plan", "features", "limits", "prices"), *rows]), f"The version is {found.version}."])


def period(found: "Period") -> dict[str, Any]:
    """Write a period of the history."""
    return {"version": found.version, "inForceAt": found.in_force_at.isoformat()}


def document(totals: "Totals") -> dict[str, Any]:
    """Write the totals and the worst cases."""
    return {
        "customers": totals.customers,
        "unreadable": totals.unreadable,
        "affected": totals.affected,
        "losing": totals.losing,
        "gaining": totals.gaining,
        "overLimit": totals.over_limit,
        "seatsOver": totals.seats_over,
        **{_camel(title): dict(sorted(counted.items())) for title, counted in _counted(totals)},
        "worst": [_case(found) for found in totals.worst],
    }


def in_words(totals: "Totals") -> str:
    """Write them as tables, and a sentence on everybody."""
    compared = (
        f"{totals.customers} customers compared: {totals.losing} lose something, {totals.gaining} gain something."
    )
    lines = [compared]
    if totals.over_limit:
        lines.append(f"{totals.over_limit} would be over their seat limit, by {totals.seats_over} seats in all.")
    if totals.unreadable:
        lines.append(f"{totals.unreadable} have rows that cannot be read; every catalog denies them everything.")
    counts = [
        (title, name, str(number)) for title, counted in _counted(totals) for name, number in counted.most_common()
    ]
    if counts:
        lines += ["", *table([("what", "which", "customers"), *counts])]
    if totals.worst:
        titles = ("the worst cases", "owner", "seats over", "loses")
        lines += ["", *table([titles, *(_case_in_words(found) for found in totals.worst)])]
    return "\n".join(lines)


@contextmanager
def lines_to(path: Path | None) -> "Iterator[Lines]":
    """Write a line of CSV for each customer into a file; without one nothing is written."""
    if path is None:
        yield lambda _: None
        return
    with writing(path, option="--csv") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        yield lambda page: writer.writerows(map(_cells, page))


def _counted(totals: "Totals") -> "Sequence[tuple[str, Counter[str]]]":
    return (
        ("features lost", totals.features_lost),
        ("features gained", totals.features_gained),
        ("plans lost", totals.plans_lost),
        ("plans gained", totals.plans_gained),
        ("limits lowered", totals.lowered),
        ("limits raised", totals.raised),
        ("prices unmapped", totals.unmapped),
        ("prices mapped", totals.mapped),
    )


def _camel(title: str) -> str:
    first, second = title.split()
    return first + second.title()


def _case(found: "Affected") -> dict[str, Any]:
    change = found.change
    return {
        "customerId": found.customer_id,
        "ownerKind": found.owner.kind,
        "ownerId": found.owner.id,
        "seatsOver": found.seats_over,
        "featuresLost": change.features_lost,
        "plansLost": change.plans_lost,
        "limitsLowered": change.lowered,
        "pricesUnmapped": change.unmapped,
    }


def _case_in_words(found: "Affected") -> tuple[str, ...]:
    change = found.change
    loses = [*change.features_lost, *change.plans_lost, *_moved(change.lowered), *change.unmapped]
    return found.customer_id, f"{found.owner.kind} {found.owner.id}", str(found.seats_over), ", ".join(loses)


def _cells(found: "Affected") -> list[str]:
    change = found.change
    return [
        found.customer_id,
        found.owner.kind,
        found.owner.id,
        str(found.seats_over),
        BETWEEN.join(change.features_lost),
        BETWEEN.join(change.features_gained),
        BETWEEN.join(change.plans_lost),
        BETWEEN.join(change.plans_gained),
        BETWEEN.join(_moved(change.lowered)),
        BETWEEN.join(_moved(change.raised)),
        BETWEEN.join(change.unmapped),
        BETWEEN.join(change.mapped),
    ]


def _moved(limits: Mapping[str, tuple[int, int]]) -> list[str]:
    return [f"{key} {_number(was)} -> {_number(will)}" for key, (was, will) in limits.items()]


def _number(value: int) -> str:
    from domain.entitlements import UNLIMITED

    return "unlimited" if value == UNLIMITED else str(value)


def _limit(limit: "Limit") -> str:
    if limit.amount is not None:
        return _number(limit.amount)
    most = "" if limit.max is None else f", {limit.max} at most"
    return f"{limit.times} for each{most}"
