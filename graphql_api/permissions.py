"""Gates on fields: what an API key's scope allows, and what a billable has paid for. Every denial looks the same.

A feature gate stands directly above `@strawberry.field` or `.mutation`, or in `extensions=[…]`; it prints itself in the
schema, runs before everything else of the field, and makes the field nullable, so that one denial erases no sibling.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, overload

import strawberry
from graphql import GraphQLError
from strawberry import BasePermission, Info
from strawberry.permission import PermissionExtension
from strawberry.schema_directive import Location
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from domain.billing import BillingSubscription, Customer
from domain.entitlements import Billable
from domain.errors import contained
from domain.organizations import Organization
from graphql_api import loaders
from graphql_api.context import Context
from graphql_api.enums import ApiScope

log = logging.getLogger(__name__)

BillableOf = Callable[[Any, Info[Context, Any]], "Billable | Awaitable[Billable | None] | None"]
"""Tells whose entitlements count for a field: `(source, info)` in, a billable or None out. Never an argument."""

PARENTS = (Organization, Customer, BillingSubscription)
"""The rows that are billed for the fields of their own objects; each was loaded through the caller's scope."""


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
        caller = info.context.caller
        return caller.administrator or self.scope is not ApiScope.ADMIN

    @property
    def schema_directive(self) -> object:
        """The directive that tells of it."""
        return RequireScopeDirective(scope=self.scope)


class RequireFeature(BasePermission):
    """Lets pass for whose billable holds a feature. Whatever is missing, the denial is the same and tells nothing."""

    message = "Forbidden"
    error_extensions = {"code": "FORBIDDEN"}  # noqa: RUF012 - Strawberry's own declaration
    feature: str

    def __init__(self, feature: str, *, billable: BillableOf | None = None) -> None:
        self.feature = feature
        self.billable = billable

    @classmethod
    def of(cls, feature: str, *, billable: BillableOf | None = None) -> type["RequireFeature"]:
        """Make a class for `permission_classes=[…]`; there the author writes the nullable type."""

        class Required(cls):  # type: ignore[valid-type, misc]  # a class made from the class it is called on
            def __init__(self) -> None:
                super().__init__(feature, billable=billable)

        return Required

    async def has_permission(self, source: Any, info: Info[Context, Any], **_: Any) -> bool:
        """Ask the gate for whoever is to be billed; decisions are never remembered.

        Raises:
            Unauthenticated: there is no credential.
        """
        info.context.caller  # noqa: B018 - refuses the anonymous
        billable = await _billable(self.billable or info.context.billable, source, info)
        return await info.context.services.entitlements.entitled(billable, self.feature, surface="field")

    def on_unauthorized(self) -> None:
        """Deny, and say nothing else.

        Raises:
            GraphQLError: always the same.
        """
        raise GraphQLError("Forbidden", extensions={"code": "FORBIDDEN"})

    @property
    def schema_directive(self) -> object:
        """The directive that tells of it."""
        return RequireFeatureDirective(feature=self.feature)


async def _billable(asked: BillableOf | None, source: Any, info: Info[Context, Any]) -> Billable | None:
    """Find whose entitlements count, once per operation for each function and parent; a failure is nobody's.

    The function asked for decides; without one the parent object that the caller could see, else the caller's user.
    """
    row = getattr(source, "row", None)
    parent = row.id if isinstance(row, PARENTS) else id(source)
    known = loaders.current().billables
    if (asked, parent) not in known:
        finding = asyncio.ensure_future(contained(_find(asked, row, source, info), log=log, where="billable"))
        # The source is kept, so that its identity stays its own for as long as the operation lasts.
        known[asked, parent] = finding, source
    return (await known[asked, parent][0]).value


async def _find(asked: BillableOf | None, row: object, source: Any, info: Info[Context, Any]) -> Billable | None:
    if asked is not None:
        found = asked(source, info)
        return await found if isawaitable(found) else found
    if isinstance(row, PARENTS):
        return row
    user_id = info.context.caller.user_id
    return None if user_id is None else await loaders.current().users.load(user_id)


class Gate(PermissionExtension):
    """A permission as a field extension that also makes the field nullable and can stand above the field."""

    def apply(self, field: StrawberryField) -> None:
        """Print the directive and let the field be null."""
        super().apply(field)
        if not isinstance(field.type, StrawberryOptional):
            field.type = StrawberryOptional(field.type)

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


def require_feature(feature: str, *, billable: BillableOf | None = None) -> Gate:
    """Gate a field behind a feature: `@require_feature("reports")` above it, or in its `extensions`."""
    return Gate([RequireFeature(feature, billable=billable)])


def require_scope(scope: ApiScope) -> PermissionExtension:
    """Ask for a credential here, and of an API key for this scope."""
    return PermissionExtension([RequireScope(scope)])
