"""What a denied gate answers: one opaque answer, unless the host says something else with `on_deny`.

Whatever fails on the way to the host's own answer, the opaque one is given; why somebody was denied is in no body.
"""

import importlib
import inspect
import logging
from collections.abc import Callable
from functools import lru_cache
from inspect import isawaitable
from typing import Any, TypeAlias

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from domain.entitlements import Call, Forbid, OnDeny, Redirect, Respond, read_on_deny
from domain.errors import ConfigError, Contained, contained
from graphql_api.requirements import Denial

log = logging.getLogger(__name__)

Function: TypeAlias = Callable[[Any, Denial], Any]
"""A host's own answer, async or not: `(request, denial)` in and a response out, or `(info, denial)` and a value."""

Form: TypeAlias = str | Redirect | tuple[int, str] | Function
"""How `on_deny` is written: "forbidden", Redirect(path), (status, body), a function, or "module:function"."""

UNCACHED = {"cache-control": "no-store"}
# Importing runs the host's module, which may raise what it likes; these are what modules raise.
UNIMPORTABLE = (
    ImportError,
    AttributeError,
    NameError,
    SyntaxError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def read_form(form: Form | None) -> OnDeny | Function | None:
    """Read how a gate writes its `on_deny`; None when it writes nothing.

    Raises:
        ConfigError: it is none of the forms, a status is not from 400 to 599, a redirect leads nowhere, or a function
            does not take two arguments.
    """
    match form:
        case None:
            return None
        case Redirect(path):
            return read_on_deny({"redirect": path})
        case (status, body):
            return read_on_deny({"status": status, "body": body})
        case str():
            return read_on_deny(form)
    if not takes(form, 2):
        raise ConfigError(["on_deny: a function of two arguments, the request or info and the denial"])
    return form


def takes(function: object, number: int) -> bool:
    """Say whether something is a function that can be called with so many arguments."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*range(number))
    except (TypeError, ValueError):
        return False
    return True


@lru_cache(maxsize=128)
def find_function(call: Call) -> Function:
    """Import what "module:function" names.

    Raises:
        ConfigError: it cannot be imported, or is no function of two arguments.
    """
    name = f"on_deny: {call.module}:{call.function}"
    try:
        found: Function = getattr(importlib.import_module(call.module), call.function)
    except UNIMPORTABLE as error:
        raise ConfigError([f"{name} cannot be imported ({type(error).__name__})"]) from error
    if not takes(found, 2):
        raise ConfigError([f"{name} is no function of two arguments"])
    return found


async def ask(function: Function, about: object, denial: Denial) -> Contained[Any]:
    """Let a host's function answer; what it raises is logged and handed back."""
    return await contained(_asked(function, about, denial), log=log, where="on_deny")


async def respond(form: OnDeny | Function, connection: HTTPConnection, denial: Denial) -> Response:
    """Make the response of a form; the opaque one where a function fails or gives no response."""
    match form:
        case Forbid():
            return forbidden(connection)
        case Redirect(path):
            return RedirectResponse(path, status_code=302, headers=UNCACHED)
        case Respond(status, body):
            return PlainTextResponse(body, status_code=status, headers=UNCACHED)
        case Call():
            answer = await contained(_called(form, connection, denial), log=log, where="on_deny")
        case _:
            answer = await ask(form, connection, denial)
    return answer.value if isinstance(answer.value, Response) else forbidden(connection)


def forbidden(connection: HTTPConnection) -> Response:
    """Make the opaque answer, the same for every cause: JSON for who accepts any kind of it, else plain text."""
    if "json" in ",".join(connection.headers.getlist("accept")).lower():
        return JSONResponse({"error": "forbidden"}, status_code=403, headers=UNCACHED)
    return PlainTextResponse("Forbidden", status_code=403, headers=UNCACHED)


async def _called(call: Call, about: object, denial: Denial) -> Any:
    return await _asked(find_function(call), about, denial)


async def _asked(function: Function, about: object, denial: Denial) -> Any:
    answer = function(about, denial)
    return await answer if isawaitable(answer) else answer
