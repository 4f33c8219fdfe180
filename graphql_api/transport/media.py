"""Which media type an answer takes, by the Accept header, and which a request may have. Pure functions of text."""

from functools import lru_cache

RESPONSE = "application/graphql-response+json"
JSON = "application/json"
LONGEST_HEADER = 1024


@lru_cache(maxsize=128)
def chosen(accept: str) -> str | None:
    """Choose the answer's media type; None when the client takes neither of the two.

    Without a header, and for wildcards, it is `application/json`, which older clients mean. Where both are named with
    equal weight it is `application/graphql-response+json`, whose status codes tell more.
    """
    if not accept.strip():
        return JSON
    if len(accept) > LONGEST_HEADER:
        return None
    ranges = [_range(text) for text in accept.split(",")]
    weights = {media: _weight(media, ranges) for media in (RESPONSE, JSON)}
    best = max(weights, key=weights.__getitem__)
    return best if weights[best] > (0.0, 0) else None


def is_json(content_type: str) -> bool:
    """Say whether a content type is exactly `application/json`, in UTF-8 where it says."""
    media, _, parameter = content_type.partition(";")
    name, _, value = parameter.partition("=")
    plain = not parameter.strip() or (name.strip().lower(), value.strip().strip('"').lower()) == ("charset", "utf-8")
    return media.strip().lower() == JSON and plain


def _range(text: str) -> tuple[str, float]:
    """Read one media range and its weight; a charset that is not UTF-8 and a malformed weight weigh nothing."""
    media, *parameters = (part.strip().lower() for part in text.split(";"))
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            weight = _number(value)
        elif name == "charset" and value.strip('"') != "utf-8":
            return media, 0.0
    return media, weight


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value <= 1.0 else 0.0


def _weight(media: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """Weigh a media type by the most specific range that covers it; the second number prefers what is named."""
    preferred_by_wildcards = int(media == JSON)
    for pattern, exactness in ((media, 2), ("application/*", preferred_by_wildcards), ("*/*", preferred_by_wildcards)):
        found = [weight for name, weight in ranges if name == pattern]
        if found:
            return max(found), exactness if max(found) else 0
    return 0.0, 0
