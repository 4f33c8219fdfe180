"""What a user's names may be: pure checks of what the host tells, as strict as those of a credential's claims."""

import re

from domain.errors import InvalidInput

LONGEST_TEXT = 255
LONGEST_EMAIL = 254
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def checked_text(value: str, *, field: str) -> str:
    """Check a name: 1 to 255 printable characters.

    Raises:
        InvalidInput: it is none.
    """
    if not 1 <= len(value) <= LONGEST_TEXT or not value.isprintable():
        raise InvalidInput(f"This has 1 to {LONGEST_TEXT} printable characters.", path=["input", field])
    return value


def checked_email(value: str) -> str:
    """Check an e-mail address: one @ with something on both sides, no space, 254 printable characters at most.

    Raises:
        InvalidInput: it is none.
    """
    if len(value) > LONGEST_EMAIL or not value.isprintable() or not _EMAIL.fullmatch(value):
        raise InvalidInput("This is no e-mail address.", path=["input", "email"])
    return value
