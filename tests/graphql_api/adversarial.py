"""Requests that attack by their size, as data, for the toy's schema: whatever takes requests must refuse each cheaply.

`ATTACKS` names every one of them with the code that refuses it. None needs a credential, and none ever runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One request, and the code of its refusal."""

    query: str
    code: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation_name: str | None = None

    @property
    def request(self) -> dict[str, Any]:
        """Write it as every transport takes it."""
        content = {"query": self.query, "variables": dict(self.variables), "operationName": self.operation_name}
        return {name: value for name, value in content.items() if value}


def nested(depth: int, name: str = "item") -> str:
    """Nest fields so that the deepest stands at `depth`."""
    return "{ " + f"{name} {{ " * (depth - 1) + "name" + " }" * depth


def doubling(count: int) -> str:
    """Chain fragments of which each spreads the next one twice."""
    links = " ".join(f"fragment F{i} on Item {{ item {{ ...F{i + 1} ...F{i + 1} }} }}" for i in range(count - 1))
    return f"{{ item {{ ...F0 }} }} {links} fragment F{count - 1} on Item {{ name }}"


def flat_doubling(count: int) -> str:
    links = " ".join(f"fragment F{i} on Query {{ ...F{i + 1} ...F{i + 1} }}" for i in range(count - 1))
    return f"{{ ...F0 }} {links} fragment F{count - 1} on Query {{ name }}"


def chain(count: int) -> str:
    """Chain fragments of which each spreads the next one once."""
    links = " ".join(f"fragment F{i} on Query {{ ...F{i + 1} }}" for i in range(count - 1))
    return f"{links} fragment F{count - 1} on Query {{ name }}"


def pairs(depth: int) -> str:
    """Nest pairs of the same field, which merge into one and must be compared with each other."""
    inner = "name"
    for _ in range(depth):
        inner = f"item {{ {inner} }} item {{ {inner} }}"
    return f"{{ {inner} }}"


TOO_COMPLEX = {
    "tokens": "{" + " a" * 2000 + " }",
    "many tokens": "{" + " a" * 100_000 + " }",
    "comments": "#\n" * 2001 + "{ name }",
    "depth": nested(13),
    "depth through fragments": "{ item { ...A } } fragment A on Item " + nested(12),
    "parser depth": nested(400),
    "lists without end": "{ echo(text: " + "[" * 300 + "]" * 300 + ") }",
    "inline fragments within each other": "{ ..." * 150 + "{ name }" + "}" * 150,
    "aliases": "{ item { " + " ".join(f"a{i}: name" for i in range(31)) + " } }",
    "aliases through a fragment": "{ a: item { ...A } b: item { ...A } } fragment A on Item { "
    + " ".join(f"a{i}: name" for i in range(15))
    + " }",
    "root fields": "{ " + " ".join(f"a{i}: name" for i in range(11)) + " }",
    "root fields through a fragment": "{ ...A ... { a: name } } fragment A on Query { "
    + " ".join(f"a{i}: name" for i in range(10))
    + " }",
    "mutations": "mutation { " + " ".join(f"a{i}: touch" for i in range(6)) + " }",
    "mutations of a second operation": "query A { name } mutation B { "
    + " ".join(f"a{i}: touch" for i in range(6))
    + " }",
    "fragments": "{ name } " + " ".join(f"fragment F{i} on Query {{ name }}" for i in range(31)),
    "fragments of one name": "{ ...F } " + "fragment F on Query { name } " * 31,
    "repeats": "{ item { name name name name name } }",
    "repeats through fragments": "{ item { name ...A ... { name } ... on Item { name name } } } "
    "fragment A on Item { name }",
    "repeats of aliases": "{ item { " + "a: name " * 5 + "} }",
    "repeats of objects": "{ " + "item { name } " * 300 + "}",
    "selected fields": "{ "
    + " ".join(f"item {{ {' '.join(f'f{i}x{j}' for j in range(80))} }}" for i in range(4))
    + " }",
    "directives": "{ name " + "@skip(if: false) " * 51 + "}",
    "directives of fragments": "{ ...F } fragment F on Query " + "@x " * 51 + "{ name }",
    "directives of operations": "query " + "@x " * 51 + "{ name }",
    "directives of variables": "query($a: Int " + "@x " * 51 + ") { name }",
    "overlap": pairs(9),
    **{f"{count} doubling fragments": doubling(count) for count in (10, 14, 18, 20, 30, 100, 400)},
    **{f"{count} flat doubling fragments": flat_doubling(count) for count in (10, 18, 30, 400)},
    "an object of many fields": "{ carry(load: { " + " ".join(f"f{i}: 1" for i in range(600)) + " }) }",
    "an object of many lists": "{ carry(load: { " + " ".join(f"f{i}: [1 2 3 4 5]" for i in range(100)) + " }) }",
    "a default of many values": "query($a: [ID!] = [" + '"x" ' * 600 + "]) { named(ids: $a) { name } }",
    "aliased operations": " ".join(f"query Q{i} {{ a: name }}" for i in range(31)),
}

INVALID = {
    "a cycle": "{ ...A } fragment A on Query { ...A }",
    "a long cycle": "{ ...F0 } " + " ".join(f"fragment F{i} on Query {{ ...F{(i + 1) % 30} }}" for i in range(30)),
    "a cycle spread often": "{ " + "...A " * 900 + "} fragment A on Query { ...A }",
    "a cycle that doubles": "{ ...A } fragment A on Query { ...B ...B } fragment B on Query { ...A ...A name }",
    "missing fragments": "{ " + " ".join(f"...F{i}" for i in range(900)) + " }",
    "unknown fields": "{ item { " + " ".join(f"f{i}" for i in range(290)) + " } }",
    "inline fragments side by side": "{ item { " + " ".join(f"... {{ f{i} }}" for i in range(290)) + " } }",
    "arguments": "{ echo(" + " ".join(f"a{i}: 1" for i in range(600)) + ") }",
    "variables": "query(" + " ".join(f"$a{i}: Int" for i in range(450)) + ") { name }",
    "lists within lists": "{ echo(text: " + "[" * 120 + "]" * 120 + ") }",
    "objects within objects": "{ echo(text: " + "{a:" * 120 + "1" + "}" * 120 + ") }",
    "unknown fields of an object": "{ "
    + " ".join(f"carry(load: {{ {' '.join(f'f{i}x{j}: 1' for j in range(190))} }})" for i in range(3))
    + " }",
    "objects within objects, each wrong": "{ carry(load: " + "{ a: 1 b: 2 inner: " * 60 + "1" + " }" * 60 + ") }",
    "a long text in a wrong object": '{ carry(load: { text: "' + "x" * 50_000 + '" a: 1 b: 2 c: 3 d: 4 e: 5 }) }',
    "types": "{ name } " + "type A { a: Int } " * 200,
    "deep introspection": "{ __schema { types { fields { type { fields { type { fields { type { fields { name "
    + "} " * 10,
}

UNREADABLE = {
    "letters that look alike": "{ n\u0430me }",
    "text that turns around": "{ name \u202e }",
    "spaces of no width": "{ na\u200bme }",
    "a mark in the middle": "{ name \ufeff \u0085 }",
    "half a character": '{ echo(text: "\\ud800") }',
    "a character beyond all": '{ echo(text: "\\u{110000}") }',
    "digits without end": "{ bounded(count: 0" + "9" * 50_000 + ") }",
    "a string without end": '{ echo(text: "' + "x" * 50_000,
    "braces without end": "{" * 1500,
}
LONG = {
    "a name without end": "{ " + "n" * 50_000 + " }",
    "a number without end": "{ bounded(count: " + "9" * 50_000 + ") }",
    "a wrong enumeration": "{ bounded(color: " + "R" * 50_000 + ") }",
    "an argument without end": "{ echo(" + "n" * 50_000 + ": 1) }",
}
SHELVES = "name"
for _ in range(4):
    SHELVES = f"shelf(first: $n) {{ nodes {{ {SHELVES} }} }}"
DEEP: dict[str, Any] = {"a": 1}
for _ in range(50):
    DEEP = {"a": DEEP}
PRICED = {
    "pages within pages": Attack(
        query=f"query($n: Int) {{ {SHELVES} }}", variables={"n": 30}, code="QUERY_TOO_COMPLEX"
    ),
    "pages of the usual size": Attack(query=f"query($n: Int) {{ {SHELVES} }}", code="QUERY_TOO_COMPLEX"),
    "pages by their default": Attack(query=f"query($n: Int = 100) {{ {SHELVES} }}", code="QUERY_TOO_COMPLEX"),
    "a page without end": Attack(query="{ shelf(first: 2147483647) { totalCount } }", code="QUERY_TOO_COMPLEX"),
    "a page of a size that cannot be": Attack(
        query=f"query($n: Int) {{ {SHELVES} }}", variables={"n": -1}, code="QUERY_TOO_COMPLEX"
    ),
    "a page of no number": Attack(
        query=f"query($n: Int) {{ {SHELVES} }}", variables={"n": "x"}, code="QUERY_TOO_COMPLEX"
    ),
    "both sizes of a page": Attack(
        query="{ shelf(first: 1, last: 20000) { nodes { name } } }", code="QUERY_TOO_COMPLEX"
    ),
    "pages through fragments": Attack(
        query="{ shelf(first: 90) { ...S } } fragment S on Shelf { nodes { shelf(first: 90) { ...T } } } "
        "fragment T on Shelf { nodes { shelf(first: 90) { nodes { name } } } }",
        code="QUERY_TOO_COMPLEX",
    ),
    "pages through an alias": Attack(
        query="{ a: shelf(first: 5000) { totalCount } b: shelf(first: 5001) { totalCount } }",
        code="QUERY_TOO_COMPLEX",
    ),
    "objects within pages": Attack(
        query="{ shelf(first: 100) { nodes { " + " ".join(f"a{i}: item {{ name }}" for i in range(10)) + " } } }",
        code="QUERY_TOO_COMPLEX",
    ),
    "fields within pages": Attack(
        query="{ shelf(first: 90) { nodes { shelf(first: 90) { nodes { "
        + " ".join(f"a{i}: name" for i in range(20))
        + " } } } } }",
        code="QUERY_TOO_COMPLEX",
    ),
    "ids without end": Attack(
        query="query($ids: [ID!]) { named(ids: $ids) { name } }",
        variables={"ids": ["x"] * 10_001},
        code="QUERY_TOO_COMPLEX",
    ),
    "ids in their thousands, spread": Attack(
        query="query($ids: [ID!]) { "
        + " ".join(f"a{i}: named(ids: $ids) {{ item {{ name }} }}" for i in range(10))
        + " }",
        variables={"ids": ["x"] * 1000},
        code="QUERY_TOO_COMPLEX",
    ),
    "ids written out": Attack(
        query="{ named(ids: [" + '"x" ' * 1500 + "]) { item { name } } }", code="QUERY_TOO_COMPLEX"
    ),
    "values that nobody asks for": Attack(
        query="{ name }", variables={"x": list(range(5000))}, code="QUERY_TOO_COMPLEX"
    ),
    "objects that nobody asks for": Attack(
        query="{ name }", variables={"x": [{"a": {}}] * 1500}, code="QUERY_TOO_COMPLEX"
    ),
    "objects within objects for a number": Attack(
        query="query($x: Int) { bounded(count: $x) }", variables={"x": DEEP}, code="BAD_USER_INPUT"
    ),
    "wrong values for a list": Attack(
        query="query($ids: [ID!]) { named(ids: $ids) { name } }",
        variables={"ids": [[]] * 900},
        code="BAD_USER_INPUT",
    ),
    "the dear one of two operations": Attack(
        query="query Cheap { name } query Dear { shelf(first: 20000) { totalCount } }",
        operation_name="Dear",
        code="QUERY_TOO_COMPLEX",
    ),
    "operations without a name to choose": Attack(query="query A { name } query B { name }", code="BAD_USER_INPUT"),
}
ATTACKS: dict[str, Attack] = {
    **{name: Attack(query=query, code="QUERY_TOO_COMPLEX") for name, query in TOO_COMPLEX.items()},
    **{name: Attack(query=query, code="GRAPHQL_VALIDATION_FAILED") for name, query in (INVALID | LONG).items()},
    **{name: Attack(query=query, code="GRAPHQL_PARSE_FAILED") for name, query in UNREADABLE.items()},
    **PRICED,
}
