"""A stateful stand-in for Stripe, spoken to by the official client alone.

`Peer` is one account in test mode; `serving(peer)` puts it on a port. It is not the real service: what it does not
know it refuses, and docs/stripe-peer.md says where it is simpler.
"""

from tests.peers.stripe.account import API_VERSION, Document, Dunning
from tests.peers.stripe.app import Call
from tests.peers.stripe.delivering import Delivered
from tests.peers.stripe.faults import Fault, Mishap
from tests.peers.stripe.peer import PUBLISHABLE_KEY, SECRET_KEY, Peer, serving
from tests.peers.stripe.refusals import Refusal

__all__ = [
    "API_VERSION",
    "PUBLISHABLE_KEY",
    "SECRET_KEY",
    "Call",
    "Delivered",
    "Document",
    "Dunning",
    "Fault",
    "Mishap",
    "Peer",
    "Refusal",
    "serving",
]
