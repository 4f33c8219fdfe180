"""What a header shows of a key: our own secrets and nothing else, and of them the digest alone."""

import hashlib
import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import ids
from domain.errors import Unauthenticated
from domain.identity.keys.secret import ON_BEHALF_OF, ShownKey, digest_of, new_secret
from domain.ids import ApiKeyId, Prefix

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEY = ApiKeyId(ids.new(Prefix.API_KEY, at=NOW))
SECRET = new_secret(KEY)
USER = ids.new(Prefix.USER, at=NOW)


def shown(**headers: str) -> ShownKey | None:
    return ShownKey.of({name.replace("_", "-"): value for name, value in headers.items()})


def test_a_secret_names_its_key_and_no_two_are_alike() -> None:
    secrets = {new_secret(KEY) for _ in range(1000)}

    assert len(secrets) == 1000
    assert {secret[:37] for secret in secrets} == {f"sgk_{KEY.removeprefix('key_')}_"}
    assert {len(secret) for secret in secrets} == {101}
    # Every hexadecimal digit comes at every place of the 256 bits, as it would not if any were fixed.
    assert all(len({secret[place] for secret in secrets}) == 16 for place in range(37, 101))


def test_what_is_kept_is_the_sha_256_of_the_text_and_the_text_goes_no_further() -> None:
    found = shown(authorization=f"Bearer {SECRET}")

    assert found is not None
    assert found.digest == digest_of(SECRET) == hashlib.sha256(SECRET.encode()).hexdigest()
    assert SECRET not in repr(found)


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_scheme_may_be_spelled_as_http_allows(scheme: str) -> None:
    assert shown(authorization=scheme + SECRET) == ShownKey(digest=digest_of(SECRET))


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer a.b.c", f"Basic {SECRET}", SECRET, f"Bearer x{SECRET}"])
def test_what_is_no_key_is_left_to_others(header: str) -> None:
    assert shown(authorization=header) is None
    assert shown() is None


PLACES = st.integers(min_value=len("sgk_"), max_value=len(SECRET))
STRANGE = st.text(st.characters(exclude_characters=string.hexdigits + "_"), min_size=1, max_size=5)


@given(place=PLACES, strange=STRANGE)
def test_a_secret_with_anything_strange_in_it_is_refused(place: int, strange: str) -> None:
    with pytest.raises(Unauthenticated):
        shown(authorization=f"Bearer {SECRET[:place]}{strange}{SECRET[place:]}")


@given(length=st.integers(min_value=4, max_value=300), more=st.text("0123456789abcdef_", max_size=300))
def test_only_the_one_shape_is_a_secret(length: int, more: str) -> None:
    text = (SECRET + more)[:length]
    try:
        found = shown(authorization=f"Bearer {text}")
    except Unauthenticated:
        assert text != SECRET
    else:
        assert (found, text) == (ShownKey(digest=digest_of(SECRET)), SECRET)


@given(st.text(max_size=200))
def test_whatever_stands_in_a_header_is_a_key_no_key_or_refused(text: str) -> None:
    for header in (text, f"Bearer {text}", f"Bearer sgk_{text}"):
        try:
            assert shown(authorization=header) is None
        except Unauthenticated:
            assert "sgk_" in header


def test_a_key_may_name_a_user_and_nobody_else() -> None:
    key = {"authorization": f"Bearer {SECRET}"}

    found = ShownKey.of({**key, ON_BEHALF_OF: USER})

    assert found is not None
    assert found.on_behalf_of == USER
    for wrong in ("", "ann", USER.upper(), f"{USER}, {USER}", f"{USER} ", KEY, "usr_" + "0" * 31):
        with pytest.raises(Unauthenticated):
            ShownKey.of({**key, ON_BEHALF_OF: wrong})


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer a.b.c"}, {"cookie": "session=1"}])
def test_without_a_key_nobody_acts_for_somebody(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        ShownKey.of({**headers, ON_BEHALF_OF: USER})
