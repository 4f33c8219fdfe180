"""Whose an address is, wherever callers are counted by it. A pure function of text."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

NETWORK_BITS = 64


@lru_cache(maxsize=4096)
def neighbourhood(address: str | None) -> str:
    """Name what counts as one address: of IPv6 the network, because whoever has one address there has them all."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return address or ""
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, NETWORK_BITS), strict=False))
