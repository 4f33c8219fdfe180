"""Which tokens an issuer's published keys prove, and by no trick any other."""

import base64
import hmac
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from domain.errors import Unauthenticated
from graphql_api.auth import Bearer, Claims, Expected
from graphql_api.auth.published import ALGORITHMS, MOST_KEYS, Keys, UnknownKey, Unreadable
from tests.support.clock import FixedClock
from tests.support.issuers import KINDS, document, entry, key, token
from tests.support.waiting import at_once

SYMMETRIC = ("HS256", "HS384", "HS512")


def keys(*entries: Any) -> Keys:
    return Keys.read(document(*entries))


def refuse(text: str, known: Keys | None = None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        (known or keys(entry(key(), kid="a"))).claims(text)
    assert str(caught.value) == "A valid credential is required."


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def forged(header: object, secret: bytes, algorithm: str = "sha256") -> str:
    text = f"{encoded(json.dumps(header).encode())}.{token().split('.')[1]}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), algorithm))}"


def signed(header: object, by: str = "ES256") -> str:
    """Sign rightly, under a header that joserfc would not write."""
    text = f"{encoded(json.dumps(header).encode())}.{token().split('.')[1]}"
    return f"{text}.{encoded(JWSRegistry.algorithms[by].sign(text.encode(), key(by)))}"


def test_what_is_signed_by_hand_is_signed() -> None:
    assert keys(entry(key(), kid="a")).claims(signed({"alg": "ES256", "kid": "a"}))


@pytest.mark.parametrize("algorithm", sorted(KINDS))
def test_a_key_proves_what_its_other_half_has_signed(algorithm: str) -> None:
    known = keys(entry(key(algorithm), kid="a"), entry(key(algorithm, "b"), kid="b"))

    assert known.claims(token(algorithm=algorithm, header={"kid": "a"}))["sub"] == "ann"
    refuse(token(algorithm=algorithm, header={"kid": "b"}), known)


def test_every_algorithm_is_tried_above() -> None:
    assert set(KINDS) == ALGORITHMS
    assert not ALGORITHMS.intersection(SYMMETRIC, {"none", "ES256K"})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("claimed", SYMMETRIC)
def test_a_public_key_is_no_secret_whatever_spelling_of_it_is_used(algorithm: str, claimed: str) -> None:
    private = key(algorithm)
    known = keys(entry(private, kid="a"))
    pem, der = private.as_pem(private=False), private.as_der(private=False)  # type: ignore[union-attr]
    spellings = [pem, pem.strip(), der, json.dumps(entry(private)).encode(), private.thumbprint().encode(), b""]

    for secret in spellings:
        refuse(forged({"alg": claimed, "kid": "a"}, secret, claimed.replace("HS", "sha")), known)


def test_a_shared_secret_that_is_published_proves_nothing() -> None:
    secret = OctKey.import_key("a-secret-that-somebody-published-by-mistake")
    published = secret.as_dict(private=True) | {"kid": "a"}

    with pytest.raises(Unreadable):
        keys(published)
    refuse(forged({"alg": "HS256", "kid": "a"}, secret.raw_value), keys(published, entry(key(), kid="b")))


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", "RS256", "ES384", "EdDSA", "ES256K", None, 5, ["ES256"]]
)
def test_a_token_names_the_algorithm_of_its_key_and_no_other(algorithm: object) -> None:
    good = signed({"alg": algorithm, "kid": "a"})

    refuse(good)
    refuse(good.rpartition(".")[0] + ".")


@pytest.mark.parametrize("used", ["RS512", "PS256"])
def test_a_key_that_names_its_algorithm_is_used_with_no_other(used: str) -> None:
    private = key("RS256")

    assert keys(entry(private, kid="a")).claims(token(private, used, header={"kid": "a"}))
    refuse(token(private, used, header={"kid": "a"}), keys(entry(private, kid="a", alg="RS256")))


@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"use": "other"},
        {"use": ["sig"]},
        {"key_ops": ["sign"]},
        {"key_ops": []},
        {"key_ops": "verify"},
        {"alg": "HS256"},
        {"alg": "RS256"},
        {"alg": "ECDH-ES"},
        {"alg": 5},
        {"kid": 5},
        {"kid": "x" * 256},
        {"kty": "RSA"},
        {"kty": "OKP"},
        {"kty": None},
        {"kty": ["EC"]},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"x": None},
        {"x": 5},
        {"y": "AAAA"},
        {"d": "AAAA"},
        {"k": "AAAA"},
    ],
)
def test_a_key_that_is_for_something_else_or_malformed_is_left_out(members: dict[str, object]) -> None:
    spoiled, other = entry(key()) | {"kid": "a"} | members, entry(key(which="b"), kid="b")

    known = keys({name: value for name, value in spoiled.items() if value is not None}, other)

    assert known.claims(token(key(which="b"), header={"kid": "b"}))
    refuse(token(header={"kid": "a"}), known)


@pytest.mark.parametrize("members", [{"use": "sig"}, {"key_ops": ["verify"]}, {"alg": "ES256"}, {"x5c": 5, "exp": "x"}])
def test_what_else_stands_beside_a_key_does_not_matter(members: dict[str, object]) -> None:
    assert keys(entry(key(), kid="a", **members)).claims(token(header={"kid": "a"}))


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize("bits", [1024, 2040])
def test_a_short_rsa_key_is_left_out(bits: int) -> None:
    short = RSAKey.generate_key(bits)

    with pytest.raises(Unreadable):
        keys(entry(short, kid="a"))


def test_a_private_key_that_is_published_proves_nothing() -> None:
    with pytest.raises(Unreadable):
        keys(key().as_dict(private=True) | {"kid": "a"})


@pytest.mark.parametrize("curve", ["Ed448", "X25519"])
def test_other_curves_are_left_out(curve: Any) -> None:
    with pytest.raises(Unreadable):
        keys(entry(OKPKey.generate_key(curve), kid="a"))


def test_a_token_without_a_name_is_taken_where_there_is_one_key_alone() -> None:
    one, two = entry(key(), kid="a"), entry(key(which="b"), kid="b")

    assert keys(one).claims(token())
    refuse(token(), keys(one, two))
    # What cannot be used is not counted.
    assert keys(one, entry(key("RS256"), kid="c", use="enc")).claims(token())


def test_a_key_without_a_name_proves_tokens_without_one() -> None:
    nameless = keys(entry(key()))

    assert nameless.claims(token())
    with pytest.raises(UnknownKey):
        nameless.claims(token(header={"kid": "a"}))


def test_a_name_that_stands_twice_means_both_keys() -> None:
    known = keys(entry(key(), kid="a"), entry(key(which="b"), kid="a"))

    assert known.claims(token(header={"kid": "a"}))
    assert known.claims(token(key(which="b"), header={"kid": "a"}))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "a ",
        "a\0",
        "b",
        "../../../../dev/null",
        "a' OR '1'='1",
        "http://127.0.0.1/keys",
        "file:///etc/passwd",
        "x" * 300,
    ],
)
def test_a_name_is_compared_and_nothing_else(name: str) -> None:
    with pytest.raises(UnknownKey):
        keys(entry(key(), kid="a")).claims(token(header={"kid": name}))


@pytest.mark.parametrize("name", [5, True, ["a"], {"a": 1}])
def test_a_name_that_is_no_text_is_refused(name: object) -> None:
    refuse(signed({"alg": "ES256", "kid": name}))


@pytest.mark.parametrize("named", [True, False])
def test_a_key_that_the_token_brings_or_points_to_is_not_looked_at(named: bool) -> None:
    mine = ECKey.generate_key("P-256")
    header: dict[str, object] = {
        "jwk": entry(mine),
        "jku": "http://127.0.0.1:9/keys",
        "x5u": "http://127.0.0.1:9/chain",
        "x5c": ["AAAA"],
        "x5t": "AAAA",
    }
    short = {name: header[name] for name in ("jwk", "jku")} | ({"kid": "a"} if named else {})

    refuse(token(mine, header=short))
    refuse(token(mine, header={name: header[name] for name in ("x5u", "x5c", "x5t")}))
    # The same headers on a token of the issuer's own change nothing.
    assert keys(entry(key(), kid="a")).claims(token(header=short))


def test_headers_that_providers_add_are_no_fault() -> None:
    assert keys(entry(key(), kid="a")).claims(token(header={"kid": "a", "cat": "cl_B7d4PD", "nonce": "x"}))


@pytest.mark.parametrize(
    "header", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": True}]
)
def test_what_must_be_understood_and_is_not_is_refused(header: dict[str, object]) -> None:
    refuse(signed({"alg": "ES256", "kid": "a", **header}))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+JWT"])
def test_a_token_may_say_that_it_is_one(kind: str) -> None:
    assert keys(entry(key(), kid="a")).claims(token(header={"kid": "a", "typ": kind}))


@pytest.mark.parametrize("kind", ["logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", ""])
def test_what_says_that_it_is_something_else_is_refused(kind: str) -> None:
    refuse(token(header={"kid": "a", "typ": kind}))


def test_nested_and_encrypted_tokens_are_refused() -> None:
    known = keys(entry(key(), kid="a"))
    inner = token(header={"kid": "a"})
    header, _, _ = token(header={"kid": "a", "cty": "JWT"}).split(".")
    encrypted = jwe.encrypt_compact({"alg": "dir", "enc": "A128GCM"}, inner, OctKey.generate_key(128))

    refuse(f"{header}.{encoded(inner.encode())}.{inner.rpartition('.')[2]}", known)
    refuse(encrypted, known)


def test_a_signature_over_something_else_is_refused() -> None:
    head, payload, signature = token(header={"kid": "a"}).split(".")
    changed = encoded(json.dumps({"sub": "ada", "exp": 10**10, "scope": "seatgate:admin"}).encode())

    refuse(f"{head}.{changed}.{signature}")
    refuse(f"{head}.{payload}.")
    refuse(f"{head}.{payload}.{signature[:-8]}")
    # Two zeros are no signature, as they once were elsewhere.
    refuse(f"{head}.{payload}.{encoded(bytes(64))}")


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [5, null, []]}',
        b"[" * 100_000,
        b"<html></html>",
        document(*[entry(key(), kid="a")] * (MOST_KEYS + 1)),
    ],
)
def test_a_document_without_a_key_for_us_is_unreadable(written: bytes) -> None:
    with pytest.raises(Unreadable):
        Keys.read(written)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["alg", "kid", "typ", "cty", "crit", "b64", "jku", "jwk", "x5u", "x5c", "x5t#S256", "enc", "zip"]
)


@given(st.dictionaries(NAMES, JSON | st.sampled_from(["ES256", "none", "HS256", "a", "JWT"]), max_size=5) | JSON)
def test_no_header_opens_anything_without_the_signature_and_none_raises_anything_else(header: object) -> None:
    refuse(".".join([encoded(json.dumps(header).encode()), *token().split(".")[1:]]))
    refuse(forged(header, key().thumbprint().encode()))


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=80))
def test_no_garbage_raises_anything_else(header: bytes, payload: bytes, signature: bytes) -> None:
    refuse(".".join(map(encoded, (header, payload, signature))))


@given(st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "n", "e", "use", "key_ops", "alg", "kid", "d"]), JSON))
def test_no_key_that_is_nonsense_raises_or_spoils_the_others(nonsense: dict[str, object]) -> None:
    for kind in ("RSA", "EC", "OKP"):
        known = keys(nonsense | {"kty": kind}, entry(key(), kid="good"))
        assert known.claims(token(header={"kid": "good"}))


@given(st.text(alphabet=string.printable, max_size=20))
def test_only_the_right_name_leads_to_the_key(name: str) -> None:
    if name == "a":
        return
    with pytest.raises(UnknownKey):
        keys(entry(key(), kid="a")).claims(token(header={"kid": name}))


class Proven:
    """Signatures by keys that are there already."""

    async def claims(self, text: str) -> Any:
        return keys(entry(key(), kid="a")).claims(text)

    def begin(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


def test_issuer_audience_and_time_are_judged_as_with_secrets() -> None:
    expected = Expected(issuer="https://id.example.com", audience="seatgate")
    bearer = Bearer(signatures=Proven(), expected=expected, clock=FixedClock())
    good: dict[str, Any] = {"iss": "https://id.example.com", "aud": ["seatgate"]}

    def claims(**changes: Any) -> Claims | None:
        return at_once(bearer.claims(f"Bearer {token(header={'kid': 'a'}, **(good | changes))}"))

    assert claims()
    wrong: list[dict[str, Any]] = [
        {"aud": "other"},
        {"aud": []},
        {"iss": "https://e.example"},
        {"exp": 1},
        {"nbf": 10**10},
    ]
    for changes in wrong:
        with pytest.raises(Unauthenticated):
            claims(**changes)
    with pytest.raises(Unauthenticated):
        at_once(bearer.claims(f"Bearer {token(header={'kid': 'a'}, iss=good['iss'])}"))
    with pytest.raises(Unauthenticated):
        at_once(bearer.claims(f"Bearer {token(header={'kid': 'a'}, **good)}{'A' * 8192}"))
