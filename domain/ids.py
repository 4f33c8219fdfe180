"""The one id maker: `<prefix>_` and a UUIDv7 as 32 lower-case hex digits. Ids tell types apart, never order."""

import re
import secrets
from datetime import datetime
from enum import StrEnum
from typing import NewType

UserId = NewType("UserId", str)
OrganizationId = NewType("OrganizationId", str)
MembershipId = NewType("MembershipId", str)
InvitationId = NewType("InvitationId", str)
CustomerId = NewType("CustomerId", str)
SubscriptionId = NewType("SubscriptionId", str)
WebhookEventId = NewType("WebhookEventId", str)
AuditEventId = NewType("AuditEventId", str)
OverrideId = NewType("OverrideId", str)
ApiKeyId = NewType("ApiKeyId", str)

MILLISECOND = 1000
TIME_BITS, RANDOM_BITS = 48, 74
_SHAPE = re.compile(r"([a-z]{3})_[0-9a-f]{32}")


class Prefix(StrEnum):
    """What an id is of."""

    ORGANIZATION = "org"
    USER = "usr"
    MEMBERSHIP = "mem"
    INVITATION = "inv"
    CUSTOMER = "cst"
    SUBSCRIPTION = "bsb"
    WEBHOOK_EVENT = "whe"
    AUDIT_EVENT = "aud"
    OVERRIDE = "ovr"
    API_KEY = "key"


def new(prefix: Prefix, *, at: datetime) -> str:
    """Make an id: the instant in milliseconds, then 74 random bits, laid out as RFC 9562 says for version 7."""
    milliseconds = int(at.timestamp() * MILLISECOND) & ((1 << TIME_BITS) - 1)
    entropy = secrets.randbits(RANDOM_BITS)
    value = (milliseconds << 80) | (7 << 76) | ((entropy >> 62) << 64) | (0b10 << 62) | (entropy & ((1 << 62) - 1))
    return f"{prefix}_{value:032x}"


def prefix_of(text: str) -> Prefix | None:
    """Say what kind of object an id names; None when it is no id of ours."""
    match = _SHAPE.fullmatch(text)
    return Prefix(match[1]) if match and match[1] in set(Prefix) else None
