"""Secrets for development, made once in `.seatgate/secrets` and shared by all processes. Never used in production."""

import os
import secrets
import stat
from pathlib import Path

from domain.settings.parsing import DEVELOPMENT_MARK, Fault

FOLDER, FILE = ".seatgate", "secrets"
NAMES = ("SECRET_KEYS", "JWT_SECRETS", "FAKE_WEBHOOK_SECRETS")
SECRET_BYTES = 32
LARGEST_FILE_BYTES = 4096


def load(folder: Path) -> dict[str, str]:
    """Read the development secrets of a folder by the names of their variables, making them when there are none.

    Two processes that start at once agree: the file appears whole and the first one wins. Raises `Fault` when the
    file cannot be made or read, when others may read it, and when it is not as we wrote it.
    """
    place = folder / FOLDER / FILE
    try:
        if not place.exists():
            _make(place)
        return _read(place)
    except (OSError, UnicodeDecodeError):
        raise Fault(f"is not set and {FOLDER}/{FILE} cannot be made or read") from None


def _make(place: Path) -> None:
    """Write beside the place and link into it: a reader never sees half a file, and a second writer changes nothing."""
    place.parent.mkdir(mode=0o700, exist_ok=True)
    draft = place.with_name(f"{FILE}.{secrets.token_hex(8)}")
    content = "".join(f"{name}={DEVELOPMENT_MARK}{secrets.token_hex(SECRET_BYTES)}\n" for name in NAMES)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    try:
        place.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _read(place: Path) -> dict[str, str]:
    with place.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise Fault(f"is not set and {FOLDER}/{FILE} may be read by others; give it mode 0600 or remove it")
        content = file.read(LARGEST_FILE_BYTES).decode()
    found = dict(line.partition("=")[::2] for line in content.splitlines())
    if tuple(found) != NAMES or not all(_is_made(value) for value in found.values()):
        raise Fault(f"is not set and {FOLDER}/{FILE} is malformed; remove it and it is made again")
    return found


def _is_made(value: str) -> bool:
    return value.startswith(DEVELOPMENT_MARK) and len(value) == len(DEVELOPMENT_MARK) + 2 * SECRET_BYTES
