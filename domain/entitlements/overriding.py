"""Granting and revoking overrides: an administrator's word, for a reason, until an instant or until it is taken back.

Nothing is granted that the catalog in force does not declare, because nobody would ever ask for it. What a customer has
by its plans is no concern of this room, and nothing is ever taken away but an override.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from domain import audit, ids
from domain.billing import Customer
from domain.billing.customers import locked_customer
from domain.clock import Clock
from domain.db import Session
from domain.entitlements.catalog import GREATEST, UNLIMITED, Catalog
from domain.entitlements.in_force import InForce
from domain.entitlements.overrides import Override
from domain.errors import InvalidInput, NotFound
from domain.ids import OverrideId, Prefix
from domain.scope import Scope

LONGEST_REASON = 1000
_WRITTEN = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an override shall give: exactly one of `feature` and `limit`.

    With a limit exactly one of `value`, a number from 1 to 2147483646, and `unlimited`.
    """

    feature: str | None = None
    limit: str | None = None
    value: int | None = None
    unlimited: bool = False

    @property
    def stored_value(self) -> int | None:
        """The value as the row holds it: None for a feature, UNLIMITED for no end."""
        return UNLIMITED if self.unlimited else self.value

    def check(self, catalog: Catalog) -> None:
        """Refuse what cannot be given.

        Raises:
            InvalidInput: both or neither of two alternatives, a value out of range, or nothing that the catalog
                declares.
        """
        if (self.feature is None) == (self.limit is None):
            raise InvalidInput("Give exactly one of feature and limit.", path=["input"])
        if self.feature is not None:
            self._check_feature(self.feature, catalog)
        if self.limit is not None:
            self._check_limit(self.limit, catalog)

    def _check_feature(self, feature: str, catalog: Catalog) -> None:
        if self.value is not None or self.unlimited:
            raise InvalidInput(
                "A feature has no value.", path=["input", "value" if self.value is not None else "unlimited"]
            )
        if feature not in catalog.features:
            raise _undeclared("feature")

    def _check_limit(self, limit: str, catalog: Catalog) -> None:
        if (self.value is None) != self.unlimited:
            raise InvalidInput("With limit give exactly one of value and unlimited: true.", path=["input", "value"])
        if self.value is not None and not 1 <= self.value <= GREATEST:
            raise InvalidInput(f"A value is a number from 1 to {GREATEST}.", path=["input", "value"])
        if not catalog.has_limit(limit):
            raise _undeclared("limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overriding:
    """Grants and revokes overrides, for administrators, in the caller's transaction."""

    clock: Clock
    in_force: InForce

    async def grant(
        self,
        session: Session,
        *,
        scope: Scope,
        customer_id: str,
        wish: Wish,
        reason: str,
        expires_at: datetime | None = None,
    ) -> Override:
        """Give a customer something beyond its plans, from now until `expires_at` inclusive, or until revoked.

        `expires_at` is UTC. The reason is kept in the audit ledger too, where nothing can be erased.

        Raises:
            Forbidden: the caller is no administrator.
            NotFound: no such customer.
            InvalidInput: what `Wish.check` refuses, a reason that is blank or too long, an end that is over, or a
                customer whose owner is going, who is given nothing.
        """
        scope.require_administrator()
        wish.check(self.in_force.catalog)
        reason, now = _checked_reason(reason), self.clock.now()
        if expires_at is not None and expires_at <= now:
            raise InvalidInput("An end lies in the future.", path=["input", "expiresAt"])
        customer = await locked_customer(session, customer_id)
        if customer is None:
            raise NotFound("customer", path=["input", "customerId"])
        if customer.closing_at is not None:
            raise InvalidInput(
                "This customer's owner is deleted: nothing is given to it.", path=["input", "customerId"]
            )
        override = Override(
            id=OverrideId(ids.new(Prefix.OVERRIDE, at=now)),
            customer_id=customer.id,
            feature=wish.feature,
            limit_key=wish.limit,
            value=wish.stored_value,
            reason=reason,
            created_by=scope.actor.id,
            created_at=now,
            expires_at=expires_at,
        )
        session.add(override)
        await session.flush()
        await _remember(session, "granted", customer, override, scope=scope, now=now, after=_told(override))
        return override

    async def revoke(self, session: Session, *, scope: Scope, override_id: str, reason: str) -> Override:
        """End an override at once. Whoever it let in stays; nobody else comes in by it.

        Raises:
            Forbidden: the caller is no administrator.
            NotFound: no such override.
            InvalidInput: a reason that is blank or too long, or an override that has ended already.
        """
        scope.require_administrator()
        reason, now = _checked_reason(reason), self.clock.now()
        whose = await session.execute(select(Override.customer_id).where(Override.id == override_id))
        customer = await locked_customer(session, whose.scalar_one_or_none() or "")
        if customer is None:
            raise NotFound("override", path=["input", "overrideId"])
        override = await session.get_one(Override, override_id, populate_existing=True)
        if override.revoked_at is not None:
            raise InvalidInput("This override has been revoked already.", path=["input", "overrideId"])
        if override.expires_at is not None and override.expires_at < now:
            raise InvalidInput("This override has ended by itself.", path=["input", "overrideId"])
        override.revoked_at, override.revoked_by, override.revoked_reason = now, scope.actor.id, reason
        before, after = _told(override), {"reason": reason}
        await _remember(session, "revoked", customer, override, scope=scope, now=now, before=before, after=after)
        return override


def _undeclared(what: str) -> InvalidInput:
    message = f"The catalog in force declares no such {what}, so it would give nothing; is it misspelt?"
    return InvalidInput(message, path=["input", what])


def _checked_reason(reason: str) -> str:
    reason = reason.strip()
    if len(reason) > LONGEST_REASON or not _WRITTEN.fullmatch(reason):
        message = f"A reason has 1 to {LONGEST_REASON} characters, none of them a control character but line breaks."
        raise InvalidInput(message, path=["input", "reason"])
    return reason


async def _remember(
    session: Session,
    what: str,
    customer: Customer,
    override: Override,
    *,
    scope: Scope,
    now: datetime,
    after: dict[str, Any],
    before: dict[str, Any] | None = None,
) -> None:
    session.touched(customer.id, customer.owner_id)
    await audit.record(
        session,
        f"override.{what}",
        scope=scope,
        at=now,
        subject_id=override.id,
        organization_id=customer.organization_id,
        before=before,
        after=after,
    )


def _told(override: Override) -> dict[str, Any]:
    return {
        "customer_id": override.customer_id,
        "feature": override.feature,
        "limit": override.limit_key,
        "value": override.value,
        "reason": override.reason,
        "expires_at": override.expires_at and override.expires_at.isoformat(),
    }
