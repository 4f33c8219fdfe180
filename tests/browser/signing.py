"""Tokens for people whom the demo does not print one for, as its identity provider would sign them."""

import base64
import hashlib
import hmac
import json
import time

from tests.browser.demo import SECRET


def signed(subject: str) -> str:
    """Sign a token for somebody who may be new; it lives for an hour."""
    now = int(time.time())
    claims = {"sub": subject, "iat": now, "exp": now + 3600, "name": subject}
    told = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return f"{told}.{_encoded(hmac.digest(SECRET.encode(), told.encode(), hashlib.sha256))}"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
