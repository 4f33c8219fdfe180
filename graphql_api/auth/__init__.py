"""Bearer tokens: prove who a caller is, from the text of one header. Know no database and make no user.

`JwtAdapter` is how Seatgate recognizes people when its host does not: by secrets of its own or by the keys that an
issuer publishes, never by both. Whatever is wrong with a token, the answer is `Unauthenticated` and never says what.
"""

from graphql_api.auth.adapter import JwtAdapter, asking_of
from graphql_api.auth.bearer import ADMINISTRATOR_SCOPE, LONGEST_HEADER, Bearer, Claims, Expected
from graphql_api.auth.secrets import ALGORITHM, Secrets

__all__ = [
    "ADMINISTRATOR_SCOPE",
    "ALGORITHM",
    "LONGEST_HEADER",
    "Bearer",
    "Claims",
    "Expected",
    "JwtAdapter",
    "Secrets",
    "asking_of",
]
