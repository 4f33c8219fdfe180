"""What the clients of the guide ask for is in the schema; `make test-clients` runs them."""

import ast
import re

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from tests.clients.guide import FILES, ROOT


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema((ROOT / "schema.graphql").read_text())


def handed_to_gql(code: str) -> list[str]:
    """List the documents of a Python module."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return [ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func) == "gql"]


def test_every_document_fits_the_schema(schema: GraphQLSchema) -> None:
    [watched] = re.findall(r"`\s*(subscription .*?)`", FILES["useEntitled.jsx"], flags=re.DOTALL)
    in_python = handed_to_gql(FILES["with_gql.py"])

    assert len(in_python) == 6
    for text in (FILES["operations.graphql"], watched, *in_python):
        assert validate(schema, parse(text)) == []
