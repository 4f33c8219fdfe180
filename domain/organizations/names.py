"""Names, slugs and addresses: what they may look like, and how a slug is made from a name. Pure."""

import re
import secrets
import unicodedata

from domain.errors import InvalidInput

NAME_LENGTH = 255
SLUG_LENGTH = (3, 63)
# Words that stand for a part of a product in its addresses, and so for no organization.
_RESERVED = (
    "admin api app auth billing blog cdn dashboard docs help login logout new oauth orgs organizations register"
    " settings signup static status support switch system webhooks www"
)
RESERVED = frozenset(_RESERVED.split())
EMAIL_LENGTH = 254
LOCAL_LENGTH = 64
_SLUG = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+")


def checked_name(name: str) -> str:
    """Give the name without surrounding space.

    Raises:
        InvalidInput: empty, over 255 characters, or with characters that no name has.
    """
    name = name.strip()
    if not name or len(name) > NAME_LENGTH or not _printable(name):
        raise InvalidInput(f"A name has 1 to {NAME_LENGTH} printable characters.", path=["input", "name"])
    return name


def checked_slug(slug: str) -> str:
    """Give the slug back.

    Raises:
        InvalidInput: not 3 to 63 of lower-case letters, digits and hyphens, beginning with a letter and not ending
            with a hyphen; or a reserved word.
    """
    if not SLUG_LENGTH[0] <= len(slug) <= SLUG_LENGTH[1] or not _SLUG.fullmatch(slug):
        raise InvalidInput(
            "A slug has 3 to 63 lower-case letters, digits and hyphens, begins with a letter and ends with no hyphen.",
            path=["input", "slug"],
        )
    if slug in RESERVED:
        raise InvalidInput("This slug is reserved.", path=["input", "slug"])
    return slug


def checked_external_id(external_id: str) -> str:
    """Give the host's own id back.

    Raises:
        InvalidInput: empty, over 255 characters, or not printable.
    """
    if not external_id or len(external_id) > NAME_LENGTH or not _printable(external_id):
        raise InvalidInput(f"An external id has 1 to {NAME_LENGTH} printable characters.", path=["input", "externalId"])
    return external_id


def checked_email(email: str) -> str:
    """Give an address to which mail can be sent, in lower case and without surrounding space.

    Other alphabets are refused before the case is changed, because some of their letters become plain ones by it.

    Raises:
        InvalidInput: it has not the form of an address, or over 254 characters.
    """
    email = email.strip()
    if len(email) > EMAIL_LENGTH or len(email.partition("@")[0]) > LOCAL_LENGTH or not _EMAIL.fullmatch(email):
        raise InvalidInput(
            f"An address has the form name@example.com and at most {EMAIL_LENGTH} ASCII characters.",
            path=["input", "email"],
        )
    return email.lower()


def slug_of(name: str) -> str:
    """Make a slug from a name: plain lower-case letters and digits, everything else a hyphen; never a reserved word."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not slug[:1].isalpha() or len(slug) < SLUG_LENGTH[0]:
        slug = f"org-{slug}".strip("-")
    if slug in RESERVED:
        return varied(slug)
    return slug[: SLUG_LENGTH[1]].rstrip("-") if len(slug) > SLUG_LENGTH[0] else f"{slug}-{secrets.token_hex(2)}"


def varied(slug: str) -> str:
    """Make another slug that looks like this one, for when it is taken."""
    return f"{slug[: SLUG_LENGTH[1] - 7].rstrip('-')}-{secrets.token_hex(3)}"


def _printable(text: str) -> bool:
    return all(character.isprintable() for character in text)
