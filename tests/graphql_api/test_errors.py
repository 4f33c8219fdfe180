"""What an error may say: a code and a text of ours, whatever was raised and wherever."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension

from domain.errors import Unavailable
from tests.graphql_api.toy import DSN, ask, codes, context_of, schema


class BeforeOperation(SchemaExtension):
    def on_operation(self) -> Iterator[None]:
        raise RuntimeError(DSN)
        yield


class AfterOperation(SchemaExtension):
    async def on_operation(self) -> AsyncIterator[None]:
        yield
        raise RuntimeError(DSN)


class BeforeParse(SchemaExtension):
    def on_parse(self) -> Iterator[None]:
        raise RuntimeError(DSN)
        yield


class AfterParse(SchemaExtension):
    def on_parse(self) -> Iterator[None]:
        yield
        raise RuntimeError(DSN)


class BeforeValidate(SchemaExtension):
    def on_validate(self) -> Iterator[None]:
        raise RuntimeError(DSN)
        yield


class SpeakingHook(SchemaExtension):
    def on_validate(self) -> Iterator[None]:
        raise GraphQLError(DSN)
        yield


class BeforeExecute(SchemaExtension):
    def on_execute(self) -> Iterator[None]:
        raise RuntimeError(DSN)
        yield


class AfterExecute(SchemaExtension):
    def on_execute(self) -> Iterator[None]:
        yield
        raise GraphQLError(DSN)


class InResults(SchemaExtension):
    def get_results(self) -> dict[str, Any]:
        raise RuntimeError(DSN)


class Away(SchemaExtension):
    def on_operation(self) -> Iterator[None]:
        raise Unavailable
        yield


HOOKS = [
    BeforeOperation,
    AfterOperation,
    BeforeParse,
    AfterParse,
    BeforeValidate,
    SpeakingHook,
    BeforeExecute,
    AfterExecute,
    InResults,
]


@pytest.mark.parametrize(
    "field",
    [
        'fail(what: "unexpected")',
        'fail(what: "graphql")',
        'fail(what: "member")',
        "requiredFailure",
        "broken",
    ],
)
async def test_a_resolver_or_permission_that_fails_says_nothing(field: str) -> None:
    response = await ask(f"{{ {field} }}")

    (error,) = response.json()["errors"]
    assert error["message"] == "Internal error"
    assert error["extensions"] == {"code": "INTERNAL", "requestId": response.headers["x-request-id"]}
    assert "hunter2" not in response.text


@pytest.mark.parametrize("hook", HOOKS)
async def test_an_extension_hook_that_fails_says_nothing(hook: Callable[[], SchemaExtension]) -> None:
    response = await ask("{ name }", toy=schema(hook))

    (error,) = response.json()["errors"]
    assert (response.status_code, error["message"]) == (500, "Internal error")
    assert codes(response) == ["INTERNAL"]
    assert "data" not in response.json()
    assert "hunter2" not in response.text


async def test_an_extension_hook_may_refuse_with_an_error_of_the_domain() -> None:
    response = await ask("{ name }", toy=schema(Away))

    assert (response.status_code, codes(response)) == (503, ["UNAVAILABLE"])
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("document", "variables", "code"),
    [
        ('{ buggy(value: "x") }', {}, "INTERNAL"),
        ("query($v: Buggy!) { buggy(value: $v) }", {"v": "x"}, "INTERNAL"),
        ('{ picky(value: "x") }', {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query($v: Picky!) { picky(value: $v) }", {"v": "x"}, "BAD_USER_INPUT"),
        ("query($v: [Picky!]) { name }", {"v": "x"}, "GRAPHQL_VALIDATION_FAILED"),
    ],
)
async def test_a_scalar_that_fails_does_not_speak(document: str, variables: dict[str, Any], code: str) -> None:
    response = await ask(document, **variables)

    assert codes(response) == [code]
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    ("what", "code", "message"),
    [
        ("unauthenticated", "UNAUTHENTICATED", "A valid credential is required."),
        ("unavailable", "UNAVAILABLE", "The service cannot answer right now."),
        ("input", "BAD_USER_INPUT", "The slug is taken."),
        ("cursor", "INVALID_CURSOR", "This cursor is not valid here."),
        ("public", "TIMEOUT", "Too slow."),
    ],
)
async def test_an_error_of_the_domain_has_its_code_text_and_request_id(what: str, code: str, message: str) -> None:
    response = await ask("query($what: String!) { fail(what: $what) }", what=what)

    (error,) = response.json()["errors"]
    assert error["message"] == message
    assert error["path"] == ["fail"]
    assert error["extensions"] == {"code": code, "requestId": response.headers["x-request-id"]}


@pytest.mark.parametrize("field", ["denied", 'fail(what: "forbidden")'])
async def test_a_denial_says_forbidden_and_nothing_else(field: str) -> None:
    response = await ask(f"{{ {field} }}")

    (error,) = response.json()["errors"]
    assert error["message"] == "Forbidden"
    assert error["extensions"] == {"code": "FORBIDDEN"}


async def test_a_null_for_an_argument_with_a_default_is_the_callers_fault() -> None:
    response = await ask("query($n: Int = 1) { bounded(count: $n) }", n=None)

    assert codes(response) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{ nam }", {}),
        ("{ item }", {}),
        ("{ bounded(cout: 1) }", {}),
        ("{ bounded(color: RE) }", {}),
        ("query($c: Color) { bounded(color: $c) }", {"c": "RE"}),
    ],
)
async def test_suggestions_are_for_callers_with_a_credential(document: str, variables: dict[str, Any]) -> None:
    known = await ask(document, **variables)
    anonymous = await ask(document, signed=False, **variables)

    assert "Did you mean" in known.text
    assert "Did you mean" not in anonymous.text
    assert codes(known) == codes(anonymous)


async def test_each_unexpected_exception_is_one_log_line_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    response = await ask('{ a: fail(what: "unexpected") b: fail(what: "unexpected") denied broken }')

    lines = [record for record in caplog.records if record.name == "graphql_api.errors"]
    assert [record.levelname for record in lines] == ["ERROR", "ERROR", "INFO"]
    assert all(response.headers["x-request-id"] in record.getMessage() for record in lines)
    assert lines[0].exc_info
    assert lines[2].getMessage().endswith("refused: FORBIDDEN")
    assert not [record for record in caplog.records if record.name.startswith("strawberry")]


@pytest.mark.parametrize("hook", [BeforeOperation, InResults])
async def test_a_failing_hook_is_one_log_line(
    caplog: pytest.LogCaptureFixture, hook: Callable[[], SchemaExtension]
) -> None:
    caplog.set_level(logging.INFO)

    await ask("{ name }", toy=schema(hook))

    assert len([record for record in caplog.records if record.name == "graphql_api.errors"]) == 1


async def test_an_expected_refusal_is_one_line_without_the_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    await ask('{ secretWord(a: "hunter2") otherWord }')

    (line,) = [record for record in caplog.records if record.name == "graphql_api.errors"]
    assert (line.levelname, line.exc_info) == ("INFO", None)
    assert "secretWord" not in line.getMessage()


async def test_an_operation_outside_http_is_masked_as_well() -> None:
    result = await schema().execute('{ fail(what: "unexpected") }')
    context = context_of("r1")
    known = await schema().execute("{ nothing }", context_value=context)

    assert [error.message for error in result.errors or ()] == ["Internal error"]
    assert [error.extensions for error in known.errors or ()] == [
        {"code": "GRAPHQL_VALIDATION_FAILED", "requestId": "r1"}
    ]
