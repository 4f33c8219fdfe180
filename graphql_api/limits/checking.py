"""The extension that lets an operation run: once it is prepared, priced, and paid for out of its caller's bucket."""

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, NameNode, OperationDefinitionNode, SelectionSetNode
from graphql import OperationType as Kind
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from domain.errors import RateLimited
from graphql_api.context import Context
from graphql_api.errors import Code, PublicError
from graphql_api.limits import dry_runs, preparing
from graphql_api.limits.buckets import ASKING, MAX_POINTS, Allowance
from graphql_api.limits.preparing import Prepared
from graphql_api.limits.prices import Price, Variables
from graphql_api.scalars import write_instant

MAX_NODES = 10_000
# Some tenths of a second of completing an answer, in which nobody else is served, and a megabyte of it.
MAX_VALUES = 50_000
# As much as a document could write out.
MAX_VARIABLE_VALUES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What an operation costs and whose bucket pays; a dry run only asks."""

    price: Price
    allowance: Allowance | None
    dry_run: bool


class TooDear(PublicError):
    """An operation could bring back more than one operation may."""

    def __init__(self, *, limit: int, number: int, what: str) -> None:
        super().__init__(f"The operation counts {number} {what}; {limit} are allowed.", Code.QUERY_TOO_COMPLEX)


_receipt: ContextVar[Receipt] = ContextVar("receipt")


def receipt() -> Receipt:
    """Give the receipt of the operation that is running."""
    return _receipt.get()


class Limits(SchemaExtension):
    """Prepares each document once, and refuses what is too dear, ambiguous, or not for anonymous callers.

    Nothing is raised from here: a refusal is an error of the validation, over every transport.
    """

    prepared: Prepared
    receipt: Receipt | None = None
    paid = 0

    def on_parse(self) -> Iterator[None]:
        """Hand over the prepared document, or one that stands in for a text that is refused."""
        context = self.execution_context
        schema = context.schema._schema  # noqa: SLF001 - Strawberry keeps graphql-core's schema nowhere else
        self.prepared = self._prepared(schema, context.query or "")
        context.graphql_document = self.prepared.document or _stand_in(context)
        yield

    def on_validate(self) -> Iterator[None]:
        """Hand over the verdict; an empty list tells Strawberry that validation is done."""
        self.execution_context.pre_execution_errors = list(self.prepared.errors) or self._refusals()
        yield

    def on_execute(self) -> Iterator[None]:
        """Let the operation know its price; a dry run is answered here."""
        if self.receipt is not None:
            _receipt.set(self.receipt)
            if self.receipt.dry_run:
                self.execution_context.result = dry_runs.run(self.execution_context)
        yield

    def get_results(self) -> dict[str, Any]:
        """Tell what the operation costs and what is left, in every answer that was priced."""
        if self.receipt is None or self.receipt.allowance is None:
            return {}
        price, standing = self.receipt.price, self.receipt.allowance.standing()
        return {
            "cost": {
                "requested": price.points,
                "nodeCount": price.nodes,
                "limit": standing.limit,
                "remaining": standing.remaining,
                "resetAt": write_instant(standing.resets_at),
            }
        }

    def _prepared(self, schema: GraphQLSchema, text: str) -> Prepared:
        """Prepare a document for whoever can still pay for being listened to."""
        try:
            self._pay(ASKING)
        except RateLimited as refusal:
            return Prepared(document=None, errors=(_limited(refusal),))
        return preparing.prepare(schema, text, self.execution_context.validation_rules)

    def _refusals(self) -> list[GraphQLError]:
        context, measures = self.execution_context, self.prepared.measures
        named = context._provided_operation_name is not None  # noqa: SLF001 - the public property guesses the first one
        caller = context.context
        if measures.operations > 1 and not named:
            return [PublicError("Name the operation to run: the document holds several.", Code.BAD_USER_INPUT)]
        if measures.introspects and not (isinstance(caller, Context) and not caller.anonymous):
            return [PublicError("Introspection needs a credential.", Code.GRAPHQL_VALIDATION_FAILED)]
        try:
            self._charge(context.variables or {})
        except RateLimited as refusal:
            return [_limited(refusal)]
        except PublicError as refusal:
            return [refusal]
        return []

    def _charge(self, variables: Variables) -> None:
        """Price the operation and take what it costs.

        Raises:
            TooDear: it would cost more than one operation may.
            RateLimited: the caller has not as much left.
        """
        _check_variables(variables)
        offer = self.prepared.offers[self.execution_context.operation_name]
        price, dry_run = offer.price(variables), offer.is_dry_run(variables)
        self.receipt = Receipt(price=price, allowance=self._allowance, dry_run=dry_run)
        for limit, number, what in (
            (MAX_POINTS, price.points, "points"),
            (MAX_NODES, price.nodes, "nodes"),
            (MAX_VALUES, price.values, "values"),
        ):
            if number > limit:
                raise TooDear(limit=limit, number=number, what=what)
        self._pay((ASKING if dry_run else price.points) - self.paid)

    @property
    def _allowance(self) -> Allowance | None:
        caller = self.execution_context.context
        return caller.allowance if isinstance(caller, Context) else None

    def _pay(self, points: int) -> None:
        if self._allowance is not None and points > 0:
            self._allowance.take(points)
            self.paid += points


def _check_variables(variables: Variables) -> None:
    """Refuse variables that hold more than a document could, before they are read one by one.

    Raises:
        TooDear: they do.
    """
    waiting: list[object] = [variables]
    found = 0
    while waiting:
        item = waiting.pop()
        parts = list(item.values()) if isinstance(item, Mapping) else item if isinstance(item, list) else []
        found += len(parts)
        if found > MAX_VARIABLE_VALUES:
            raise TooDear(limit=MAX_VARIABLE_VALUES, number=found, what="values in its variables")
        waiting += [part for part in parts if isinstance(part, dict | list)]


def _limited(refusal: RateLimited) -> GraphQLError:
    return GraphQLError(refusal.message, original_error=refusal)


def _stand_in(context: ExecutionContext) -> DocumentNode:
    """Make an empty document of the name and a kind that are asked for: with it Strawberry goes on to the verdict."""
    name = context._provided_operation_name  # noqa: SLF001 - the public property reads the document
    kind = next(iter(context.allowed_operations))
    operation = OperationDefinitionNode(
        operation=Kind(kind.value),
        name=None if name is None else NameNode(value=name),
        selection_set=SelectionSetNode(selections=()),
    )
    return DocumentNode(definitions=(operation,))
