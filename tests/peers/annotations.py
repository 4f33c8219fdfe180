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

from tests.peers.stripe import Document

# A list and an event of the second API are generic or composed, so their annotations alone do not say it.
LISTED = {"object", "data", "has_more", "url"}


def faults(document: Document) -> list[str]:
    """Name what the library's classes do not know, miss, or know with another type; by the document's own `object`."""
    return list(_object(document, _class_of(document), document["object"]))


def _class_of(document: Document) -> type[StripeObject]:
    mode: Any = "V2" if document["object"].startswith("v2.") else "V1"
    found = get_object_class(mode, document["object"])
    assert found is not StripeObject, document["object"]
    return found


def _object(document: Any, kind: type[StripeObject], path: str) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{path}: {document!r} is no {kind.__name__}"
        return
    if document.get("deleted"):
        document = {"deleted": True} | document
        expected = {name: hint for name, hint in hints(kind).items() if name in document}
    else:
        expected = hints(kind)
    yield from (f"{path}.{name}: unknown" for name in document.keys() - expected.keys())
    for name, hint in expected.items():
        if name in document:
            yield from _value(document[name], hint, f"{path}.{name}")
        elif type(None) not in get_args(hint):
            yield f"{path}.{name}: missing"


def _value(value: Any, hint: Any, path: str) -> Iterator[str]:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return
    if origin in {Union, types.UnionType}:
        yield from _any_of(value, arguments, path)
    elif origin is list:
        if not isinstance(value, list):
            yield f"{path}: {value!r} is no list"
            return
        for place, member in enumerate(value):
            yield from _value(member, arguments[0], f"{path}[{place}]")
    elif origin is Literal:
        if value not in arguments:
            yield f"{path}: {value!r} is none of {arguments}"
    elif origin is stripe.ListObject:
        yield from (f"{path}.{name}: not of a list" for name in LISTED ^ value.keys())
        for place, member in enumerate(value["data"]):
            yield from _value(member, arguments[0], f"{path}.data[{place}]")
    elif origin is not None:  # UntypedStripeObject: metadata and what an event carries
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no object"
    elif issubclass(hint, StripeObject):
        yield from _object(value, hint, path)
    elif not _plain(value, hint):
        yield f"{path}: {value!r} is no {hint.__name__}"


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
def hints(kind: type[StripeObject]) -> dict[str, Any]:
    """Give the annotations of a class, whose names its module imports for type checkers alone."""
    module = sys.modules[kind.__module__]
    names = dict(vars(module))
    for statement in ast.parse(Path(str(module.__file__)).read_text()).body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(statement.body, []), "type checking", "exec"), names)
    outer: Any = module
    for part in kind.__qualname__.split("."):
        outer = vars(outer)[part]
        names |= {name: member for name, member in vars(outer).items() if isinstance(member, type)}
    declared = {name: hint for name, hint in vars(kind).get("__annotations__", {}).items() if name[0] != "_"}
    declared.pop("OBJECT_NAME", None)
    return get_type_hints(types.SimpleNamespace(__annotations__=declared), globalns=names)
