"""Idempotency keys: the same key and request give the same answer, and the deed is done once."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from tests.peers.stripe.periods import DAY
from tests.peers.stripe.refusals import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was said: a status and a body."""

    status: int
    body: dict[str, Any]


@dataclass(slots=True)
class Keys:
    """The keys of the last day; what is older is forgotten and would be done again."""

    _kept: dict[str, tuple[str, int, Answer | None]] = field(default_factory=dict)

    def begin(self, key: str, *, request: str, now: int) -> Answer | None:
        """Give the answer that is kept under a key; None begins the request, which then holds the key.

        Raises:
            Refusal: the key belongs to another request, or to one that is still under way.
        """
        kept = self._kept.get(key)
        if kept is None or kept[1] <= now - DAY:
            self._kept[key] = request, now, None
            return None
        first, _, answer = kept
        if first != request:
            told = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request."
            )
            raise Refusal(told, type="idempotency_error")
        if answer is None:
            told = f"There is currently another in-progress request using this Idempotent Key: {key}."
            raise Refusal(told, status=409, code="idempotency_key_in_use")
        return answer

    def keep(self, key: str, answer: Answer) -> None:
        """Keep the answer: whoever asks again gets it."""
        request, began, _ = self._kept[key]
        self._kept[key] = request, began, answer

    def release(self, key: str) -> None:
        """Forget a request that was not begun."""
        self._kept.pop(key, None)


def fingerprint(method: str, path: str, given: dict[str, Any]) -> str:
    """Give what tells two requests apart."""
    return hashlib.sha256(json.dumps([method, path, given], sort_keys=True).encode()).hexdigest()
