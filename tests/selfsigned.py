"""Certificates that sign themselves, for servers of tests: for any name, of any time."""

from __future__ import annotations

import datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


def pair(folder: Path, name: str = "localhost", *, begins: int = -1, ends: int = 2) -> tuple[str, str]:
    """A certificate for that name or address alone, good from `begins` to `ends` days from now, and its key: files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(tz=datetime.UTC)
    try:
        whose: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        whose = x509.DNSName(name)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins * DAY)
        .not_valid_after(now + ends * DAY)
        .add_extension(x509.SubjectAlternativeName([whose]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / f"cert{begins}{ends}.pem", folder / f"key{begins}{ends}.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(cert), str(private)
