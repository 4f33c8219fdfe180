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
    origins, hosts = headers.getlist("origin"), headers.getlist("host")
    if not origins:
        return True
    if len(origins) > 1 or len(hosts) != 1:
        return False
    origin = origins[0].lower()
    if origin in {each.lower() for each in allowed}:
        return True
    found = _place(origin)
    encrypted = origin.startswith("https:")
    own = _place(f"{'https' if encrypted else 'http'}://{hosts[0].lower()}")
    return found is not None and found == own and (encrypted or scheme != "wss")


def _place(address: str) -> tuple[str, int] | None:
    """Take host and port out of an origin, written in small letters; None where it is none."""
    try:
        parts = urlsplit(address)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None
    origin = parts.scheme in PORTS and address == f"{parts.scheme}://{parts.netloc}" and parts.username is None
    return (parts.hostname, port) if origin and parts.hostname and port else None
