"""What the environment says: every setting as one frozen value, or every fault at once. Nothing else reads it.

Variables carry the prefix `SEATGATE_`. One that nothing reads is a fault: an unknown one, one of a later version, and
one of a processor that `SEATGATE_PROCESSORS` does not name (somebody who sets a Stripe key expects Stripe).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path

from domain.errors import ConfigError
from domain.settings import development, parsing
from domain.settings.parsing import Fault
from domain.settings.reader import PREFIX, Reader

__all__ = [
    "DATABASE_URL",
    "PREFIX",
    "BraintreeEnvironment",
    "Environment",
    "NativeSync",
    "OnCancelFailure",
    "Rail",
    "Settings",
    "read",
]

DATABASE_URL = "sqlite+aiosqlite:///seatgate.db"
STRIPE = ("STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS", "STRIPE_API_BASE", "STRIPE_NATIVE_SYNC")
BRAINTREE = ("BRAINTREE_MERCHANT_ID", "BRAINTREE_PUBLIC_KEY", "BRAINTREE_PRIVATE_KEY", "BRAINTREE_ENVIRONMENT")
FAKE = ("FAKE_WEBHOOK_SECRETS",)
NO_ITEMS: tuple[str, ...] = ()
NOTHING: str | None = None
CATALOG: tuple[str, ...] = ("catalog.toml",)
LATER = frozenset(
    {
        "DATABASE_REPLICA_URL",
    }
)


class Environment(StrEnum):
    """Where this runs: in development what is missing is made up, in production nothing is."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class OnCancelFailure(StrEnum):
    """What becomes of a user's deletion when a subscription cannot be cancelled: the user comes back, or goes."""

    ABORT = "abort"
    PROCEED = "proceed"


class NativeSync(StrEnum):
    """Whether Stripe's own view of entitlements is kept beside ours; no gate ever reads it."""

    DISABLED = "disabled"
    ADVISORY = "advisory"


class Rail(StrEnum):
    """A processor by the name that the settings call it."""

    FAKE = "fake"
    STRIPE = "stripe"
    BRAINTREE = "braintree"


class BraintreeEnvironment(StrEnum):
    """Which of Braintree's two worlds the keys are for; in the sandbox no money moves."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Braintree:
    """What opens a merchant's account at Braintree."""

    environment: BraintreeEnvironment
    merchant_id: str
    public_key: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set, checked. Its representation shows no secret and no database address."""

    environment: Environment
    host: str
    port: int
    workers: int
    allowed_origins: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    catalog: tuple[Path, ...]
    processors: tuple[Rail, ...]
    callback_seconds: float
    on_cancel_failure: OnCancelFailure
    restore_days: int
    invitation_days: int
    public_url: str | None
    mail_from: str | None
    jwt_issuer: str | None
    jwt_audience: str | None
    jwks_url: str | None
    stripe_api_base: str | None
    stripe_native_sync: NativeSync
    braintree: Braintree | None
    mail_url: str | None = field(repr=False)
    database_url: str = field(repr=False)
    database_listen_url: str | None = field(repr=False)
    stripe_api_key: str | None = field(repr=False)
    stripe_webhook_secrets: tuple[str, ...] = field(repr=False)
    fake_webhook_secrets: tuple[str, ...] = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)
    jwt_secrets: tuple[str, ...] = field(repr=False)


def read(environ: Mapping[str, str], *, folder: Path) -> Settings:
    """Read the settings; relative catalog paths and `.seatgate/secrets` are found from `folder`.

    Raises:
        ConfigError: holds every fault, each naming its variable and none repeating its value.
    """
    reader = Reader(environ)
    settings = _settings(reader, folder=folder)
    _check_processors(reader, settings)
    _check_mail(reader)
    _check_listening(reader, settings)
    if settings.environment is Environment.PRODUCTION:
        _check_production(reader, settings)
    reader.refuse_others(later=LATER)
    if reader.faults:
        raise ConfigError(reader.faults)
    return settings


def _settings(reader: Reader, *, folder: Path) -> Settings:
    environment = reader.value("ENV", Environment.DEVELOPMENT, parsing.choice(Environment))
    production = environment is Environment.PRODUCTION
    fake: tuple[Rail, ...] = (Rail.FAKE,)
    any_host: tuple[str, ...] = () if production else ("*",)
    own_secrets = partial(_secrets, reader, production=production, folder=folder)
    others_secrets = parsing.secrets(production=production, shortest=1)
    processors = reader.value("PROCESSORS", fake, parsing.choices(Rail))
    return Settings(
        environment=environment,
        host=reader.value("HOST", "127.0.0.1", parsing.text),
        port=reader.value("PORT", 8000, parsing.integer(0, 65535)),
        workers=reader.value("WORKERS", 1, parsing.integer(1, 256)),
        allowed_origins=reader.value("ALLOWED_ORIGINS", NO_ITEMS, parsing.origins),
        allowed_hosts=reader.value("ALLOWED_HOSTS", any_host, parsing.hosts),
        trusted_proxies=reader.value("TRUSTED_PROXIES", NO_ITEMS, parsing.networks),
        catalog=tuple(folder / path for path in reader.value("CATALOG", CATALOG, parsing.items)),
        processors=processors,
        callback_seconds=reader.value("CALLBACK_SECONDS", 2.0, parsing.seconds(60)),
        on_cancel_failure=reader.value("ON_CANCEL_FAILURE", OnCancelFailure.ABORT, parsing.choice(OnCancelFailure)),
        restore_days=reader.value("RESTORE_DAYS", 14, parsing.integer(1, 3650)),
        invitation_days=reader.value("INVITATION_DAYS", 7, parsing.integer(1, 365)),
        public_url=reader.value("PUBLIC_URL", NOTHING, parsing.address),
        mail_url=reader.value("MAIL_URL", NOTHING, parsing.mail_url),
        mail_from=reader.value("MAIL_FROM", NOTHING, parsing.mail_address),
        jwt_issuer=reader.value("JWT_ISSUER", NOTHING, parsing.text),
        jwt_audience=reader.value("JWT_AUDIENCE", NOTHING, parsing.text),
        jwks_url=reader.value("JWKS_URL", NOTHING, parsing.key_address(production=production)),
        database_url=reader.value("DATABASE_URL", DATABASE_URL, parsing.database_url),
        database_listen_url=reader.value("DATABASE_LISTEN_URL", NOTHING, parsing.database_url),
        stripe_api_base=reader.value("STRIPE_API_BASE", NOTHING, parsing.address),
        stripe_native_sync=reader.value("STRIPE_NATIVE_SYNC", NativeSync.DISABLED, parsing.choice(NativeSync)),
        stripe_api_key=reader.value("STRIPE_API_KEY", NOTHING, parsing.secret(production=production, shortest=1)),
        stripe_webhook_secrets=reader.value("STRIPE_WEBHOOK_SECRETS", NO_ITEMS, others_secrets),
        braintree=_braintree(reader, production=production) if Rail.BRAINTREE in processors else None,
        fake_webhook_secrets=own_secrets("FAKE_WEBHOOK_SECRETS") if Rail.FAKE in processors else (),
        secret_keys=own_secrets("SECRET_KEYS"),
        jwt_secrets=() if _keys_are_published(reader) else own_secrets("JWT_SECRETS"),
    )


def _keys_are_published(reader: Reader) -> bool:
    """Say whether an issuer's published keys stand in the place of secrets; both at once are a fault.

    Beside a secret that we share, an issuer's public key could be taken for one.
    """
    if reader.given("JWKS_URL") and reader.given("JWT_SECRETS"):
        reader.fault("JWT_SECRETS", f"is set although {PREFIX}JWKS_URL is; tokens are checked by one of the two")
    return reader.given("JWKS_URL")


def _braintree(reader: Reader, *, production: bool) -> Braintree:
    """Take Braintree's variables; one that is missing is noted later, with what else processors lack."""
    return Braintree(
        environment=reader.value(
            "BRAINTREE_ENVIRONMENT", BraintreeEnvironment.SANDBOX, parsing.choice(BraintreeEnvironment)
        ),
        merchant_id=reader.value("BRAINTREE_MERCHANT_ID", "", parsing.text),
        public_key=reader.value("BRAINTREE_PUBLIC_KEY", "", parsing.text),
        private_key=reader.value("BRAINTREE_PRIVATE_KEY", "", parsing.secret(production=production, shortest=1)),
    )


def _secrets(reader: Reader, name: str, *, production: bool, folder: Path) -> tuple[str, ...]:
    """Take given secrets, or those made for development; production makes none."""
    if reader.given(name) or production:
        return reader.value(name, (), parsing.secrets(production=production))
    try:
        return (development.load(folder)[name],)
    except Fault as fault:
        reader.fault(name, str(fault))
        return ()


def _check_processors(reader: Reader, settings: Settings) -> None:
    """Note what a named processor lacks, and what is given for one that is not named."""
    for rail, names in ((Rail.STRIPE, STRIPE), (Rail.BRAINTREE, BRAINTREE), (Rail.FAKE, FAKE)):
        for name in names:
            if reader.given(name) and rail not in settings.processors:
                reader.fault(name, f"is set although {PREFIX}PROCESSORS does not name {rail}")
    for rail, required in ((Rail.STRIPE, STRIPE[:2]), (Rail.BRAINTREE, BRAINTREE)):
        for name in required:
            if rail in settings.processors and not reader.given(name):
                reader.fault(name, f"is missing although {PREFIX}PROCESSORS names {rail}")


def _check_mail(reader: Reader) -> None:
    """Note a half of what mail needs: whoever sets one of the two expects mail to be sent."""
    for name, other in (("MAIL_URL", "MAIL_FROM"), ("MAIL_FROM", "MAIL_URL")):
        if reader.given(other) and not reader.given(name):
            reader.fault(name, f"is missing although {PREFIX}{other} is set")


def _check_listening(reader: Reader, settings: Settings) -> None:
    """Note an address for notifications where there are none: only PostgreSQL has them."""
    listen_url = settings.database_listen_url
    if listen_url is not None and not all(url.startswith("postgresql") for url in (listen_url, settings.database_url)):
        reader.fault("DATABASE_LISTEN_URL", f"is for PostgreSQL, as {PREFIX}DATABASE_URL must be then")


def _check_production(reader: Reader, settings: Settings) -> None:
    """Note what development would have made up, and the processor that takes no money."""
    for name in ("SECRET_KEYS", "ALLOWED_HOSTS"):
        if not reader.given(name):
            reader.fault(name, "is missing; in production nothing is made up")
    if not reader.given("JWT_SECRETS") and not reader.given("JWKS_URL"):
        reader.fault("JWT_SECRETS", f"is missing, and so is {PREFIX}JWKS_URL; in production nothing is made up")
    if Rail.FAKE in settings.processors:
        reader.fault("PROCESSORS", f"names {Rail.FAKE}, which is not for production")
