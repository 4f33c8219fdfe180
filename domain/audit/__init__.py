"""The ledger: one row per command, written in the command's transaction and never changed afterwards.

Seals chain the rows after their commit, `verify` follows the chain, forwarders are told of it in its order.
"""

from domain.audit.exporting import export, head, read_heads
from domain.audit.forwarders import Forwarder, JsonLinesForwarder, NotTaken, SealedEvent, WebhookForwarder, signature_of
from domain.audit.forwarding import Forwarding
from domain.audit.host import log
from domain.audit.ledger import erase, record
from domain.audit.models import AuditEvent, LabelPart
from domain.audit.sealing import BEGINNING, Head, Sealer
from domain.audit.timelines import EventFilter, RanksOf, Timelines, labels, sealed
from domain.audit.verifying import Progress, Verdict, verify

__all__ = [
    "BEGINNING",
    "AuditEvent",
    "EventFilter",
    "Forwarder",
    "Forwarding",
    "Head",
    "JsonLinesForwarder",
    "LabelPart",
    "NotTaken",
    "Progress",
    "RanksOf",
    "SealedEvent",
    "Sealer",
    "Timelines",
    "Verdict",
    "WebhookForwarder",
    "erase",
    "export",
    "head",
    "labels",
    "log",
    "read_heads",
    "record",
    "sealed",
    "signature_of",
    "verify",
]
