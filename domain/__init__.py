"""The rules of Seatgate: who belongs, is there a seat, what was paid for. Knows no GraphQL and no HTTP."""
