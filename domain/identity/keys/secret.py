"""The text of a key: how it is made, how it is shown in a header, and the digest that is all we keep of it. Pure.

A secret has 256 random bits, so nobody can guess one, not even with its digest at hand: a plain SHA-256 is enough, and
a slow or salted one would only keep the digest from being found by an index.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from domain.errors import Unauthenticated
from domain.ids import ApiKeyId, Prefix, UserId, prefix_of

PREFIX = "sgk_"
RANDOM_BYTES = 32
ON_BEHALF_OF = "x-seatgate-on-behalf-of"
"""The header in which a host key names the user for whom it acts."""

_SHAPE = re.compile(rf"{PREFIX}[0-9a-f]{{32}}_[0-9a-f]{{{RANDOM_BYTES * 2}}}")
_SHOWN = re.compile(rf"(?i:bearer) +({PREFIX}.*)", re.DOTALL)


def new_secret(key_id: ApiKeyId) -> str:
    """Make the secret of a key: the digits of its id, so that one who finds it knows which to revoke, and 256 bits."""
    return f"{PREFIX}{key_id.removeprefix(f'{Prefix.API_KEY}_')}_{secrets.token_hex(RANDOM_BYTES)}"


def digest_of(secret: str) -> str:
    """Give what the database holds in the place of a secret: the hexadecimal SHA-256 of its text."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownKey:
    """What a request shows of an API key: the digest of a secret, and the user for whom it is said to act.

    The secret itself goes no further than this.
    """

    digest: str
    on_behalf_of: UserId | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self | None:
        """Read a request's headers, their names in lower case; None when they show no key.

        Acting for a user is part of the credential: without a key, or for what is no user's id, it proves nothing.

        Raises:
            Unauthenticated: what is shown cannot be a key, or names a user as only a key may.
        """
        match = _SHOWN.fullmatch(headers.get("authorization", ""))
        user = headers.get(ON_BEHALF_OF)
        if match is None and user is None:
            return None
        if match is None or not _SHAPE.fullmatch(match[1]):
            raise Unauthenticated
        if user is not None and prefix_of(user) is not Prefix.USER:
            raise Unauthenticated
        return cls(digest=digest_of(match[1]), on_behalf_of=None if user is None else UserId(user))
