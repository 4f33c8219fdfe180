"""Types whose docstrings are their descriptions: what a newcomer reads in the code is what the explorer shows."""

import inspect
from collections.abc import Callable
from typing import TypeVar

import strawberry
from strawberry.types.field import StrawberryField
from typing_extensions import dataclass_transform

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field, StrawberryField))
def described(cls: type[T]) -> type[T]:
    """Make an object type; its docstring, and those of its resolvers, become descriptions."""
    return _with_field_docs(strawberry.type(cls, description=_doc(cls)))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field, StrawberryField))
def described_as(name: str) -> Callable[[type[T]], type[T]]:
    """Make an object type under another name than the class has."""
    return lambda cls: _with_field_docs(strawberry.type(cls, name=name, description=_doc(cls)))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field, StrawberryField))
def described_input(cls: type[T]) -> type[T]:
    """Make an input type."""
    return strawberry.input(cls, description=_doc(cls))


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field, StrawberryField))
def described_interface(cls: type[T]) -> type[T]:
    """Make an interface."""
    return _with_field_docs(strawberry.interface(cls, description=_doc(cls)))


def _with_field_docs(cls: type[T]) -> type[T]:
    for field in cls.__strawberry_definition__.fields:  # type: ignore[attr-defined]  # strawberry.type has put it there
        if field.description is None and field.base_resolver is not None:
            field.description = inspect.getdoc(field.base_resolver.wrapped_func)
    return cls


def _doc(cls: type) -> str | None:
    return inspect.cleandoc(cls.__doc__) if cls.__doc__ else None
