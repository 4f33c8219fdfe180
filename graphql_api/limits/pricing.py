"""What an operation may bring back at most, worked out once for each document and completed for each request.

Everything that the document alone says is added up when it is prepared; only page sizes and lists that come as
variables are left open. Each fragment is priced once, relative to itself. What `@skip` and `@include` may leave out is
counted. The document has been measured and validated before, so no part is followed more often than it has fields.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    value_from_ast_untyped,
)

from graphql_api.limits import tariff
from graphql_api.limits.measuring import INTROSPECTION
from graphql_api.limits.prices import Given, Plan, Price, Scale, Variables, length, page_size

# What introspection shows is the same for everybody and bounded by graphql-core.
INTROSPECTION_POINTS = 10
BUDGET_FIELD, DRY_RUN = "rateLimit", "dryRun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one operation of a document costs, and whether it is only asked what it would cost."""

    plan: Plan
    dry_runs: tuple[Given, ...]
    defaults: Variables

    def price(self, variables: Variables) -> Price:
        """Price the operation for one request; whatever it is, asking costs one point."""
        price = self.plan.price(self._known(variables))
        return price if price.points else price + Price(points=1)

    def is_dry_run(self, variables: Variables) -> bool:
        """Say whether the request wants the price alone."""
        return any(given.value(self._known(variables)) is True for given in self.dry_runs)

    def _known(self, variables: Variables) -> Variables:
        return {**self.defaults, **variables} if self.defaults else variables


def offers(schema: GraphQLSchema, document: DocumentNode) -> dict[str | None, Offer]:
    """Price every operation of a valid document, by its name."""
    pricing = _Pricing(schema, document)
    found = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return {node.name.value if node.name else None: pricing.offer(node) for node in found}


class _Pricing:
    """One walk over one document that is valid."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._roots = {schema.query_type, schema.mutation_type, schema.subscription_type}
        found = (node for node in document.definitions if isinstance(node, FragmentDefinitionNode))
        self._fragments = {node.name.value: node for node in found}
        self._plans: dict[str, Plan] = {}

    def offer(self, node: OperationDefinitionNode) -> Offer:
        root = self._schema.get_root_type(node.operation)
        asked = self._fields(node.selection_set) if node.operation is OperationType.QUERY else ()
        return Offer(
            plan=self._set(node.selection_set, root),
            dry_runs=tuple(given for field in asked for given in _dry_run(field, self._schema.query_type)),
            defaults=_defaults(node),
        )

    def _fields(self, selections: SelectionSetNode) -> Iterator[FieldNode]:
        """List the fields of a selection's own level."""
        for selection in selections.selections:
            match selection:
                case FieldNode():
                    yield selection
                case InlineFragmentNode():
                    yield from self._fields(selection.selection_set)
                case FragmentSpreadNode():
                    yield from self._fields(self._fragments[selection.name.value].selection_set)

    def _set(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Plan:
        found = selections.selections if selections else ()
        return sum((self._selection(each, parent) for each in found), Plan())

    def _selection(self, selection: SelectionNode, parent: GraphQLNamedType | None) -> Plan:
        match selection:
            case FieldNode():
                return self._field(selection, parent)
            case InlineFragmentNode():
                condition = selection.type_condition
                kind = self._schema.get_type(condition.name.value) if condition else parent
                return self._set(selection.selection_set, kind)
            case FragmentSpreadNode():
                return self._fragment(selection.name.value)
        raise AssertionError("unreachable")

    def _fragment(self, name: str) -> Plan:
        if name not in self._plans:
            node = self._fragments[name]
            self._plans[name] = self._set(node.selection_set, self._schema.get_type(node.type_condition.name.value))
        return self._plans[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Plan:
        name = node.name.value
        if name in INTROSPECTION:
            return Plan(Price(points=INTROSPECTION_POINTS, values=1))
        if name.startswith("__") or not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return Plan(Price(values=1))
        field = parent.fields[name]
        below = self._set(node.selection_set, get_named_type(field.type))
        if scale := _scale(node, field):
            below = (below + Plan(Price(nodes=1))).times(scale)
        return Plan(Price(points=tariff.points(parent, name, field, root=parent in self._roots), values=1)) + below


def _scale(node: FieldNode, field: GraphQLField) -> Scale | None:
    written = _written(node)
    if pages := tariff.paging(field):
        return Scale(page_size, tuple(_given(written.get(name), argument) for name, argument in pages.items()))
    if named := tariff.listing(field):
        name, argument = named
        return Scale(length, (_given(written.get(name), argument),))
    return None


def _written(node: FieldNode) -> dict[str, ValueNode]:
    return {argument.name.value: argument.value for argument in node.arguments or ()}


def _given(node: ValueNode | None, argument: GraphQLArgument) -> Given:
    """Tell what an argument is given; a list with variables in it is as long as it is written."""
    if node is None:
        return Given(argument.default_value)
    if isinstance(node, VariableNode):
        return Given(argument.default_value, node.name.value)
    return Given(value_from_ast_untyped(node))


def _dry_run(node: FieldNode, query: GraphQLObjectType | None) -> Iterator[Given]:
    name = node.name.value
    if query and name == BUDGET_FIELD and (argument := query.fields[name].args.get(DRY_RUN)):
        yield _given(_written(node).get(DRY_RUN), argument)


def _defaults(operation: OperationDefinitionNode) -> Mapping[str, object]:
    """Give the values that an operation's variables have when the request gives none."""
    found = operation.variable_definitions or ()
    return {
        each.variable.name.value: value_from_ast_untyped(each.default_value) for each in found if each.default_value
    }
