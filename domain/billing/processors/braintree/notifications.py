"""Braintree's notifications: a signed form in, plain JSON values out. Nothing is read before its signature is checked.

The library's own `parse` checks and reads in one go: whatever is signed but malformed escapes from it as an error of
some parser, and its XML parser expands entities. So only its digest is used, and the XML is read here: without document
types, not deep, nothing twice.
"""

import binascii
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any
from urllib.parse import parse_qs
from xml.parsers import expat

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from domain.billing.processors import Event, SignatureRefused, UnreadableEvent
from domain.billing.states import ProcessorName

AHEAD = timedelta(seconds=300)
BEHIND = timedelta(hours=24, seconds=300)
DEEPEST = 32
SIGNATURE, PAYLOAD = "bt_signature", "bt_payload"

_FOREIGN = re.compile(r"[^A-Za-z0-9+/=\n]")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")

Digest = Callable[[str, bytes], str]
"""Computes Braintree's digest of a payload with a private key; the library has it."""


def _utc(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _iso(value: object) -> object:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


Instant = Annotated[datetime, BeforeValidator(_iso), AfterValidator(_utc)]


class _Notification(BaseModel):
    """What every notification has; its subject is read by those who need it."""

    model_config = ConfigDict(strict=True, frozen=True)

    kind: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
    timestamp: Instant
    subject: dict[str, Any] | None = None


class _Envelope(BaseModel):
    notification: _Notification


def verify(body: bytes, *, public_key: str, private_key: str, digest: Digest) -> None:
    """Let pass a form that was signed for `public_key` with `private_key`.

    Raises:
        SignatureRefused: anything else, whatever the body holds.
    """
    try:
        signatures, payload = _form(body)
    except UnreadableEvent:
        raise SignatureRefused from None
    claimed = [signature for name, _, signature in (pair.partition("|") for pair in signatures) if name == public_key]
    # A form may lose the line break at the payload's end, which was signed.
    expected = [digest(private_key, signed) for signed in (payload, payload + b"\n")]
    matches = [hmac.compare_digest(ours, theirs.encode()) for ours in map(str.encode, expected) for theirs in claimed]
    if not any(matches):
        raise SignatureRefused


def fresh(event: Event, *, now: datetime) -> None:
    """Let pass what happened within the day in which Braintree repeats a notification, and at most 300 s ahead.

    A repetition carries the time of what happened, not of its own sending, so five minutes would refuse it.

    Raises:
        SignatureRefused: it is older or farther ahead.
    """
    if not now - BEHIND <= event.occurred_at <= now + AHEAD:
        raise SignatureRefused


def event(body: bytes, *, livemode: bool) -> Event:
    """Read a verified body as an event. Braintree gives events no id: what it says, and when, is its id.

    Raises:
        UnreadableEvent: it is none.
    """
    _, payload = _form(body)
    try:
        xml = binascii.a2b_base64(payload)
    except binascii.Error:
        raise UnreadableEvent("not base64") from None
    document = read(xml)
    try:
        told = _Envelope.model_validate(document).notification
    except (ValidationError, OverflowError):
        # No cause: the validator's errors carry the whole document.
        raise UnreadableEvent("no notification") from None
    return Event(
        processor=ProcessorName.BRAINTREE,
        event_id=f"bt_{told.timestamp:%Y%m%dT%H%M%S}_{told.kind}_{sha256(xml).hexdigest()[:40]}",
        type=told.kind,
        livemode=livemode,
        occurred_at=told.timestamp,
        payload=document,
    )


def _form(body: bytes) -> tuple[list[str], bytes]:
    """Take the signatures and the payload out of a form that holds each once."""
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise UnreadableEvent("not a form") from None
    signature, payload = fields.get(SIGNATURE, []), fields.get(PAYLOAD, [])
    if len(signature) != 1 or len(payload) != 1 or _FOREIGN.search(payload[0]):
        raise UnreadableEvent("not a notification's form")
    return signature[0].split("&"), payload[0].encode()


def read(xml: bytes) -> dict[str, Any]:
    """Read Braintree's XML as JSON: dashes become underscores, whole numbers and booleans are what they say they are.

    Raises:
        UnreadableEvent: it is no XML, has a document type, is deeper than 32, or says something twice.
    """
    reading = _Reading()
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reading.doctype
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    try:
        parser.Parse(xml, True)  # noqa: FBT003 - expat takes no keywords
    except expat.ExpatError:
        raise UnreadableEvent("not XML") from None
    return reading.found


@dataclass(slots=True)
class _Element:
    """An element that is still open, and what stood in it so far."""

    name: str
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)
    inner: list[tuple[str, Any]] = field(default_factory=list)

    def value(self) -> Any:
        """Say what the element means."""
        kind, text = self.attributes.get("type"), "".join(self.texts).strip()
        if kind == "array":
            return [value for _, value in self.inner]
        if self.inner:
            found = dict(self.inner)
            if len(found) != len(self.inner):
                raise UnreadableEvent("an element stands twice")
            return found
        if self.attributes.get("nil") == "true":
            return None
        return _typed(kind, text)


def _typed(kind: str | None, text: str) -> Any:
    if kind == "boolean":
        return text in {"true", "1"}
    if kind == "integer":
        if not _WHOLE_NUMBER.fullmatch(text):
            raise UnreadableEvent("not a whole number")
        return int(text)
    return text


class _Reading:
    """Builds the value while expat walks through the document; no recursion of ours, however deep it is."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self._open: list[_Element] = []

    def doctype(self, *_: object) -> None:
        """Refuse: entities are declared there, and Braintree declares none."""
        raise UnreadableEvent("a document type")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Enter an element."""
        if len(self._open) >= DEEPEST:
            raise UnreadableEvent("nested too deeply")
        self._open.append(_Element(name.replace("-", "_"), attributes))

    def text(self, text: str) -> None:
        """Note text of the innermost element."""
        self._open[-1].texts.append(text)

    def end(self, _: str) -> None:
        """Leave an element."""
        closed = self._open.pop()
        value = closed.value()
        if self._open:
            self._open[-1].inner.append((closed.name, value))
        else:
            self.found = {closed.name: value}
