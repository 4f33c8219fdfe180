"""A catalog as a plain JSON document, and back: how it is stored, and what its version is the hash of.

What is at its default is left out, so that a Seatgate that has learned a new key reads older catalogs and knows them by
the same versions. Comments, order and the split into files leave no trace.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from domain.entitlements.catalog.values import Catalog

_FOLLOWING_FROM_THE_REST = ("plan_of_price", "features", "version")


def encode(catalog: Catalog) -> dict[str, Any]:
    """Write what a catalog says as a plain JSON document."""
    document = _plain(catalog)
    return {key: value for key, value in document.items() if key not in _FOLLOWING_FROM_THE_REST}


def decode(document: dict[str, Any]) -> Catalog:
    """Read what `encode` wrote. What nobody here knows is passed over; then the version is another than was stored.

    Raises:
        pydantic.ValidationError: nobody wrote this with `encode`.
    """
    return completed(_CATALOG.validate_python(_sorted(document)))


def completed(catalog: Catalog) -> Catalog:
    """Work out what follows from the rest: which plan has a price, all features, and the version."""
    plans = catalog.plans.values()
    owners = {price: plan.name for plan in plans for price in (*plan.price_ids, *plan.braintree_plan_ids)}
    return replace(
        catalog,
        plan_of_price=dict(sorted(owners.items())),
        features=tuple(sorted(catalog.default.features.union(*(plan.features for plan in plans)))),
        version=_digest(encode(catalog)),
    )


def _digest(document: dict[str, Any]) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        said = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _plain(inner) for field, inner in said if inner != _default(field)}
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(inner) for inner in value]
    return value.value if isinstance(value, StrEnum) else value


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _sorted(value: Any) -> Any:
    """Put names back in order, which a database does not keep."""
    return {name: _sorted(value[name]) for name in sorted(value)} if isinstance(value, dict) else value


_CATALOG = TypeAdapter(Catalog)
