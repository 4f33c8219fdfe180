"""Operations that are only asked what they would cost: one field answers, and every other one is null, unresolved."""

from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, execute
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types import ExecutionContext

from graphql_api.limits.pricing import BUDGET_FIELD

ANSWERING = frozenset({BUDGET_FIELD, "__typename"})


class _Priced(StrawberryGraphQLCoreExecutionContext):
    """Executes nothing at the root but the budget."""

    def execute_field(self, parent_type: Any, source: Any, field_details_list: Any, path: Any, *more: Any) -> Any:
        """Leave every other field of the root null, whatever its type says."""
        if path.prev is None and field_details_list[0].node.name.value not in ANSWERING:
            return None
        return super().execute_field(parent_type, source, field_details_list, path, *more)


def run(context: ExecutionContext) -> ExecutionResult:
    """Answer a dry run. The budget is told from memory, so nothing is awaited."""
    assert context.graphql_document
    result = execute(
        context.schema._schema,  # noqa: SLF001 - Strawberry keeps graphql-core's schema nowhere else
        context.graphql_document,
        variable_values=context.variables,
        operation_name=context.operation_name,
        context_value=context.context,
        executor_class=_Priced,
    )
    assert not isawaitable(result)
    return result
