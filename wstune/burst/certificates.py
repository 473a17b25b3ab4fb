"""Certificates for one run: whoever has none of them cannot talk to its Dask scheduler or workers."""

from __future__ import annotations

import datetime
from pathlib import Path

from wstune.errors import UsageError
from wstune.host import writing

BEFORE = datetime.timedelta(days=1)
"""Clocks of load machines differ: the certificate is valid already where it is still yesterday."""
AFTER = datetime.timedelta(days=8)
"""The longest hold is a week."""


def make() -> str:
    """A key and its self-signed certificate, as one PEM text: it is its own authority, so that only it is trusted.

    Elliptic (P-256), for scheduler, workers and client alike.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wstune run")])
    now = datetime.datetime.now(tz=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + AFTER)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("wstune")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode() + private.decode()


def write(path: str, pem: str) -> None:
    """Write it so that only its owner may read it. Raises OSError; FileExistsError if something is there."""
    writing.create(None, path, pem.encode(), 0o600)


def read(path: str) -> str:
    """A PEM file with certificate and key. Raises UsageError."""
    try:
        pem = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--cluster-cert {path}: {error}", "give a PEM file with a certificate and its key") from None
    if "BEGIN CERTIFICATE" not in pem or "PRIVATE KEY" not in pem:
        raise UsageError(
            f"--cluster-cert {path} has not both a certificate and its key",
            "give a PEM file with the two, one after the other",
        )
    return pem
