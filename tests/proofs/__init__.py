"""The long proofs, at full size and on both engines: `make prove`."""
