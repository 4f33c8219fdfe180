"""Seatgate measured beside its peers: `python -m benchmarks`. Nothing that Seatgate runs on comes in here."""
