"""What a stranger learns of the schema by trying words: no more than that a word is none, never which one would be."""

import re

import pytest
from graphql import build_schema

from graphql_api.schema import print_schema
from tests.support.api import Api

SCHEMA = build_schema(print_schema())
QUERIES, MUTATIONS = SCHEMA.query_type, SCHEMA.mutation_type
NEAR = ("organisation", "viewr", "addMembr", "entitlement", "serverInf", "plan", "nod")
PROBES = (
    "{{ {word} }}",
    "{{ {word}(id: 1) {{ id }} }}",
    "mutation {{ {word}(input: {{}}) {{ errors }} }}",
    "{{ plans {{ {word} }} }}",
    "{{ plans(frst: 1) {{ nodes {{ name }} }} }}",
    "query($v: {word}) {{ plans {{ nodes {{ name }} }} }}",
    "{{ serverInfo {{ ... on {word} {{ id }} }} }}",
    "{{ plans @{word} {{ nodes {{ name }} }} }}",
)


@pytest.mark.parametrize("probe", PROBES)
async def test_a_list_of_words_teaches_a_stranger_nothing_that_the_errors_of_others_would(api: Api, probe: str) -> None:
    assert QUERIES is not None
    assert MUTATIONS is not None
    names = {*QUERIES.fields, *MUTATIONS.fields, *SCHEMA.type_map} - {"plans", "serverInfo"}
    for word in NEAR:
        document = probe.format(word=word)

        told = (await api.ask(document, None)).response.text
        taught = {name for name in re.findall(r"\w+", told) if name in names and name not in document}

        assert "Did you mean" not in told
        assert taught <= {"Query", "Mutation", "ServerInfo", "CatalogPlanConnection", "String", "Int", "Boolean"}, told


async def test_whoever_has_a_credential_is_helped(api: Api) -> None:
    told = (await api.ask("{ viewr { administrator } }", "ann")).response.text

    assert "Did you mean 'viewer'" in told
