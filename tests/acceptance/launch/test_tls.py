"""The certificate that a console makes for itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from ops_console.certificates import GOOD_FOR, RENEWED_BEFORE, own_certificate


def test_the_certificate_stays_until_it_is_about_to_end(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    certificate, key = own_certificate(tmp_path, now=now)
    first = certificate.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    own_certificate(tmp_path, now=now + GOOD_FOR - RENEWED_BEFORE - timedelta(minutes=1))
    assert certificate.read_bytes() == first
    own_certificate(tmp_path, now=now + GOOD_FOR - RENEWED_BEFORE + timedelta(minutes=1))
    assert certificate.read_bytes() != first
    names = x509.load_pem_x509_certificate(first).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
