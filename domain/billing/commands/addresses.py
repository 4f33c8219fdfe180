"""Where a processor's page may send people back to: pure checks of an address."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from domain.errors import InvalidInput

LONGEST = 2048


def check_address(address: str, *, path: list[str]) -> None:
    """Check an address of the host's own: absolute, https (http on this machine only), at most 2048 characters.

    Raises:
        InvalidInput: it is anything else, or carries a name and a password.
    """
    if not (len(address) <= LONGEST and address.isascii() and address.isprintable() and not {" ", "\\"} & set(address)):
        raise InvalidInput(f"An address has at most {LONGEST} characters of printable ASCII.", path=path)
    parts = _parts(address)
    if parts is None or not parts.hostname or parts.scheme not in {"http", "https"}:
        raise InvalidInput("An address is absolute and begins with https.", path=path)
    if "@" in parts.netloc:
        raise InvalidInput("An address carries no name and no password.", path=path)
    if parts.scheme == "http" and not _here(parts.hostname):
        raise InvalidInput("An address begins with https, or is one of this machine.", path=path)


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - reading it is what refuses a port that is none
    except ValueError:
        return None
    return parts


def _here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
