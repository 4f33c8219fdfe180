"""Overrides, granted and revoked by an administrator."""

from typing import Any

from domain.entitlements import Override, Wish
from domain.scope import system
from domain.wiring import Services

ADMINISTRATOR = system("test")
REASON = "promised on the phone"
SSO, SEATS = Wish(feature="sso"), Wish(limit="seats", value=4)


async def grant(services: Services, customer_id: str, wish: Wish = SSO, **how: Any) -> Override:
    given: dict[str, Any] = {"scope": ADMINISTRATOR, "reason": REASON} | how
    async with services.database.transaction() as session:
        return await services.overriding.grant(session, customer_id=customer_id, wish=wish, **given)


async def revoke(services: Services, override_id: str, **how: Any) -> Override:
    given: dict[str, Any] = {"scope": ADMINISTRATOR, "reason": "it was a mistake"} | how
    async with services.database.transaction() as session:
        return await services.overriding.revoke(session, override_id=override_id, **given)
