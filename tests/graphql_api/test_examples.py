"""The explorer's examples: each belongs to the schema, and answers whoever is shown it."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import FieldNode, OperationDefinitionNode, OperationType, build_schema, parse, print_ast, validate

from tests.support.api import Api

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "explorer/examples"
TABLE: dict[str, dict[str, Any]] = json.loads((EXAMPLES / "examples.json").read_text())
SCHEMA = build_schema((ROOT / "schema.graphql").read_text())
ROLES = {"anonymous": None, "member": "max", "admin": "amy", "owner": "ann", "administrator": "ada"}


def document(name: str) -> str:
    return (EXAMPLES / f"{name}.graphql").read_text()


def operation(name: str) -> OperationDefinitionNode:
    [only] = parse(document(name)).definitions
    assert isinstance(only, OperationDefinitionNode)
    return only


def answering(role: str) -> list[str]:
    """Name the examples of a role that are answered at once."""
    return [
        name
        for name, example in TABLE.items()
        if role in example["for"] and operation(name).operation is not OperationType.SUBSCRIPTION
    ]


async def variables(api: Api, name: str, organization: dict[str, Any]) -> dict[str, Any]:
    words = {
        "organization": organization["id"],
        "customer": organization["customer"]["id"],
        "tomorrow": (api.clock.now() + timedelta(days=1)).isoformat(),
    }
    written = json.dumps(TABLE[name].get("variables", {}))
    filled: dict[str, Any] = json.loads(re.sub(r"\{(\w+)\}", lambda match: words[match[1]], written))
    return filled


def test_every_example_is_in_the_table_and_every_row_is_an_example() -> None:
    assert sorted(TABLE) == sorted(path.stem for path in EXAMPLES.glob("*.graphql"))
    imported = re.findall(r'^import \w+ from "\./(\w+)\.graphql";$', (EXAMPLES / "index.js").read_text(), re.MULTILINE)
    assert sorted(imported) == sorted(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_an_example_is_shown_to_roles_that_there_are_and_opened_for_those_alone(name: str) -> None:
    assert set(TABLE[name]["tabs"]) <= set(TABLE[name]["for"]) <= set(ROLES)


@pytest.mark.parametrize("name", TABLE)
def test_an_example_is_valid_and_says_what_it_is_for(name: str) -> None:
    named = operation(name).name

    assert validate(SCHEMA, parse(document(name))) == []
    assert document(name).startswith("# ")
    assert named is not None


@pytest.mark.parametrize("name", TABLE)
def test_the_scope_of_an_example_is_the_one_that_its_field_asks_for(name: str) -> None:
    [field] = operation(name).selection_set.selections
    assert isinstance(field, FieldNode)
    root = SCHEMA.get_root_type(operation(name).operation)
    assert root is not None
    asked = root.fields[field.name.value].ast_node
    assert asked is not None
    scopes = [
        print_ast(each.arguments[0].value) for each in asked.directives or () if each.name.value == "requireScope"
    ]

    assert not scopes or [TABLE[name].get("scope")] == scopes


@pytest.mark.parametrize("role", ROLES)
def test_every_role_finds_something_open(role: str) -> None:
    assert [name for name in answering(role) if role in TABLE[name]["tabs"]]


@pytest.mark.parametrize(("role", "name"), [(role, name) for role in ROLES for name in answering(role)])
async def test_an_example_answers_whoever_is_shown_it(api: Api, role: str, name: str) -> None:
    acme = await api.organization()
    await api.holds(acme["customer"])
    await api.join(acme, "max")
    await api.join(acme, "amy", "ADMIN")
    await api.user("nina")
    await api.user("ada")

    answer = await api.ask(document(name), ROLES[role], **await variables(api, name, acme))

    [payload] = answer.data.values()
    assert payload is not None or name == "drift_report"
    assert (payload or {}).get("errors", []) == []
