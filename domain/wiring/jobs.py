"""What the worker goes round, by the name under which the log tells of it."""

from functools import partial

from domain import idempotency, identity, outbox, rates
from domain.audit import Forwarding, Sealer
from domain.billing import (
    Closing,
    Commands,
    CustomerReconciling,
    Errands,
    Fetches,
    Following,
    Inbox,
    InvoiceChecks,
    ProcessorName,
    Pruning,
    Schedule,
    Sweeper,
    ThinEvents,
    prune_invoices,
    prune_reports,
)
from domain.billing.processors.fake import FakeProcessor
from domain.clock import Clock
from domain.db import Database
from domain.entitlements import Entitlements, InForce, OverLimit
from domain.entitlements.advisory import Pulling
from domain.mail import LogMailer, Mailer, SmtpMailer
from domain.organizations import InvitationMail, Purging, Tidying
from domain.settings import Environment, Settings
from domain.worker import Job, Seldom, While


def billing(commands: Commands, inbox: Inbox, fetches: Fetches) -> dict[str, Job]:
    """List what the worker goes round; where the Fake is configured its time passes and its webhooks arrive."""
    fake = inbox.processors.get(ProcessorName.FAKE)
    closing = Closing(commands=commands)
    thin = ThinEvents(inbox=inbox)
    deliveries: dict[str, outbox.Deliver] = {each.TOPIC: each.deliver for each in (fetches, closing, thin)}
    jobs: dict[str, Job] = {
        "intents": commands.finish_open,
        "inbox": inbox.retry_due,
        "fetches": fetches.settle_owed,
        "closing": closing.find_due,
    }
    if isinstance(fake, FakeProcessor):
        deliveries[fake.TOPIC] = fake.deliverer(inbox)
        jobs["fake"] = partial(fake.advance, 0)
    return jobs | {"outbox": partial(outbox.deliver_due, inbox.database, inbox.clock, deliveries)}


def following(errands: Errands, fetches: Fetches, in_force: InForce) -> dict[str, Job]:
    """List what follows from seats and invoices; quantities and dunning only while the catalog asks for them."""
    quantities, checks = Following(errands=errands, rules_of=in_force.seat_quantity_of), InvoiceChecks(fetches=fetches)

    async def sweep() -> int:
        return await Sweeper(errands=errands, dunning=in_force.catalog.dunning).sweep()

    deliveries: dict[str, outbox.Deliver] = {quantities.TOPIC: quantities.deliver, checks.TOPIC: checks.deliver}
    return {
        "errands": errands.settle_lost,
        "seat quantities": While(lambda: in_force.catalog.follows_seats, quantities.look_at_changed),
        "dunning": Seldom(While(lambda: in_force.catalog.dunning.ends, sweep), clock=errands.clock),
        "following": partial(outbox.deliver_due, errands.database, errands.clock, deliveries),
    }


def reconciling(schedule: Schedule) -> dict[str, Job]:
    """List what keeps the mirror right when news is lost; last, so that what is only late has arrived before."""
    asked = CustomerReconciling(reconciling=schedule.reconciling)
    return {"reconciling asked for": asked.finish_open, "reconciling": schedule.run_due}


def observing(pulling: Pulling | None) -> dict[str, Job]:
    """List how what Stripe itself grants is read, where it is: who is asked for, and everybody when it is the turn."""
    if pulling is None:
        return {}
    pulls = pulling.pulls
    asked = partial(outbox.deliver_due, pulls.database, pulls.clock, {pulls.TOPIC: pulls.deliver})
    return {"entitlement summaries asked for": asked, "entitlement summaries": pulling.run_due}


def organizations(purging: Purging, tidying: Tidying) -> dict[str, Job]:
    """List what time brings about: deleted organizations go for good, invitations expire."""
    return {"organizations": purging.purge_due, "invitations": tidying.tidy_due}


def mail(settings: Settings, database: Database, clock: Clock, mailer: Mailer | None) -> dict[str, Job]:
    """List the sending of mail: through the mailer given, else the configured server, else to the log."""
    letters = InvitationMail(
        database=database,
        clock=clock,
        mailer=mailer or _mailer(settings, clock),
        secret_keys=settings.secret_keys,
        public_url=settings.public_url,
    )
    return {"mail": partial(outbox.deliver_due, database, clock, {letters.TOPIC: letters.deliver})}


def _mailer(settings: Settings, clock: Clock) -> Mailer:
    """Make the mailer that the settings ask for; without a server the log shows tokens in development only."""
    if settings.mail_url is None or settings.mail_from is None:
        return LogMailer(shows_secrets=settings.environment is Environment.DEVELOPMENT)
    return SmtpMailer(settings.mail_url, sender=settings.mail_from, clock=clock)


def audit(sealer: Sealer, forwarding: Forwarding) -> dict[str, Job]:
    """List what follows a command's audit row: its seal, and whom else it is told."""
    return {"audit seals": sealer.seal_due, "audit forwarders": forwarding.forward_due}


def watching(entitlements: Entitlements) -> dict[str, Job]:
    """List what is only looked at, to tell operators of it."""
    found = OverLimit(database=entitlements.database, clock=entitlements.clock, entitlements=entitlements)
    return {"seats over limit": found.look}


def prunings(database: Database, clock: Clock) -> dict[str, Job]:
    """List what forgets what is worth nothing more; seldom, so that an idle worker stays idle."""
    forgetful = {
        "used keys": idempotency.prune,
        "counted tries": rates.prune,
        "used proofs": identity.prune_proofs,
        "paid invoices": prune_invoices,
        "drift reports": prune_reports,
    }
    jobs: dict[str, Job] = {name: partial(prune, database, clock) for name, prune in forgetful.items()}
    jobs["old webhooks"] = Pruning(database=database, clock=clock).prune
    return {name: Seldom(job, clock=clock) for name, job in jobs.items()}
