"""API keys: how programs prove who they are. Of a secret there is a digest here, and nothing else anywhere."""

from domain.identity.keys.models import ApiKey, KeyState
from domain.identity.keys.reading import KeyReading
from domain.identity.keys.secret import ON_BEHALF_OF, ShownKey
from domain.identity.keys.service import ApiKeys, MadeKey, ProvenKey, drop_keys
from domain.identity.keys.tenants import Tenants

__all__ = [
    "ON_BEHALF_OF",
    "ApiKey",
    "ApiKeys",
    "KeyReading",
    "KeyState",
    "MadeKey",
    "ProvenKey",
    "ShownKey",
    "Tenants",
    "drop_keys",
]
