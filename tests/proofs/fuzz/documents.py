"""Documents by the grammar of the schema: fields that are there, arguments that may be right, at times spoilt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_non_null_type,
)

from graphql_api.schema import print_schema
from tests.proofs.fuzz.values import literal, value

SCHEMA = build_schema(print_schema())
SPOILT, LEFT_OUT, APART = 0.12, 0.85, 0.95
TYPENAME = "__typename"
DIRECTIVES = (" @skip(if: false)", " @include(if: true)", " @nope", " @skip")
WRONG_TYPES = ("Int", "ID!", "[String]", "Nothing")
NONSENSE = ("{" * 3000, "[" * 500, "query " * 100, "{ a }" * 300, '"' * 99, "#" * 5000, "\ufeff")
NOISE = "{}()[]:!$@&|=\"'#,.… \n\t\\u0000\u0660abcXYZ019_-"


@dataclass(slots=True, kw_only=True)
class Document:
    """A text and the variables that it speaks of."""

    text: str
    variables: dict[str, Any]
    names: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Writer:
    """Writes documents out of one stream of random numbers."""

    rng: Random
    ids: Sequence[str]
    schema: GraphQLSchema = SCHEMA
    variables: dict[str, Any] = field(default_factory=dict)
    declared: dict[str, str] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    aliases: int = 0

    def document(self, kinds: Mapping[str, float]) -> Document:
        """Write a document of one or two operations of these kinds, which have weights."""
        count = 1 if self.rng.random() < 0.93 else 2
        names = tuple(f"Op{number}" for number in range(count))
        operations = [self._operation(self._kind(kinds), name) for name in names]
        text = " ".join([*operations, *self.fragments.values()])
        return Document(text=self._spoilt(text), variables=self.variables, names=names)

    def _kind(self, kinds: Mapping[str, float]) -> str:
        return self.rng.choices([*kinds], weights=[*kinds.values()])[0]

    def _operation(self, kind: str, name: str) -> str:
        self.declared.clear()
        root = {
            "query": self.schema.query_type,
            "mutation": self.schema.mutation_type,
            "subscription": self.schema.subscription_type,
        }[kind]
        assert root is not None
        count = 1 if kind == "subscription" else self.rng.choice((1, 1, 1, 2, 3, 6, 12))
        chosen = " ".join(self._field(root, depth=self.rng.choice((1, 2, 3, 4, 9))) for _ in range(count))
        declared = ", ".join(f"${variable}: {type_}" for variable, type_ in self.declared.items())
        return f"{kind} {name}{f'({declared})' if declared else ''} {{ {chosen} }}"

    def _field(self, kind: GraphQLObjectType, *, depth: int) -> str:
        name: str = self.rng.choice([*kind.fields, TYPENAME])
        if name == TYPENAME:
            return name
        found = kind.fields[name]
        alias = self._alias() if self.rng.random() < (APART if found.args else 1 - APART) else ""
        directive = self.rng.choice(DIRECTIVES) if self._rarely() else ""
        return f"{alias}{name}{self._arguments(found)}{directive}{self._selection(found, depth=depth)}"

    def _selection(self, found: GraphQLField, *, depth: int) -> str:
        inner = get_named_type(found.type)
        if is_leaf_type(inner):
            return " { __typename }" if self._rarely() else ""
        if depth <= 0:
            return " { __typename }"
        if is_abstract_type(inner):
            members = self.schema.get_possible_types(inner)
            chosen = self.rng.sample(members, k=min(len(members), 2))
            parts = (f"... on {each.name} {{ {self._field(each, depth=depth - 1)} }}" for each in chosen)
            return f" {{ {' '.join(parts)} }}"
        assert isinstance(inner, GraphQLObjectType)
        fields = " ".join(self._field(inner, depth=depth - 1) for _ in range(self.rng.choice((1, 2, 3))))
        if self._rarely():
            name = f"F{len(self.fragments)}"
            cycle = f" ...F{self.rng.randint(0, len(self.fragments))}" if self._rarely() else ""
            self.fragments[name] = f"fragment {name} on {inner.name} {{ {fields}{cycle} }}"
            fields = f"...{name} ...{name}"
        return f" {{ {fields} }}"

    def _arguments(self, found: GraphQLField) -> str:
        given = []
        for name, arg in found.args.items():
            if not is_non_null_type(arg.type) and self.rng.random() < LEFT_OUT:
                continue
            made = value(self.rng, arg.type, self.ids)
            if self.rng.random() < 0.6:
                variable = f"v{len(self.variables)}"
                self.variables[variable] = made
                self.declared[variable] = self.rng.choice(WRONG_TYPES) if self._rarely() else str(arg.type)
                given.append(f"{name}: ${variable}")
            else:
                given.append(f"{name}: {literal(made)}")
        return f"({', '.join(given)})" if given else ""

    def _alias(self) -> str:
        """Name a field apart from its like with other arguments; some names stand twice all the same."""
        self.aliases += 1
        return f"a{self.aliases if self.rng.random() < APART else 0}: "

    def _rarely(self) -> bool:
        return self.rng.random() < 0.025

    def _spoilt(self, text: str) -> str:
        """Cut, double or scatter noise into some texts."""
        if self.rng.random() > SPOILT or not text:
            return text
        first, second = sorted(self.rng.randrange(len(text) + 1) for _ in range(2))
        match self.rng.randrange(4):
            case 0:
                return text[:first] + text[second:]
            case 1:
                return text[:second] + text[first:second] * self.rng.choice((1, 2, 50)) + text[second:]
            case 2:
                return text[:first] + "".join(self.rng.choices(NOISE, k=self.rng.choice((1, 5, 60)))) + text[first:]
            case _:
                return self.rng.choice(NONSENSE)
