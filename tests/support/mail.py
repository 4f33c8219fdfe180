"""Mail servers on loopback that keep what they are sent, or misbehave, and a mailer that keeps what it is given."""

import asyncio
import contextlib
import datetime as dt
import email
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from domain.mail import Message


@dataclass(frozen=True, slots=True)
class Kept:
    """A mailer that keeps what it is given, and refuses while told to."""

    messages: list[Message] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self.messages.append(message)


@dataclass(slots=True)
class Postbox:
    """A server's handler: what was received, and the answer that it gives to every message."""

    answer: str = "250 OK"
    received: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            message = email.message_from_bytes(content, policy=SMTP_POLICY)
            assert isinstance(message, EmailMessage)
            self.received.append(message)
            self.envelopes.append(envelope)
            transport = server.transport
            assert transport is not None
            self.encrypted.append(transport.get_extra_info("sslcontext") is not None)
        return self.answer


@contextlib.asynccontextmanager
async def serving(postbox: Postbox, *, implicit: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[None]:
    """Serve a postbox on a free port of loopback; `implicit` begins every connection with TLS."""

    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(postbox, hostname="localhost", **options), "127.0.0.1", 0, ssl=implicit
    )
    postbox.port = server.sockets[0].getsockname()[1]
    async with server:
        yield


@contextlib.contextmanager
def silent_port() -> Any:
    """Give a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def closed_port() -> int:
    """Give a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def only(name: str, password: str) -> Any:
    """Make an authenticator that lets in one name with one password."""

    def check(server: SMTP, session: Any, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (name.encode(), password.encode())
        return AuthResult(success=good)

    return check


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a server's TLS for 127.0.0.1 and localhost, and the file of the certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "server.pem", folder / "server.key"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return context, public
