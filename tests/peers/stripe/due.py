"""The order in which things happen by themselves: whatever is due next, until nothing is due any more."""

from collections.abc import Callable, Iterator

from tests.peers.stripe import cancelling, checkout, entitlements, payments, pending, renewing
from tests.peers.stripe.account import Account, Document
from tests.peers.stripe.periods import DAY, HOUR

Step = tuple[int, int, str, Callable[[], None]]  # when, before what else of the same instant, of whom, what

FIRST_PAYMENT_WITHIN = 23 * HOUR
WARNING = 3 * DAY
RENEWED = {"active", "past_due", "unpaid"}


def settle(account: Account) -> None:
    """Let everything happen that is due by the account's clock, each at its own instant."""
    until = int(account.clock.now().timestamp())
    _run(account, None, until=until, reach=lambda instant: setattr(account, "time", instant))
    account.time = max(account.time, until)


def advance(account: Account, clock: Document, *, until: int) -> None:
    """Let everything happen that is due by this test clock up to an instant; the events bear the account's time."""
    _run(account, clock["id"], until=until, reach=lambda instant: clock.__setitem__("frozen_time", instant))
    clock["frozen_time"] = until


def _run(account: Account, clock: str | None, *, until: int, reach: Callable[[int], None]) -> None:
    owner = {"test_clock": clock}
    while True:
        step = min(_steps(account, clock), key=lambda step: step[:3], default=None)
        if step is None or step[0] > until:
            return
        reach(max(step[0], account.now(owner)))
        step[3]()
        entitlements.refresh(account)


def _steps(account: Account, clock: str | None) -> Iterator[Step]:
    for subscription in account.all("subscription"):
        if subscription["test_clock"] == clock and not cancelling.ended(subscription):
            yield from _of_subscription(account, subscription)
    for invoice in account.all("invoice"):
        if invoice["test_clock"] == clock:
            yield from _of_invoice(account, invoice)
    if clock is None:
        for session in account.all("checkout.session"):
            if session["status"] == "open":
                yield _end_of(account, session)


def _end_of(account: Account, session: Document) -> Step:
    return session["expires_at"], 7, session["id"], lambda: checkout.end(account, session)


def _of_subscription(account: Account, subscription: Document) -> Iterator[Step]:
    id, status = subscription["id"], subscription["status"]
    if status == "incomplete":
        at = subscription["created"] + FIRST_PAYMENT_WITHIN
        yield at, 0, id, lambda: cancelling.expire(account, subscription)
        return
    if subscription["cancel_at"] is not None:
        keep = subscription["cancel_at_period_end"]
        yield (
            subscription["cancel_at"],
            0,
            id,
            lambda: cancelling.end(account, subscription, reason=None, keep_prorations=keep),
        )
    pause = subscription["pause_collection"]
    if pause and pause["resumes_at"] is not None:
        yield pause["resumes_at"], 1, id, lambda: renewing.collect_again(account, subscription)
    if subscription["pending_update"] is not None:
        at = subscription["pending_update"]["expires_at"]
        yield at, 1, id, lambda: pending.expire(account, subscription)
    if status == "trialing":
        if f"{id} {subscription['trial_end']}" not in account.marks:
            warned = max(subscription["trial_end"] - WARNING, subscription["created"])
            yield warned, 2, id, lambda: renewing.warn_of_trial_end(account, subscription)
        yield subscription["trial_end"], 3, id, lambda: renewing.end_trial(account, subscription)
    elif status in RENEWED:
        yield cancelling.period_end(subscription), 4, id, lambda: renewing.renew(account, subscription)


def _of_invoice(account: Account, invoice: Document) -> Iterator[Step]:
    if invoice["status"] == "draft" and invoice["automatically_finalizes_at"] is not None:
        at = invoice["automatically_finalizes_at"]
        yield at, 5, invoice["id"], lambda: renewing.advance_invoice(account, invoice)
    if invoice["status"] == "open" and invoice["next_payment_attempt"] is not None:
        at = invoice["next_payment_attempt"]
        yield at, 6, invoice["id"], lambda: retry(account, invoice)


def retry(account: Account, invoice: Document) -> None:
    """Try again; what the bank says stands in the invoice."""
    payments.collect(account, invoice)
