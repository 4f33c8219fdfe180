"""The keys that an issuer publishes (RFC 7517), and which tokens they prove. Pure: fetches nothing, knows no time.

joserfc does the cryptography. What it would take and we do not: shared secrets (a public key would be one that all
know), private keys, RSA below 2048 bits, keys for encryption, curves that no algorithm of ours uses.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.util import urlsafe_b64decode

from domain.errors import Unauthenticated

RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
CURVES: Mapping[tuple[str, str], frozenset[str]] = {
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA", "Ed25519"}),
}
ALGORITHMS = RSA.union(*CURVES.values())
TYPES = frozenset({"jwt", "at+jwt"})
"""What a token may call itself: other kinds that the same keys sign (logout tokens, proofs) say nothing of a caller."""
MOST_KEYS = 100
LONGEST_NAME = 255
# Below, a key can be broken; above, checking one signature takes too long, and joserfc takes none that is longer.
RSA_BITS = range(2048, 8192 + 1)


class Unreadable(ValueError):
    """The document holds no key that we can use."""


class UnknownKey(Unauthenticated):
    """The token names a key that is not among these; the issuer may have published it since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedKey:
    """One key, under its name if it has one, with the algorithms that it may be used with."""

    name: str | None
    algorithms: frozenset[str]
    key: Key


class _Registry(jws.JWSRegistry):
    """Takes our algorithms and no other, and headers that it does not know, as providers add some of their own.

    joserfc warns of the name EdDSA, which RFC 9864 replaces by that of the curve. Providers say EdDSA, and our keys are
    of the one curve that has no doubt about it.
    """

    def get_alg(self, name: str) -> JWSAlgModel:
        """Give one of our algorithms."""
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


_REGISTRY = _Registry(algorithms=ALGORITHMS, strict_check_header=False)


class Keys:
    """The usable keys of one document."""

    def __init__(self, keys: Sequence[PublishedKey]) -> None:
        self._keys = tuple(keys)

    @classmethod
    def read(cls, document: bytes) -> Self:
        """Read a published document; keys that we cannot use are left out, as the standard wants it.

        Raises:
            Unreadable: it is no key set, or no key in it can be used.
        """
        try:
            whole = json.loads(document)
        except (ValueError, RecursionError):
            raise Unreadable("the document is no JSON") from None
        listed = whole.get("keys") if isinstance(whole, dict) else None
        if not isinstance(listed, list) or len(listed) > MOST_KEYS:
            raise Unreadable(f"the document has no list of at most {MOST_KEYS} keys")
        keys = [key for each in listed if (key := _usable(each)) is not None]
        if not keys:
            raise Unreadable("the document has no key that signs tokens of ours")
        return cls(keys)

    def claims(self, token: str) -> Mapping[str, object]:
        """Give what a token says, if the key that it names has signed it. A name may be left out if there is one key.

        No other header leads to a key: neither an address nor a key or certificate that the token itself brings.

        Raises:
            UnknownKey: it names a key that is not here.
            Unauthenticated: it is signed by none of these keys, or it is no token that we take.
        """
        try:
            signed = jws.extract_compact(token.encode(), registry=_REGISTRY)
            if any(
                jws.validate_compact(signed, each.key, registry=_REGISTRY) for each in self._named(signed.headers())
            ):
                claims = json.loads(signed.payload)
                if isinstance(claims, dict):
                    return claims
        except (JoseError, ValueError, TypeError, RecursionError):
            # A TypeError: the library believes that what stands in a header is of its right type.
            raise Unauthenticated from None
        raise Unauthenticated

    def _named(self, header: Any) -> Sequence[PublishedKey]:
        """Give the keys that a header means: as a rule one, more where an issuer uses a name twice."""
        algorithm, name = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS or not _is_of_our_type(header):
            raise Unauthenticated
        if not (name is None or isinstance(name, str)) or (name is None and len(self._keys) > 1):
            raise Unauthenticated
        named = [each for each in self._keys if name in {None, each.name}]
        if not named:
            raise UnknownKey
        return [each for each in named if algorithm in each.algorithms]


def _is_of_our_type(header: Mapping[str, object]) -> bool:
    """Refuse what must be understood and is not (we know no extensions), and tokens that are for something else."""
    kind = header.get("typ", "JWT")
    if "crit" in header or "b64" in header or not isinstance(kind, str):
        return False
    return kind.lower().removeprefix("application/") in TYPES


def _usable(entry: object) -> PublishedKey | None:
    """Take a key that can have signed tokens of ours; None for any other, and for one that cannot be read."""
    if not isinstance(entry, dict) or not _is_for_signatures(entry):
        return None
    name, designed = entry.get("kid"), entry.get("alg")
    algorithms = RSA if entry.get("kty") == "RSA" else _of_curve(entry)
    if designed is not None:
        algorithms = algorithms & {designed} if isinstance(designed, str) else frozenset()
    if not algorithms or not (name is None or (isinstance(name, str) and len(name) <= LONGEST_NAME)):
        return None
    try:
        return PublishedKey(name=name, algorithms=algorithms, key=_imported(entry))
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _is_for_signatures(entry: Mapping[str, object]) -> bool:
    """Leave out what is not for checking signatures, and private keys: whoever reads the address could sign."""
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and "d" not in entry
        and "k" not in entry
    )


def _of_curve(entry: Mapping[str, object]) -> frozenset[str]:
    kind, curve = entry.get("kty"), entry.get("crv")
    known = isinstance(kind, str) and isinstance(curve, str)
    return CURVES.get((str(kind), str(curve)), frozenset()) if known else frozenset()


def _imported(entry: Mapping[str, Any]) -> Key:
    """Let joserfc read the public parts, and nothing else that stands beside them."""
    match entry["kty"]:
        case "RSA":
            # Looked at before joserfc, which only warns.
            if _bits(entry["n"]) not in RSA_BITS:
                raise ValueError
            return RSAKey.import_key({part: entry[part] for part in ("kty", "n", "e")})
        case "EC":
            return ECKey.import_key({part: entry[part] for part in ("kty", "crv", "x", "y")})
        case _:
            return OKPKey.import_key({part: entry[part] for part in ("kty", "crv", "x")})


def _bits(number: object) -> int:
    """Count the bits of a number as key sets write it; none where it is no text."""
    return int.from_bytes(urlsafe_b64decode(number.encode())).bit_length() if isinstance(number, str) else 0
