"""Every configuration of the catalog's vectors, with those that Seatgate judges otherwise."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.entitlements.catalog import parse
from domain.errors import ConfigError

VECTORS = Path(__file__).parents[2] / "vectors" / "catalog_validation.json"
CASES = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]

NOT_OURS = "the key is none of the catalog's, so it is an unknown key"
NO_NULL = "TOML has no null; leaving the key out means the default"
NO_FUNCTION = 'TOML has no functions; "module:function" is not imported here, so its arguments are not counted'
OVERRULED: dict[str, str] = {  # these come out the other way round
    "cv-plan-all-defaults": "the only plan does not declare the seat limit",
    "cv-feature-is-string": "TOML has no atoms; a feature is a text",
    "cv-unmapped-none": NO_NULL,
    "cv-sync-disabled": NOT_OURS,
    "cv-sync-advisory": NOT_OURS,
    "cv-on-deny-fun1": NO_FUNCTION,
    "cv-on-deny-fun0": NO_FUNCTION,
    "cv-billable-fun1": NOT_OURS,
    "cv-deny-path-string": NOT_OURS,
    "cv-resolver-atom": NOT_OURS,
}


def toml(value: Any) -> str:
    """Write a value as TOML, tables inline; what is null is left out."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    return json.dumps(value)


def document(catalog: dict[str, Any]) -> str:
    return "\n".join(f"{key} = {toml(value)}" for key, value in catalog.items() if value is not None)


def plain(value: Any) -> Any:
    """Say a vector's value in our forms: texts for atoms, tables and "module:function" for tuples and functions."""
    meant: Any
    match value:
        case {"$str": text}:
            meant = text
        case {"$fun": _}:
            meant = "host:deny"
        case {"$tuple": ["redirect", path]}:
            meant = {"redirect": plain(path)}
        case {"$tuple": [module, function, _]}:
            meant = f"{module}:{function}"
        case {"$tuple": [status, body]}:
            meant = {"status": status, "body": plain(body)}
        case dict():
            meant = {key: plain(each) for key, each in value.items()}
        case list():
            meant = [plain(each) for each in value]
        case _:
            meant = value
    return meant


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_configuration_is_accepted_or_refused_by_name(case: dict[str, Any]) -> None:
    text, expect = document(plain(case["entitlements"])), case["expect"]

    if expect["valid"] != (case["id"] in OVERRULED):
        parse({"catalog.toml": text})
    else:
        with pytest.raises(ConfigError) as raised:
            parse({"catalog.toml": text})
        assert all(mention in str(raised.value) for mention in expect.get("mentions", []))


def test_every_overruled_configuration_exists() -> None:
    assert OVERRULED.keys() <= {case["id"] for case in CASES}
