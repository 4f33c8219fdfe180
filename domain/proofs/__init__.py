"""Proofs that are shipped: they run the real commands against a scratch place in the user's own database.

Above everything else of the domain, and known to nothing of it.
"""

from domain.proofs.scratch import Scratch, scratch
from domain.proofs.seats import Outcome, Plan, Progress, Tell, Violation, ViolationKind, prove_seats

__all__ = ["Outcome", "Plan", "Progress", "Scratch", "Tell", "Violation", "ViolationKind", "prove_seats", "scratch"]
