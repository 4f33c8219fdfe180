"""Where events can go, and two forwarders that are ready to use. When and how often they run is not decided here."""

import asyncio
import hmac
import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable
from urllib.parse import urlsplit

from domain.audit.canonical import instant
from domain.audit.models import AuditEvent, AuditSeal, LabelPart
from domain.clock import Clock, SystemClock
from domain.errors import ConfigError
from domain.ids import AuditEventId, OrganizationId

if TYPE_CHECKING:
    import httpx

ANSWER_SECONDS = 5.0
SHORTEST_SECRET = 32
SIGNATURE_HEADER = "seatgate-signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEvent:
    """One event as forwarders are told of it. `actor_label` and `subject_label` are names, None once erased.

    `sequence` grows by one with each event of the ledger; who is told twice knows it by that. `effective_actor_id` is
    the actor's own id where nobody acted for somebody else.
    """

    sequence: int
    seal: str
    id: AuditEventId
    occurred_at: datetime
    action: str
    actor_kind: str
    actor_id: str
    actor_label: str | None
    effective_actor_kind: str
    effective_actor_id: str
    organization_id: OrganizationId | None
    subject_id: str
    subject_label: str | None
    request_id: str | None
    idempotency_key: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @classmethod
    def of(cls, seal: AuditSeal, event: AuditEvent, labels: dict[LabelPart, str]) -> Self:
        """Join what three tables hold."""
        return cls(
            sequence=seal.sequence,
            seal=seal.seal,
            id=event.id,
            occurred_at=event.occurred_at,
            action=event.action,
            actor_kind=event.actor_kind,
            actor_id=event.actor_id,
            actor_label=labels.get(LabelPart.ACTOR),
            effective_actor_kind=event.effective_actor_kind or event.actor_kind,
            effective_actor_id=event.effective_actor_id or event.actor_id,
            organization_id=event.organization_id,
            subject_id=event.subject_id,
            subject_label=labels.get(LabelPart.SUBJECT),
            request_id=event.request_id,
            idempotency_key=event.idempotency_key,
            before=event.before,
            after=event.after,
        )

    def json(self) -> str:
        """Write it as one line of JSON, instants in UTC with microseconds."""
        return json.dumps(asdict(self) | {"occurred_at": instant(self.occurred_at)}, separators=(",", ":"))


class Forwarder(Protocol):
    """Where events go. `name` is unique and stays, because it names the forwarder's place in the chain.

    `actions` are those that it wants to be told of, exact or, with a dot at the end, by their beginning; None: all.
    """

    @property
    def name(self) -> str:
        """Its name, for ever."""

    @property
    def actions(self) -> Collection[str] | None:
        """What it wants to be told of."""

    async def forward(self, event: SealedEvent) -> None:
        """Take one event, in no transaction, within 10 s; raising means that it has to be told again.

        It may be told of an event twice, so it bears repetition.
        """


@runtime_checkable
class Closing(Protocol):
    """A forwarder that holds something open may have this beside."""

    async def aclose(self) -> None:
        """Let go of it: no more events will come."""


class NotTaken(Exception):
    """The receiver answered, and did not take the event."""


class JsonLinesForwarder:
    """Appends each event as one line of JSON to a file, which is on the disk before the event counts as told.

    The file is opened anew for each event, so it can be moved away at any time.
    """

    def __init__(self, path: Path | str, *, name: str = "json_lines", actions: Collection[str] | None = None) -> None:
        self.name = name
        self.actions = actions
        self._path = Path(path)

    async def forward(self, event: SealedEvent) -> None:
        """Append the event.

        Raises:
            OSError: the file cannot be written.
        """
        await asyncio.to_thread(self._append, event.json().encode() + b"\n")

    def _append(self, line: bytes) -> None:
        with self._path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                # A crash may have left half a line behind.
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


class WebhookForwarder:
    """Posts each event as JSON, signed with a secret that the receiver knows.

    The header `seatgate-signature: t=<seconds>,v1=<hex>` holds HMAC-SHA256 under the secret over the seconds, a dot and
    the body. Any answer but 2xx, and none within 5 s, means that the event was not taken.

    Raises:
        ConfigError: the address is none of http or https, or the secret has fewer than 32 bytes.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        name: str = "webhook",
        actions: Collection[str] | None = None,
        clock: Clock | None = None,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        faults = []
        if urlsplit(url).scheme not in {"http", "https"}:
            faults.append(f"forwarders: {name} needs an address that begins with http:// or https://")
        if len(secret.encode()) < SHORTEST_SECRET:
            faults.append(f"forwarders: {name} needs a secret of {SHORTEST_SECRET} bytes or more")
        if faults:
            raise ConfigError(faults)
        self.name = name
        self.actions = actions
        self._url = url
        self._secret = secret
        self._clock = clock or SystemClock()
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def forward(self, event: SealedEvent) -> None:
        """Post the event.

        Raises:
            NotTaken: the answer was not 2xx; redirections are not followed.
            httpx.TransportError: there was no answer in time.
        """
        body = event.json().encode()
        seconds = int(self._clock.now().timestamp())
        headers = {
            "content-type": "application/json",
            SIGNATURE_HEADER: f"t={seconds},v1={signature_of(body, secret=self._secret, seconds=seconds)}",
        }
        answer = await self._connected().post(self._url, content=body, headers=headers)
        if not answer.is_success:
            raise NotTaken(f"the receiver answered {answer.status_code}")

    async def aclose(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _connected(self) -> "httpx.AsyncClient":
        if self._client is None:
            import httpx  # noqa: PLC0415 - loaded only where events are posted

            self._client = httpx.AsyncClient(transport=self._transport, timeout=ANSWER_SECONDS, trust_env=False)
        return self._client


def signature_of(body: bytes, *, secret: str, seconds: int) -> str:
    """Sign a body that is sent at a time, in seconds since 1970; receivers do the same and compare."""
    return hmac.digest(secret.encode(), b"%d." % seconds + body, sha256).hex()
