"""Mail from templates: the text and the HTML of one name, from the same values."""

from functools import cache
from typing import TYPE_CHECKING

from domain.mail.mailers import Message

if TYPE_CHECKING:
    from jinja2 import Environment


def render(
    template: str, *, to: str, subject: str, id: str | None = None, secrets: tuple[str, ...] = (), **values: object
) -> Message:
    """Make a message. What stands in the HTML is escaped; a value that the template names and nobody gives is a fault.

    Raises:
        jinja2.UndefinedError: a value is missing.
    """
    values |= {"subject": subject}
    return Message(
        to=to,
        subject=subject,
        text=_environment().get_template(f"{template}.txt").render(values),
        html=_environment().get_template(f"{template}.html").render(values),
        id=id,
        secrets=secrets,
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape  # noqa: PLC0415 - most processes send no mail

    return Environment(
        loader=PackageLoader("domain.mail"),
        autoescape=select_autoescape(["html"], default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
