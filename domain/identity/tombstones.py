"""Tombstones: what stays of deleted users, so that their older credentials open nothing. A digest, and no name."""

import hashlib
from datetime import datetime

from sqlalchemy import select

from domain.db import Session
from domain.identity.models import Tombstone, User


def digest_of(issuer: str, subject: str) -> str:
    """Make the digest of issuer and subject; their lengths stand before them, so that no two pairs read the same."""
    parts = [part.encode() for part in (issuer, subject)]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


async def bury(session: Session, user: User, *, at: datetime) -> None:
    """Keep the digest of a user who goes at `at`; of several with the same name the last one counts."""
    digest = digest_of(user.issuer, user.subject)
    found = await session.get(Tombstone, digest)
    if found is None:
        session.add(Tombstone(digest=digest, deleted_at=at))
    else:
        found.deleted_at = max(found.deleted_at, at)


async def buried_at(session: Session, issuer: str, subject: str) -> datetime | None:
    """Say when the last user of this name was deleted; None when there never was one."""
    query = select(Tombstone.deleted_at).where(Tombstone.digest == digest_of(issuer, subject))
    return (await session.execute(query)).scalar_one_or_none()
