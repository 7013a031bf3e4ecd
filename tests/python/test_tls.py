"""TLS: the right authority is believed, anything else is an error that says so."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import athena_local
import harness
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyathena.error import OperationalError


class Config:
    """As botocore's."""

    def __init__(self) -> None:
        self.connect_timeout = 1.0
        self.retries = {"total_max_attempts": 1}


@pytest.fixture(scope="module")
def secure() -> Iterator[athena_local.Server]:
    with athena_local.Server(tls=True) as running:
        yield running


def tls_settings(server: athena_local.Server) -> dict[str, Any]:
    return {
        "endpoint_url": server.url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "region_name": server.region,
        "s3_staging_dir": server.staging_dir,
    }


@pytest.fixture
def settings(secure: athena_local.Server, aws_env: Any) -> dict[str, Any]:
    return tls_settings(secure)


def test_the_right_authority_by_argument(db: harness.Driver, secure: athena_local.Server) -> None:
    cursor = db.of(db.connect(verify=secure.ca_file))
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]


def test_the_right_authority_by_environment(
    db: harness.Driver, secure: athena_local.Server, aws_env: pytest.MonkeyPatch
) -> None:
    aws_env.setenv("AWS_CA_BUNDLE", secure.ca_file)
    assert db.cursor().execute("SELECT 1").fetchall() == [(1,)]


def test_no_verification_must_be_asked_for(db: harness.Driver) -> None:
    with pytest.raises(OperationalError, match="(?i)certificate"):
        db.cursor().execute("SELECT 1")
    assert db.of(db.connect(verify=False)).execute("SELECT 1").fetchall() == [(1,)]


def test_a_connection_without_verification_lends_none_to_others(db: harness.Driver) -> None:
    """Pooled sockets of one connection are not for one with other rules."""
    assert db.of(db.connect(verify=False)).execute("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(OperationalError, match="(?i)certificate"):
        db.of(db.connect(verify=True)).execute("SELECT 1")


def test_an_authority_that_did_not_sign(db: harness.Driver, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    with pytest.raises(OperationalError, match="(?i)certificate"):
        db.of(db.connect(verify=other.ca_file)).execute("SELECT 1")


def test_a_file_that_is_no_certificate(db: harness.Driver, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate\n")
    with pytest.raises(OperationalError, match=r"nonsense\.pem|(?i:certificate)"):
        db.of(db.connect(verify=str(nonsense))).execute("SELECT 1")


def test_http_spoken_to_a_tls_port(db: harness.Driver, secure: athena_local.Server) -> None:
    url = secure.url.replace("https://", "http://")
    with pytest.raises(OperationalError):
        db.of(db.connect(endpoint_url=url)).execute("SELECT 1")


def test_tls_spoken_to_an_http_port(db: harness.Driver, server: athena_local.Server) -> None:
    url = server.url.replace("http://", "https://")
    with pytest.raises(OperationalError, match="(?i)tls|ssl|timed out"):
        db.of(db.connect(endpoint_url=url, config=Config())).execute("SELECT 1")


# -- servers with certificates of other kinds -----------------------------------------------------


class Authority:
    """Signs what a test asks for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another CA")])
        certificate = self._sign(
            self._name, self._key, x509.BasicConstraints(ca=True, path_length=0), 365, []
        )
        self.ca_file = str(folder / "other-ca.pem")
        Path(self.ca_file).write_bytes(certificate)

    def _sign(self, subject: x509.Name, key: Any, basic: Any, days: int, names: list[Any]) -> bytes:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=30))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(basic, critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def server_context(self, days: int, names: list[Any]) -> ssl.SSLContext:
        """A context whose certificate ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        basic = x509.BasicConstraints(ca=False, path_length=None)
        path = self._folder / "server.pem"
        path.write_bytes(
            self._sign(subject, key, basic, days, names)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@pytest.fixture
def listen() -> Iterator[Callable[[ssl.SSLContext], int]]:
    """Starts a server that only shakes hands."""
    listeners = []

    def start(context: ssl.SSLContext) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(peer, server_side=True) as secured:
                        secured.recv(65536)
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


LOCAL = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@pytest.mark.parametrize(
    ("days", "names", "words"),
    [
        (-1, [LOCAL], "expired"),
        (30, [x509.DNSName("elsewhere.example")], "(?i)127.0.0.1|name|match"),
        (30, [], "(?i)127.0.0.1|name|match"),
    ],
)
def test_certificates_that_are_not_good(
    db: harness.Driver, tmp_path: Path, listen: Any, days: int, names: list[Any], words: str
) -> None:
    authority = Authority(tmp_path)
    port = listen(authority.server_context(days, names))
    cursor = db.of(db.connect(endpoint_url=f"https://127.0.0.1:{port}", verify=authority.ca_file))
    with pytest.raises(OperationalError, match=words) as caught:
        cursor.execute("SELECT 1")
    assert "certificate" in str(caught.value).lower()
    assert caught.value.operation_name == "StartQueryExecution"


def test_a_connection_that_breaks_after_the_handshake(
    db: harness.Driver, tmp_path: Path, listen: Any
) -> None:
    authority = Authority(tmp_path)
    port = listen(authority.server_context(30, [LOCAL]))
    cursor = db.of(
        db.connect(
            endpoint_url=f"https://127.0.0.1:{port}", verify=authority.ca_file, config=Config()
        )
    )
    with pytest.raises(OperationalError):
        cursor.execute("SELECT 1")
