"""What opens Braintree, and what is refused of it."""

from pathlib import Path

import pytest

from domain.settings import Braintree, BraintreeEnvironment, Rail, read
from tests.domain.test_settings import OTHER, PRODUCTION, faults

BRAINTREE = {
    "SEATGATE_ENV": "production",
    "SEATGATE_PROCESSORS": "stripe,braintree",
    "SEATGATE_BRAINTREE_MERCHANT_ID": "merchant",
    "SEATGATE_BRAINTREE_PUBLIC_KEY": "public",
    "SEATGATE_BRAINTREE_PRIVATE_KEY": OTHER,
    "SEATGATE_BRAINTREE_ENVIRONMENT": "production",
}


def test_braintree_is_opened_by_its_four_settings(tmp_path: Path) -> None:
    settings = read(PRODUCTION | BRAINTREE, folder=tmp_path)

    assert settings.processors == (Rail.STRIPE, Rail.BRAINTREE)
    assert settings.braintree == Braintree(
        environment=BraintreeEnvironment.PRODUCTION, merchant_id="merchant", public_key="public", private_key=OTHER
    )
    assert OTHER not in repr(settings.braintree)


@pytest.mark.parametrize("name", ["MERCHANT_ID", "PUBLIC_KEY", "PRIVATE_KEY", "ENVIRONMENT"])
def test_braintree_without_one_of_its_settings_is_refused(tmp_path: Path, name: str) -> None:
    environ = {key: value for key, value in (PRODUCTION | BRAINTREE).items() if not key.endswith(f"BRAINTREE_{name}")}

    assert [fault.split()[0] for fault in faults(environ, tmp_path)] == [f"SEATGATE_BRAINTREE_{name}"]


@pytest.mark.parametrize(
    ("name", "value"), [("PRIVATE_KEY", "short"), ("PRIVATE_KEY", " "), ("ENVIRONMENT", "live"), ("PUBLIC_KEY", "a b")]
)
def test_a_braintree_setting_that_cannot_be_is_refused_once(tmp_path: Path, name: str, value: str) -> None:
    found = faults(PRODUCTION | BRAINTREE | {f"SEATGATE_BRAINTREE_{name}": value}, tmp_path)

    assert [fault.split()[0] for fault in found] == [f"SEATGATE_BRAINTREE_{name}"]


@pytest.mark.parametrize("name", ["MERCHANT_ID", "PUBLIC_KEY", "PRIVATE_KEY", "ENVIRONMENT"])
def test_a_braintree_setting_without_braintree_is_refused(tmp_path: Path, name: str) -> None:
    [fault] = faults({f"SEATGATE_BRAINTREE_{name}": "sandbox"}, tmp_path)

    assert fault == f"SEATGATE_BRAINTREE_{name} is set although SEATGATE_PROCESSORS does not name braintree"
