"""What must hold of every answer, whatever was asked: no failure of ours, no word of the inside, no long work."""

import json
import logging
import re
from collections import Counter
from typing import Any

from graphql_api.errors import Code
from tests.proofs.fuzz.asking import Answered, Asked

MOST_SECONDS = 1.0
"""Of computing, so that a busy machine accuses nobody."""
INSIDE = re.compile(rb"Traceback|sqlalchemy|sqlite3|asyncpg|site-packages|\.py\b|SELECT |INSERT INTO")
CODES = {str(code) for code in Code} - {str(Code.INTERNAL)}
BODILESS = {"HEAD"}


class Recorder(logging.Handler):
    """Remembers what was logged as a fault of ours."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.faults.append(self.format(record))


def judge(asked: Asked, answered: Answered, *, seconds: float, faults: list[str]) -> str | None:
    """Say what is wrong with an answer; None when nothing is."""
    if faults:
        return f"logged {faults[0]}"
    if not 200 <= answered.status < 500:
        return f"status {answered.status}"
    if seconds > MOST_SECONDS:
        return f"{seconds:.2f} seconds of computing"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", answered.headers.get("x-request-id", "")):
        return "no request id"
    if found := INSIDE.search(answered.body):
        return f"tells {found[0].decode()}"
    return None if asked.method in BODILESS else _judge_body(answered)


def _judge_body(answered: Answered) -> str | None:
    if "json" not in answered.headers.get("content-type", ""):
        # Hosts and origins are judged before anything speaks GraphQL.
        return None if answered.status in {200, 400, 405} else f"no JSON with status {answered.status}"
    content = json.loads(answered.body)
    if not content.keys() <= {"data", "errors", "extensions"} or not content.keys() & {"data", "errors"}:
        return f"a body with {sorted(content)}"
    return next(filter(None, map(judge_error, content.get("errors", ()))), None)


def verdict_of(answered: Answered) -> str:
    """Name what came of a request: data, some data, the first code, or the status."""
    content = json.loads(answered.body) if "json" in answered.headers.get("content-type", "") and answered.body else {}
    codes = [error["extensions"]["code"] for error in content.get("errors", ())]
    some = any(value is not None for value in (content.get("data") or {}).values())
    return ("some data" if codes else "data") if some else (codes or [str(answered.status)])[0]


def told(answers: Counter[str]) -> str:
    """Write how often each came, the most frequent first."""
    return ", ".join(f"{number} {name}" for name, number in answers.most_common())


def judge_error(error: dict[str, Any]) -> str | None:
    """Say what is wrong with a GraphQL error."""
    extensions = error.get("extensions", {})
    if extensions.get("code") not in CODES:
        return f"the code {extensions.get('code')}"
    if (extensions["code"] == Code.FORBIDDEN) == ("requestId" in extensions):
        return f"{extensions['code']} with {sorted(extensions)}"
    return None
