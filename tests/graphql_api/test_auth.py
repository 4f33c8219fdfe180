"""Which tokens prove who is asking. Everything else is refused in one and the same way."""

import base64
import hmac
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.requests import Request

from domain.errors import Unauthenticated
from domain.identity import Asking
from graphql_api.auth import Bearer, Claims, Expected, Secrets, asking_of
from tests.graphql_api.toy import NOW, SECRET, Clock, token
from tests.support.waiting import at_once

ISSUER, AUDIENCE = "https://id.example.com", "seatgate"
OTHER_SECRET = "another-secret-that-came-after-a-rotation"
HOUR = timedelta(hours=1)


class Checker:
    """Checks tokens, and insists that no check waits for anything."""

    def __init__(self, bearer: Bearer) -> None:
        self._bearer = bearer

    def claims(self, header: str | None) -> Claims | None:
        return at_once(self._bearer.claims(header))


def bearer(*secrets: str, issuer: str | None = None, audience: str | None = None) -> Checker:
    expected = Expected(issuer=issuer, audience=audience)
    return Checker(Bearer(signatures=Secrets(secrets or (SECRET,)), expected=expected, clock=Clock()))


def at(offset: timedelta) -> float:
    return (NOW + offset).timestamp()


def signed(header: dict[str, object], payload: object, secret: str = SECRET) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, payload)]
    text = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), text, "sha256")).rstrip(b"=")
    return b".".join([text, signature]).decode()


def refuse(header: str, checker: Checker | None = None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        (checker or bearer()).claims(header)
    assert str(caught.value) == "A valid credential is required."


def test_no_header_is_nobody() -> None:
    assert bearer().claims(None) is None


def test_a_good_token_tells_who_is_asking() -> None:
    text = token(
        iss=ISSUER,
        aud=[AUDIENCE, "other"],
        email="ann@example.com",
        email_verified=True,
        name="Ann",
        iat=at(-HOUR),
        scope="openid seatgate:admin",
    )

    claims = bearer(issuer=ISSUER, audience=AUDIENCE).claims(f"Bearer {text}")

    assert claims == Claims(
        issuer=ISSUER,
        subject="ann",
        email="ann@example.com",
        name="Ann",
        issued_at=NOW - HOUR,
        expires_at=NOW + HOUR,
        administrator=True,
    )


def test_a_bare_token_names_no_issuer_and_has_no_rights() -> None:
    claims = bearer().claims(f"Bearer {token()}")

    assert claims
    assert claims == replace(claims, issuer="", email=None, name=None, issued_at=None, administrator=False)


@pytest.mark.parametrize("verified", [None, False, "true", 1])
def test_an_email_counts_only_when_it_is_verified(verified: object) -> None:
    claims = bearer().claims(f"Bearer {token(email='ann@example.com', email_verified=verified)}")

    assert claims
    assert claims.email is None


@pytest.mark.parametrize(
    "scope", ["", "seatgate:administrator", "Seatgate:Admin", "xseatgate:admin", "seatgate:admin,x"]
)
def test_only_the_exact_scope_makes_an_administrator(scope: str) -> None:
    claims = bearer().claims(f"Bearer {token(scope=scope)}")

    assert claims
    assert not claims.administrator


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    assert bearer().claims(scheme + token())


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_any_configured_secret_may_have_signed(secret: str) -> None:
    assert bearer(SECRET, OTHER_SECRET).claims(f"Bearer {token(secret)}")


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\0b"},
        {"exp": None},
        {"exp": at(timedelta(0))},
        {"exp": at(-timedelta(seconds=1))},
        {"exp": "tomorrow"},
        {"exp": str(at(HOUR))},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": 10**30},
        {"nbf": at(timedelta(seconds=31))},
        {"iat": at(timedelta(seconds=31))},
        {"nbf": "x"},
        {"iat": [1]},
        {"iss": ""},
        {"iss": ["a"]},
        {"iss": "x" * 256},
        {"aud": {"a": 1}},
        {"name": "a\nb"},
        {"scope": ["seatgate:admin"]},
    ],
)
def test_a_bad_claim_is_refused(claims: dict[str, object]) -> None:
    kept = {name: value for name, value in ({"sub": "ann", "exp": at(HOUR)} | claims).items() if value is not None}

    refuse(f"Bearer {signed({'alg': 'HS256'}, kept)}")


@pytest.mark.parametrize("claim", ["sub", "iss", "name", "email"])
def test_half_a_character_in_a_claim_is_refused(claim: str) -> None:
    text = signed({"alg": "HS256"}, {"sub": "ann", "exp": at(HOUR)} | {claim: "half \ud800"})

    refuse(f"Bearer {text}")


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_clocks_may_differ_by_half_a_minute_about_the_beginning(claim: str) -> None:
    begins = {claim: at(timedelta(seconds=30))}

    assert bearer().claims(f"Bearer {signed({'alg': 'HS256'}, {'sub': 'ann', 'exp': at(HOUR)} | begins)}")


@pytest.mark.parametrize("issuer", [None, "https://evil.example.com", f"{ISSUER}/"])
def test_another_issuer_is_refused(issuer: str | None) -> None:
    refuse(f"Bearer {token(iss=issuer)}", bearer(issuer=ISSUER))


@pytest.mark.parametrize("audience", [None, "other", [], ["other"], "seatgate2"])
def test_another_audience_is_refused(audience: object) -> None:
    refuse(f"Bearer {token(aud=audience)}", bearer(audience=AUDIENCE))


def test_the_name_of_a_key_in_the_header_changes_nothing() -> None:
    header: dict[str, object] = {"alg": "HS256", "typ": "at+jwt", "kid": "../../etc/passwd"}

    assert bearer().claims(f"Bearer {signed(header, {'sub': 'ann', 'exp': at(HOUR)})}")


def test_another_secret_is_refused() -> None:
    refuse(f"Bearer {token(OTHER_SECRET)}")


def test_an_unsigned_token_is_refused() -> None:
    unsigned = signed({"alg": "none"}, {"sub": "ann", "exp": at(HOUR)}).rpartition(".")[0]

    refuse(f"Bearer {unsigned}.")
    refuse(f"Bearer {unsigned}.AAAA")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS384", "HS512", "RS256", "ES256", "", None, 5, ["HS256"]])
def test_a_header_that_names_another_algorithm_is_refused_though_the_signature_is_right(algorithm: object) -> None:
    refuse(f"Bearer {signed({'alg': algorithm}, {'sub': 'ann', 'exp': at(HOUR)})}")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_under_our_secret_is_refused(algorithm: str) -> None:
    key = OctKey.import_key(SECRET * 2)
    text = jwt.encode({"alg": algorithm}, {"sub": "ann", "exp": at(HOUR)}, key, algorithms=[algorithm])

    refuse(f"Bearer {text}", bearer(SECRET * 2))


def test_a_token_signed_with_a_key_pair_is_refused() -> None:
    text = jwt.encode({"alg": "RS256"}, {"sub": "ann", "exp": at(HOUR)}, RSAKey.generate_key(2048))

    refuse(f"Bearer {text}")


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "HS256", "crit": ["b64"], "b64": False},
        {"alg": "HS256", "crit": ["x"], "x": 1},
        {"alg": "HS256", "crit": 5},
        {"alg": "HS256", "crit": [{}]},
    ],
)
def test_a_critical_extension_that_we_do_not_know_is_refused(header: dict[str, object]) -> None:
    refuse(f"Bearer {signed(header, {'sub': 'ann', 'exp': at(HOUR)})}")


@pytest.mark.parametrize("payload", [[], "x", 5, None, {}])
def test_a_signed_payload_that_holds_no_claims_is_refused(payload: object) -> None:
    refuse(f"Bearer {signed({'alg': 'HS256'}, payload)}")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a.b", "Bearer a.b.c.d.e", "Bearer x y"]
)
def test_a_header_without_a_bearer_token_is_refused(header: str) -> None:
    refuse(header)


def test_an_endless_header_is_refused() -> None:
    refuse(f"Bearer {token(name='x')}" + "A" * 8192)


@given(st.text(alphabet="abcABC019-_", max_size=40), st.text(alphabet="abcABC019-_", max_size=40), st.text(max_size=40))
@example("eyJhbGciOiJIUzI1NiJ9", "W1tbW1tb", "AA")
@example("W10", "e30", "AA")
@example("Li4u", "gICA", "gA")
def test_no_garbage_raises_anything_else(header: str, payload: str, signature: str) -> None:
    refuse(f"Bearer {header}.{payload}.{signature}")


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_encoded_garbage_raises_anything_else(header: bytes, payload: bytes) -> None:
    encoded = [base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, payload)]

    refuse(f"Bearer {'.'.join(encoded)}.AAAA")


def test_a_token_nested_beyond_reason_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 4000).rstrip(b"=").decode()

    refuse(f"Bearer {deep}.e30.AA")


def asked(*headers: tuple[bytes, bytes]) -> Asking:
    return asking_of(Request({"type": "http", "path": "/graphql", "headers": headers, "client": None}))


def test_two_authorization_headers_are_refused() -> None:
    pair = [(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]

    assert "authorization" not in asked().headers
    assert asked(pair[0]).headers["authorization"] == "Bearer a"
    with pytest.raises(Unauthenticated):
        asked(*pair)


def test_other_headers_that_stand_twice_are_joined() -> None:
    twice = asked((b"accept", b"a"), (b"accept", b"b"), (b"cookie", b"c=1"), (b"cookie", b"d=2"))

    assert twice == Asking(headers={"accept": "a, b", "cookie": "c=1; d=2"}, path="/graphql", remote_address=None)
