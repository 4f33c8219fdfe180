"""The demo's people and organizations. Loading them again changes nothing."""

from dataclasses import dataclass
from datetime import timedelta

from joserfc import jwt
from joserfc.jwk import OctKey

from domain.billing import BillingSubscription, Purchase, find_customer, list_subscriptions
from domain.billing import Owner, OwnerKind
from domain.db import Page, Session
from domain.entitlements import SeatUsage
from domain.errors import SeatLimitReached
from domain.identity import Arrival, User
from domain.organizations import Organization, UserRef
from domain.scope import Actor, ActorKind, Role, Scope
from domain.scope import system
from domain.settings import Settings
from domain.wiring import Services

TEAM_PRICE = "price_team_monthly"
SEATS_BOUGHT = 3
TOKEN_LIFE = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody of the demo, as an identity provider would vouch for them."""

    subject: str
    name: str
    administrator: bool = False

    @property
    def email(self) -> str:
        """Their verified address."""
        return f"{self.subject}@example.com"


ADMINISTRATOR = Person(subject="ada", name="Ada Administrator", administrator=True)
OWNER = Person(subject="olivia", name="Olivia Owner")
MEMBER = Person(subject="max", name="Max Member")
FREE_OWNER = Person(subject="fred", name="Fred Free")
JOINER = Person(subject="nina", name="Nina Next")
LATECOMER = Person(subject="liam", name="Liam Late")
PEOPLE = (ADMINISTRATOR, OWNER, MEMBER, FREE_OWNER, JOINER, LATECOMER)
