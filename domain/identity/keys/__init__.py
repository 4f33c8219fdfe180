"""API keys: how programs prove who they are."""

from domain.identity.keys.models import ApiKey

__all__ = ["ApiKey"]
