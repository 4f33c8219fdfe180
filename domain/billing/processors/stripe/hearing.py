"""What Stripe's library raises, in the two words that the protocol knows."""

from collections.abc import Iterator
from contextlib import contextmanager

from domain.billing.processors import ProcessorRefused, ProcessorUnavailable, UnreadableEvent

CONFLICT = 409
LONGEST_WAIT_SECONDS = 3600


@contextmanager
def heard() -> Iterator[None]:
    """Turn what the library raises into the two answers that the protocol knows; in doubt the deed may be done."""
    import stripe  # noqa: PLC0415 - loaded long ago by whoever made the processor

    try:
        yield
    except stripe.CardError as error:
        raise ProcessorRefused(error.user_message or "The card was refused.", code=error.code) from error
    except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
        raise ProcessorRefused("The payment processor refused the request.", code=error.code) from error
    except (stripe.StripeError, UnreadableEvent) as error:
        # A conflict means that the first request with this key is still under way.
        status = getattr(error, "http_status", None)
        raise ProcessorUnavailable(
            f"Stripe gave no usable answer ({type(error).__name__})",
            answered=status not in {None, CONFLICT},
            retry_after=_seconds((getattr(error, "headers", None) or {}).get("retry-after")),
        ) from error


def _seconds(header: str | None) -> int | None:
    """Read how long Stripe wants to be left alone; nothing that it says holds longer than an hour."""
    if header is None or not (header.isascii() and header.isdigit()):
        return None
    return min(int(header[:9]), LONGEST_WAIT_SECONDS)
