"""Proof of the seats: real processes fight for them and are killed, and a checker reads the history of it."""

from domain.proofs.seats.conducting import Outcome, Progress, Tell, prove_seats
from domain.proofs.seats.plan import Plan
from domain.proofs.seats.violations import Violation, ViolationKind

__all__ = ["Outcome", "Plan", "Progress", "Tell", "Violation", "ViolationKind", "prove_seats"]
