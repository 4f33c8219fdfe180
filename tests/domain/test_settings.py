"""What the environment may say, what is refused, and how development secrets come to be."""

import multiprocessing
import stat
from pathlib import Path

import pytest

from domain.errors import ConfigError
from domain.settings import LATER, Environment, Rail, Settings, development, read

POSTGRESQL, SQLITE = "postgresql+asyncpg://root:hunter2@db/seatgate", "sqlite+aiosqlite:///seatgate.db"
LONG = "Zq8-vN2_wL5xT0bY7rK3mJ9cF4hG6dS1"
OTHER = "pA4sD8fG2hJ6kL0zX5cV9bN3mQ7wE1rT"
PRODUCTION = {
    "SEATGATE_ENV": "production",
    "SEATGATE_PROCESSORS": "stripe",
    "SEATGATE_STRIPE_API_KEY": f"sk_live_{LONG}",
    "SEATGATE_STRIPE_WEBHOOK_SECRETS": f"whsec_{LONG}",
    "SEATGATE_SECRET_KEYS": LONG,
    "SEATGATE_JWT_SECRETS": f"{LONG},{OTHER}",
    "SEATGATE_ALLOWED_HOSTS": "api.example.com",
}


def faults(environ: dict[str, str], folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(environ, folder=folder)
    return caught.value.faults


def test_an_empty_environment_gives_the_documented_defaults(tmp_path: Path) -> None:
    settings = read({}, folder=tmp_path)

    assert settings.environment is Environment.DEVELOPMENT
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.database_url == "sqlite+aiosqlite:///seatgate.db"
    assert settings.catalog == (tmp_path / "catalog.toml",)
    assert settings.processors == (Rail.FAKE,)
    assert (settings.allowed_hosts, settings.allowed_origins) == (("*",), ())
    assert settings.callback_seconds == 2.0
    assert (settings.on_cancel_failure, settings.restore_days, settings.invitation_days) == ("abort", 14, 7)
    assert (settings.public_url, settings.mail_url, settings.mail_from) == (None, None, None)
    assert (settings.jwks_url, settings.trusted_proxies) == (None, ())


def test_a_whole_production_environment_is_accepted(tmp_path: Path) -> None:
    settings = read(PRODUCTION, folder=tmp_path)

    assert settings.jwt_secrets == (LONG, OTHER)
    assert settings.fake_webhook_secrets == ()
    assert not (tmp_path / ".seatgate").exists()


def test_other_programs_variables_are_left_alone(tmp_path: Path) -> None:
    assert read({"PATH": "/bin", "SEAT": "1"}, folder=tmp_path) == read({}, folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://db/x"),
        ("DATABASE_URL", "sqlite:///seatgate.db"),
        ("DATABASE_URL", "sqlite+aiosqlite://"),
        ("DATABASE_URL", "sqlite+aiosqlite:///:memory:"),
        ("DATABASE_URL", "sqlite+aiosqlite:///file:x?mode=memory&uri=true"),
        ("DATABASE_URL", "postgresql+asyncpg://host"),
        ("DATABASE_URL", "postgresql+asyncpg://host:port/db"),
        ("DATABASE_URL", "nonsense"),
        ("CATALOG", "a.toml,,b.toml"),
        ("PROCESSORS", "paypal"),
        ("PROCESSORS", "fake,fake"),
        ("ENV", "staging"),
        ("HOST", "two words"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "٣"),
        ("WORKERS", "0"),
        ("WORKERS", "many"),
        ("ALLOWED_ORIGINS", "*"),
        ("ALLOWED_ORIGINS", "https://app.example.com/path"),
        ("ALLOWED_ORIGINS", "app.example.org"),
        ("ALLOWED_HOSTS", "https://api.example.com"),
        ("ALLOWED_HOSTS", "*example.com"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "loadbalancer.internal"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,::/0"),
        ("TRUSTED_PROXIES", "10.0.0.1,,10.0.0.2"),
        ("JWKS_URL", "id.example.com/keys"),
        ("JWKS_URL", "ftp://id.example.com/keys"),
        ("JWKS_URL", "https://root:hunter2@id.example.com/keys"),
        ("JWKS_URL", "https://id.example.com/keys#a"),
        ("JWKS_URL", "https://id.example.com/keys?a=b#c"),
        ("JWKS_URL", "file:///etc/keys"),
        ("CALLBACK_SECONDS", "0"),
        ("CALLBACK_SECONDS", "nan"),
        ("CALLBACK_SECONDS", "1e3"),
        ("CALLBACK_SECONDS", "61"),
        ("ON_CANCEL_FAILURE", "ignore"),
        ("RESTORE_DAYS", "0"),
        ("INVITATION_DAYS", "366"),
        ("PUBLIC_URL", "app.example.org"),
        ("PUBLIC_URL", "https://app.example.org/?a=b"),
        ("SECRET_KEYS", "short"),
        ("SECRET_KEYS", f"{LONG},short"),
        ("JWT_SECRETS", "short"),
        ("FAKE_WEBHOOK_SECRETS", "short"),
        ("JWT_ISSUER", " "),
        ("HOST", ""),
        ("HOST", "\udcff"),
        ("UNHEARD_OF", "1"),
        ("port", "1"),
    ],
)
def test_a_bad_value_is_one_fault_that_names_its_variable_and_not_the_value(
    tmp_path: Path, name: str, value: str
) -> None:
    found = faults({f"SEATGATE_{name}": value}, tmp_path)

    assert len(found) == 1
    assert found[0].startswith(f"SEATGATE_{name} ")
    assert not value.strip() or value not in found[0].removeprefix(f"SEATGATE_{name}") or len(value) < 5


PUBLISHED = {name: value for name, value in PRODUCTION.items() if name != "SEATGATE_JWT_SECRETS"}


@pytest.mark.parametrize(
    "address",
    [
        "https://id.example.com/.well-known/jwks.json",
        "https://id.example.com/keys?p=policy",
        "http://127.0.0.1:8080/keys",
        "http://[::1]/keys",
        "http://localhost/keys",
    ],
)
def test_published_keys_stand_in_the_place_of_secrets(tmp_path: Path, address: str) -> None:
    settings = read(PUBLISHED | {"SEATGATE_JWKS_URL": address}, folder=tmp_path)

    assert (settings.jwks_url, settings.jwt_secrets) == (address, ())


def test_in_production_keys_are_not_fetched_where_others_can_change_them(tmp_path: Path) -> None:
    address = "http://id.example.com/keys"

    found = faults(PUBLISHED | {"SEATGATE_JWKS_URL": address}, tmp_path)

    assert [fault.split()[0] for fault in found] == ["SEATGATE_JWKS_URL"]
    assert read({"SEATGATE_JWKS_URL": address}, folder=tmp_path).jwks_url == address


def test_secrets_beside_published_keys_are_a_fault(tmp_path: Path) -> None:
    found = faults(PRODUCTION | {"SEATGATE_JWKS_URL": "https://id.example.com/keys"}, tmp_path)

    assert [fault.split()[0] for fault in found] == ["SEATGATE_JWT_SECRETS"]


def test_development_makes_no_secret_for_tokens_beside_published_keys(tmp_path: Path) -> None:
    assert read({"SEATGATE_JWKS_URL": "https://id.example.com/keys"}, folder=tmp_path).jwt_secrets == ()


def test_trusted_proxies_are_addresses_and_networks(tmp_path: Path) -> None:
    given = "10.0.0.0/8, 192.0.2.7,2001:db8::/32"

    settings = read({"SEATGATE_TRUSTED_PROXIES": given}, folder=tmp_path)

    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")


MAIL = {"SEATGATE_MAIL_URL": "smtp://mail.example.com", "SEATGATE_MAIL_FROM": "seatgate@example.com"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAIL_URL", "https://mail.example.com"),
        ("MAIL_URL", "smtp://"),
        ("MAIL_URL", "smtp://mail.example.com:port"),
        ("MAIL_URL", "smtp://mail.example.com:0"),
        ("MAIL_URL", "smtp://mail.example.com/inbox"),
        ("MAIL_URL", "smtp://mail.example.com?tls=no"),
        ("MAIL_URL", "smtp://user@mail.example.com"),
        ("MAIL_URL", "smtp://:password@mail.example.com"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "a@example.com, b@example.com"),
        ("MAIL_FROM", "a@example.com\r\nbcc: b@example.com"),
        ("MAIL_FROM", "Seatgate"),
        ("MAIL_FROM", "a@b@example.com"),
    ],
)
def test_a_bad_mail_setting_is_one_fault(tmp_path: Path, name: str, value: str) -> None:
    found = faults({**MAIL, f"SEATGATE_{name}": value}, tmp_path)

    assert [fault.split()[0] for fault in found] == [f"SEATGATE_{name}"]
    assert len(value) < 8 or value not in found[0]


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("smtp://mail.example.com", "seatgate@example.com"),
        ("smtps://user:pass@mail.example.com:465", "Seatgate <seatgate@example.com>"),
    ],
)
def test_mail_settings_are_taken_as_given_and_not_shown(tmp_path: Path, url: str, sender: str) -> None:
    settings = read({"SEATGATE_MAIL_URL": url, "SEATGATE_MAIL_FROM": sender}, folder=tmp_path)

    assert (settings.mail_url, settings.mail_from) == (url, sender)
    assert url not in repr(settings)


@pytest.mark.parametrize("name", sorted(MAIL))
def test_half_of_what_mail_needs_is_a_fault(tmp_path: Path, name: str) -> None:
    (other,) = MAIL.keys() - {name}

    assert [fault.split()[0] for fault in faults({name: MAIL[name]}, tmp_path)] == [other]


@pytest.mark.parametrize("name", sorted(LATER))
def test_a_variable_of_a_later_version_is_refused_with_that_word(tmp_path: Path, name: str) -> None:
    assert faults({f"SEATGATE_{name}": "x"}, tmp_path) == [f"SEATGATE_{name} is not supported by this version yet"]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    found = faults({"SEATGATE_PORT": "x", "SEATGATE_WORKERS": "x", "SEATGATE_WHAT": "x"}, tmp_path)

    assert [fault.split()[0] for fault in found] == ["SEATGATE_PORT", "SEATGATE_WORKERS", "SEATGATE_WHAT"]


@pytest.mark.parametrize("name", ["STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRETS"])
def test_stripe_without_key_or_secrets_is_refused(tmp_path: Path, name: str) -> None:
    environ = {key: value for key, value in PRODUCTION.items() if key != f"SEATGATE_{name}"}

    assert [fault.split()[0] for fault in faults(environ, tmp_path)] == [f"SEATGATE_{name}"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_API_KEY", "sk_test_1"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_1"),
        ("STRIPE_API_BASE", "http://localhost:1"),
    ],
)
def test_a_stripe_setting_without_stripe_is_refused(tmp_path: Path, name: str, value: str) -> None:
    assert [fault.split()[0] for fault in faults({f"SEATGATE_{name}": value}, tmp_path)] == [f"SEATGATE_{name}"]


@pytest.mark.parametrize("name", ["SECRET_KEYS", "JWT_SECRETS", "ALLOWED_HOSTS"])
def test_production_makes_nothing_up(tmp_path: Path, name: str) -> None:
    environ = {key: value for key, value in PRODUCTION.items() if key != f"SEATGATE_{name}"}

    assert [fault.split()[0] for fault in faults(environ, tmp_path)] == [f"SEATGATE_{name}"]
    assert not (tmp_path / ".seatgate").exists()


@pytest.mark.parametrize(
    "secret", ["", " ", "short", "a" * 40, "changeme-changeme-changeme-0123456789", "development-" + LONG, f"{LONG},"]
)
@pytest.mark.parametrize("name", ["SECRET_KEYS", "JWT_SECRETS", "STRIPE_WEBHOOK_SECRETS", "STRIPE_API_KEY"])
def test_production_refuses_blank_short_and_default_secrets(tmp_path: Path, name: str, secret: str) -> None:
    found = faults(PRODUCTION | {f"SEATGATE_{name}": secret}, tmp_path)

    assert {fault.split()[0] for fault in found} == {f"SEATGATE_{name}"}


@pytest.mark.parametrize("processors", ["fake", "stripe,fake"])
def test_production_refuses_the_fake(tmp_path: Path, processors: str) -> None:
    environ = PRODUCTION | {"SEATGATE_PROCESSORS": processors}

    assert any(fault.startswith("SEATGATE_PROCESSORS names fake") for fault in faults(environ, tmp_path))


def test_the_representation_shows_no_secret(tmp_path: Path) -> None:
    url = "postgresql+asyncpg://root:hunter2@db/seatgate"

    text = repr(read(PRODUCTION | {"SEATGATE_DATABASE_URL": url}, folder=tmp_path))

    assert LONG not in text
    assert OTHER not in text
    assert "hunter2" not in text


def test_several_database_hosts_are_allowed(tmp_path: Path) -> None:
    url = "postgresql+asyncpg://u:p@/seatgate?host=a:5432&host=b:5432"

    assert read({"SEATGATE_DATABASE_URL": url}, folder=tmp_path).database_url == url


def test_notifications_may_go_to_an_address_of_their_own(tmp_path: Path) -> None:
    own = {"SEATGATE_DATABASE_URL": POSTGRESQL, "SEATGATE_DATABASE_LISTEN_URL": f"{POSTGRESQL}_direct"}

    assert read(own, folder=tmp_path).database_listen_url == f"{POSTGRESQL}_direct"
    assert read({}, folder=tmp_path).database_listen_url is None
    assert "hunter2" not in repr(read(own, folder=tmp_path))


@pytest.mark.parametrize(
    ("url", "listen_url"),
    [
        (SQLITE, POSTGRESQL),
        (SQLITE, SQLITE),
        (POSTGRESQL, SQLITE),
        (POSTGRESQL, "nowhere"),
        (POSTGRESQL, ""),
    ],
)
def test_notifications_without_postgresql_are_one_fault(tmp_path: Path, url: str, listen_url: str) -> None:
    environ = {"SEATGATE_DATABASE_URL": url, "SEATGATE_DATABASE_LISTEN_URL": listen_url}

    [fault] = faults(environ, tmp_path)

    assert fault.startswith("SEATGATE_DATABASE_LISTEN_URL ")


def test_development_secrets_are_made_once_and_only_for_their_owner(tmp_path: Path) -> None:
    first, second = read({}, folder=tmp_path), read({}, folder=tmp_path)

    assert first == second
    assert len({*first.secret_keys, *first.jwt_secrets, *first.fake_webhook_secrets}) == 3
    assert stat.S_IMODE((tmp_path / ".seatgate").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / ".seatgate" / "secrets").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / ".seatgate").iterdir()] == ["secrets"]


def test_production_refuses_the_secrets_made_for_development(tmp_path: Path) -> None:
    made = read({}, folder=tmp_path).secret_keys[0]

    assert faults(PRODUCTION | {"SEATGATE_SECRET_KEYS": made}, tmp_path)


def secrets_of(folder: Path) -> Settings:
    return read({}, folder=folder)


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("forkserver").Pool(4) as pool:
        found = pool.map(secrets_of, [tmp_path] * 16)

    assert all(settings == found[0] for settings in found)


def test_a_second_maker_keeps_the_first_ones_secrets(tmp_path: Path) -> None:
    first = development.load(tmp_path)

    development._make(tmp_path / ".seatgate" / "secrets")

    assert development.load(tmp_path) == first
    assert [path.name for path in (tmp_path / ".seatgate").iterdir()] == ["secrets"]


def test_secrets_that_others_may_read_are_refused(tmp_path: Path) -> None:
    read({}, folder=tmp_path)
    (tmp_path / ".seatgate" / "secrets").chmod(0o640)

    found = faults({}, tmp_path)

    assert [fault.split()[0] for fault in found] == [
        "SEATGATE_FAKE_WEBHOOK_SECRETS",
        "SEATGATE_SECRET_KEYS",
        "SEATGATE_JWT_SECRETS",
    ]


@pytest.mark.parametrize(
    "content", [b"", b"SECRET_KEYS=x\n", b"\xff", b"SECRET_KEYS\nJWT_SECRETS\nFAKE_WEBHOOK_SECRETS\n"]
)
def test_a_malformed_secrets_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / ".seatgate" / "secrets"
    place.parent.mkdir()
    place.write_bytes(content)
    place.chmod(0o600)

    assert len(faults({}, tmp_path)) == 3
    assert place.read_bytes() == content


def test_given_secrets_need_no_file(tmp_path: Path) -> None:
    read({f"SEATGATE_{name}": LONG for name in ("SECRET_KEYS", "JWT_SECRETS", "FAKE_WEBHOOK_SECRETS")}, folder=tmp_path)

    assert not (tmp_path / ".seatgate").exists()
