"""What a document may cost before it runs. Reads the parsed text alone: no schema, no variables, no database.

The measure is linear in the document: every fragment is measured once, relative to itself, and used wherever it is
spread. It runs before graphql-core's validation, some of whose rules are quadratic.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from graphql import (
    ASTValidationRule,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    Token,
    parse,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from graphql_api.context import Context
from graphql_api.errors import Code, PublicError, worded

MAX_TOKENS = 2000
MAX_DEPTH = 12
MAX_ALIASES = 30
MAX_ROOT_FIELDS = 10
MAX_MUTATION_FIELDS = 5
MAX_FRAGMENTS = 30
MAX_REPEATS = 4
MAX_FIELDS = 300
MAX_DIRECTIVES = 50
MAX_NESTING = 64
KEPT_DOCUMENTS = 128
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A document that was parsed, measured and validated; it may run as it is when `errors` is empty."""

    document: DocumentNode
    measures: Measures = Measures()
    errors: tuple[GraphQLError, ...] = ()


class _Unfit(Exception):
    """Carries a refused document past the cache, which keeps good ones only."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        self.prepared = prepared


class Limits(SchemaExtension):
    """Prepares each document once, and refuses what is too dear, ambiguous, or not for anonymous callers.

    Documents are kept by their text. Strawberry's own caches hash the whole parsed document on every request.
    """

    prepared: Prepared

    def on_parse(self) -> Iterator[None]:
        """Hand over the prepared document; a text that cannot be parsed raises graphql-core's syntax error."""
        context = self.execution_context
        self.prepared = prepare(
            context.schema._schema,  # noqa: SLF001 - Strawberry keeps graphql-core's schema nowhere else
            context.query or "",
            context.validation_rules,
        )
        context.graphql_document = self.prepared.document
        yield

    def on_validate(self) -> Iterator[None]:
        """Hand over the verdict; an empty list tells Strawberry that validation is done."""
        self.execution_context.pre_execution_errors = list(self.prepared.errors) or self._refusals()
        yield

    def _refusals(self) -> list[GraphQLError]:
        context, measures = self.execution_context, self.prepared.measures
        named = context._provided_operation_name is not None  # noqa: SLF001 - the public property guesses the first one
        caller = context.context
        if measures.operations > 1 and not named:
            return [PublicError("Name the operation to run: the document holds several.", Code.BAD_USER_INPUT)]
        if measures.introspects and not (isinstance(caller, Context) and not caller.anonymous):
            return [PublicError("Introspection needs a credential.", Code.GRAPHQL_VALIDATION_FAILED)]
        return []


def prepare(schema: GraphQLSchema, text: str, rules: tuple[type[ASTValidationRule], ...]) -> Prepared:
    """Parse, measure and validate a document, or hand back the one prepared earlier. Refused ones are never kept."""
    try:
        return _fit(schema, text, rules)
    except _Unfit as unfit:
        return unfit.prepared


@lru_cache(maxsize=KEPT_DOCUMENTS)
def _fit(schema: GraphQLSchema, text: str, rules: tuple[type[ASTValidationRule], ...]) -> Prepared:
    document = parse(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_TOKENS)
    try:
        _refuse_nul(document, text)
        measures = measure(document)
    except PublicError as refusal:
        raise _Unfit(Prepared(document=document, errors=(refusal,))) from None
    if errors := validate_document(schema, document, rules):
        found = tuple(worded(error, Code.GRAPHQL_VALIDATION_FAILED) for error in errors)
        raise _Unfit(Prepared(document=document, errors=found))
    return Prepared(document=document, measures=measures)


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


def _refuse_nul(document: DocumentNode, text: str) -> None:
    """Refuse NUL inside a string literal: databases cannot hold it, and only an escape can bring it this far."""
    if "\\u" not in text and "\0" not in text:
        return
    token: Token | None = document.loc.start_token if document.loc else None
    while token:
        if "\0" in (token.value or ""):
            raise PublicError("A string holds a NUL character.", Code.BAD_USER_INPUT)
        token = token.next
