"""Events as Stripe would write them: each says how many seats an organization has bought from then on. Pure.

The processor's clock has whole seconds, and two changes in one second would be ambiguous. So the proof has a clock of
its own, which is one second later with each event.
"""

import json

PRICE = "price_proof"
BEGINNING = 1_700_000_000
ROUNDS = 10_000_000


def account(organization: int) -> str:
    """Name an organization's account at the processor."""
    return f"cus_proof_{organization}"


def order(life: int, number: int) -> int:
    """Put the changes of one organization in line: those of a later process after those of the one that was killed."""
    return 1 + life * ROUNDS + number


def event_id(organization: int, *, order: int) -> str:
    """Name the event that sets a limit."""
    return f"evt_proof_{organization}_{order}"


def subscription(organization: int, *, seats: int, order: int) -> bytes:
    """Write the event that sets the number of seats; the first one of all (`order` 0) begins the subscription."""
    subscription = {
        "id": f"sub_proof_{organization}",
        "object": "subscription",
        "customer": account(organization),
        "status": "active",
        "items": {"data": [{"id": f"si_proof_{organization}", "price": {"id": PRICE}, "quantity": seats}]},
    }
    event = {
        "id": event_id(organization, order=order),
        "object": "event",
        "type": f"customer.subscription.{'updated' if order else 'created'}",
        "created": BEGINNING + order,
        "livemode": False,
        "data": {"object": subscription},
    }
    return json.dumps(event).encode()
