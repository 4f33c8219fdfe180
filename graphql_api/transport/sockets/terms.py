"""How long a socket may do what; the numbers are the same for everybody, and tests have shorter ones."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms on which a socket is kept."""

    init_seconds: float = 5
