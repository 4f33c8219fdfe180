"""Plain values as Braintree writes them in XML: dashes for underscores, and a type on what is no text."""

from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape

SINGULAR = {"status_history": "status_event", "ids": "item"}


def written(name: str, value: Any) -> str:
    """Write one element and all that is in it; a tuple as one element for each of its values."""
    if isinstance(value, tuple):
        return "".join(written(name, one) for one in value)
    tag, kind = name.replace("_", "-"), ""
    match value:
        case None:
            kind, text = ' nil="true"', ""
        case bool():
            kind, text = ' type="boolean"', str(value).lower()
        case int():
            kind, text = ' type="integer"', str(value)
        case datetime():
            kind, text = ' type="datetime"', f"{value:%Y-%m-%dT%H:%M:%SZ}"
        case date():
            kind, text = ' type="date"', value.isoformat()
        case list():
            singular = SINGULAR.get(name, name.removesuffix("s"))
            kind, text = ' type="array"', "".join(written(singular, one) for one in value)
        case dict():
            text = "".join(written(key, one) for key, one in value.items())
        case _:
            text = escape(str(value))
    return f"<{tag}{kind}>{text}</{tag}>"
