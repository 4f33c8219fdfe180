"""The demo's people, and the tokens that their identity provider would give them."""

from dataclasses import dataclass
from datetime import timedelta

from joserfc import jwt
from joserfc.jwk import OctKey

from domain.clock import Clock
from domain.settings import Settings
from graphql_api.auth import ADMINISTRATOR_SCOPE, ALGORITHM

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
PEOPLE = {"administrator": ADMINISTRATOR, "owner": OWNER, "member": MEMBER, "free": FREE_OWNER}


def token(person: Person, settings: Settings, clock: Clock) -> str:
    """Sign a bearer token for somebody of the demo, as their identity provider would; it lives for seven days."""
    now = clock.now()
    claims: dict[str, object] = {
        "sub": person.subject,
        "iat": int(now.timestamp()),
        "exp": int((now + TOKEN_LIFE).timestamp()),
        "email": person.email,
        "email_verified": True,
        "name": person.name,
    }
    if person.administrator:
        claims["scope"] = ADMINISTRATOR_SCOPE
    if settings.jwt_issuer is not None:
        claims["iss"] = settings.jwt_issuer
    if settings.jwt_audience is not None:
        claims["aud"] = settings.jwt_audience
    return jwt.encode({"alg": ALGORITHM}, claims, OctKey.import_key(settings.jwt_secrets[0]))
