"""Finding customers by whatever a support case begins with: an id of ours or a processor's, a slug, an address."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain import billing, identity, ids
from domain.billing import Customer, CustomerReading
from domain.db import Page, Session, page_of
from domain.ids import Prefix
from domain.organizations import Reading, memberships_of
from domain.wiring import Services
from graphql_api.admin.door import Operator

LONGEST = 255
MOST_ORGANIZATIONS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One search of one visitor, in one snapshot."""

    session: Session
    services: Services
    customers: CustomerReading
    reading: Reading

    @classmethod
    def of(cls, session: Session, operator: Operator) -> "Finding":
        """Make the search that a visitor may make."""
        services, caller = operator.context.services, operator.context.caller
        return cls(session, services, services.customers(caller), services.reading(caller))

    async def find(self, words: str) -> Sequence[Customer]:
        """Find the customers that these words name exactly; none for words that can name nothing."""
        if not 1 <= len(words) <= LONGEST or not words.isprintable():
            return []
        match ids.prefix_of(words):
            case Prefix.CUSTOMER:
                return list((await self.customers.by_id(self.session, [words])).values())
            case Prefix.ORGANIZATION | Prefix.USER:
                return await self._of_owners([words])
            case Prefix.SUBSCRIPTION:
                found = await billing.subscriptions_by_id(self.session, self.customers, [words])
                payers = [row.customer_id for row in found.values()]
                return list((await self.customers.by_id(self.session, payers)).values())
            case None:
                return await (self._by_email(words) if "@" in words else self._by_name(words))
            case _:
                return []

    async def _of_owners(self, owner_ids: Sequence[str]) -> Sequence[Customer]:
        found = await self.customers.by_owner(self.session, owner_ids)
        return [found[id] for id in owner_ids if id in found]

    async def _by_email(self, email: str) -> Sequence[Customer]:
        """Find the person with a verified address, and the organizations that they belong to."""
        user = await identity.find_by_email(self.session, email)
        if user is None:
            return []
        joined = await page_of(self.session, memberships_of(user.id), Page(size=MOST_ORGANIZATIONS))
        return await self._of_owners([user.id, *(membership.organization_id for membership in joined.rows)])

    async def _by_name(self, name: str) -> Sequence[Customer]:
        """Find an organization by its slug, or whoever a processor knows by this id."""
        organization = await self.reading.organization(self.session, slug=name)
        if organization is not None:
            return await self._of_owners([organization.id])
        known = [
            await self.customers.by_account(self.session, processor=processor, processor_id=name)
            for processor in self.services.processors
        ]
        return list({each.id: each for each in known if each is not None}.values())
