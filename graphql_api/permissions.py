"""Gates on fields: what an API key's scope allows, and what a billable has paid for. Every denial looks the same.

A feature or plan gate stands directly above `@strawberry.field`, `.mutation` or `.subscription`, or in
`extensions=[…]`; it prints itself in the schema, runs before everything else of the field, and makes the field
nullable, so that one denial erases no sibling.
"""

from collections.abc import Iterator
from inspect import isawaitable
from typing import Any, ClassVar, Self, overload

import strawberry
from graphql import GraphQLError, OperationType
from strawberry import BasePermission, Info
from strawberry.permission import PermissionExtension
from strawberry.schema_directive import Location
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from graphql_api import denials
from graphql_api.billables import BillableOf, find_billable
from graphql_api.context import Context
from graphql_api.denials import Form
from graphql_api.enums import ApiScope
from graphql_api.requirements import Denial, GuardKind, Requirement, Surface


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requireScope",
    description="An API key needs this scope here; a user needs the right role. ADMIN: administrators alone.",
)
class RequireScopeDirective:
    """What the schema prints above a field that asks for a scope."""

    scope: ApiScope


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requireFeature",
    repeatable=True,
    description=(
        "The field is in the schema for everyone and answers only for a billable that holds the feature. "
        "Hosts apply it; Seatgate's own fields never carry it."
    ),
)
class RequireFeatureDirective:
    """What the schema prints above a field behind a feature."""

    feature: str


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requirePlan",
    repeatable=True,
    description=(
        "The field is in the schema for everyone and answers only for a billable that holds the plan, "
        "named by itself or by a price of it. Hosts apply it; Seatgate's own fields never carry it."
    ),
)
class RequirePlanDirective:
    """What the schema prints above a field behind a plan."""

    plan: str


class RequireScope(BasePermission):
    """Lets pass whoever has shown a credential; what a user may do is decided by role, in the domain."""

    message = "Forbidden"
    error_extensions = {"code": "FORBIDDEN"}  # noqa: RUF012 - Strawberry's own declaration

    def __init__(self, scope: ApiScope) -> None:
        self.scope = scope

    def has_permission(self, source: Any, info: Info[Context, Any], **_: Any) -> bool:  # noqa: ARG002 - Strawberry's signature
        """Say whether the caller may use the field.

        Raises:
            Unauthenticated: there is no credential.
        """
        return info.context.caller.may(self.scope)

    @property
    def schema_directive(self) -> object:
        """The directive that tells of it."""
        return RequireScopeDirective(scope=self.scope)


class Require(BasePermission):
    """Lets pass for whose billable holds what is required. Whatever is missing, the denial is the same."""

    message = "Forbidden"
    error_extensions = {"code": "FORBIDDEN"}  # noqa: RUF012 - Strawberry's own declaration
    kind: ClassVar[GuardKind]

    def __init__(self, required: str, *, billable: BillableOf | None = None) -> None:
        self.requirement = Requirement(guard=self.kind, required=required)
        if billable is not None and not denials.takes(billable, 2):
            raise TypeError("billable is a function of two arguments, the source and info")
        self.billable = billable

    @classmethod
    def of(cls, required: str, *, billable: BillableOf | None = None) -> type[Self]:
        """Make a class for `permission_classes=[…]`; there the author writes the nullable type."""

        class Required(cls):  # type: ignore[valid-type, misc]  # a class made from the class it is called on
            def __init__(self) -> None:
                super().__init__(required, billable=billable)

        return Required

    async def denial(self, source: Any, info: Info[Context, Any]) -> Denial | None:
        """Ask the gate for whoever is to be billed; decisions are never remembered. None lets pass.

        Raises:
            Unauthenticated: there is no credential.
        """
        info.context.caller  # noqa: B018 - refuses the anonymous
        billable = await find_billable(self.billable or info.context.billable, source, info)
        return await self.requirement.denial(info.context.services.entitlements, billable, surface=_surface(info))

    async def has_permission(self, source: Any, info: Info[Context, Any], **_: Any) -> bool:
        """Say whether the gate lets pass.

        Raises:
            Unauthenticated: there is no credential.
        """
        return await self.denial(source, info) is None

    def on_unauthorized(self) -> None:
        """Deny, and say nothing else.

        Raises:
            GraphQLError: always the same.
        """
        raise GraphQLError("Forbidden", extensions={"code": "FORBIDDEN"})


class RequireFeature(Require):
    """Lets pass for whose billable has a feature."""

    kind = GuardKind.FEATURE

    @property
    def schema_directive(self) -> object:
        """The directive that tells of it."""
        return RequireFeatureDirective(feature=self.requirement.required)


class RequirePlan(Require):
    """Lets pass for whose billable holds a plan, named by itself or by a price of it."""

    kind = GuardKind.PLAN

    @property
    def schema_directive(self) -> object:
        """The directive that tells of it."""
        return RequirePlanDirective(plan=self.requirement.required)


class Gate(PermissionExtension):
    """A requirement as a field extension that makes the field nullable and can stand above the field.

    `on_deny`: a function `(info, denial)` gives the field's value to who is denied; every other form is the opaque
    answer, and so is a function that fails.
    """

    def __init__(self, permission: Require, *, on_deny: Form | None = None) -> None:
        super().__init__([permission])
        self.permission = permission
        form = denials.read_form(on_deny)
        self.on_deny = form if callable(form) else None

    def apply(self, field: StrawberryField) -> None:
        """Print the directive and let the field be null."""
        super().apply(field)
        if not isinstance(field.type, StrawberryOptional):
            field.type = StrawberryOptional(field.type)

    async def resolve_async(self, next_: Any, source: Any, info: Info[Context, Any], **arguments: Any) -> Any:
        """Resolve the field for who may pass.

        Raises:
            GraphQLError: always the same, for who may not and gets no value in its place.
        """
        denial = await self.permission.denial(source, info)
        if denial is None:
            value = next_(source, info, **arguments)
            return await value if isawaitable(value) else value
        value = await self.value_for_denied(denial, info)
        return _one_event(value) if denial.surface is Surface.SUBSCRIPTION else value

    async def value_for_denied(self, denial: Denial, info: Info[Context, Any]) -> Any:
        """Give what the host wants to be answered in the field's place.

        Raises:
            GraphQLError: always the same, where the host says nothing or its function fails.
        """
        if self.on_deny is not None:
            answer = await denials.ask(self.on_deny, info, denial)
            if not answer.error:
                return answer.value
        return self.permission.on_unauthorized()

    @overload
    def __call__(self, field: StrawberryField) -> StrawberryField: ...
    @overload
    def __call__(self, field: object) -> Any: ...
    def __call__(self, field: object) -> Any:
        """Put the gate on the field that it stands above.

        Raises:
            TypeError: it stands above something else, where it would guard nothing.
        """
        if not isinstance(field, StrawberryField):
            raise TypeError("a gate stands directly above @strawberry.field, .mutation or .subscription")
        # Strawberry runs the extension listed last first, so the end of the list is outermost.
        field.extensions.append(self)
        return field


def require_feature(feature: str, *, billable: BillableOf | None = None, on_deny: Form | None = None) -> Gate:
    """Gate a field behind a feature: `@require_feature("reports")` above it, or in its `extensions`."""
    return Gate(RequireFeature(feature, billable=billable), on_deny=on_deny)


def require_plan(plan: str, *, billable: BillableOf | None = None, on_deny: Form | None = None) -> Gate:
    """Gate a field behind a plan, named by itself or by a price of it, in the same places as `require_feature`."""
    return Gate(RequirePlan(plan, billable=billable), on_deny=on_deny)


def steps(field: StrawberryField) -> Iterator[object]:
    """List what runs around a field's resolver, outermost first: gates, other permissions one by one, extensions."""
    for extension in reversed(field.extensions):
        permissions = [extension] if isinstance(extension, Gate) else getattr(extension, "permissions", [extension])
        yield from (Gate(step) if isinstance(step, Require) else step for step in permissions)


def _surface(info: Info[Context, Any]) -> Surface:
    """Tell a subscription's own field from the fields of its events and of all other operations."""
    opens = info.operation.operation is OperationType.SUBSCRIPTION and info.path.prev is None
    return Surface.SUBSCRIPTION if opens else Surface.FIELD


async def _one_event(value: Any) -> Any:
    yield value


def require_scope(scope: ApiScope) -> PermissionExtension:
    """Ask for a credential here, and of an API key for this scope."""
    return PermissionExtension([RequireScope(scope)])
