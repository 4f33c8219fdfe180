"""Where a request comes from: the client's address behind proxies that we trust, and what counts as one place.

Only `X-Forwarded-For` and `X-Forwarded-Proto` are read, and only when the connection comes from a trusted proxy. Not
`Forwarded`, which proxies that speak the other dialect hand on as a client wrote it, and not `X-Forwarded-Host`: the
host that counts is the one that the proxy asks for.
"""

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address

MOST_PROXIES = 32
HOST_BITS = 64
"""Whoever has one address of IPv6 has all that share its first half."""
_WRITTEN = re.compile(
    r"\[(?P<six>[0-9A-Fa-f:.]{2,45})\](?::\d{1,5})?|(?P<four>[0-9.]{7,15}):\d{1,5}|(?P<bare>[0-9A-Fa-f:.]{2,45})"
)
SCHEMES: Mapping[str, Mapping[str, str]] = {
    "http": {"http": "http", "https": "https"},
    "websocket": {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"},
}


class TrustedProxies:
    """The middleware that puts the client in the place of the proxies in front of us. Must stand outermost."""

    def __init__(self, app: ASGIApp, *, networks: Sequence[str]) -> None:
        self._app = app
        self._networks = tuple(map(ip_network, networks))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a connection on as its client made it; what a stranger forwards is not looked at."""
        peer = read((scope.get("client") or ("",))[0])
        if scope["type"] in SCHEMES and peer is not None and self.trusts(peer):
            chain, schemes = _last(scope, b"x-forwarded-for"), _last(scope, b"x-forwarded-proto")
            scope["client"] = (str(self.client(peer, chain)), 0)
            scope["scheme"] = SCHEMES[scope["type"]].get(schemes[-1].lower(), scope["scheme"])
        await self._app(scope, receive, send)

    def trusts(self, address: Address) -> bool:
        """Say whether this is a proxy that we believe."""
        return any(address in network for network in self._networks)

    def client(self, peer: Address, chain: Sequence[str]) -> Address:
        """Find who first spoke to a proxy of ours: from the right, the first in the chain that we do not trust.

        Each proxy appends whom it has heard. What stands left of a stranger is the stranger's word. Where no address
        stands, nobody knows more than that it came through the proxy which wrote that.
        """
        found = peer
        for text in reversed(chain):
            heard = read(text)
            if heard is None:
                return found
            found = heard
            if not self.trusts(found):
                return found
        return found


def read(text: str) -> Address | None:
    """Read an address, with a port or without, in its one true spelling; None where there is none."""
    match = _WRITTEN.fullmatch(text)
    try:
        found = ip_address(match["six"] or match["four"] or match["bare"]) if match else None
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def neighbourhood(address: str | None) -> str:
    """Name the place that a limit counts: an address of IPv4, half of one of IPv6, one for all that are unknown."""
    found = read(address or "")
    if found is None:
        return "unknown"
    return str(found) if isinstance(found, IPv4Address) else str(ip_network((found, HOST_BITS), strict=False))


def _last(scope: Scope, wanted: bytes) -> list[str]:
    """Give the last values of a header that may stand in several lines, in their order."""
    lines = b",".join(value for name, value in scope["headers"] if name == wanted)
    return [text.strip() for text in lines.decode("latin-1").rsplit(",", MOST_PROXIES)[-MOST_PROXIES:]]
