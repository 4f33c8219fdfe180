"""What leaves Seatgate as a GraphQL error: a code of a closed list and a text that we wrote, or "Internal error".

The mask is the last step of every operation, so that nothing that runs before it (resolvers, permissions, scalars,
extension hooks) can get a text past it. Tracebacks go to the log, once, and nowhere else.
"""

import logging
import uuid
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from enum import StrEnum
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLSyntaxError, VariableDefinitionNode
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from domain.errors import (
    DomainError,
    Forbidden,
    InvalidCursor,
    InvalidInput,
    RateLimited,
    Unauthenticated,
    Unavailable,
    contained,
)
from graphql_api.context import Context

log = logging.getLogger(__name__)

INTERNAL_MESSAGE = "Internal error"
UNREADABLE_MESSAGE = "A value cannot be read."
SUGGESTION = " Did you mean"
# graphql-core repeats what it complains of, however long that is.
LONGEST_MESSAGE = 400
PARSER_GAVE_UP = "Parsing aborted."


class Code(StrEnum):
    """Everything that `extensions.code` of a top-level error can be."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    INVALID_CURSOR = "INVALID_CURSOR"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    RATE_LIMITED = "RATE_LIMITED"
    TIMEOUT = "TIMEOUT"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


class PublicError(GraphQLError):
    """A refusal whose text is written for the caller. `code` is one of the closed list."""

    def __init__(
        self, message: str, code: Code, *, at: GraphQLError | None = None, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(message, nodes=at.nodes if at else None)
        self.code = code
        self.retry_after_seconds = retry_after_seconds


class OperationNotAllowed(PublicError):
    """The operation's kind is not served over the method or protocol that was used."""


TOP_LEVEL: tuple[tuple[type[DomainError], Code], ...] = (
    (Unauthenticated, Code.UNAUTHENTICATED),
    (Forbidden, Code.FORBIDDEN),
    (Unavailable, Code.UNAVAILABLE),
    (InvalidInput, Code.BAD_USER_INPUT),
    (InvalidCursor, Code.INVALID_CURSOR),
    (RateLimited, Code.RATE_LIMITED),
)
NOT_RUN = (MissingQueryError, CannotGetOperationTypeError, InvalidOperationTypeError)


class MaskingSchema(strawberry.Schema):
    """A schema whose answers hold only errors that are meant for the caller, whatever happened on the way."""

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Say nothing here: `execute` writes one line per unexpected error when all is known."""

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """Run one operation; refusals and failures become errors with a code, and nothing is raised."""
        request_id, anonymous = _caller(context_value)
        work = self._attempt(
            query,
            variable_values,
            context_value,
            root_value,
            operation_name,
            allowed_operation_types,
            operation_extensions,
        )
        outcome = await contained(work, log=log, where=f"request {request_id}")
        result = outcome.value or _failed()
        return _masked(result, request_id=request_id, anonymous=anonymous)

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> AsyncGenerator[Any, None]:
        """Run one operation, a subscription for one, and give its results; each is masked, and nothing is raised."""
        results = await super().stream(
            query,
            variable_values,
            context_value,
            root_value,
            operation_name,
            operation_extensions,
            allowed_operation_types,
        )
        return _masked_results(results, context_value)

    async def _attempt(self, *operation: Any) -> ExecutionResult:
        """Run the operation and turn the three exceptions of Strawberry's own into refusals."""
        try:
            return await super().execute(*operation)
        except NOT_RUN as error:
            return PreExecutionError(data=None, errors=[_not_run(error)], extensions=None)


def worded(error: GraphQLError, code: Code) -> GraphQLError:
    """Give an error that graphql-core wrote a code, and keep its text unless a scalar's exception speaks in it.

    A ValueError or TypeError says that the caller's value is bad, in words that may not be for the caller. Any other
    exception is a fault of ours: the error comes back as it was, and the mask will hide it.
    """
    cause = _cause(error)
    if cause is None or isinstance(cause, InvalidInput):
        return PublicError(error.message, code, at=error)
    if isinstance(cause, ValueError | TypeError):
        return PublicError(UNREADABLE_MESSAGE, code, at=error)
    return error


def _masked(result: ExecutionResult, *, request_id: str, anonymous: bool) -> ExecutionResult:
    if not result.errors:
        return result
    executed = not isinstance(result, PreExecutionError)
    refusals = [_refusal(error, executed=executed) for error in result.errors]
    _log(result.errors, refusals, request_id=request_id)
    result.errors = [
        _public(error, refusal, request_id=request_id, anonymous=anonymous)
        for error, refusal in zip(result.errors, refusals, strict=True)
    ]
    return result


async def _masked_results(results: AsyncGenerator[Any, None], context: object) -> AsyncGenerator[Any, None]:
    """Mask results one by one; whatever is raised between two of them becomes the last one."""
    request_id, anonymous = _caller(context)
    async with aclosing(results):
        while True:
            outcome = await contained(_next(results), log=log, where=f"request {request_id}")
            result = _failed() if outcome.error else outcome.value
            if result is None:
                return
            yield _masked(result, request_id=request_id, anonymous=anonymous)
            if outcome.error:
                return


async def _next(results: AsyncGenerator[Any, None]) -> ExecutionResult | None:
    """Give the next result, None after the last; a document that cannot be read is raised by the hook that reads it."""
    try:
        result: ExecutionResult | None = await anext(results, None)
    except GraphQLError as error:
        return PreExecutionError(data=None, errors=[error], extensions=None)
    return result


def _failed() -> ExecutionResult:
    error = PublicError(INTERNAL_MESSAGE, Code.INTERNAL)
    return PreExecutionError(data=None, errors=[error], extensions=None)


def _not_run(error: Exception) -> PublicError:
    """Word the exceptions by which Strawberry says that it runs nothing."""
    if isinstance(error, InvalidOperationTypeError):
        return OperationNotAllowed(f"A {error.operation_type.value} is not served this way.", Code.BAD_USER_INPUT)
    if isinstance(error, CannotGetOperationTypeError):
        return PublicError("The document holds no such operation.", Code.BAD_USER_INPUT)
    return PublicError("The request holds no query.", Code.BAD_USER_INPUT)


def _refusal(error: GraphQLError, *, executed: bool) -> PublicError | None:
    """Find what may be said of an error; None when it is nothing of ours."""
    if isinstance(error, GraphQLSyntaxError):
        too_much = error.message.endswith(PARSER_GAVE_UP)
        return PublicError(error.message, Code.QUERY_TOO_COMPLEX if too_much else Code.GRAPHQL_PARSE_FAILED)
    if found := next((link for link in _chain(error) if isinstance(link, PublicError)), None):
        return found
    if (error.extensions or {}).get("code") == Code.FORBIDDEN:
        return PublicError("Forbidden", Code.FORBIDDEN)
    if known := _known(_cause(error)):
        return known
    if (executed or _is_about_a_variable(error)) and _is_bad_value(error):
        complaint = worded(error, Code.BAD_USER_INPUT)
        return complaint if isinstance(complaint, PublicError) else None
    return None


def _known(cause: Exception | None) -> PublicError | None:
    """Word an exception of the domain's, or of Strawberry's own."""
    if isinstance(cause, NOT_RUN):
        return _not_run(cause)
    for kind, code in TOP_LEVEL:
        if isinstance(cause, kind):
            later = cause.retry_after_seconds if isinstance(cause, RateLimited) else None
            return PublicError(cause.message, code, retry_after_seconds=later)
    return None


def _is_bad_value(error: GraphQLError) -> bool:
    """Tell graphql-core's complaints about variables and arguments from what resolvers raise.

    An executed operation has an error without a path only when its variables could not be read. An argument that
    cannot be read is the one error inside a field that knows its place in the document before it is caught.
    """
    original = error.original_error
    return error.path is None or (type(original) is GraphQLError and original.path is None and bool(original.nodes))


def _is_about_a_variable(error: GraphQLError) -> bool:
    """Tell what graphql-core says of a subscription's variables; Strawberry takes that for an operation never begun."""
    return bool(error.nodes) and all(isinstance(node, VariableDefinitionNode) for node in error.nodes or ())


def _public(error: GraphQLError, refusal: PublicError | None, *, request_id: str, anonymous: bool) -> GraphQLError:
    code, message = (refusal.code, refusal.message) if refusal else (Code.INTERNAL, INTERNAL_MESSAGE)
    extensions: dict[str, object] = {"code": str(code)}
    if code is not Code.FORBIDDEN:
        extensions["requestId"] = request_id
    if refusal and refusal.retry_after_seconds is not None:
        extensions["retryAfterSeconds"] = refusal.retry_after_seconds
    told = message.partition(SUGGESTION)[0] if anonymous else message
    return GraphQLError(
        told if len(told) <= LONGEST_MESSAGE else f"{told[:LONGEST_MESSAGE]}…",
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=refusal,
        extensions=extensions,
    )


def _log(errors: list[GraphQLError], refusals: list[PublicError | None], *, request_id: str) -> None:
    """Write a line with a traceback per unexpected exception, and one short line for all that was refused."""
    hidden = [_cause(error) or error for error, refusal in zip(errors, refusals, strict=True) if refusal is None]
    for cause in {id(cause): cause for cause in hidden}.values():
        log.error("request %s failed: %s", request_id, type(cause).__name__, exc_info=cause)
    codes = sorted({refusal.code for refusal in refusals if refusal} - {Code.INTERNAL})
    if codes:
        log.info("request %s refused: %s", request_id, ", ".join(codes))


def _chain(error: GraphQLError) -> list[Exception]:
    """List an error and what it wraps, outermost first."""
    links: list[Exception] = [error]
    while isinstance(link := links[-1], GraphQLError) and link.original_error is not None:
        links.append(link.original_error)
    return links


def _cause(error: GraphQLError) -> Exception | None:
    """Find the exception behind an error that is no GraphQL error itself."""
    last = _chain(error)[-1]
    return None if isinstance(last, GraphQLError) else last


def _caller(context: object) -> tuple[str, bool]:
    """Say which request this is and whether it is anonymous; what is not our context is taken to be."""
    return (context.request_id, context.anonymous) if isinstance(context, Context) else (uuid.uuid4().hex, True)
