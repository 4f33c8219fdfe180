"""Calls of Braintree's library, which blocks: each in a thread of a pool that is bounded, its errors in our words."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar
from xml.parsers.expat import ExpatError

from domain.billing.processors import ProcessorRefused, ProcessorUnavailable, UnreadableEvent

T = TypeVar("T")

THREADS = 8
MISSING, DECLINED = "resource_missing", "payment_declined"
REASONS = {
    "91903": "The customer's payment method cannot be used.",
    "91904": "Braintree has no such plan.",
    "91920": "Braintree changes no plan while a payment is due.",
    "91922": "Braintree cannot change to a plan that is billed at another frequency.",
    "91923": "Braintree cannot change to a plan in another currency.",
}


class Calls:
    """Makes calls, a few at a time; what waits for a thread waits for nothing else."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="braintree")

    async def make(self, ask: Callable[[], T]) -> T:
        """Ask in a thread.

        Raises:
            ProcessorRefused: the answer was no.
            ProcessorUnavailable: there was no usable answer.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(heard, ask))

    async def aclose(self) -> None:
        """Let what is under way end, and let go of the threads and their connections."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)


def heard(ask: Callable[[], T]) -> T:
    """Ask, and turn what the library raises into the two answers that the protocol knows; in doubt it may be done."""
    from braintree import exceptions  # noqa: PLC0415 - loaded long ago by whoever made the processor

    try:
        return ask()
    except exceptions.not_found_error.NotFoundError as error:
        raise ProcessorRefused("Braintree does not know this.", code=MISSING) from error
    except (
        exceptions.authentication_error.AuthenticationError,
        exceptions.authorization_error.AuthorizationError,
        exceptions.server_error.ServerError,
        exceptions.service_unavailable_error.ServiceUnavailableError,
        exceptions.too_many_requests_error.TooManyRequestsError,
        exceptions.upgrade_required_error.UpgradeRequiredError,
    ) as error:
        raise _silent(error, answered=True) from error
    except (
        exceptions.braintree_error.BraintreeError,
        UnreadableEvent,
        # What the library's own reading of an answer that is none ends in.
        ExpatError,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise _silent(error, answered=False) from error


def _silent(error: Exception, *, answered: bool) -> ProcessorUnavailable:
    return ProcessorUnavailable(f"Braintree gave no usable answer ({type(error).__name__})", answered=answered)


def done(result: Any) -> Any:
    """Take the result of a command that succeeded.

    Raises:
        ProcessorRefused: it did not; the code is Braintree's, of the first fault or of the card's issuer.
    """
    if result.is_success:
        return result
    transaction = result.transaction
    if transaction is not None:
        code = getattr(transaction, "processor_response_code", None)
        raise ProcessorRefused("The payment was declined.", code=code or DECLINED)
    code = next(iter(codes(result)), None)
    raise ProcessorRefused(REASONS.get(code or "", "The payment processor refused the request."), code=code)


def codes(result: Any) -> list[str]:
    """List Braintree's codes for all that it found wrong with a command."""
    return [] if result.is_success else [error.code for error in result.errors.deep_errors]


def unsupported(message: str) -> ProcessorRefused:
    """Make the refusal of what Braintree cannot do; no call was made for it."""
    return ProcessorRefused(message, code="unsupported")
