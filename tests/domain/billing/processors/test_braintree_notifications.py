"""Which of Braintree's notifications are let in, and how they are read."""

from base64 import encodebytes
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode

import pytest
from braintree import BraintreeGateway, Configuration, Environment, WebhookNotification
from hypothesis import given
from hypothesis import strategies as st

from domain.billing.processors import SignatureRefused, UnreadableEvent
from domain.billing.processors.braintree import BraintreeProcessor, notifications
from tests.domain.billing.processors.braintree_xml import ACCOUNT, KEYS, body
from tests.peers.braintree import Account
from tests.peers.braintree.xml import written
from tests.support.clock import FixedClock

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PROCESSOR = BraintreeProcessor(**KEYS, live=False, clock=FixedClock())


@pytest.fixture(scope="module")
def library() -> Iterator[BraintreeGateway]:
    gateway = BraintreeGateway(Configuration(Environment.Sandbox, **KEYS))
    yield gateway
    gateway.close()


def signed(xml: str) -> bytes:
    return ACCOUNT.form(xml.encode())


def enveloped(subject: str = "", *, kind: str = "check", timestamp: str = "2026-11-21T12:00:00Z") -> bytes:
    at = f'<timestamp type="datetime">{timestamp}</timestamp>'
    return signed(f"<notification>{at}<kind>{kind}</kind>{subject}</notification>")


class TestVerifying:
    def test_what_the_library_signs_is_let_in(self, library: BraintreeGateway) -> None:
        sample = library.webhook_testing.sample_notification(WebhookNotification.Kind.SubscriptionCanceled, "bt_1")

        read = PROCESSOR.event(urlencode(sample).encode(), None, now=datetime.now(UTC))

        assert (read.type, read.payload["notification"]["subject"]["subscription"]["id"]) == (
            "subscription_canceled",
            "bt_1",
        )

    def test_what_we_let_in_the_library_lets_in_and_reads_alike(self, library: BraintreeGateway) -> None:
        form = parse_qs(body().decode())

        theirs = library.webhook_notification.parse(form["bt_signature"][0], form["bt_payload"][0])

        read = PROCESSOR.event(body(), None, now=NOW)
        assert (theirs.kind, theirs.timestamp) == (read.type, read.occurred_at.replace(tzinfo=None))
        assert theirs.subscription.id == "bt_1"

    def test_a_line_break_that_the_form_lost_was_signed_all_the_same(self) -> None:
        form = {name: values[0].rstrip("\n") for name, values in parse_qs(body().decode()).items()}

        assert PROCESSOR.event(urlencode(form).encode(), None, now=NOW).type == "subscription_went_active"

    def test_one_of_several_signatures_is_enough(self) -> None:
        form = {name: values[0] for name, values in parse_qs(body().decode()).items()}
        form["bt_signature"] = f"somebody|0000&{form['bt_signature']}&public_key|zzzz"

        assert PROCESSOR.event(urlencode(form).encode(), None, now=NOW).type == "subscription_went_active"

    @pytest.mark.parametrize(
        "account", [Account(private_key="another"), Account(public_key="another"), Account(public_key="public_keyx")]
    )
    def test_a_signature_of_other_keys_is_refused(self, account: Account) -> None:
        with pytest.raises(SignatureRefused):
            PROCESSOR.event(account.signed("check", ""), None, now=NOW)

    def test_a_changed_payload_is_refused(self) -> None:
        form = {name: values[0] for name, values in parse_qs(body().decode()).items()}
        form["bt_payload"] = form["bt_payload"].replace("A", "B", 1)

        with pytest.raises(SignatureRefused):
            PROCESSOR.event(urlencode(form).encode(), None, now=NOW)

    @pytest.mark.parametrize(
        "form",
        [
            b"",
            b"{}",
            b"\xff",
            "bt_signature=ä".encode(),
            b"bt_signature=public_key|0&bt_payload=",
            b"bt_signature=public_key|0",
            b"bt_signature=public_key&bt_payload=AAAA",
            b"bt_signature=public_key%7C%C3%A4&bt_payload=AAAA",
            b"bt_signature=a|b&bt_signature=public_key|0&bt_payload=AAAA",
            b"bt_signature=public_key|0&bt_payload=<xml>",
            b"&".join(b"x=1" for _ in range(100)),
        ],
    )
    def test_what_is_no_signed_form_is_refused_and_unreadable_when_it_was_stored(self, form: bytes) -> None:
        with pytest.raises(SignatureRefused):
            PROCESSOR.event(form, None, now=NOW)
        with pytest.raises(UnreadableEvent):
            PROCESSOR.stored(form)

    @given(st.binary(max_size=300))
    def test_no_bytes_end_in_anything_but_a_refusal(self, form: bytes) -> None:
        with pytest.raises(SignatureRefused):
            PROCESSOR.event(form, None, now=NOW)

    @pytest.mark.parametrize("age", [timedelta(seconds=-300), timedelta(0), timedelta(hours=24, seconds=300)])
    def test_a_notification_is_let_in_as_long_as_braintree_repeats_it(self, age: timedelta) -> None:
        assert PROCESSOR.event(body(), None, now=NOW + age).occurred_at == NOW

    @pytest.mark.parametrize("age", [timedelta(seconds=-301), timedelta(hours=24, seconds=301), timedelta(days=4000)])
    def test_a_notification_from_the_future_or_of_another_day_is_refused(self, age: timedelta) -> None:
        with pytest.raises(SignatureRefused):
            PROCESSOR.event(body(), None, now=NOW + age)


class TestReading:
    def test_the_same_notification_has_the_same_id_and_another_one_another(self) -> None:
        first, again = PROCESSOR.stored(body()), PROCESSOR.stored(body())

        ids = {first.event_id, PROCESSOR.stored(body(status="Past Due")).event_id}
        assert first == again
        assert first.event_id.startswith("bt_20261121T120000_subscription_went_active_")
        assert len(ids | {PROCESSOR.stored(body("subscription_canceled")).event_id}) == 3

    def test_values_are_what_they_say_they_are(self) -> None:
        xml = """<?xml version="1.0" encoding="UTF-8"?>
        <a-b><some-text> x &amp; y </some-text><none nil="true"/><blank></blank><yes type="boolean"> true </yes>
          <no type="boolean">false</no><n type="integer">-7</n><at type="datetime">2026-11-21T12:00:00Z</at>
          <none-of-many type="array"/><many type="array"><one><id>1</id></one><one>2</one></many></a-b>"""

        assert notifications.read(xml.encode()) == {
            "a_b": {
                "some_text": "x & y",
                "none": None,
                "blank": "",
                "yes": True,
                "no": False,
                "n": -7,
                "at": "2026-11-21T12:00:00Z",
                "none_of_many": [],
                "many": [{"id": "1"}, "2"],
            }
        }

    @pytest.mark.parametrize(
        "xml",
        [
            "",
            "nonsense",
            "<notification>",
            "<notification/>",
            "<a/><b/>",
            "<other><kind>check</kind></other>",
            "<notification><kind>check</kind></notification>",
            '<notification><timestamp type="datetime">2026-11-21T12:00:00Z</timestamp></notification>',
            "<notification type='array'><kind>check</kind></notification>",
            "<!DOCTYPE n [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><notification>&b;</notification>",
            '<!DOCTYPE n [<!ENTITY x SYSTEM "file:///etc/passwd">]><notification>&x;</notification>',
            "<notification>&unknown;</notification>",
            "<notification>&#xD800;</notification>",
            "<notification>&#0;</notification>",
            f"{'<n>' * 40}{'</n>' * 40}",
            f"{'<n>' * 100_000}",
            '<n><i type="integer">1e9</i></n>',
            f'<n><i type="integer">{"9" * 5000}</i></n>',
        ],
    )
    def test_what_is_signed_but_no_notification_is_unreadable(self, xml: str) -> None:
        with pytest.raises(UnreadableEvent):
            PROCESSOR.event(signed(xml), None, now=NOW)

    @pytest.mark.parametrize("payload", [b"A", b"====", b"\n", b"AAA"])
    def test_what_is_signed_but_not_base64_or_not_xml_is_unreadable(self, payload: bytes) -> None:
        with pytest.raises(UnreadableEvent):
            PROCESSOR.event(ACCOUNT.form(b"", payload), None, now=NOW)

    @pytest.mark.parametrize(
        "timestamp",
        [
            "",
            "soon",
            "10000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+23:59",
            "1795000000",
            "2026-13-01T00:00Z",
        ],
    )
    def test_without_an_instant_it_is_no_notification_or_not_of_today(self, timestamp: str) -> None:
        with pytest.raises((UnreadableEvent, SignatureRefused)):
            PROCESSOR.event(enveloped(timestamp=timestamp), None, now=NOW)

    @pytest.mark.parametrize("kind", ["", "a b", "Check", "x" * 65, "<b/>"])
    def test_without_a_kind_it_is_no_notification(self, kind: str) -> None:
        with pytest.raises(UnreadableEvent):
            PROCESSOR.event(enveloped(kind=kind), None, now=NOW)

    def test_what_is_said_twice_is_unreadable(self) -> None:
        with pytest.raises(UnreadableEvent):
            PROCESSOR.event(enveloped("<kind>check</kind>"), None, now=NOW)

    def test_an_offset_is_taken_into_account(self) -> None:
        assert PROCESSOR.stored(enveloped(timestamp="2026-11-21T13:00:00+01:00")).occurred_at == NOW

    def test_braintrees_own_test_notification_tells_nothing(self) -> None:
        read = PROCESSOR.event(enveloped(written("subject", {"check": True})), None, now=NOW)

        assert PROCESSOR.news(read) is None

    def test_the_payload_may_break_its_lines_or_not(self) -> None:
        xml = b"<notification><kind>check</kind><timestamp>2026-11-21T12:00:00Z</timestamp></notification>"

        one = PROCESSOR.stored(ACCOUNT.form(xml, encodebytes(xml)))
        other = PROCESSOR.stored(ACCOUNT.form(xml, encodebytes(xml).replace(b"\n", b"")))

        assert one == other
