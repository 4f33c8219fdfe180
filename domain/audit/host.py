"""What a host writes into the ledger itself. Its rows are rows like ours, so they are held to narrow rules."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.audit.ledger import record
from domain.db import Session
from domain.errors import InvalidInput
from domain.ids import OrganizationId
from domain.scope import Scope

GREATEST_METADATA = 8192
LONGEST_TEXT = 255
RESERVED = ("account.", "api.", "auth.", "mfa.", "oauth.", "passkey.", "session.", "sigra.")
"""Beginnings of actions that belong to whoever knows who people are; a host that forged them would be believed."""
FORBIDDEN = frozenset(
    {
        "access_token",
        "api_key",
        "backup_code",
        "bearer_token",
        "client_secret",
        "oauth_secret",
        "password",
        "password_confirmation",
        "password_hash",
        "refresh_token",
        "secret",
        "session_token",
        "token",
        "totp_code",
        "totp_secret",
    }
)
"""Keys of metadata that name a secret, at whatever depth and in whatever case."""

_ACTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")


async def log(
    session: Session,
    action: str,
    *,
    scope: Scope,
    at: datetime,
    subject_id: str,
    organization_id: OrganizationId | None = None,
    metadata: Mapping[str, Any] | None = None,
    subject_label: str | None = None,
    subject_person: str | None = None,
) -> None:
    """Write a host's own row, in the host's transaction; `metadata` is what it says in `after`.

    Labels are as in `record`.

    Raises:
        InvalidInput: the action is not words with dots between them or begins as one that hosts may not write; the
            metadata is no JSON object, over 8192 bytes, or has a key that names a secret; a text is empty, longer than
            255 characters, or holds NUL. Nothing has been written.
    """
    _check_action(action)
    _check_text("subject_id", subject_id)
    for name, text in (("organization_id", organization_id), ("subject_person", subject_person)):
        if text is not None:
            _check_text(name, text)
    await record(
        session,
        action,
        scope=scope,
        at=at,
        subject_id=subject_id,
        organization_id=organization_id,
        after=None if metadata is None else _checked(metadata),
        subject_label=subject_label,
        subject_person=subject_person,
    )


def _check_action(action: str) -> None:
    if not _ACTION.fullmatch(action) or len(action) > LONGEST_TEXT:
        raise InvalidInput("An action is lower-case words with dots between them.", path=["action"])
    if action.startswith(RESERVED):
        raise InvalidInput("This beginning of an action is reserved.", path=["action"])


def _check_text(name: str, text: str) -> None:
    if not 1 <= len(text) <= LONGEST_TEXT or "\0" in text:
        raise InvalidInput(f"This is no text of 1 to {LONGEST_TEXT} characters.", path=[name])


def _checked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Give the metadata as the JSON object that it is, in a copy of its own."""
    try:
        text = json.dumps(dict(metadata), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
        plain: dict[str, Any] = json.loads(text)
        faults = set(_faults(metadata))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput("Metadata is a JSON object.", path=["metadata"]) from error
    if size > GREATEST_METADATA:
        raise InvalidInput(f"Metadata has at most {GREATEST_METADATA} bytes.", path=["metadata"])
    if faults:
        raise InvalidInput(f"Metadata may not hold {', '.join(sorted(faults))}.", path=["metadata"])
    return plain


def _faults(value: object) -> list[str]:
    """Name every key that is forbidden.

    Raises:
        ValueError: a key is no text, or a text holds NUL, which one of the engines cannot keep.
    """
    if isinstance(value, str) and "\0" in value:
        raise ValueError("NUL")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and "\0" not in key for key in value):
            raise ValueError("keys are texts")
        own = [key for key in value if key.lower() in FORBIDDEN]
        return own + [fault for each in value.values() for fault in _faults(each)]
    if isinstance(value, list | tuple):
        return [fault for each in value for fault in _faults(each)]
    return []
