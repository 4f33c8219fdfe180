"""`python -m tests.proofs entitlements|seats|webhooks|faults|fuzz|past OPTIONS`: one of the long proofs."""

import sys

from tests.proofs import entitlements, faults, fuzz, past, seats, walks

PROOFS = {
    "entitlements": entitlements.main,
    "seats": seats.main,
    "webhooks": walks.main,
    "faults": faults.main,
    "fuzz": fuzz.main,
    "past": past.main,
}

if __name__ == "__main__":
    if sys.argv[1:2] == [] or sys.argv[1] not in PROOFS:
        sys.exit(f"python -m tests.proofs {'|'.join(PROOFS)} OPTIONS")
    sys.exit(PROOFS[sys.argv[1]](sys.argv[2:]))
