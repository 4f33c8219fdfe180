"""How Stripe says no: one exception that carries the status, the type, the code, the message and the parameter."""

from typing import Any


class Refusal(Exception):
    """An answer that is an error. `extra` joins the error's own fields, such as `decline_code`."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": message, "type": type, "doc_url": None, **extra}
        self.error |= {name: value for name, value in (("code", code), ("param", param)) if value is not None}


def missing(kind: str, id: str, *, param: str = "id", status: int = 404) -> Refusal:
    """Refuse because nothing has this id; in a path that is 404, in a parameter 400."""
    return Refusal(f"No such {kind}: '{id}'", status=status, code="resource_missing", param=param)


def card_error(code: str, message: str, *, decline_code: str | None = None, intent: str | None = None) -> Refusal:
    """Refuse because the card's bank did."""
    extra = {"decline_code": decline_code, "payment_intent": intent}
    told = {name: value for name, value in extra.items() if value is not None}
    return Refusal(message, status=402, type="card_error", code=code, **told)
