"""The official library's typed classes as a contract: every field known, none missing, every value of its type."""

import ast
import functools
import sys
import types
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import stripe
from stripe import StripeObject
from stripe._object_classes import get_object_class
from stripe.events._event_classes import get_v2_event_class

from tests.peers.stripe import Document

LISTED = {"object", "data", "has_more", "url"}


def faults(document: Document) -> list[str]:
    """Name what the library's classes do not know, miss, or know with another type; by the document's own `object`.

    A list is judged by its members.
    """
    kind = document["object"]
    if kind == "list":
        return [fault for member in document["data"] for fault in faults(member)]
    found = get_v2_event_class(document["type"]) if kind == "v2.core.event" else get_object_class("V1", kind)
    assert found is not StripeObject, kind
    return list(_object(document, found, kind))


def _object(document: Any, kind: type[StripeObject], path: str) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{path}: {document!r} is no {kind.__name__}"
        return
    expected = hints(kind.__module__, kind.__qualname__)
    yield from (f"{path}.{name}: unknown" for name in document.keys() - expected.keys())
    for name, hint in expected.items():
        if name in document:
            yield from _value(document[name], hint, f"{path}.{name}")
        elif type(None) not in get_args(hint) and not document.get("deleted"):
            yield f"{path}.{name}: missing"


def _value(value: Any, hint: Any, path: str) -> Iterator[str]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        yield from _any_of(value, arguments, path)
    elif origin is Literal:
        yield from () if value in arguments else (f"{path}: {value!r} is none of {arguments}",)
    elif origin is list:
        yield from _list(value, arguments[0], path)
    elif origin is stripe.ListObject:
        yield from (f"{path}.{name}: not of a list" for name in LISTED ^ value.keys())
        yield from _list(value["data"], arguments[0], f"{path}.data")
    elif origin is not None:  # metadata and what an event carries
        yield from () if isinstance(value, dict) else (f"{path}: {value!r} is no object",)
    elif issubclass(hint, StripeObject):
        yield from _object(value, hint, path)
    elif not _plain(value, hint):
        yield f"{path}: {value!r} is no {hint.__name__}"


def _list(value: Any, hint: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is no list"
        return
    for place, member in enumerate(value):
        yield from _value(member, hint, f"{path}[{place}]")


def _any_of(value: Any, arguments: tuple[Any, ...], path: str) -> Iterator[str]:
    if value is None and type(None) in arguments:
        return
    tried = [list(_value(value, each, path)) for each in arguments if each is not type(None)]
    if not any(not found for found in tried):
        # The one that got furthest says most.
        yield from max(tried, key=lambda found: max(len(fault.split(": ")[0]) for fault in found))


def _plain(value: Any, hint: type) -> bool:
    if hint is Decimal:
        return isinstance(value, str) and value == str(Decimal(value))
    if hint is float:
        return isinstance(value, int | float)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


@functools.cache
def hints(module_name: str, qualname: str) -> dict[str, Any]:
    """Give the annotations of a class and its parents, whose names their modules import for type checkers alone."""
    module = sys.modules[module_name]
    names = dict(vars(module))
    for statement in ast.parse(Path(str(module.__file__)).read_text()).body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(statement.body, []), "type checking", "exec"), names)
    kind: Any = module
    for part in qualname.split("."):
        kind = vars(kind)[part]
        names |= {name: member for name, member in vars(kind).items() if isinstance(member, type)}
    inherited: dict[str, Any] = {}
    for parent in kind.__bases__:
        if issubclass(parent, StripeObject) and parent is not StripeObject:
            inherited |= hints(parent.__module__, parent.__qualname__)
    own = {name: hint for name, hint in vars(kind).get("__annotations__", {}).items() if _emitted(name)}
    return inherited | get_type_hints(types.SimpleNamespace(__annotations__=own), globalns=names)


def _emitted(name: str) -> bool:
    return name[0] != "_" and name != "OBJECT_NAME"
