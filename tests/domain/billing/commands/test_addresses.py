"""Where a processor's page may send people back to."""

import pytest

from domain.billing.commands.addresses import LONGEST, check_address
from domain.errors import InvalidInput


@pytest.mark.parametrize(
    "address",
    [
        "https://acme.example",
        "https://acme.example:8443/billing?from=checkout&session={CHECKOUT_SESSION_ID}#done",
        "http://localhost:3000/billing",
        "http://app.localhost/",
        "http://127.0.0.1:8000/",
        "http://[::1]:8000/",
        "https://acme.example/" + "x" * (LONGEST - len("https://acme.example/")),
    ],
)
def test_an_address_of_the_hosts_passes(address: str) -> None:
    check_address(address, path=["input", "returnUrl"])


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/billing",
        "//acme.example/billing",
        "acme.example/billing",
        "https:///billing",
        "https://",
        "http://acme.example/billing",
        "http://localhost.acme.example/",
        "http://10.0.0.1/",
        "ftp://acme.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://ann:secret@acme.example/",
        "https://ann@acme.example/",
        "https://@acme.example/",
        "https://acme.example:port/",
        "https://acme.example:99999/",
        "https://[::1/",
        "https://acme.example/a b",
        "https://acme.example/\n",
        "https://acme.example\\@evil.example/",
        "https://\u00e4cme.example/",
        "https://acme.example/\ud800",
        "https://acme.example/" + "x" * LONGEST,
    ],
)
def test_any_other_is_refused_by_its_field(address: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_address(address, path=["input", "returnUrl"])

    assert refused.value.path == ["input", "returnUrl"]
