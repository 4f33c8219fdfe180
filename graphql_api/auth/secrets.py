"""Tokens signed with a secret that the issuer and we share."""

from collections.abc import Mapping, Sequence

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from domain.errors import Unauthenticated

ALGORITHM = "HS256"


class Secrets:
    """Checks signatures of HS256 under any of the configured secrets; no other algorithm is ever tried."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = tuple(OctKey.import_key(secret) for secret in secrets)

    async def claims(self, token: str) -> Mapping[str, object]:
        """Give what a token says, if one of the secrets has signed it.

        Raises:
            Unauthenticated: none has.
        """
        for key in self._keys:
            try:
                return jwt.decode(token, key, algorithms=[ALGORITHM]).claims
            except (JoseError, ValueError, TypeError, RecursionError):
                # A TypeError: the library believes that what stands in a header is of its right type.
                continue
        raise Unauthenticated

    def begin(self) -> None:
        """Do nothing: the secrets are here already."""

    async def aclose(self) -> None:
        """Do nothing."""
