"""Tokens of invitations: the id, and a signature over it and a nonce that no other row has. Pure.

The database holds the id and the nonce, so a token can be made again at any time and is itself kept nowhere.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

NONCE_BYTES = 32


def new_nonce() -> str:
    """Make what tells one invitation's token from every other."""
    return secrets.token_hex(NONCE_BYTES)


def token_of(secret_keys: Sequence[str], *, invitation_id: str, nonce: str) -> str:
    """Make the token of an invitation, signed with the first key."""
    return f"{invitation_id}.{_signature(secret_keys[0], invitation_id, nonce)}"


def id_in(token: str) -> str:
    """Read which invitation a token speaks of, which it has yet to prove; empty when it speaks of none."""
    id, dot, _ = token.partition(".")
    return id if dot and id.isascii() and id.isprintable() else ""


def proves(secret_keys: Sequence[str], token: str, *, invitation_id: str, nonce: str) -> bool:
    """Say whether the token is this invitation's, signed with any of the keys.

    Every key is tried whatever the token is, so that the time taken says nothing.
    """
    given = token.encode(errors="replace")
    wanted = [f"{invitation_id}.{_signature(key, invitation_id, nonce)}".encode() for key in secret_keys]
    found = [hmac.compare_digest(given, each) for each in wanted]
    return any(found)


def _signature(key: str, invitation_id: str, nonce: str) -> str:
    digest = hmac.digest(key.encode(), f"invitation\0{invitation_id}{nonce}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
