"""Stripe's signature, `t=<seconds>,v1=<hex>`, and everything that must not pass for one. Pure.

Written anew: an endpoint is to be judged by what Stripe documents and not by what our own inbox believes.
"""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

TOO_OLD_SECONDS = 3600  # libraries take five minutes; nobody should take an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A body and its `stripe-signature`; None: no such header."""

    name: str
    body: bytes
    signature: str | None


def sign(body: bytes, secret: str, second: int) -> str:
    """Make the header that proves `body` was sent at `second` by one who knows `secret`."""
    return f"t={second},v1={_digest(body, secret, second)}"


def forgeries(body: bytes, secret: str, second: int) -> Iterator[Request]:
    """Yield requests that nobody may take for Stripe's, each around the same harmless looking event."""
    right, digest = sign(body, secret, second), _digest(body, secret, second)
    old = second - TOO_OLD_SECONDS
    headers = {
        "unsigned": None,
        "an empty signature": "",
        "a signature of another secret": sign(body, f"{secret}x", second),
        "a signature of no secret": sign(body, "", second),
        "an hour old": sign(body, secret, old),
        "an old signature with a new time": f"t={second},v1={_digest(body, secret, old)}",
        "a signature without its time": f"v1={digest}",
        "a time without a signature": f"t={second}",
        "a time that is no number": f"t=now,v1={digest}",
        "a signature of another scheme alone": f"t={second},v0={digest}",
        "a signature cut short": f"t={second},v1={digest[:-2]}",
        "a signature that is not hexadecimal": f"t={second},v1={'z' * len(digest)}",
        "the secret as signature": f"t={second},v1={secret}",
    }
    for name, signature in headers.items():
        yield Request(name=name, body=body, signature=signature)
    yield Request(name="altered after it was signed", body=body.replace(b'"active"', b'"trialing"'), signature=right)
    yield Request(name="lengthened after it was signed", body=body + b" ", signature=right)
    yield Request(name="another body", body=b"{}", signature=right)


def _digest(body: bytes, secret: str, second: int) -> str:
    return hmac.new(secret.encode(), b"%d." % second + body, sha256).hexdigest()
