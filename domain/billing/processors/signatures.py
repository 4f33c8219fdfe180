"""Stripe's signature scheme, `t=<seconds>,v1=<hex>`: an HMAC-SHA256 over the time and the raw bytes.

Written here because the Fake signs the same way and must not load Stripe's library, and because that library accepts
any time in the future and lets malformed headers escape as other errors. Nothing is read from the body here.
"""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from domain.billing.processors import SignatureRefused

TOLERANCE_SECONDS = 300
LONGEST_HEADER = 4096

_TIME = re.compile(r"[0-9]{1,12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def sign(body: bytes, secret: str, at: datetime) -> str:
    """Make the header that proves `body` was sent at `at` by one who knows `secret`."""
    seconds = int(at.timestamp())
    return f"t={seconds},v1={_digest(body, secret, seconds)}"


def verify(body: bytes, header: str | None, *, secrets: Sequence[str], now: datetime) -> None:
    """Let pass what was signed with one of `secrets` at most 300 s before or after `now`. Blank secrets match nothing.

    Raises:
        SignatureRefused: anything else, whatever the header holds.
    """
    seconds, claimed = _parsed(header or "")
    expected = [_digest(body, secret, seconds) for secret in secrets if secret.strip()]
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in claimed]
    if not any(matches) or abs(now.timestamp() - seconds) > TOLERANCE_SECONDS:
        raise SignatureRefused


def _parsed(header: str) -> tuple[int, list[str]]:
    """Read the one time and every well-formed v1 digest; other schemes are passed over."""
    pairs = [part.partition("=") for part in header[:LONGEST_HEADER].split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise SignatureRefused
    return int(times[0]), [value for name, _, value in pairs if name == "v1" and _DIGEST.fullmatch(value)]


def _digest(body: bytes, secret: str, seconds: int) -> str:
    return hmac.new(secret.encode(), b"%d." % seconds + body, sha256).hexdigest()
