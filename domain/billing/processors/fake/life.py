"""One subscription as it lives: commands and time change it, and it tells of each change. No session in here."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from domain.billing.processors import ItemChange, ProcessorRefused
from domain.billing.processors.fake import documents, invoices
from domain.billing.processors.fake.changes import begins_anew, changed, next_period
from domain.billing.processors.fake.documents import Document, Prices, instant, items_of
from domain.billing.processors.fake.invoices import Line
from domain.billing.processors.fake.models import Card, FakeCustomer, FakeSubscription
from domain.billing.processors.fake.terms import Exhausted, Terms, TrialWithoutCard
from domain.billing.states import Proration

DAY = 86400
INCOMPLETE_SECONDS = 23 * 3600
TOLD_AHEAD = 3 * DAY
UNCOLLECTED = {"void": "void", "mark_uncollectible": "uncollectible", "keep_as_draft": "draft"}


class Life:
    """A subscription and who pays for it. `events` and `invoices` are what has come of it and is not kept yet."""

    def __init__(self, row: FakeSubscription, payer: FakeCustomer, terms: Terms) -> None:
        self.events: list[Document] = []
        self.invoices: dict[str, Document] = {}
        self._row = row
        self._payer = payer
        self._terms = terms
        self._outcomes: list[tuple[str, Document]] = []

    @property
    def document(self) -> Document:
        """The subscription as it is."""
        return self._row.document

    @property
    def changes(self) -> int:
        """How many events have told of it."""
        return self._row.changes

    @property
    def credit(self) -> int:
        """What the customer has in advance, in minor units."""
        return max(-int(self._payer.document["balance"]), 0)

    @property
    def ended(self) -> bool:
        """Say whether it is over."""
        return self.document["ended_at"] is not None

    def begin(self, at: int) -> None:
        """Collect the first payment, or begin the trial; without that payment it stays incomplete."""
        lines = invoices.period_lines(self.document, start=at)
        self._become("created", self._billed(self.document, lines, reason="subscription_create", at=at), at)
        self._announce_trial_end(at)

    def cancel(self, at: int) -> None:
        """End it now."""
        self._end(at)

    def change(self, after: Document, at: int) -> None:
        """Let something else be true from now on; nothing is told when it is true already."""
        if after != self.document:
            self._become("updated", after, at)

    def change_item(self, change: ItemChange, known: Prices, *, proration: Proration, at: int) -> None:
        """Give one item another price and quantity, and bill the difference as `proration` wants it.

        Another interval begins a new period for the whole subscription, which is billed at once.
        """
        after, lines = changed(self.document, change, known, proration=proration, at=at)
        if after == self.document:
            return
        if begins_anew(self.document, after) or proration is Proration.ALWAYS_INVOICE:
            after = self._billed(after, [*self._pending(), *lines], reason="subscription_update", at=at)
        else:
            self._row.pending = [*self._row.pending, *map(asdict, lines)]
        self._become("updated", after, at)

    def upcoming(self, change: ItemChange, known: Prices, *, proration: Proration, at: int) -> list[Line]:
        """List what the next invoice would hold after a change: one made at once, or that of the next period.

        Raises:
            ProcessorRefused: there is no such item, or the change cannot be billed.
        """
        after, lines = changed(self.document, change, known, proration=proration, at=at)
        if begins_anew(self.document, after) or proration is Proration.ALWAYS_INVOICE:
            return [*self._pending(), *lines]
        return [*self._pending(), *lines, *next_period(after)]

    def unpause(self, at: int) -> None:
        """Collect again; what is paused as a whole goes on with a new period, once that is paid for.

        Raises:
            ProcessorRefused: there is nothing to collect from.
        """
        if self.document["pause_collection"] is not None:
            self._become("updated", self.document | {"pause_collection": None}, at)
        elif self.document["status"] == "paused":
            if self._payer.card is not Card.GOOD:
                raise ProcessorRefused("The card was declined.", code="card_declined")
            after = documents.begun_anew(self.document | {"status": "active"}, at)
            lines = invoices.period_lines(after, start=at)
            self._become("resumed", self._billed(after, lines, reason="subscription_update", at=at), at)

    def collect(self, at: int) -> None:
        """Try to collect what is owed, as when the customer pays the open invoice by hand."""
        if self._row.owed is not None and not self.ended:
            self._apply(self._collected(self.document, self._row.owed, at), at)

    def declare(self, status: str, at: int) -> None:
        """Say that it has this status from now on; what is owed is forgiven where it is said to be paid for."""
        document = self.document
        if status in {"canceled", "incomplete_expired"}:
            self._end(at, status)
            return
        if status in {"active", "trialing"}:
            self._forgive()
        later = {"incomplete": {"start_date": at}, "trialing": {"trial_end": documents.paid_until(document)}}
        self.change(document | {"status": status} | later.get(status, {}), at)

    def catch_up(self, now: datetime) -> None:
        """Let happen, in order, all that time has brought about until `now`."""
        while self._row.due_at is not None and self._row.due_at <= now:
            self.come_due()

    def come_due(self) -> None:
        """Let happen the one thing that time brings about next.

        Raises:
            ValueError: time brings about nothing.
        """
        if self._row.due_at is None:
            raise ValueError("nothing is due")
        at, document = int(self._row.due_at.timestamp()), self.document
        pause, owed = document["pause_collection"], self._row.owed
        if document["cancel_at"] is not None and document["cancel_at"] <= at:
            self._end(document["cancel_at"])
        elif document["status"] == "incomplete":
            self._end(at, "incomplete_expired")
        elif pause is not None and (pause["resumes_at"] or at + 1) <= at:
            self._become("updated", document | {"pause_collection": None}, at)
        elif document["status"] == "trialing":
            self._trial(at)
        elif owed is not None and (owed["next_payment_attempt"] or at + 1) <= at:
            self._apply(self._collected(document, owed, at), at)
        else:
            self._renew(documents.renewed(document, at), at)

    def _trial(self, at: int) -> None:
        if at < self.document["trial_end"]:
            self._announce_trial_end(at)
        elif self._payer.card is not Card.MISSING:
            self._renew(documents.renewed(self.document | {"status": "active"}, at), at)
        elif self._terms.trial_without_card is TrialWithoutCard.PAUSED:
            self._become("paused", self.document | {"status": "paused"}, at)
        elif self._terms.trial_without_card is TrialWithoutCard.CANCELED:
            self._end(at)
        else:
            self._renew(documents.renewed(self.document | {"status": "active"}, at), at)

    def _announce_trial_end(self, at: int) -> None:
        end = self.document["trial_end"]
        if (
            end is not None
            and not self._row.trial_told
            and self.document["status"] == "trialing"
            and at >= end - TOLD_AHEAD
        ):
            self._row.trial_told = True
            self._tell("customer.subscription.trial_will_end", self.document, at)
            self._row.due_at = self._due()

    def _renew(self, after: Document, at: int) -> None:
        lines = [*self._pending(), *invoices.period_lines(after, start=at)]
        self._apply(self._billed(after, lines, reason="subscription_cycle", at=at), at)

    def _pending(self) -> list[Line]:
        return [Line(**line) for line in self._row.pending]

    def _billed(self, after: Document, lines: Sequence[Line], *, reason: str, at: int) -> Document:
        """Write the invoice and collect it; give the subscription as it is then."""
        credit = self.credit
        made = invoices.invoice(after, lines, number=self._row.changes, reason=reason, credit=credit, at=at)
        self._row.pending = []
        self._payer.document = self._payer.document | {"balance": -max(credit - made["total"], 0)}
        after = after | {"latest_invoice": made["id"]}
        pause = after["pause_collection"]
        if pause is not None or after["status"] == "unpaid":
            status = "draft" if pause is None else UNCOLLECTED[pause["behavior"]]
            self.invoices[made["id"]] = made | {"status": status, "auto_advance": False}
            return after
        return self._collected(after, made, at)

    def _collected(self, after: Document, invoice: Document, at: int) -> Document:
        """Try to collect an invoice; give the subscription as it is then."""
        tried = invoice | {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
        if not invoice["amount_due"] or self._payer.card is Card.GOOD:
            paid = {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0}
            self._row.owed = None
            self._keep("invoice.paid", tried | paid | {"next_payment_attempt": None})
            return after if after["status"] == "trialing" else after | {"status": "active"}
        first = after["status"] == "incomplete"
        waits = self._terms.retry_days[invoice["attempt_count"] :]
        following = at + waits[0] * DAY if waits and not first else None
        self._row.owed = tried | {"next_payment_attempt": following}
        self._keep("invoice.payment_failed", self._row.owed)
        if first:
            return after
        return after | {"status": "past_due" if following is not None else self._terms.exhausted.value}

    def _keep(self, type: str, invoice: Document) -> None:
        self.invoices[invoice["id"]] = invoice
        self._outcomes.append((type, invoice))

    def _apply(self, after: Document, at: int) -> None:
        if after["status"] == Exhausted.CANCELED:
            self._end(at, before=after)
        else:
            self._become("updated", after, at)

    def _end(self, at: int, status: str = "canceled", *, before: Document | None = None) -> None:
        """End it; what is owed is forgiven."""
        self._forgive()
        self._row.pending = []
        kind = "updated" if status == "incomplete_expired" else "deleted"
        self._become(kind, documents.ended(before or self.document, at, status), at)

    def _forgive(self) -> None:
        if self._row.owed is not None:
            self.invoices[self._row.owed["id"]] = self._row.owed | {"status": "void", "next_payment_attempt": None}
            self._row.owed = None

    def _become(self, kind: str, after: Document, at: int) -> None:
        """Make `after` the truth from `at` on, and tell of it, then of what became of its invoices."""
        before = self.document if kind == "updated" else None
        self._row.document = after
        self._tell(f"customer.subscription.{kind}", after, at, before=before)
        for type, invoice in self._outcomes:
            self._tell(type, invoice, at)
        self._outcomes = []
        self._row.due_at = self._due()

    def _tell(self, type: str, document: Document, at: int, *, before: Document | None = None) -> None:
        self._row.changes += 1
        told = documents.event(type, document, origin=self._row.id, number=self._row.changes, before=before, at=at)
        self.events.append(told)

    def _due(self) -> datetime | None:
        """Find when time alone changes it next; None when it has ended."""
        document, owed = self.document, self._row.owed
        if self.ended:
            return None
        pause = document["pause_collection"] or {}
        seconds = [document["cancel_at"], pause.get("resumes_at")]
        if document["status"] == "incomplete":
            seconds.append(document["start_date"] + INCOMPLETE_SECONDS)
        elif document["status"] == "trialing":
            seconds += [document["trial_end"], None if self._row.trial_told else document["trial_end"] - TOLD_AHEAD]
        elif document["status"] != "paused":
            seconds += [item["current_period_end"] for item in items_of(document)]
            seconds.append(owed and owed["next_payment_attempt"])
        return min((instant(second) for second in seconds if second is not None), default=None)
