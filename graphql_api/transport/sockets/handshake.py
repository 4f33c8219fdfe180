"""Whether a WebSocket may be opened at all, by what its handshake shows. Pure functions of headers."""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

PORTS = {"http": 80, "https": 443}


def is_welcome(headers: Headers, *, scheme: str, allowed: Collection[str]) -> bool:
    """Say whether a page of this origin may open a socket here; programs, which name none, may.

    A page may from the host that it came from itself, and from origins that were allowed. A page that came openly may
    not open a socket that is encrypted: whoever could write the page could not read the socket.
    """
    origins = headers.getlist("origin")
    if not origins:
        return True
    if len(origins) > 1:
        return False
    origin = origins[0].lower()
    if origin in {each.lower() for each in allowed}:
        return True
    own = _place(f"{urlsplit(origin).scheme}://{headers.get('host', '')}") if origin.startswith("http") else None
    return own is not None and _place(origin) == own and (scheme != "wss" or origin.startswith("https:"))


def _place(address: str) -> tuple[str, int] | None:
    """Take host and port out of an address without a path; None where they cannot be told."""
    try:
        parts = urlsplit(address)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    plain = not (parts.path or parts.query or parts.fragment or parts.username is not None)
    return (parts.hostname.lower(), port) if plain and parts.hostname and port else None
