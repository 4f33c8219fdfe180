"""Proof of webhooks: stories of a processor, delivered as badly as can be, and a model of what must come of it."""
