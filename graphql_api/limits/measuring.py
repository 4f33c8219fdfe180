"""How large a document may be before it runs. Reads the parsed text alone: no schema, no variables, no database.

The measure is linear in the document: every fragment is measured once, relative to itself, and used wherever it is
spread. It runs before graphql-core's validation, some of whose rules are quadratic.
"""

from collections import Counter
from dataclasses import dataclass, field

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
)

from graphql_api.errors import Code, PublicError

MAX_DEPTH = 12
MAX_ALIASES = 30
MAX_ROOT_FIELDS = 10
MAX_MUTATION_FIELDS = 5
MAX_FRAGMENTS = 30
MAX_REPEATS = 4
MAX_FIELDS = 300
MAX_DIRECTIVES = 50
MAX_NESTING = 64
# Faults in a value are told with the whole value, once each.
MAX_WRITTEN = 200
INTROSPECTION = frozenset({"__schema", "__type"})


class TooComplex(PublicError):
    """A document is over a limit."""

    def __init__(self, *, limit: int, what: str) -> None:
        super().__init__(f"The document has more than {limit} {what}.", Code.QUERY_TOO_COMPLEX)


@dataclass(slots=True)
class Size:
    """What a selection set costs once its fragments are spread. `names` counts the response names of its own level."""

    fields: int = 0
    aliases: int = 0
    depth: int = 0
    names: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What a document within the limits holds beyond its size."""

    operations: int = 0
    introspects: bool = False


def measure(document: DocumentNode) -> Measures:
    """Measure a document.

    Raises:
        TooComplex: it is over a limit.
    """
    measuring = _Measuring(document)
    measuring.run()
    return Measures(operations=len(measuring.operations), introspects=measuring.introspects)


class _Measuring:
    """One walk over one document. Every node is visited once; totals grow only, so the first excess ends the walk."""

    def __init__(self, document: DocumentNode) -> None:
        definitions = document.definitions
        self.operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
        self.fragments = {node.name.value: node for node in definitions if isinstance(node, FragmentDefinitionNode)}
        self.fragment_count = sum(isinstance(node, FragmentDefinitionNode) for node in definitions)
        self.sizes: dict[str, Size] = {}
        self.directives = 0
        self.introspects = False

    def run(self) -> None:
        _at_most(MAX_FRAGMENTS, self.fragment_count, "fragments")
        total = Size()
        for operation in self.operations:
            self._count(operation.directives)
            for variable in operation.variable_definitions or ():
                self._count(variable.directives)
                _measure_value(variable.default_value)
            size = self._set(operation.selection_set, nesting=1)
            _at_most(MAX_DEPTH, size.depth, "levels")
            mutation = operation.operation is OperationType.MUTATION
            _at_most(MAX_MUTATION_FIELDS if mutation else MAX_ROOT_FIELDS, size.names.total(), "root fields")
            _add(total, size, level=False)
        for name in self.fragments:
            self._fragment(name, nesting=1)

    def _set(self, selections: SelectionSetNode | None, *, nesting: int) -> Size:
        _at_most(MAX_NESTING, nesting, "nested selections")
        size = Size()
        for selection in selections.selections if selections else ():
            self._count(selection.directives)
            self._take(size, selection, nesting=nesting + 1)
        return size

    def _take(self, size: Size, selection: SelectionNode, *, nesting: int) -> None:
        match selection:
            case FieldNode():
                _add(size, self._field(selection, nesting=nesting), level=True)
            case InlineFragmentNode():
                _add(size, self._set(selection.selection_set, nesting=nesting), level=True)
            case FragmentSpreadNode():
                _add(size, self._fragment(selection.name.value, nesting=nesting), level=True)

    def _field(self, node: FieldNode, *, nesting: int) -> Size:
        """Measure a field with all below it. Introspection counts as no depth: graphql-core bounds how it recurs."""
        name = node.name.value
        self.introspects |= name in INTROSPECTION
        for argument in node.arguments or ():
            _measure_value(argument.value)
        inner = self._set(node.selection_set, nesting=nesting)
        return Size(
            fields=inner.fields + 1,
            aliases=inner.aliases + (node.alias is not None),
            depth=0 if name.startswith("__") else inner.depth + 1,
            names=Counter([node.alias.value if node.alias else name]),
        )

    def _fragment(self, name: str, *, nesting: int) -> Size:
        """Measure a fragment once. Cycles and missing ones count as nothing: validation refuses both."""
        if name not in self.sizes:
            self.sizes[name] = Size()
            if node := self.fragments.get(name):
                self._count(node.directives)
                self.sizes[name] = self._set(node.selection_set, nesting=nesting)
        return self.sizes[name]

    def _count(self, directives: tuple[DirectiveNode, ...] | None) -> None:
        self.directives += len(directives or ())
        _at_most(MAX_DIRECTIVES, self.directives, "directives")


def _measure_value(value: ValueNode | None) -> None:
    """Count what is written into one value, at any depth."""
    waiting, written = [value], 0
    while waiting:
        match waiting.pop():
            case ListValueNode(values=values):
                parts: list[ValueNode | None] = list(values)
            case ObjectValueNode(fields=fields):
                parts = [field.value for field in fields]
            case _:
                continue
        written += len(parts)
        _at_most(MAX_WRITTEN, written, "values in one argument")
        waiting += parts


def _add(size: Size, more: Size, *, level: bool) -> None:
    """Add to a size what one of its selections costs, with its response names when they are of the same level."""
    size.fields += more.fields
    size.aliases += more.aliases
    size.depth = max(size.depth, more.depth)
    _at_most(MAX_FIELDS, size.fields, "selected fields")
    _at_most(MAX_ALIASES, size.aliases, "aliases")
    if level:
        size.names.update(more.names)
        _at_most(MAX_REPEATS, max((size.names[name] for name in more.names), default=0), "repeats of a response name")


def _at_most(limit: int, number: int, what: str) -> None:
    if number > limit:
        raise TooComplex(limit=limit, what=what)
