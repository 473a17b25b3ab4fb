"""The certificate of a run: one file, its owner's alone, that is its own authority."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from wstune.burst import certificates
from wstune.errors import UsageError


def test_it_is_key_and_certificate_and_trusts_only_itself(tmp_path: Path) -> None:
    """OpenSSL takes the file as both, and as the authority."""
    path = tmp_path / "run.pem"
    certificates.write(str(path), certificates.make())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    context.load_verify_locations(path)
    assert context.cert_store_stats()["x509"] == 1


def test_only_its_owner_may_read_it_and_nothing_is_overwritten(tmp_path: Path) -> None:
    """Mode 0600 from the first byte on; a file that is there already is somebody's."""
    path = tmp_path / "run.pem"
    certificates.write(str(path), certificates.make())
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        certificates.write(str(path), "other")


def test_two_runs_have_two_keys() -> None:
    """A certificate is for one run."""
    assert certificates.make() != certificates.make()


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----"])
def test_a_file_that_lacks_one_of_the_two_is_refused(tmp_path: Path, text: str) -> None:
    """Certificate and key are both needed, since both ends prove who they are."""
    path = tmp_path / "half.pem"
    path.write_text(text)
    with pytest.raises(UsageError, match="not both a certificate and its key"):
        certificates.read(str(path))


def test_a_file_that_is_not_there_is_one_sentence() -> None:
    """An expected error names the file."""
    with pytest.raises(UsageError, match=r"--cluster-cert /nowhere\.pem"):
        certificates.read("/nowhere.pem")
