"""Proof of webhooks: stories of a processor, delivered as badly as can be, and a model of what must come of it."""

from domain.proofs.webhooks.conducting import Outcome, Progress, Proof
from domain.proofs.webhooks.documents import Document
from domain.proofs.webhooks.endpoint import Endpoint
from domain.proofs.webhooks.findings import Finding, FindingKind
from domain.proofs.webhooks.plan import Plan
from domain.proofs.webhooks.reading import Graphql, Reader, StateUrl
from domain.proofs.webhooks.truth import Truth

__all__ = [
    "Document",
    "Endpoint",
    "Finding",
    "FindingKind",
    "Graphql",
    "Outcome",
    "Plan",
    "Progress",
    "Proof",
    "Reader",
    "StateUrl",
    "Truth",
]
