"""The terms on which sockets are kept: the same for everybody, counted by each process for itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Numbers of things at once, of things in a second, and of seconds. Tests keep sockets on shorter terms."""

    init_seconds: float = 5
    """How long a client may take to introduce itself."""
    proof_seconds: float = 2
    """How old a credential's proof may grow while something runs by it."""
    idle_proof_seconds: float = 30
    """How old it may grow while nothing does."""
    doubt_seconds: float = 30
    """How long something may run on while nobody can say whether the credential is still good."""
    age_seconds: float = 3600
    """How long a socket lasts at most."""
    send_seconds: float = 30
    """How long one message may wait for a client that does not read."""
    tidy_seconds: float = 30
    """How long an operation that nobody wants any more may take to end before it is torn."""
    leave_seconds: float = 3
    """How long running queries and mutations may take to answer when the server ends."""

    sockets: int = 5000
    strangers_per_address: int = 20
    """Sockets whose client has not introduced itself yet."""
    anonymous_per_address: int = 5
    sockets_per_caller: int = 20
    operations_per_caller: int = 100
    operations_per_socket: int = 20

    starts_per_second: float = 5
    """Operations begun on one socket; as many as may run may begin at once."""
    frames_per_second: float = 50
    frames_at_once: int = 200
