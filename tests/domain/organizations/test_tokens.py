"""Tokens of invitations: made again at any time, proven by any key, and worth nothing when a single letter differs."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.organizations import tokens

KEYS = ("the first key, which signs", "an older key, which verifies")
ID = f"inv_{'a' * 32}"
NONCE = tokens.new_nonce()


def proves(token: str, *, keys: tuple[str, ...] = KEYS, id: str = ID, nonce: str = NONCE) -> bool:
    return tokens.proves(keys, token, invitation_id=id, nonce=nonce)


def test_a_token_is_the_id_and_a_signature_over_id_and_nonce() -> None:
    digest = hmac.digest(KEYS[0].encode(), b"invitation\0" + ID.encode() + NONCE.encode(), hashlib.sha256)

    made = tokens.token_of(KEYS, invitation_id=ID, nonce=NONCE)

    assert made == f"{ID}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
    assert made == tokens.token_of(KEYS, invitation_id=ID, nonce=NONCE)
    assert tokens.id_in(made) == ID


def test_any_key_verifies_and_a_key_that_is_gone_no_more() -> None:
    old = tokens.token_of(KEYS[1:], invitation_id=ID, nonce=NONCE)

    assert proves(old)
    assert not proves(old, keys=KEYS[:1])


def test_another_nonce_or_another_id_makes_another_token() -> None:
    made = tokens.token_of(KEYS, invitation_id=ID, nonce=NONCE)

    assert not proves(made, nonce=tokens.new_nonce())
    assert not proves(made, id=f"inv_{'b' * 32}")
    assert len({tokens.new_nonce() for _ in range(100)}) == 100


@given(place=st.integers(0, 79), letter=st.characters())
def test_one_letter_changed_is_no_token(place: int, letter: str) -> None:
    made = tokens.token_of(KEYS, invitation_id=ID, nonce=NONCE)
    changed = made[:place] + letter + made[place + 1 :]

    assert proves(changed) == (changed == made)


@pytest.mark.parametrize("token", ["", ".", ID, f"{ID}.", "\0.x", "ü.x", "\ud800.x", ".".join("abc"), "a" * 100_000])
def test_what_is_no_token_proves_nothing_and_names_only_what_can_be_looked_up(token: str) -> None:
    assert not proves(token)
    assert tokens.id_in(token).isascii()
    assert "\0" not in tokens.id_in(token)


@given(token=st.text())
def test_no_text_proves_anything(token: str) -> None:
    assert not proves(token)
    assert not proves(f"{ID}.{token}")
