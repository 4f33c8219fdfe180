"""No shared vector is left out: each row is asked about by its tests, and where it is overruled, it says why."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.domain.billing import test_dunning_steps, test_lifecycle, test_seats_vectors
from tests.domain.entitlements import test_catalog_vectors, test_oracle_vectors, test_resolver_vectors

VECTORS = Path(__file__).parent / "vectors"
ROWS = {"lifecycle_truth": 44, "resolver_cases": 22, "catalog_validation": 42, "seats": 18}
TESTS: list[tuple[str, Callable[..., Any]]] = [
    ("lifecycle_truth", test_lifecycle.test_every_row_of_the_truth_table_holds),
    ("lifecycle_truth", test_dunning_steps.test_every_dunning_column_of_the_truth_table_holds),
    ("lifecycle_truth", test_resolver_vectors.test_every_row_of_the_truth_table_has_its_reason),
    ("lifecycle_truth", test_oracle_vectors.test_the_oracle_gives_every_reason_of_the_truth_table),
    ("resolver_cases", test_resolver_vectors.test_every_set_and_answer_of_the_resolver_holds),
    ("resolver_cases", test_oracle_vectors.test_the_oracle_gives_every_answer_of_the_resolver_vectors),
    ("catalog_validation", test_catalog_vectors.test_every_configuration_is_accepted_or_refused_by_name),
]
OVERRULED: list[tuple[str, dict[str, Any]]] = [
    ("lifecycle_truth", {id: why for id, (_, why) in test_dunning_steps.OVERRULED.items()}),
    ("resolver_cases", test_resolver_vectors.OVERRULED),
    ("catalog_validation", test_catalog_vectors.OVERRULED),
    ("seats", test_seats_vectors.OVERRULED),
]


def rows(name: str) -> list[str]:
    return [case["id"] for case in json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))["cases"]]


def asked(test: Callable[..., Any]) -> list[str]:
    """List the rows that a test is made for."""
    [mark] = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    return [case if isinstance(case, str) else case["id"] for case in mark.args[1]]


@pytest.mark.parametrize("name", ROWS)
def test_no_row_is_missing_from_a_file_or_there_twice(name: str) -> None:
    assert len(rows(name)) == len(set(rows(name))) == ROWS[name]


@pytest.mark.parametrize(("name", "test"), TESTS)
def test_every_row_is_a_row_of_the_test(name: str, test: Callable[..., Any]) -> None:
    assert sorted(asked(test)) == sorted(rows(name))


def test_every_row_about_seats_is_a_row_of_the_test_or_a_test_of_its_own() -> None:
    module = inspect.getsource(test_seats_vectors)
    alone = [id for id in rows("seats") if f'CASES["{id}"]' in module]

    assert sorted([*asked(test_seats_vectors.test_the_vectors), *alone]) == sorted(rows("seats"))


@pytest.mark.parametrize(("name", "overruled"), OVERRULED)
def test_what_is_overruled_is_a_row_and_has_a_reason(name: str, overruled: dict[str, str]) -> None:
    assert overruled.keys() <= set(rows(name))
    assert all(len(why.split()) > 3 for why in overruled.values())
