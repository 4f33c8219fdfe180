"""The logic half: customers, seats, and the mirror of what the processor says."""
